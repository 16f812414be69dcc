"""Imports through the tool and the command line: what is read, what is not, and what is told."""

import csv
import gzip
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from pydantic import JsonValue

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_server.sqlite import SqliteStore
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import redated
from regrade_tools.formats import Note, Record, Skipped, stream_records
from regrade_tools.refusal import Refusal
from regrade_tools.traces.verbs import Traces

LINE = '{"input": "a", "output": "b", "ts": 1790812800}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "logs").mkdir(parents=True)
    return folder


def by_hand(
    capsys: pytest.CaptureFixture[str], root: Path, *arguments: str
) -> tuple[int, dict[str, Any]]:
    code = main(["import", *arguments, "--root", str(root), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


def in_a_process(
    root: Path, *arguments: str, command: str = 'exec "$@"', piped: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The command line as a shell starts it in the workspace."""
    regrade = [sys.executable, "-m", "regrade_server", "import", *arguments, "--root", str(root)]
    shell = ["sh", "-c", command, "sh", *regrade]
    return subprocess.run(shell, input=piped, capture_output=True, check=False, cwd=root)


def exported(trace_id: str, *outputs: str, tokens: int = 1) -> str:
    spans = [
        {
            "traceId": trace_id, "spanId": f"{number:016x}", "startTimeUnixNano": str(10**18),
            "endTimeUnixNano": str(10**18 + 1), "attributes": [
                {"key": "output.value", "value": {"stringValue": output}},
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(tokens)}},
            ],
        }
        for number, output in enumerate(outputs)
    ]  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n"


@pytest.mark.anyio
async def test_no_folder_no_glob_and_no_odd_name_leads_an_agent_out_by_a_link(root: Path) -> None:
    (root.parent / "secret.jsonl").write_text(LINE)
    (root / "logs" / "own.jsonl").write_text(LINE)
    (root / "logs" / "x[1].jsonl").symlink_to(root.parent / "secret.jsonl")
    async with Client(build_server(House(Workspace(root)))) as client:
        for path in ("logs", "logs/*.jsonl"):
            reply = await client.call_tool("import_traces", {"path": path})
            told: dict[str, Any] = reply.structured_content or {}
            assert (told["stored"] + told["already_known"], told["skipped_first"]) == (
                1, ["x[1].jsonl leads out of the workspace by a link"],
            )  # fmt: skip
        reply = await client.call_tool("import_traces", {"path": "logs/x[1].jsonl"})
        assert "lies outside the workspace" in getattr(reply.content[0], "text", "")


def test_a_file_that_is_called_like_a_glob_is_that_file(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "x[1].jsonl").write_text(LINE)
    (root / "x1.jsonl").write_text(LINE * 2)
    code, told = by_hand(capsys, root, str(root / "x[1].jsonl"))
    assert (code, told["stored"], told["files"]) == (0, 1, 1)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log"])
def test_a_line_without_end_in_a_small_archive_is_given_up(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrade_tools.formats.lines.RECORD_BYTES", 1_000)
    monkeypatch.setattr("regrade_tools.formats.lines._ENDLESS_BYTES", 1 << 21)
    monkeypatch.setattr("regrade_tools.formats.source._DOCUMENT_BYTES", 1 << 21)
    start = b"input,output\n" if name == "log.csv" else b""
    packed = gzip.compress(start + b"x" * (1 << 23))
    why = (
        "is one JSON document of over 256 MB; write it as JSON lines, such as with jq -c '.[]'"
        if name == "log"
        else "is longer than 1 GB; what follows is not read"
    )
    where = {"log.csv": "log.csv:2", "log.jsonl": "log.jsonl:1"}.get(name, name)
    assert list(stream_records(io.BytesIO(packed), name)) == [Skipped(where, why)]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log"])
def test_blank_lines_by_the_million_cost_next_to_nothing(name: str) -> None:
    first = b"input,output\n" if name == "log.csv" else b'{"input": "a"}\n'
    last = b"a,b\n" if name == "log.csv" else b'{"input": "a"}\n'
    packed = gzip.compress(first + b" \r\n" * 8_000_000 + last, 1)
    began = time.process_time()
    *_, found = stream_records(io.BytesIO(packed), name)
    assert time.process_time() - began < 2
    assert found.where == f"{name}:8000002"


@pytest.mark.parametrize(
    ("name", "where"), [("log.json", "log.json"), ("log.jsonl", "log.jsonl:1")]
)
def test_more_values_than_can_be_held_at_once_are_not_parsed(
    name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrade_tools.formats.source._MOST_VALUES", 1_000)
    (found,) = stream_records(io.BytesIO(b"[" + b"{}," * 1_000 + b"{}]"), name)
    assert found == Skipped(
        where, "holds over 1,000 values at once; write it as JSON lines, such as with jq -c '.[]'"
    )


def test_a_row_that_never_ends_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrade_tools.formats.lines.RECORD_BYTES", 60)
    table = b'input,output\na,1\n"' + b'x\n","' * 12
    first, *_, never = stream_records(io.BytesIO(table), "log.csv")
    assert first == Record("log.csv:2", {"input": "a", "output": "1"})
    why = "is a row of over 64 MB or 1,000,000 lines; is a quote never closed?"
    assert never == Skipped("log.csv:15", why)


def test_a_quote_that_is_never_closed_makes_no_record_of_what_it_swallows() -> None:
    table = b'input,output\n"a\n",1\n\n"b,2\nc,3\n'
    assert list(stream_records(io.BytesIO(table), "log.csv")) == [
        Record("log.csv:3", {"input": "a\n", "output": "1"}),
        Skipped("log.csv:6", "ends a row of line 5 whose quote is never closed"),
    ]


def test_a_table_of_an_old_macintosh_is_read() -> None:
    found = list(stream_records(io.BytesIO(b"input,output\ra,1\rb,2\r"), "log.csv"))
    assert found == [
        Record("log.csv:2", {"input": "a", "output": "1"}),
        Record("log.csv:3", {"input": "b", "output": "2"}),
    ]


def test_headings_that_are_empty_or_repeated_keep_their_columns_and_are_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "input,output,question,question,,question_2\n1,2,3,4,5,6\n"
    found = list(stream_records(io.BytesIO(table.encode()), "log.csv"))
    value: JsonValue = {
        "input": "1", "output": "2", "question": "3", "question_3": "4", "column_5": "5",
        "question_2": "6",
    }  # fmt: skip
    said = "has 2 empty or repeated headings, read as question_3, column_5"
    assert found == [Note("log.csv:1", said), Record("log.csv:2", value)]
    (root / "log.csv").write_text(table)
    code, told = by_hand(capsys, root, str(root / "log.csv"))
    assert (code, told["stored"], told["notes"][0]) == (0, 1, f"log.csv:1 {said}")


def test_what_is_not_utf_8_is_refused_and_never_changed() -> None:
    table = "input,output\nCafé?,ja\nBar?,nein\n".encode("latin-1")
    reason = "is not UTF-8 text: invalid continuation byte at byte 3; convert the file first, "
    assert list(stream_records(io.BytesIO(table), "log.csv")) == [
        Skipped("log.csv:2", f"{reason}such as with iconv"),
        Record("log.csv:3", {"input": "Bar?", "output": "nein"}),
    ]
    (only,) = stream_records(io.BytesIO("input,output\n1,2\n".encode("utf-16")), "log.csv")
    assert isinstance(only, Skipped)
    assert only.why.startswith("holds the headings, but is not UTF-8 text")


def test_a_report_cannot_steer_the_terminal(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "a\x1b[2J.jsonl").write_text('{"\\u001b[31m": 1}\n')
    assert main(["import", str(root / "a\x1b[2J.jsonl"), "--root", str(root)]) == 2
    said = capsys.readouterr()
    assert r"a\u001b[2J.jsonl:1 is in no known format (its fields: \u001b[31m)" in said.out
    assert "\x1b" not in said.out + said.err


def test_a_second_import_says_what_it_did_not_change(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.csv"
    log.write_text("ask,say,ts\nq,r,1790812800\ns,t,1790812800\n")
    wrong, right = ("input=say", "output=ask"), ("input=ask", "output=say")
    other = "would be read otherwise now (by another mapping, format or redaction)"
    anew = (
        "to read them anew, remove them first: `regrade prune --query source:FILE "
        "--no-keep-labelled --no-keep-cases`; what is imported again has the same ids, by which "
        "labels and cases find it"
    )
    assert by_hand(capsys, root, str(log), *wrong)[1] == {
        "stored": 2, "already_known": 0, "skipped": 0, "files": 1,
        "skipped_first": [], "notes": [], "redacted": {}, "completed": 0,
    }  # fmt: skip
    assert by_hand(capsys, root, str(log), *wrong)[1]["notes"] == []
    assert by_hand(capsys, root, str(log), *right)[1]["notes"] == [
        f"2 traces known already {other} and stay as they are; {anew}"
    ]


def found(capsys: pytest.CaptureFixture[str], root: Path) -> dict[str, str]:
    """The ids and times of all traces."""
    assert main(["search", "", "--json", "--root", str(root)]) == 0
    return {row["id"]: row["when"] for row in json.loads(capsys.readouterr().out)["traces"]}


def test_a_time_that_is_mapped_later_is_of_the_same_records(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.csv"
    log.write_text("input,output,asked at\nq,r,2026-10-01T10:00:00Z\ns,t,2026-10-02T10:00:00Z\n")
    assert by_hand(capsys, root, str(log))[1]["stored"] == 2
    ids = {*found(capsys, root)}
    again = by_hand(capsys, root, str(log), "timestamp=asked at")[1]
    assert (again["stored"], again["already_known"]) == (0, 2)
    assert "2 traces known already would be read otherwise now" in again["notes"][0]
    pruned = ["prune", "--query", "source:log.csv", "--no-keep-labelled", "--no-keep-cases"]
    assert main([*pruned, "--root", str(root)]) == 0
    capsys.readouterr()
    assert by_hand(capsys, root, str(log), "timestamp=asked at")[1]["stored"] == 2
    timed = found(capsys, root)
    assert {*timed} == ids
    assert sorted(timed.values()) == ["2026-10-01T10:00:00Z", "2026-10-02T10:00:00Z"]


def test_a_record_that_is_known_by_the_day_of_a_mapped_time_is_known(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, former = root / "log.csv", root / "former.jsonl"
    log.write_text("input,output,asked\nq,r,1790812800\ns,t,1790899200\n")
    assert by_hand(capsys, root, str(log), "timestamp=asked")[1]["stored"] == 2
    export = ["export", "--format", "jsonl", "--out", str(former), "--root", str(root)]
    assert main(export) == 0
    told = [json.loads(line) for line in former.read_text().splitlines()]
    for trace in told:
        # So were ids made before.
        trace["id"] = redated(trace["id"], float(trace["raw"]["asked"]))
    former.write_text("".join(json.dumps(trace) + "\n" for trace in told))
    other = root / "other"
    (other / "evals").mkdir(parents=True)
    capsys.readouterr()
    assert by_hand(capsys, other, str(former))[1]["stored"] == 2
    ids = {*found(capsys, other)}
    for more in ((), ("--dry-run",)):
        again = by_hand(capsys, other, str(log), "timestamp=asked", *more)[1]
        assert (again["stored"], again["already_known"]) == (0, 2)
    assert {*found(capsys, other)} == ids == {trace["id"] for trace in told}


def test_a_mapping_reaches_into_a_record_where_no_field_has_that_name(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.jsonl"
    records: list[dict[str, Any]] = [
        {"prompt": {"user": "a", "lang": "en"}, "choices": [{"text": "b"}], "n": 1},
        {"prompt": '{"user": "c"}', "choices": [{"text": "d"}]},
        {"prompt": {"user": "x"}, "prompt.user": "e", "choices": [{"text": "f"}]},
        {"prompt": {"lang": "fr"}, "choices": []},
    ]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    mapping = ("input=prompt.user", "output=choices.0.text", "model=a.b")
    _, told = by_hand(capsys, root, str(log), *mapping)
    assert told["stored"] == 3
    assert told["skipped_first"] == [
        "log.jsonl:4 has no 'prompt.user' (its fields: prompt, choices)"
    ]
    assert told["notes"][:1] == ["log.jsonl has no 'a.b' in any record"]
    assert main(["search", "", "--json", "--root", str(root)]) == 0
    rows = json.loads(capsys.readouterr().out)["traces"]
    assert sorted(row["preview"] for row in rows) == ["a", "c", "e"]


def test_what_is_mapped_as_a_time_or_a_number_and_is_none_is_counted_and_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.csv"
    log.write_text("input,output,at,ms\na,b,soon,fast\nc,d,later,3\ne,f,1790812800,\n")
    _, told = by_hand(capsys, root, str(log), "timestamp=at", "latency_ms=ms")
    assert told["stored"] == 3
    assert told["notes"][:2] == [
        (
            'log.csv has 2 values of timestamp=at that can be read as no time, the first "soon" '
            "(log.csv:2); left out"
        ),
        (
            'log.csv has 1 value of latency_ms=ms that can be read as no number, the first "fast" '
            "(log.csv:2); left out"
        ),
    ]


def test_a_tag_that_is_given_later_is_added(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = root / "log.csv"
    log.write_text("input,output,tags\nq,r,old\ns,t,new\n")
    assert by_hand(capsys, root, str(log))[1]["stored"] == 2
    again = by_hand(capsys, root, str(log), "--tag", "new")[1]
    assert (again["stored"], again["completed"], again["already_known"]) == (0, 1, 1)
    assert by_hand(capsys, root, str(log), "--tag", "new")[1]["already_known"] == 2
    assert main(["search", "tag:old tag:new", "--json", "--root", str(root)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["traces"]
    assert row["tags"] == ["old", "new"]


def test_a_mapped_field_may_be_missing_where_it_has_no_place_and_a_wrong_name_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.jsonl"
    records: list[dict[str, Any]] = [
        {"ask": "a", "say": "b", "ms": 3, "did": [{"name": "look", "arguments": {}}]},
        {"ask": "c", "error": "no answer"},
        {"ask": "d"},
        {"say": "e"},
    ]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    mapping = ("input=ask", "output=say", "latency_ms=ms", "tool_calls=did", "cost_usd=price")
    _, told = by_hand(capsys, root, str(log), *mapping)
    assert (told["stored"], told["skipped_first"], told["notes"][0]) == (
        2,
        [
            "log.jsonl:3 has no 'say' (its fields: ask)",
            "log.jsonl:4 has no 'ask' (its fields: say)",
        ],
        "log.jsonl has no 'price' in any record",
    )


def test_what_is_skipped_for_one_reason_is_told_once_a_file_and_the_rest_counted(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        (root / "logs" / f"{number:02}.jsonl").write_text('{"a": 1}\n' * 3)
    _, told = by_hand(capsys, root, str(root / "logs"))
    why = "is in no known format (its fields: a); name the fields, such as input=question"
    assert told["skipped"] == 36
    assert told["skipped_first"] == [
        *(f"logs/{n:02}.jsonl:1 {why} output=answer (and 2 more there)" for n in range(10)),
        "... and 6 more",
    ]
    assert told["hint"] == "Nothing was imported; what was skipped says why."


def test_a_span_that_is_known_with_other_contents_stays_and_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "a.jsonl").write_text(exported("a" * 32, "one"))
    (root / "b.jsonl").write_text(exported("a" * 32, "two"))
    assert by_hand(capsys, root, str(root / "a.jsonl"))[1]["stored"] == 1
    second = by_hand(capsys, root, str(root / "b.jsonl"))[1]
    assert (second["stored"], second["already_known"], second["completed"]) == (0, 1, 0)
    assert second["notes"][0].startswith("1 trace known already would be read otherwise now")


def test_spans_of_one_trace_that_lie_far_apart_in_a_large_file_are_one_trace(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    between = [exported(f"{number:032x}", "word " * 80_000) for number in range(1, 31)]
    log = root / "log.jsonl"
    log.write_text("".join([exported("f" * 32, "one"), *between, exported("f" * 32, "one", "two")]))
    reports = [by_hand(capsys, root, str(log))[1] for _ in range(2)]
    assert [(one["stored"], one["skipped"], one["notes"]) for one in reports] == [
        (31, 0, []),
        (0, 0, []),
    ]
    main(["search", "one", "--root", str(root), "--json"])
    (row,) = json.loads(capsys.readouterr().out)["traces"]
    main(["call", "get_trace", json.dumps({"trace_id": row["id"], "view": "raw"}),
          "--root", str(root)])  # fmt: skip
    told = capsys.readouterr().out
    assert ("one" in told, "two" in told) == (True, True)


def test_two_programs_that_chose_the_same_ids_lose_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # As tests and demonstrations do, which count their traces and spans from one.
    for number, name in enumerate(("first", "second"), 1):
        span = {"traceId": f"{1:032x}", "spanId": f"{1:016x}", "name": name,
                "startTimeUnixNano": f"{number}790812800000000000"}  # fmt: skip
        export = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        (root / "logs" / f"{name}.json").write_text(json.dumps(export))
    reports = [by_hand(capsys, root, str(root / "logs"))[1] for _ in range(2)]
    counts = [(one["stored"], one["completed"], one["already_known"]) for one in reports]
    assert counts == [(1, 1, 0), (0, 0, 2)]
    assert [one["notes"] for one in reports] == [[], []]
    main(["search", "--root", str(root), "--json"])
    (row,) = json.loads(capsys.readouterr().out)["traces"]
    main(["call", "get_trace", json.dumps({"trace_id": row["id"], "view": "spans"}),
          "--root", str(root)])  # fmt: skip
    told = capsys.readouterr().out
    assert ("first" in told, "second" in told) == (True, True)


def test_a_bad_trace_among_spans_costs_no_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = exported("a" * 32, "one"), exported("b" * 32, "one", "two", tokens=2**53 - 1)
    (root / "a.jsonl").write_text(good + bad + exported("c" * 32, "one"))
    _, told = by_hand(capsys, root, str(root / "a.jsonl"))
    assert (told["stored"], told["skipped_first"]) == (
        2, ["a.jsonl:2 counts more tokens than can be"],
    )  # fmt: skip


def test_several_paths_are_one_import_and_a_folder_may_hold_an_equals_sign(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "a.jsonl").write_text(LINE)
    (root / "date=2026").mkdir()
    (root / "date=2026" / "b.csv").write_text("ask,say,ts\nq,r,1790812800\n")
    paths = [str(root / name) for name in ("a.jsonl", "date=2026/b.csv", "a.jsonl")]
    (root / "a.jsonl").write_text('{"ask": "x", "say": "y", "ts": 1790812800}\n')
    _, told = by_hand(capsys, root, *paths, "input=ask", "output=say")
    assert (told["stored"], told["files"], told["skipped"]) == (2, 2, 0)


def test_a_table_is_read_from_standard_input(root: Path) -> None:
    done = in_a_process(root, "-", "--format", "csv", "--json", piped=b"input,output\n1,2\n3,4\n")
    assert json.loads(done.stdout)["stored"] == 2


def test_a_name_that_is_not_utf_8_is_imported_under_a_plain_one(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = os.fsdecode(os.fsencode(root) + b"/caf\xe9.jsonl")
    Path(path).write_text(LINE + "{\n")
    code, told = by_hand(capsys, root, path)
    assert (code, told["stored"]) == (0, 1)
    assert told["skipped_first"][0].startswith("caf\ufffd.jsonl:2 is not JSON")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("log.jsonl", "--tag", "\udcff"), "The tag '\\udcff' is no text."),
        (("loop.jsonl",), "'loop.jsonl' is a link that leads nowhere."),
        (("pipe.jsonl",), "'pipe.jsonl' is no ordinary file."),
        (("\udcff.jsonl",), "There is no log at '\\udcff.jsonl'."),
        (("~nobody-at-all/x",), "There is no log at '~nobody-at-all/x'."),
        (("-", "log.jsonl"), "Standard input is imported by itself."),
        (("input=ask",), "There is no path."),
        (("log.jsonl", "input="), "'input=' is no mapping."),
        (("log.jsonl", "--root", "loop.jsonl"), "The workspace 'loop.jsonl' cannot be looked for"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    arguments: tuple[str, ...], problem: str, root: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (root / "log.jsonl").write_text(LINE)
    (root / "loop.jsonl").symlink_to("loop.jsonl")
    os.mkfifo(root / "pipe.jsonl")
    monkeypatch.chdir(root)
    assert main(["--root", str(root), "import", *arguments]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err[: len(problem) + 9]) == ("", f"regrade: {problem}")


def test_a_closed_standard_input_is_refused(root: Path) -> None:
    done = in_a_process(root, "-", command='exec "$@" <&-')
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"regrade: Standard input is closed.")


def test_a_stream_that_cannot_be_read_is_skipped_with_the_reason(root: Path) -> None:
    done = in_a_process(root, "-", "--json", command='exec "$@" 0> out')
    assert json.loads(done.stdout)["skipped_first"] == [
        "stdin cannot be read to its end: [Errno 9] Bad file descriptor"
    ]


def test_a_link_that_leads_nowhere_is_named_and_costs_no_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "logs" / "a.jsonl").symlink_to("b.jsonl")
    (root / "logs" / "b.jsonl").symlink_to("a.jsonl")
    (root / "logs" / "c.jsonl").write_text(LINE)
    _, told = by_hand(capsys, root, str(root / "logs"))
    assert (told["stored"], told["skipped_first"]) == (
        1, [f"logs/{name}.jsonl is a link that leads nowhere" for name in "ab"],
    )  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has such a file")
def test_an_error_in_the_middle_of_a_file_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "logs" / "a.jsonl").symlink_to("/proc/self/mem")
    (root / "logs" / "b.jsonl").write_text(LINE)
    _, told = by_hand(capsys, root, str(root / "logs"))
    assert (told["stored"], told["skipped_first"]) == (
        1, ["a.jsonl cannot be read to its end: [Errno 5] Input/output error"],
    )  # fmt: skip


def test_what_is_closed_to_us_is_named_and_costs_no_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "logs" / "a.jsonl").write_text(LINE)
    (root / "logs" / "b.jsonl").write_text(LINE)
    (root / "logs" / "c").mkdir()
    for name in ("b.jsonl", "c"):
        (root / "logs" / name).chmod(0)
    if os.access(root / "logs" / "b.jsonl", os.R_OK):
        pytest.skip("nothing is closed to this user")
    _, told = by_hand(capsys, root, str(root / "logs"))
    (root / "logs" / "c").chmod(0o700)
    assert (told["stored"], told["skipped_first"]) == (
        1, [f"logs/{name} cannot be read: Permission denied" for name in ("b.jsonl", "c")],
    )  # fmt: skip


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["input", "output", "messages", "role", "content", "ts", "tags", "id"])
            | st.text(st.characters()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
CELLS = st.sampled_from(["input", "output", "", "a", '"', "\r", "\n", "1e999"]) | st.text(
    st.characters()
)


def written(table: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue().encode(errors="surrogatepass")


CONTENTS = (
    st.binary()
    | st.lists(VALUES).map(lambda found: "\n".join(map(json.dumps, found)).encode())
    | VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    | st.lists(st.lists(CELLS, max_size=4), max_size=4).map(written)
    | st.lists(CELLS, max_size=4).map(lambda row: b"input,output\n" + written([row]))
)


@given(CONTENTS, st.sampled_from(["", "csv", "chat", "exchange", "otlp"]), st.integers(-20, 0))
@settings(max_examples=150)
def test_any_bytes_are_stored_or_skipped(raw: bytes, told: str, cut: int) -> None:
    async def imported() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder, "store.db"))
            try:
                for content in (raw, gzip.compress(raw)[: cut or None], gzip.compress(raw) + raw):
                    for name in ("log", "log.csv", "log.jsonl"):
                        done = await Traces(store, None).import_stream(
                            io.BytesIO(content), name, told or None, {}, ["tag"]
                        )
                        lines = [*done.skipped_first, *done.notes]
                        assert [line for line in lines if line.splitlines() != [line]] == []
            finally:
                store.close()

    anyio.run(imported)


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_path_and_any_tag_are_read_or_refused(path: str, tag: str) -> None:
    async def imported() -> None:
        with tempfile.TemporaryDirectory() as folder:
            house = House(Workspace(Path(folder)))
            with pytest.raises(Refusal):
                await house.traces.import_traces(f"{path}/absent", tags=[tag])

    anyio.run(imported)


def test_a_parquet_file_of_spans_or_of_calls_is_imported(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrow = pytest.importorskip("pyarrow")
    columns: dict[str, list[Any]] = {
        "name": ["answer", "call"],
        "context.trace_id": ["a" * 32, "a" * 32],
        "context.span_id": ["1" * 16, "2" * 16],
        "parent_id": [None, "1" * 16],
        "start_time": [datetime(2026, 10, 1, tzinfo=UTC)] * 2,
        "span_kind": ["AGENT", "LLM"],
        "attributes.llm.model_name": [None, "m-1"],
        "attributes.llm.token_count.prompt": [None, 7],
        "attributes.input.value": ["Flats in Ulm?", None],
        "attributes.output.value": ["Two.", None],
    }
    calls = {"input": ["a", "b"], "output": ["1", None], "error": [None, "timed out"]}
    for name, held in (("spans", columns), ("calls", calls)):
        path = root / "logs" / f"{name}.parquet"
        importlib.import_module("pyarrow.parquet").write_table(arrow.table(held), path)
        assert by_hand(capsys, root, str(path))[1]["skipped"] == 0
    main(["search", "--root", str(root), "--json", "--sort", "oldest"])
    rows = json.loads(capsys.readouterr().out)["traces"]
    told = [(row["preview"], row["status"], row.get("model"), row.get("tokens")) for row in rows]
    assert told == [
        ("Flats in Ulm?", "ok", "m-1", 7),
        ("a", "ok", None, None),
        ("b", "error", None, None),
    ]
