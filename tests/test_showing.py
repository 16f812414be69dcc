"""`regrade show`: whatever has an id, as a person reads it."""

import json
from pathlib import Path

import pytest

from regrade_server.cli import main

CHAT = {
    "messages": [
        {"role": "user", "content": "Flats in Ulm?\n\x1b[31m-- 9 tool"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "function": {"name": "look_up", "arguments": '{"city": "Ulm"}'}}]},
        {"role": "tool", "tool_call_id": "c", "content": "Error: no city"},
        {"role": "assistant", "content": "None."},
    ],
    "model": "m-1",
}  # fmt: skip
CASE = "id: a-flat\ninput: Flats?\nassertions:\n- type: is-json\nrecorded:\n  output: none\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "log.jsonl").write_text(json.dumps(CHAT))
    for name, text in (("suites/flats", "target: recorded\n"), ("cases/flats/a-flat", CASE)):
        path = tmp_path / "evals" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert main(["import", str(tmp_path / "log.jsonl"), "--root", str(tmp_path)]) == 0
    return tmp_path


def shown(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["show", *words, "--root", str(root)]) == 0
    return capsys.readouterr().out


def newest(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    main(["search", "--json", "--root", str(root)])
    return json.loads(capsys.readouterr().out)["traces"][0]["id"]


def test_the_beginning_of_a_system_prompt_is_shown_and_the_digest_or_all_of_it_when_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = {"role": "system", "content": "Be kind. " * 700}
    (root / "long.jsonl").write_text(json.dumps({**CHAT, "messages": [prompt, *CHAT["messages"]]}))
    assert main(["import", str(root / "long.jsonl"), "--root", str(root)]) == 0
    identifier = newest(root, capsys)
    told = shown(root, capsys, identifier)
    assert "[6,060 more characters: --whole shows them]\n-- 2 user\n    Flats in Ulm?" in told
    assert len(told) < len(prompt["content"]) < len(shown(root, capsys, identifier, "--whole"))
    brief = shown(root, capsys, identifier, "--digest").splitlines()
    assert brief[5:] == ["-- input", "    Flats in Ulm?", "    \\u001b[31m-- 9 tool", "-- output",
                         "    None."]  # fmt: skip
    digest = json.loads(shown(root, capsys, identifier, "--digest", "--json"))
    assert digest["output"] == "None."


def test_a_trace_is_shown_whole_with_what_went_wrong_and_no_line_of_it_passes_for_ours(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identifier = newest(root, capsys)
    assert shown(root, capsys, identifier).splitlines() == [
        identifier,
        "  status: ok",
        "  model: m-1",
        "  source: log.jsonl:1",
        "  WRONG (tool_error): look_up failed: Error: no city [step 3]",
        "-- 1 user",
        "    Flats in Ulm?",
        "    \\u001b[31m-- 9 tool",
        "-- 2 assistant",
        '    calls look_up {"city": "Ulm"}',
        "-- 3 tool",
        "    Error: no city",
        "-- 4 assistant",
        "    None.",
    ]
    told = json.loads(shown(root, capsys, identifier, "--json"))
    assert (told["id"], told["messages"][3]["content"]) == (identifier, "None.")


def test_a_run_and_a_case_are_shown_by_their_ids(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(root, capsys, "a-flat").splitlines() == [
        "a-flat (flats, evals/cases/flats/a-flat.yaml)", *(f"    {it}" for it in CASE.splitlines())
    ]  # fmt: skip
    case = json.loads(shown(root, capsys, "a-flat", "--json"))
    assert (case["suite"], case["id"], case["input"]) == ("flats", "a-flat", "Flats?")
    main(["run", "flats", "--root", str(root), "--json"])
    run = json.loads(capsys.readouterr().out)["summary"]["run_id"]
    assert "FAILED a-flat" in shown(root, capsys, run)
    assert json.loads(shown(root, capsys, run, "--json"))["summary"]["run_id"] == run


LEVELS = """
target: recorded
assertions: [{type: not-contains, value: As an AI}]
features:
  search:
    assertions: [{type: is-json}]
    scenarios:
      one: {assertions: [{type: count, of: words, max: 80}]}
      none: {}
"""


def placed(root: Path, place: str) -> None:
    """The case, at a place of a suite that asks something on each of its levels."""
    (root / "evals" / "suites" / "flats.yaml").write_text(LEVELS)
    (root / "evals" / "cases" / "flats" / "a-flat.yaml").write_text(CASE + place)


def test_a_case_is_shown_with_what_its_suite_its_feature_and_its_scenario_ask_of_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed(root, "feature: search\nscenario: one\n")
    told = shown(root, capsys, "a-flat")
    assert told[told.index("-- ") :].splitlines() == [
        "-- the suite asks of it, too",
        "    - type: not-contains",
        "      value: As an AI",
        "-- feature search asks of it, too",
        "    - type: is-json",
        "-- scenario one asks of it, too",
        "    - type: count",
        "      of: words",
        "      max: 80",
    ]
    assert json.loads(shown(root, capsys, "a-flat", "--json"))["inherited"] == {
        "the suite": [{"type": "not-contains", "value": "As an AI"}],
        "feature search": [{"type": "is-json"}],
        "scenario one": [{"type": "count", "of": "words", "max": 80}],
    }


def test_a_case_of_no_feature_of_its_suite_is_shown_with_what_is_wrong(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed(root, "feature: serach\n")
    last = shown(root, capsys, "a-flat").splitlines()[-1]
    assert last.startswith("  WRONG: There is no feature 'serach' (did you mean 'search'?)")


def test_a_case_whose_id_two_suites_have_is_shown_of_the_one_that_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "evals" / "suites" / "rooms.yaml").write_text("target: recorded\n")
    (root / "evals" / "cases" / "rooms").mkdir()
    (root / "evals" / "cases" / "rooms" / "a-flat.yaml").write_text(CASE)
    both = shown(root, capsys, "a-flat")
    one = shown(root, capsys, "rooms/a-flat")
    assert one.startswith("a-flat (rooms, evals/cases/rooms/a-flat.yaml)\n")
    assert "(flats," in both
    assert "(flats," not in one


def test_a_trace_is_shown_by_the_id_that_its_spans_call_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "4bf92f3577b34da6a3ce929d0e0e4736"
    span = {"traceId": name, "spanId": "00f067aa0ba902b7", "name": "chat",
            "startTimeUnixNano": "1700000000000000000"}  # fmt: skip
    run = {"id": "b7ad6b71-0001", "trace_id": "b7ad6b71-0001", "run_type": "llm",
           "name": "ask", "inputs": {"q": "Flats?"}, "outputs": {"a": "None."}}  # fmt: skip
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (root / "more.jsonl").write_text(f"{json.dumps(spans)}\n{json.dumps(run)}\n")
    assert main(["import", str(root / "more.jsonl"), "--root", str(root)]) == 0
    for told in (name, "b7ad6b71-0001"):
        own = shown(root, capsys, told).partition("\n")[0]
        assert own.startswith("tr_")
        assert shown(root, capsys, own) == shown(root, capsys, told)
        capsys.readouterr()
        assert main(["call", "get_trace", f"trace_id={told}", "--root", str(root)]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == own


@pytest.mark.parametrize(
    "unknown",
    ["tr_aaaaaaaaaaaaa", "run_none", "no-case", "../flats/a-flat", "rooms/a-flat", "flats/no-case"],
)
def test_an_id_of_nothing_is_refused(
    unknown: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", unknown, "--root", str(root)]) == 2
    assert "There is no" in capsys.readouterr().err
