"""Traces in figures: counted, in groups, and against a baseline."""

import json
import math
import statistics
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from pydantic import JsonValue

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_server.sqlite.index import facet, named
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Message, ToolCall, Trace
from regrade_tools.traces import twosample
from regrade_tools.traces.drift import Arm, changes
from regrade_tools.traces.features import features, language, shape
from regrade_tools.traces.grouping import grouped, percentile
from regrade_tools.traces.store import Sampled

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.integers(0, 60)


@asynccontextmanager
async def counting(root: Path, *records: Any) -> AsyncGenerator[Client, None]:
    (root / "log.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    async with Client(build_server(House(Workspace(root)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl"})
        yield client


async def summary(client: Client, **arguments: Any) -> dict[str, Any]:
    reply = await client.call_tool("summarize_traces", arguments)
    assert not reply.is_error, reply.content
    assert reply.structured_content is not None
    return reply.structured_content


def call(number: int, **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "input": f"question {number}",
        "output": "The answer is yes.",
        "model": "gpt-4o",
        "timestamp": 1_790_812_800 + number * 3_600,
        "latency_ms": 100 + number,
        **more,
    }


@pytest.mark.anyio
async def test_traces_are_counted_with_totals_first_and_the_largest_group_before_others(
    tmp_path: Path,
) -> None:
    records = [
        call(0, tags=["prod", "eu"], cost_usd=0.5, input_tokens=3, output_tokens=4),
        call(1, tags=["prod"], error="timed out"),
        call(2, model="claude"),
    ]
    async with counting(tmp_path, *records) as client:
        by_tag = await summary(client, by="tag")
        by_day = await summary(client, query="-status:error", by="day", limit=1)
        by_model = await summary(client, by="model", limit=1)
    assert by_tag == {
        "total": {
            "traces": 3, "errors": 1, "error_rate": 0.3333, "p50_ms": 101.0, "p95_ms": 101.9,
            "tokens": 7, "cost_usd": 0.5, "known_of": {"tokens": 1, "cost": 1},
        },
        "rows": [
            {"value": "prod", "traces": 2, "errors": 1, "error_rate": 0.5, "p50_ms": 100.5,
             "p95_ms": 101.0, "tokens": 7, "cost_usd": 0.5},
            {"value": "(none)", "traces": 1, "errors": 0, "error_rate": 0.0, "p50_ms": 102.0,
             "p95_ms": 102.0},
            {"value": "eu", "traces": 1, "errors": 0, "error_rate": 0.0, "p50_ms": 100.0,
             "p95_ms": 100.0, "tokens": 7, "cost_usd": 0.5},
        ],
        "hint": "A trace with several tags counts in several rows.",
    }  # fmt: skip
    assert [(row["value"], row["traces"]) for row in by_day["rows"]] == [("2026-10-01", 2)]
    assert (by_model["rows"][0]["value"], by_model["more_rows"]) == ("gpt-4o", 1)


@pytest.mark.anyio
async def test_a_baseline_tells_what_changed_with_its_test_and_what_did_not(
    tmp_path: Path,
) -> None:
    old = [call(n, tags=["a"], cost_usd=0.01) for n in range(40)]
    new = [
        call(n, tags=["b"], cost_usd=0.02, output='{"answer": true}', error="no" if n % 2 else None)
        for n in range(100, 140)
    ]
    async with counting(tmp_path, *old, *new) as client:
        found = await summary(client, query="tag:b", baseline="tag:a")
        swapped = await summary(client, query="tag:a", baseline="tag:b")
    told = {change["what"]: change for change in found["changes"]}
    assert (found["total"]["traces"], found["baseline"]["traces"]) == (40, 40)
    assert told["errors"] == {
        "what": "errors", "clear": True, "baseline": 0.0, "now": 0.5, "difference": 0.5,
        "low": 0.328, "high": 0.648, "p": 7.798e-08, "p_adjusted": 1.56e-07,
        "test": "Fisher's exact; interval of Newcombe",
    }  # fmt: skip
    assert told["output_shape"]["baseline"] == {"text": 1.0, "{answer: boolean}": 0.0}
    assert told["output_shape"]["cramers_v"] == 1.0
    assert {what for what, change in told.items() if not change["clear"]} == {
        "tool_calls",
    }  # fmt: skip
    assert found["sampled"] == (
        "Errors, what went wrong, labels and cost are of all; for the rest "
        "40 of the 40 traces of the query and 40 of the 40 traces of the baseline were read."
    )
    assert {change["what"]: change["p"] for change in swapped["changes"]} == {
        what: change["p"] for what, change in told.items()
    }


@pytest.mark.anyio
async def test_what_went_wrong_is_compared_by_its_kind_first_and_as_a_search_finds_it(
    tmp_path: Path,
) -> None:
    good: list[JsonValue] = [
        {"role": "user", "content": "Late?"},
        {"role": "assistant", "content": "No."},
    ]
    # The tool speaks last: nobody answered, though there is an output.
    bad: list[JsonValue] = [
        *good,
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]},
        {"role": "tool", "content": "error: no such order", "tool_call_id": "c"},
    ]
    old: list[JsonValue] = [{"id": f"a{n}", "tags": ["a"], "messages": good} for n in range(20)]
    new: list[JsonValue] = [{"id": f"b{n}", "tags": ["b"], "messages": bad} for n in range(20)]
    async with counting(tmp_path, *old, *new) as client:
        found = await summary(client, query="tag:b", baseline="tag:a")
        counted = await summary(client, query="tag:b wrong:empty")
    rates = [(one["what"], one["clear"], one["baseline"], one["now"]) for one in found["changes"]]
    assert rates[:2] == [("wrong:tool_error", True, 0.0, 1.0), ("wrong:empty", True, 0.0, 1.0)]
    assert counted["total"]["traces"] == 20


@pytest.mark.anyio
async def test_feedback_is_compared_by_its_name_as_rates_numbers_or_words(tmp_path: Path) -> None:
    said: list[Any] = [
        [{"helpful": False, "stars": n % 3, "tone": "curt"} for n in range(20)],
        [{"helpful": n > 1, "stars": 3 + n % 3, "tone": "kind"} for n in range(20)],
    ]
    records = [
        call(number, id=f"{arm}{number}", tags=[arm], feedback=feedback)
        for arm, given in zip("ab", said, strict=True)
        for number, feedback in enumerate(given)
    ]
    async with counting(tmp_path, *records, call(99, tags=["b"])) as client:
        found = await summary(client, query="tag:b", baseline="tag:a")
    told = {change["what"]: change for change in found["changes"]}
    opinions = {what: told[f"feedback:{what}"] for what in ("helpful", "stars", "tone")}
    assert {what: (one["baseline"], one["now"]) for what, one in opinions.items()} == {
        "helpful": (0.0, 0.9),
        "stars": (1.0, 4.0),
        "tone": ({"curt": 1.0, "kind": 0.0}, {"curt": 0.0, "kind": 1.0}),
    }
    assert (opinions["helpful"]["difference"], opinions["stars"]["distance"]) == (0.9, 1.0)
    assert all(one["clear"] for one in opinions.values())


@pytest.mark.anyio
async def test_one_trace_has_one_say_in_what_feedback_tells_whatever_it_repeats(
    tmp_path: Path,
) -> None:
    def said(arm: str, number: int) -> list[Any]:
        word = {"name": "tone", "label": "good" if number % 2 else "bad"}
        odd = [{"name": "size", "score": 1e308}] * 2 if number == 0 else []
        again = 1_000 if (arm, number) == ("b", 0) else 1
        wrong = {"name": "helpful", "score": number % 2}
        # One number among words hides no word, and one without an end breaks nothing.
        last = {"name": "tone", "score": 1} if number == 2 else word
        return [*[word] * again, *odd, wrong, last]

    records = [
        call(number, id=f"{arm}{number}", tags=[arm], feedback=said(arm, number))
        for arm in "ab"
        for number in range(40)
    ]
    async with counting(tmp_path, *records) as client:
        found = await summary(client, query="tag:b", baseline="tag:a")
    told = {change["what"]: change for change in found["changes"]}
    assert told["feedback:tone"]["now"] == told["feedback:tone"]["baseline"]
    assert (told["feedback:tone"]["p"], told["feedback:helpful"]["difference"]) == (1.0, 0.0)
    assert [line for line in found["not_tested"] if line.startswith("feedback:")] == [
        "feedback:size: known of 0 and 0 traces; at least 8 of each are needed"
    ]


@pytest.mark.anyio
async def test_the_names_of_feedback_that_are_compared_are_the_same_each_time(
    tmp_path: Path,
) -> None:
    given: dict[str, Any] = {f"n{number}": True for number in range(9)}
    records = [
        call(number, id=f"{arm}{number}", tags=[arm], feedback=given)
        for arm in "ab"
        for number in range(9)
    ]
    async with counting(tmp_path, *records) as client:
        found = await summary(client, query="tag:b", baseline="tag:a")
    compared = [change["what"] for change in found["changes"]]
    assert sorted(one for one in compared if one.startswith("feedback:")) == [
        f"feedback:n{number}" for number in range(5)
    ]
    assert "feedback:n5: more traces have others; and 3 more names" in found["not_tested"]


@pytest.mark.anyio
async def test_two_equal_arms_are_told_to_overlap_and_nothing_of_them_changed(
    tmp_path: Path,
) -> None:
    async with counting(tmp_path, *(call(n) for n in range(20))) as client:
        found = await summary(client, query="", baseline="model:gpt-4o")
        small = await summary(
            client, query="since:2026-10-01T18:00", baseline="until:2026-10-01T02:00"
        )
    assert not any(change["clear"] for change in found["changes"])
    assert found["hint"].startswith("20 traces in both: the tests take the two for independent")
    assert small["changes"] == []
    assert small["not_tested"][0] == (
        "errors: known of 2 and 2 traces; at least 8 of each are needed"
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"by": "sesion"}, "no facet to group by 'sesion' (did you mean 'session'?)"),
        ({"limit": 0}, "limit is 0; it is 1 to 100."),
        ({"baseline": "tag:none-such"}, "The baseline matches no trace"),
        ({"baseline": "tga:a"}, "did you mean 'tag'?"),
    ],
)
async def test_what_cannot_be_counted_is_refused_with_what_can(
    arguments: dict[str, Any], told: str, tmp_path: Path
) -> None:
    async with counting(tmp_path, call(1)) as client:
        reply = await client.call_tool("summarize_traces", arguments)
    assert reply.is_error
    assert told in getattr(reply.content[0], "text", "")


@pytest.mark.anyio
async def test_a_thousand_long_sessions_stay_within_the_cap(tmp_path: Path) -> None:
    records = [call(n, session=f"{n} " + "s" * 4_000) for n in range(200)]
    async with counting(tmp_path, *records) as client:
        found = await summary(client, by="session", limit=100)
    assert len(json.dumps(found)) / 4 < 8_000
    assert len(found["rows"]) + found["more_rows"] == 200


def test_the_command_prints_the_figures_and_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evals").mkdir()
    records = [call(n, error="no" if n < 20 else None) for n in range(40)]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, records)))
    root = ("--root", str(tmp_path))
    main(["import", str(log), *root])
    capsys.readouterr()
    assert main(["summarize", "status:error", "--by", "model", *root]) == 0
    assert capsys.readouterr().out == (
        "20 traces, 20 errors (100.0%), p50 110 ms, p95 118 ms\n"
        "  gpt-4o  20 traces, 20 errors (100.0%), p50 110 ms, p95 118 ms\n"
    )
    main(["summarize", "since:2026-10-01T20:00", "--baseline", "until:2026-10-01T20:00", *root])
    out = capsys.readouterr().out
    assert (
        "  CHANGED: errors 100.0% -> 0.0% (-100.0 points, -100.0 to -77.2; p_adjusted 7.3e-11)\n"
        in out
    )
    assert "latency_ms 109.5 -> 129.5 (medians; distance 1.00; p_adjusted " in out
    assert "  no clear change: tool_calls 0 -> 0 (medians; distance 0.00; p_adjusted 1)" in out
    assert main(["summarize", "--by", "model", "--json", *root]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["value"] == "gpt-4o"


@pytest.mark.parametrize(
    ("table", "p_value"),
    # scipy.stats.fisher_exact, the first as in its documentation ([[8, 2], [1, 5]]).
    [((8, 10, 1, 6), 0.034965034965035), ((30, 1000, 50, 1000), 0.029562351644794),
     ((0, 10, 5, 10), 0.032507739938080)],
)  # fmt: skip
def test_fishers_test_gives_published_values(
    table: tuple[int, int, int, int], p_value: float
) -> None:
    assert twosample.fisher(*table) == pytest.approx(p_value, rel=1e-9)


def test_newcombes_interval_is_that_of_his_paper() -> None:
    # Newcombe (1998), table II, (a): 56/70 - 48/80 by method 10.
    shift = twosample.rate_shift(48, 80, 56, 70)
    assert (round(shift.difference, 4), round(shift.low, 4), round(shift.high, 4)) == (
        0.2, 0.0524, 0.3339,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statistic", "freedom", "chance"),
    # scipy.stats.chi2.sf
    [(2.777777777, 2, 0.24935220887426646), (50, 3, 7.989179244951495e-11),
     (0.5, 7, 0.9994464813904249), (200, 150, 0.003973185970821635), (0, 1, 1.0)],
)  # fmt: skip
def test_the_tail_of_chi_square_gives_published_values(
    statistic: float, freedom: int, chance: float
) -> None:
    assert twosample.chi_square_tail(statistic, freedom) == pytest.approx(chance, rel=1e-9)


def test_cramers_v_and_chi_square_are_those_of_a_known_table() -> None:
    # scipy.stats.chi2_contingency, as in its documentation, and contingency.association.
    first, second = {"a": 10, "b": 10, "c": 20}, {"a": 20, "b": 20, "c": 20}
    assert twosample.chi_square(first, second) == pytest.approx((1 / 6, 0.24935220877729622))
    assert twosample.chi_square({"a": 3}, {"a": 9}) is None


@pytest.mark.parametrize(
    ("at", "chance"),
    # scipy.stats.kstwobign.sf
    [(0.3, 0.9999906941986655), (0.5, 0.9639452436648751), (1.0, 0.26999967167735456),
     (1.36, 0.049485876755377876), (2.0, 0.0006709252557796953)],
)  # fmt: skip
def test_kolmogorovs_distribution_gives_published_values(at: float, chance: float) -> None:
    assert twosample.kolmogorov(at) == pytest.approx(chance, rel=1e-9)


def test_the_kolmogorov_smirnov_test_is_near_the_exact_one() -> None:
    first = [float(number) for number in range(1, 21)]
    apart, p_value = twosample.kolmogorov_smirnov(first, [1.3 * value + 4 for value in first])
    # scipy.stats.ks_2samp(method="exact") says 0.0811, method="asymp" 0.0590.
    assert apart == pytest.approx(0.4)
    assert 0.059 < p_value < 0.0811


def test_welchs_interval_holds_the_difference_of_the_means() -> None:
    shift, p_value = twosample.mean_shift((40, 80.0, 200.0), (50, 125.0, 400.0))
    # By hand: variances (200 - 160) / 39 and (400 - 312.5) / 49.
    error = math.sqrt(40 / 39 / 40 + 87.5 / 49 / 50)
    assert shift.difference == pytest.approx(0.5)
    assert (shift.high - shift.low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
    assert p_value == pytest.approx(2 * statistics.NormalDist().cdf(-0.5 / error))
    assert twosample.mean_shift((2, 2.0, 2.0), (2, 2.0, 2.0))[1] == 1.0


def test_holms_adjustment_is_that_of_a_known_example() -> None:
    # As p.adjust of R says.
    assert twosample.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert twosample.holm([]) == []


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_rate_is_tested_the_same_in_both_orders_and_within_its_bounds(
    hits: int, misses: int, later: int, later_misses: int
) -> None:
    n, later_n = hits + misses or 1, later + later_misses or 1
    forth = twosample.fisher(hits, n, later, later_n)
    assert 0 < forth <= 1
    assert forth == pytest.approx(twosample.fisher(later, later_n, hits, n))
    shift = twosample.rate_shift(hits, n, later, later_n)
    assert -1 <= shift.low <= shift.difference <= shift.high <= 1


@given(st.lists(st.floats(-1e9, 1e9), min_size=2))
def test_a_percentile_is_that_of_the_standard_library(values: list[float]) -> None:
    expected = statistics.quantiles(values, n=20, method="inclusive")
    assert percentile(sorted(values), 0.95) == pytest.approx(expected[18], rel=1e-9, abs=1e-6)
    assert percentile([], 0.5) is None


@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
def test_two_mixes_are_as_far_apart_in_both_orders(first: list[str], second: list[str]) -> None:
    forth = twosample.chi_square(Counter(first), Counter(second))
    back = twosample.chi_square(Counter(second), Counter(first))
    assert (forth is None) == (back is None)
    if forth and back:
        assert forth == pytest.approx(back)
        assert 0 <= forth[0] <= 1 + 1e-9


@given(st.text())
def test_a_facet_is_read_back_out_of_the_index_as_it_was(value: str) -> None:
    assert named(facet("tag", value)) == value


def test_the_tools_of_a_conversation_are_those_of_all_its_turns() -> None:
    def asked(tool: str) -> tuple[Message, Message]:
        return Message("user", "go on"), Message("assistant", "", (ToolCall(tool),))

    trace = Trace("tr_x", "a", "chat", messages=(*asked("look"), *asked("book"), *asked("look")))
    assert (features(trace).tool_calls, features(trace).tools) == (3, "book, look")


@given(VALUES, VALUES)
def test_whatever_a_trace_holds_it_has_features(given: JsonValue, output: JsonValue) -> None:
    found = features(Trace("tr_x", "a", "exchange", input=given, output=output))
    assert found.shape
    assert found.language


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The price of the flat is not known to us.", "English"),
        ("Die Wohnung ist nicht frei und der Preis ist hoch.", "German"),
        ("Le prix de la maison est dans les annonces.", "French"),
        ("El precio de la casa no está en los anuncios.", "Spanish"),
        ("Привет, как дела?", "Cyrillic"),
        ("東京タワーへ行きます", "Chinese or Japanese"),
        ("Yes.", "English"),
        ("Will do!", "English"),
        ("My reservation ID is 1N99U6.", "English"),
        ("No beans, please.", "English"),
        ("Write to kim.da@silva.com.br, please.", "English"),
        ("Nein, leider nicht.", "German"),
        ("Waar is het station?", "Dutch"),
        # Too little, or what several languages have, tells nothing.
        ("42", "unknown"),
        ("", "unknown"),
        ("No", "unknown"),
        ("OK", "unknown"),
        ("Booked!", "unknown"),
        ("Jacob Carter.", "unknown"),
        # Enough of it, and in none of those that are known.
        (
            "Merhaba, bu daire ne kadar acaba ve ben ne zaman gelip bakabilirim, yoksa çok mu geç?",
            "other",
        ),
        (
            "Dzień dobry, czy to mieszkanie jest wolne i ile kosztuje? Chciałbym je obejrzeć.",
            "other",
        ),
        ('{"the": "Die Wohnung ist nicht frei", "and": ["und der Preis"]}', "German"),
    ],
)
def test_a_language_is_told_by_its_script_or_its_common_words(text: str, name: str) -> None:
    assert language(text) == name


def test_answers_too_short_to_tell_are_no_change_of_language() -> None:
    whole = ["We have two flats for you.", "The flat is not free."] * 5
    arms = [
        Arm(
            grouped([], None, 1).total,
            Sampled(tuple(features(Trace("t", "a", "x", input="q", output=x)) for x in said), 20),
            {},
        )
        for said in ([*whole, *["Booked!"] * 10], whole)
    ]
    told, untested = changes(arms[0], arms[1])
    assert "language" not in {change.what for change in told}
    assert "language: the same of all" in untested


@pytest.mark.parametrize(
    ("output", "form"),
    [
        ("Hello {you}", "text"),
        ("", "empty"),
        (None, "empty"),
        ('{"b": 1, "a": [1, "x"], "c": {"d": {"e": {"f": 1}}}}',
         "{a: [number | string], b: number, c: {d: {e: {...}}}}"),
        ("[1, 2]", "[number]"),
        ({"ok": True, "left": None}, "{left: null, ok: boolean}"),
    ],
)  # fmt: skip
def test_the_form_of_an_output_is_its_keys_and_their_types(output: JsonValue, form: str) -> None:
    assert shape(output) == form
