"""Rows of data against assertions, as data is cleaned."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from regrade_server.cli import main

ROWS = [
    {"input": "a", "output": "San Jose", "tone": "polite"},
    {"input": "b", "output": "Oakland", "tone": "rude"},
    {"input": "c", "output": "San Jose, CA", "tone": "polite"},
]
CONTAINS = {"type": "contains", "value": "San Jose"}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def checked(
    capsys: pytest.CaptureFixture[str], rows: Path, asked: list[Any], *arguments: str
) -> tuple[int, Any]:
    (rows.parent / "asked.json").write_text(json.dumps(asked))
    told = ["--assertions", str(rows.parent / "asked.json"), "--root", str(rows.parent)]
    code = main(["check", str(rows), *told, *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_rows_are_counted_by_assertion_and_those_that_pass_are_written(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = rows.parent / "clean.jsonl"
    asked = [CONTAINS, {"type": "not-contains", "value": "CA"}]
    code, told = checked(capsys, rows, asked, "--out", str(out))
    assert (code, told) == (1, {
        "rows": 3, "passed": 1, "failed": 2, "errored": 0, "unreadable": 0,
        "assertions": [
            {"assertion": asked[0], "passed": 2, "failed": 1, "errored": 0},
            {"assertion": asked[1], "passed": 2, "failed": 1, "errored": 0},
        ],
        "first": [
            {"where": "rows.jsonl:2", "outcome": "failed",
             "reasons": ["the output must contain 'San Jose', but it says 'Oakland'"]},
            {"where": "rows.jsonl:3", "outcome": "failed",
             "reasons": ["the output must not contain 'CA', but it does"]},
        ],
        "not_asked": [], "with_reference": [], "written": str(out),
    })  # fmt: skip
    assert [json.loads(line) for line in out.read_text().splitlines()] == [ROWS[0]]
    assert main(["check", str(rows), "--assertions", str(rows.parent / "asked.json"), "--out",
                 str(out)]) == 2  # fmt: skip
    assert "is there already" in capsys.readouterr().err


def test_the_rows_that_pass_are_a_file_like_its_neighbours_with_nothing_left_beside_it(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = rows.parent / ".regrade-killed.tmp"
    killed.touch()
    os.utime(killed, (0, 0))
    before = os.umask(0o077)
    try:
        assert checked(capsys, rows, [CONTAINS], "--out", str(rows.parent / "clean.jsonl"))[0] == 1
    finally:
        os.umask(before)
    assert (rows.parent / "clean.jsonl").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in rows.parent.iterdir()) == [
        "asked.json", "clean.jsonl", "evals", "rows.jsonl",
    ]  # fmt: skip


def test_the_exit_code_tells_clean_failing_errored_and_unreadable(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(capsys, rows, [{"type": "contains", "value": "a"}])[0] == 0
    assert checked(capsys, rows, [CONTAINS])[0] == 1
    slow = [{"type": "expr", "value": "latency_ms < 3"}]
    assert checked(capsys, rows, slow)[0] == 3
    rows.write_text('{"output": "a"}\n{broken\n{"reply": "a"}\n')
    code, told = checked(capsys, rows, [{"type": "contains", "value": "a"}])
    assert (code, told["passed"], told["unreadable"]) == (1, 1, 2)
    assert told["first"][1]["reasons"] == ["it has no field 'output' (its fields: reply)"]


def test_another_field_may_hold_the_answer_and_what_needs_a_run_is_named(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [{"type": "equals", "value": "polite"}, {"type": "cost", "threshold": 1}]
    code, told = checked(capsys, rows, asked, "--output", "tone")
    assert (code, told["passed"], told["not_asked"]) == (1, 2, ["cost"])


def test_a_suite_asks_what_it_asks_of_every_answer_with_its_scorers(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evals = rows.parent / "evals"
    (evals / "scorers.py").write_text("def check(output, tone): return tone == 'polite'\n")
    scorer = {"type": "python", "ref": "evals/scorers.py:check"}
    (evals / "suites" / "s.yaml").write_text(json.dumps({"assertions": [CONTAINS, scorer]}))
    rows.write_text(rows.read_text() + '{"output": "San Jose"}\n')
    asked = ["check", str(rows), "--suite", "s", "--root", str(rows.parent)]
    assert main(asked) == 1
    told = capsys.readouterr().out
    assert "4 rows: 2 passed, 1 failed, 1 errored, 0 unreadable" in told
    assert "it asks for 'tone', which is not there" in told


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ([{"type": "python", "ref": "evals/scorers.py:check"}], "must stand in a file of a suite"),
        ([{"type": "cost", "threshold": 1}], "Nothing of this can be asked of a row of data."),
        ([], "holds no list of assertions"),
        ([1], "holds no list of assertions"),
        ([{"type": "contians", "value": "x"}], "did you mean 'contains'"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    asked: list[Any], problem: str, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = checked(capsys, rows, asked)
    assert code == 2
    assert problem in told["refused"]


def test_no_secret_of_a_row_is_in_the_reasons_and_what_passes_is_written_as_it_was_read(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leak = "sk-proj-" + "a1B2" * 8
    (rows.parent / "evals" / "regrade.yaml").write_text('redact: {staff: "EMP-[0-9]+"}\n')
    out = rows.parent / "clean.jsonl"
    good = {"output": f"San Jose {leak}"}
    found = [good, {"output": f"{'x' * 104} {leak} of EMP-1234"}, {leak: 1, "EMP-1234": 2}]
    rows.write_text("".join(json.dumps(row) + "\n" for row in found))
    code, told = checked(capsys, rows, [CONTAINS], "--out", str(out))
    assert (code, told["passed"], told["failed"], told["unreadable"]) == (1, 1, 1, 1)
    first = [row["reasons"] for row in told["first"]]
    assert first[1] == [
        "it has no field 'output' (its fields: [redacted:openai_key], [redacted:staff])"
    ]
    for part in (leak[:12], "EMP-"):
        assert part not in str(first)
    assert json.loads(out.read_text()) == good


def test_a_row_that_cannot_be_redacted_is_errored(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows.parent / "evals" / "regrade.yaml").write_text('redact: {slow: "(?:(?:a|a)|(?:a|a))+$"}\n')
    rows.write_text(json.dumps({"output": "a" * 99 + "!"}) + "\n")
    code, told = checked(capsys, rows, [CONTAINS])
    assert (code, told["errored"]) == (3, 1)
    assert told["first"][0]["reasons"][0].startswith("the row cannot be redacted: the pattern")


def test_a_file_whose_answers_have_another_name_is_refused_at_once_with_that_name(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.write_text("".join(json.dumps({"question": "a", "response": "b"}) + "\n" for _ in ROWS))
    code, told = checked(capsys, rows, [CONTAINS])
    assert (code, told) == (
        2,
        {
            "refused": "No row has the field 'output' (the fields of the first: question, "
            "response).",
            "next_step": "Name that of the answer: --output response.",
        },
    )
