"""Exports: what comes back as it was, what a spreadsheet may open, and what may be learnt from."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled import know, label_row, write_labels
from pydantic import JsonValue

from regrade_server.cli import main
from regrade_tools import formats
from regrade_tools.fingerprint import trace_id
from regrade_tools.formats import Note, Reading, Record, Skipped, Unused
from regrade_tools.models import Message, Span, ToolCall, Trace
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.traces.completion import differs
from regrade_tools.traces.exports import native, spans, table, training
from regrade_tools.traces.wrong import first_wrong, wrong_kinds

FOLDERS = ["taubench", "langfuse_framework_traces", "phoenix_openinference", "otlp_json",
           "nurtureboss", "inspect_logs", "claude_code", "recipe_hw3"]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
TRACES = st.builds(
    Trace,
    st.just(trace_id("x", 0, None)),
    TEXTS,
    st.sampled_from(["chat", "otlp", "exchange"]),
    name=TEXTS,
    session=TEXTS,
    model=TEXTS,
    status=st.sampled_from(["ok", "error"]),
    started_at=st.none() | st.floats(1, 2e9),
    duration_ms=st.none() | st.floats(0, 1e6),
    ttft_ms=st.none() | st.floats(0, 1e6),
    input_tokens=st.none() | st.integers(0, 10**9),
    tags=st.lists(TEXTS, max_size=2).map(tuple),
    input=VALUES,
    output=VALUES,
    messages=st.lists(
        st.builds(
            Message,
            st.sampled_from(["user", "assistant", "tool"]),
            TEXTS,
            st.lists(st.builds(ToolCall, TEXTS, VALUES, TEXTS), max_size=1).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    spans=st.lists(st.builds(Span, TEXTS, TEXTS, input=VALUES), max_size=2).map(tuple),
    metadata=st.dictionaries(TEXTS, VALUES, max_size=2),
    raw=VALUES,
)


def read(line: str) -> Trace | Skipped | Note | Unused:
    (found,) = formats.traces([Record("x:1", json.loads(line))], Reading(Redaction()))
    return found


def real(folder: Path) -> list[Trace]:
    files = [file for file in sorted(folder.iterdir()) if ".chatml" not in file.name]
    records = (formats.records(file, file.name, None) for file in files)
    found = (item for one in records for item in formats.traces(one, Reading(Redaction())))
    return [trace for trace in found if isinstance(trace, Trace)]


@given(TRACES)
def test_a_line_is_imported_again_as_the_very_same_trace(trace: Trace) -> None:
    assert read(native.line(trace)) == trace


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_real_trace_is_imported_again_as_it_was(folder: str, data: Path) -> None:
    traces = real(data / folder)
    assert traces
    for trace in traces:
        assert read(native.line(trace)) == trace, trace.source


def told(trace: Trace) -> dict[str, Any]:
    """What OTLP has a place for."""
    return {
        "status": trace.status,
        "model": trace.model,
        "tokens": (trace.input_tokens, trace.output_tokens, trace.cost_usd),
        "about": (trace.session, trace.tags, trace.metadata),
        "said": [(m.role, m.content, m.name, m.tool_call_id) for m in trace.messages],
        "output": trace.exchange.output,
        "calls": [(call.name, call.arguments) for call in trace.tool_calls],
        "spans": sorted((s.name, s.kind, s.status) for s in trace.spans) if trace.spans else [],
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_real_trace_comes_back_through_otlp_as_far_as_that_can_tell_it(
    folder: str, data: Path
) -> None:
    for trace in real(data / folder):
        again = read(spans.line(trace))
        assert isinstance(again, Trace)
        # What was exported is known when it comes back, though spans may share an id.
        assert not differs(again, again), trace.source
        # A record without spans is told as one.
        again = again if trace.spans else replace(again, spans=())
        # One that took longer than its spans has one more around them.
        if trace.spans and len(again.spans) > len(trace.spans):
            around = next(span for span in again.spans if not span.parent_id)
            again = replace(again, spans=tuple(s for s in again.spans if s is not around))
        assert told(again) == told(trace), trace.source
        if trace.started_at is not None:
            assert again.started_at == pytest.approx(trace.started_at, abs=0.01)
        if trace.duration_ms is not None:
            assert again.duration_ms == pytest.approx(trace.duration_ms, abs=10)
        if trace.format == "otlp":
            assert again.id == trace.id


def test_a_tool_that_a_model_called_in_a_span_is_learnt_and_not_a_programs_own() -> None:
    said = Message("system", "Be brief."), Message("user", "Late?"), Message("assistant", "No.")
    chat = Span("1", "chat", "llm")
    tool = Span("2", "execute_tool", "tool", "1", input={"id": 7}, output="on time", tool="look_up")
    trace = Trace(trace_id("x", 0, None), "x:1", "otlp", messages=said, spans=(chat, tool))
    line = training.example(trace)
    assert line is not None
    call = {"id": "2", "type": "function", "function": {"name": "look_up", "arguments": '{"id":7}'}}
    assert json.loads(line)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Late?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "on time", "tool_call_id": "2"},
        {"role": "assistant", "content": "No."},
    ]
    beside = replace(trace, spans=(chat, replace(tool, parent_id="")))
    plain = training.example(beside)
    assert plain is not None
    assert [message["role"] for message in json.loads(plain)["messages"]] == [
        "system", "user", "assistant",
    ]  # fmt: skip


@given(TRACES)
def test_whatever_a_trace_holds_it_is_otlp_that_is_read_again(trace: Trace) -> None:
    exported = json.loads(spans.line(replace(trace, format="chat")))
    assert isinstance(read(json.dumps(exported)), Trace)


@pytest.mark.parametrize("logged", [
    {"messages": [{"role": "user", "content": "Flats?"}],
     "response": {"choices": [{"finish_reason": "length",
                               "message": {"role": "assistant", "content": "Two, and"}}]}},
    {"input": "Flats?", "output": "Two, and", "stop_reason": "max_tokens",
     "moderation": {"finish_reason": "content_filter"}},
])  # fmt: skip
def test_an_answer_that_was_cut_off_is_still_known_for_it_after_otlp(logged: JsonValue) -> None:
    trace = read(json.dumps(logged))
    assert isinstance(trace, Trace)
    again = read(spans.line(trace))
    assert isinstance(again, Trace)
    assert "truncated" in wrong_kinds(trace)
    assert wrong_kinds(again, native.line(again).encode()) == wrong_kinds(trace)


def test_the_span_in_which_an_answer_was_cut_off_keeps_it_after_otlp() -> None:
    first, last = (Span(name, name, "llm", output="Two") for name in ("a" * 16, "b" * 16))
    raw: JsonValue = [{"span_id": first.id, "finish_reason": "length"}, {"span_id": last.id}]
    trace = Trace("tr_a", "x", "langsmith", spans=(first, last), output="Two", raw=raw)
    again = read(spans.line(trace))
    assert isinstance(again, Trace)
    wrong = first_wrong(again)
    assert wrong is not None
    assert (wrong.kind, wrong.span_id) == ("truncated", first.id)


@given(TEXTS)
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    assert table.safe(text)[:1] not in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    assert table.safe(text).removeprefix("'") in (text, text.removeprefix("'"))


def test_a_table_has_a_row_a_trace_and_hostile_cells_are_only_text() -> None:
    hostile = '=HYPERLINK("http://x","y")'
    trace = Trace(
        trace_id("x", 0, None), "log.jsonl:1", "exchange", name=hostile, status="error",
        error="-2+3", started_at=1_790_812_800.0, cost_usd=0.5, tags=("@a", "b"), input=hostile,
        output={"a": 'say "hi"\nnow'}, metadata={"user_id": "U-1"},
    )  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(table.header() + table.row(trace, []), newline=""))
    assert row == {
        "id": trace.id, "when": "2026-10-01T00:00:00Z", "name": f"'{hostile}", "model": "",
        "status": "error", "error": "'-2+3", "duration_ms": "", "ttft_ms": "", "input_tokens": "",
        "output_tokens": "", "cost_usd": "0.5", "tags": "'@a, b", "session": "",
        "user": "U-1", "source": "log.jsonl:1", "input": f"'{hostile}",
        "output": '{"a":"say \\"hi\\"\\nnow"}', "tool_calls": "", "labels": "", "feedback": "",
    }  # fmt: skip


def test_a_table_that_was_written_is_read_again_with_its_time_and_its_user() -> None:
    trace = Trace(
        trace_id("x", 0, None), "log.jsonl:1", "exchange", started_at=1_790_812_800.0,
        duration_ms=900.0, tags=("a", "b"), session="s", input="Flats?", output="Two.",
        metadata={"user": "U-1"},
    )  # fmt: skip
    written = io.BytesIO((table.header() + table.row(trace, [])).encode())
    records = formats.stream_records(written, "kept.csv")
    (again,) = formats.traces(records, Reading(Redaction()))
    assert isinstance(again, Trace)
    assert replace(again, id=trace.id, source=trace.source, external_id="", raw=trace.raw) == (
        replace(trace, metadata={"user": "U-1", "source": "log.jsonl:1"})
    )


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"regrade_trace": 2, "id": "tr_x"}, "is an exported trace of another version than 1: 2"),
        ({"regrade_trace": 1, "id": "tr_x", "source": "a", "format": "chat"},
         "is no exported trace: its id is none of ours"),
        ({"regrade_trace": 1, "id": "tr_x", "source": 3, "format": "chat"},
         "is no exported trace: source is not what it should be"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_exported_trace_is_skipped_with_why(
    record: dict[str, Any], problem: str
) -> None:
    assert read(json.dumps(record)) == Skipped("x:1", problem)


CALL = ToolCall("look_up", {"city": "Ulm"}, "c1")
ASKED = Message("user", "Flats?")


def test_a_conversation_is_learnt_from_up_to_its_last_answer_in_openais_shape() -> None:
    talk = (ASKED, Message("assistant", "", (CALL,)), Message("tool", "two", (), "c1"),
            Message("assistant", "Two."), Message("user", "Thanks"))  # fmt: skip
    line = training.example(Trace("tr_x", "a", "chat", messages=talk))
    call = {"id": "c1", "type": "function",
            "function": {"name": "look_up", "arguments": '{"city":"Ulm"}'}}  # fmt: skip
    assert line is not None
    assert json.loads(line) == {
        "messages": [
            {"role": "user", "content": "Flats?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "two", "tool_call_id": "c1"},
            {"role": "assistant", "content": "Two."},
        ]
    }


@pytest.mark.parametrize(
    "messages",
    [
        (ASKED,),
        (ASKED, Message("assistant", "", (CALL,)), Message("assistant", "Two.")),
        (ASKED, Message("tool", "two", (), "c9"), Message("assistant", "Two.")),
        (Message("narrator", "Once"), Message("assistant", "Two.")),
    ],
)
def test_a_conversation_that_openai_would_refuse_is_not_learnt_from(
    messages: tuple[Message, ...],
) -> None:
    assert training.example(Trace("tr_x", "a", "chat", messages=messages)) is None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals").mkdir()
    log = [{"input": f"q{n}", "output": f"a{n}", "ts": 1_790_812_800 + n} for n in range(5)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    main(["import", str(tmp_path / "log.jsonl"), "--root", str(tmp_path)])
    return tmp_path


def test_only_what_a_person_signed_as_good_or_corrected_is_exported_to_train_with(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know(root, "ada")
    write_labels(
        root,
        [
            label_row("q0", "a0", "pass"),
            label_row("q1", "a1", "pass", sign=False),
            label_row("q2", "a2", "fail"),
            # The answer that was passed is not the one that is stored.
            label_row("q3", "another", "pass"),
        ],
    )
    capsys.readouterr()
    main(["search", "q4", "--json", "--root", str(root)])
    filed = json.loads(capsys.readouterr().out)["traces"][0]["id"]
    (root / "evals" / "suites").mkdir()
    (root / "evals" / "suites" / "s.yaml").write_text("features: {f: {scenarios: {one: {}}}}\n")
    (root / "evals" / "cases" / "s").mkdir(parents=True)
    (root / "evals" / "cases" / "s" / "c.yaml").write_text(
        "{id: c, feature: f, scenario: one, input: q4, corrected_output: better, "
        f"provenance: {{trace: {filed}}}}}\n"
    )
    out = root / "train.jsonl"
    arguments = ["export", "--format", "openai", "--out", str(out), "--root", str(root), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "format": "openai",
        "written": 2,
        "left_out": {"not labelled pass by a person": 2, "failed by a person": 1},
    }
    said = [
        [m["content"] for m in json.loads(one)["messages"]] for one in out.read_text().splitlines()
    ]
    assert said == [["q0", "a0"], ["q4", "better"]]


def test_a_file_that_is_there_is_never_written_over_without_force(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root / "all.jsonl"
    assert main(["export", "q1 OR", "--out", str(out), "--root", str(root)]) == 2
    assert not out.exists()
    arguments = ["export", "--out", str(out), "--root", str(root)]
    assert main([*arguments, "--", "-q1"]) == 0
    before = out.read_bytes()
    capsys.readouterr()
    assert main(arguments) == 2
    assert "is there already.\n  Name another file, or replace it with --force." in (
        capsys.readouterr().err
    )
    assert out.read_bytes() == before
    # Behind two dashes nothing is an option.
    assert main(["show", "--digest", "--root", str(root), "--", "--id"]) == 2
    assert "'--id'" in capsys.readouterr().err
    assert main([*arguments, "--force", "q1"]) == 0
    assert len(out.read_text().splitlines()) == 1
    assert main(["export", "--out", str(root), "--force", "--root", str(root)]) == 2
    assert "It is no ordinary file" in capsys.readouterr().err
    assert main(["export", "--out", str(root / "no" / "x"), "--root", str(root)]) == 2
    assert [file.name for file in root.iterdir() if file.name.endswith(".tmp")] == []


def test_what_matches_nothing_is_refused_and_leaves_no_file(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root / "none.jsonl"
    out.write_text("before")
    for more in (
        ["--out", str(out), "--force"],
        ["--out", str(root / "new.jsonl")],
        ["--out", "-"],
    ):
        capsys.readouterr()
        assert main(["export", "nosuchword", *more, "--root", str(root)]) == 2
        assert capsys.readouterr().err.startswith(
            "regrade: Nothing was exported: no trace matches.\n"
        )
    assert out.read_text() == "before"
    assert not (root / "new.jsonl").exists()
    train = ["export", "q1", "--format", "openai", "--out", "-", "--root", str(root)]
    assert main(train) == 2
    assert "1 left out: not labelled pass by a person." in capsys.readouterr().err


def test_standard_output_holds_the_data_alone_and_imports_into_another_store(
    root: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["export", "--out", "-", "--root", str(root)]) == 0
    said = capsys.readouterr()
    assert said.err == "5 traces written\n"
    assert [json.loads(line)["input"] for line in said.out.splitlines()] == [
        f"q{n}" for n in range(5)
    ]
    other = tmp_path_factory.mktemp("other")
    (other / "evals").mkdir()
    (other / "in.jsonl").write_text(said.out)
    main(["import", str(other / "in.jsonl"), "--root", str(other)])
    assert capsys.readouterr().out.startswith("5 traces stored, 0 known already, 0 skipped\n")
    main(["export", "--out", "-", "--root", str(other)])
    assert capsys.readouterr().out == said.out
