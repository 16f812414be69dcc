"""An assertion that only became stricter: told as tightened, and never without proof."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade_tools.assertions import Failed, Passed, Subject, check, parse
from regrade_tools.assertions.strictness import is_as_strict
from regrade_tools.models import ToolCall

Spec = dict[str, Any]
PHRASES = ["a", "B", "ab", "a b"]
CONDITIONS = [0, 1, 2, "> 0", "> 1", ">= 1", ">= 2", "< 2", "<= 2", "!= 1", "!= 2", "0..1", "1..2"]

few = st.integers(0, 3)
share = {"threshold": st.sampled_from([0.2, 0.5, 0.75, 1.0])}
phrases = st.lists(st.sampled_from(PHRASES), min_size=1, max_size=3)
conditions = st.sampled_from(CONDITIONS)


def fields(always: Spec, **maybe: st.SearchStrategy[Any]) -> st.SearchStrategy[Spec]:
    return st.fixed_dictionaries({}, optional=maybe).map(lambda told: {**always, **told})


# By the kinds that they are of: what their assertions may say.
KINDS = {
    "latency time-to-first-token cost tokens steps": fields({"threshold": 2}, threshold=few),
    "levenshtein": fields({"value": "a b"}, threshold=few),
    "rouge-n rouge-l bleu gleu": fields({"value": "a b"}, **share),
    "recall-at-k precision-at-k mrr ndcg": fields(
        {"relevant": ["a", "B"], "at": "found", "k": 2}, **share
    ),
    "close-to": fields({"value": 1}, tolerance=few),
    "count": fields({"of": "words"}, of=st.just("characters"), min=few, max=st.integers(2, 5)),
    "contains-all contains-any icontains-all icontains-any": fields(
        {"value": ["a"]}, value=phrases, at=st.just("text")
    ),
    "tool-called": fields({"name": "t"}, times=conditions),
    "tool-call-count": fields({"times": 1}, times=conditions),
    "path": fields(
        {"at": "text"},
        **{"len": conditions, "is": conditions, "exists": st.booleans()},
        equals=st.sampled_from([True, 1, "a"]),
    ),
}
# Every short text, as the whole output and at a place of it; then what no text is.
WORDS = ["".join(one) for size in range(4) for one in product("aB ", repeat=size)]
OUTPUTS: list[Any] = [
    *WORDS,
    *({"text": word} for word in WORDS),
    *({"found": [*ids]} for ids in ("", "a", "c", "ca", "cB", "aB", "Ba", "aa")),
    *({"text": value} for value in (0, 1, 2, 3, True, [0], [0, 1], [0, 1, 2])),
    *(0, 1, 2, 3, "1", "2 1", {}),
]
ANSWERS = [
    *map(Subject, OUTPUTS),
    *(Subject("", tool_calls=(ToolCall("t"),) * number) for number in range(4)),
    *(
        Subject("", latency_ms=it, ttft_ms=it, cost_usd=it, tokens=it, steps=it)
        for it in (0, 1, 2, 3)
    ),
]


@st.composite
def pairs(draw: st.DrawFn, kinds: str) -> tuple[Spec, Spec]:
    """An assertion, and what somebody makes of it."""
    type_ = draw(st.sampled_from(["", "not-"])) + draw(st.sampled_from(kinds.split()))
    was, other = draw(KINDS[kinds]), draw(KINDS[kinds])
    # Mostly one field of it is another, so that its being so decides.
    moved = draw(st.sampled_from([{key} for key in other] + [{*other}]))
    now = {**was, **{key: value for key, value in other.items() if key in moved}}
    return {"type": type_, **was}, {"type": type_, **now}


@pytest.mark.parametrize("kinds", KINDS)
@settings(max_examples=200)
@given(st.data())
def test_no_answer_passes_what_is_as_strict_and_fails_what_was(
    kinds: str, data: st.DataObject
) -> None:
    was, now = data.draw(pairs(kinds))
    if not is_as_strict(was, now):
        return
    before, after = parse(was), parse(now)
    for answer in ANSWERS:
        if isinstance(check(after, answer), Passed):
            assert not isinstance(check(before, answer), Failed), answer


TIGHTER: list[tuple[Spec, Spec]] = [
    ({"type": "latency", "threshold": 20}, {"type": "latency", "threshold": 10}),
    ({"type": "not-cost", "threshold": 1}, {"type": "not-cost", "threshold": 2}),
    ({"type": "count", "of": "words", "max": 9},
     {"type": "count", "of": "words", "max": 8, "min": 2}),
    ({"type": "contains-all", "value": ["a"]}, {"type": "contains-all", "value": ["b", "a"]}),
    ({"type": "contains-any", "value": ["a", "b"]}, {"type": "contains-any", "value": ["b"]}),
    # Phrases that are forbidden.
    ({"type": "not-icontains-any", "value": ["a"]},
     {"type": "not-icontains-any", "value": ["a", "b"]}),
    ({"type": "rouge-l", "value": "a b"}, {"type": "rouge-l", "value": "a b", "threshold": 0.8}),
    ({"type": "not-bleu", "value": "a b"}, {"type": "not-bleu", "value": "a b", "threshold": 0.4}),
    ({"type": "path", "at": "x", "len": "> 1"}, {"type": "path", "at": "x", "len": "2..5"}),
    ({"type": "tool-called", "name": "t"}, {"type": "tool-called", "name": "t", "times": "> 1"}),
]  # fmt: skip
OTHER: list[tuple[Spec, Spec]] = [
    *((now, was) for was, now in TIGHTER),
    ({"type": "contains", "value": "a"}, {"type": "contains", "value": "ab"}),
    ({"type": "latency", "threshold": 20}, {"type": "not-latency", "threshold": 10}),
    ({"type": "latency", "threshold": 20}, {"type": "time-to-first-token", "threshold": 10}),
    ({"type": "path", "at": "x", "len": "> 1"}, {"type": "path", "at": "y", "len": "> 2"}),
    ({"type": "path", "at": "x", "equals": 1, "len": 1},
     {"type": "path", "at": "x", "equals": True, "len": 1}),
    ({"type": "path", "at": "x", "exists": True}, {"type": "path", "at": "x", "len": "> 2"}),
    ({"type": "recall-at-k", "at": "x", "relevant": ["a"], "k": 5},
     {"type": "recall-at-k", "at": "x", "relevant": ["a"], "k": 4}),
    ({"type": "python", "ref": "a.py:b", "threshold": 0.1},
     {"type": "python", "ref": "a.py:b", "threshold": 0.2}),
    ({"type": "regex", "value": "a|b"}, {"type": "regex", "value": "a"}),
    ({"type": "gone"}, {"type": "latency", "threshold": 10}),
]  # fmt: skip


@pytest.mark.parametrize(("was", "now"), TIGHTER)
def test_what_moved_the_strict_way_is_known_as_stricter(was: Spec, now: Spec) -> None:
    assert is_as_strict(was, now)


@pytest.mark.parametrize(("was", "now"), OTHER)
def test_whatever_is_not_surely_stricter_has_changed(was: Spec, now: Spec) -> None:
    assert not is_as_strict(was, now)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A suite of two recorded answers, with its baseline."""
    for folder in ("suites", "cases/s"):
        (tmp_path / "evals" / folder).mkdir(parents=True)
    ask(tmp_path, {"type": "count", "of": "words", "max": 9})
    for name in ("one", "two"):
        case = {"id": name, "input": name, "recorded": {"output": "one two three"}}
        (tmp_path / "evals" / "cases" / "s" / f"{name}.yaml").write_text(json.dumps(case))
    assert spoken("run", "s", "--save-baseline", "--root", str(tmp_path))[0] == 0
    return tmp_path


def ask(root: Path, *held: Spec) -> None:
    (root / "evals" / "suites" / "s.yaml").write_text(json.dumps({"assertions": held}))


def test_a_tightened_assertion_is_told_and_needs_no_review(root: Path) -> None:
    ask(root, {"type": "count", "of": "words", "max": 4}, {"type": "contains", "value": "two"})
    code, told = answered("gate", "s", "--root", str(root))
    comparison = told["ruling"]["comparison"]
    assert (code, told["ruling"]["decision"], comparison["loosened"]) == (0, "ship", [])
    assert comparison["tightened"][0] == (
        '2 cases (one, two): 1 assertion tightened; was {"type":"count","of":"words","max":9}; '
        'now {"type":"count","of":"words","max":4}'
    )
    assert "\n  tightened: 2 cases (one, two)" in spoken("gate", "s", "--root", str(root))[1]


def test_one_that_is_tightened_excuses_none_that_is_gone_beside_it(root: Path) -> None:
    ask(root, {"type": "count", "of": "words", "max": 9}, {"type": "contains", "value": "two"})
    assert spoken("run", "s", "--save-baseline", "--root", str(root))[0] == 0
    ask(root, {"type": "count", "of": "words", "max": 8})
    code, told = answered("gate", "s", "--root", str(root))
    comparison = told["ruling"]["comparison"]
    assert (code, told["ruling"]["decision"], len(comparison["tightened"])) == (
        1,
        "needs_review",
        1,
    )
    assert comparison["loosened"] == [
        '2 cases (one, two): 1 assertion changed or gone; was {"type":"contains","value":"two"}'
    ]


def test_a_case_that_passes_more_than_it_failed_is_fixed(root: Path) -> None:
    ask(root, {"type": "count", "of": "words", "max": 2})
    assert spoken("run", "s", "--save-baseline", "--root", str(root))[0] == 1
    ask(root, {"type": "count", "of": "words", "max": 1})
    path = root / "evals" / "cases" / "s" / "one.yaml"
    path.write_text(path.read_text().replace("one two three", "one"))
    _, told = answered("gate", "s", "--root", str(root))
    assert told["ruling"]["comparison"]["fixed"] == ["one"]


def test_words_in_a_baseline_that_are_of_another_assertion_prove_nothing(root: Path) -> None:
    baseline = root / "evals" / "baselines" / "s.json"
    baseline.write_text(baseline.read_text().replace('"max": 9', '"max": 99'))
    ask(root, {"type": "count", "of": "words", "max": 50})
    assert answered("gate", "s", "--root", str(root))[1]["ruling"]["decision"] == "needs_review"
