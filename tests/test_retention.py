"""What is removed is removed for good and everywhere; what labels and cases name stays."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from labelled import label_row, write_labels

from regrade_server.cli import main
from regrade_tools.texts.timestamps import iso

DAY = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten traces, each ten days older than the one before; and one without a time."""
    (tmp_path / "evals").mkdir()
    now = time.time()
    log: list[dict[str, Any]] = [
        {"input": f"q{n}", "output": "a", "tags": ["old" if n > 5 else "new"],
         "timestamp": iso(now - n * 10 * DAY - 60)}
        for n in range(10)
    ]  # fmt: skip
    log.append({"input": "untimed", "output": "a"})
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    main(["import", str(tmp_path / "log.jsonl"), "--root", str(tmp_path)])
    return tmp_path


def ran(
    capsys: pytest.CaptureFixture[str], root: Path, *arguments: str
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*arguments, "--root", str(root), "--json"])
    return code, json.loads(capsys.readouterr().out)


def inputs(capsys: pytest.CaptureFixture[str], root: Path, query: str = "") -> list[str]:
    _, page = ran(capsys, root, "search", query)
    return [row["preview"] for row in page["traces"]]


def test_what_is_older_is_removed_and_found_and_counted_no_more(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, dry = ran(capsys, root, "prune", "--older-than", "45d", "--dry-run")
    assert (dry["matched"], dry["removed"], dry["dry_run"]) == (5, 5, True)
    assert len(inputs(capsys, root)) == 11
    _, done = ran(capsys, root, "prune", "--older-than", "45d")
    assert {key: done[key] for key in ("matched", "removed", "kept_labelled", "kept_cases")} == {
        "matched": 5, "removed": 5, "kept_labelled": 0, "kept_cases": 0,
    }  # fmt: skip
    assert inputs(capsys, root) == ["untimed", "q0", "q1", "q2", "q3", "q4"]
    assert inputs(capsys, root, "q7") == inputs(capsys, root, "tag:old") == []
    _, counted = ran(capsys, root, "summarize", "--by", "tag")
    assert [(row["value"], row["traces"]) for row in counted["rows"]] == [("new", 5), ("(none)", 1)]
    _, again = ran(capsys, root, "prune", "--older-than", "45d")
    assert (again["matched"], again["removed"]) == (0, 0)
    _, back = ran(capsys, root, "import", str(root / "log.jsonl"))
    assert (back["stored"], back["already_known"]) == (5, 6)


def test_what_labels_and_cases_name_is_kept_unless_a_person_says_otherwise(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, page = ran(capsys, root, "search", "tag:old")
    ids = {row["preview"]: row["id"] for row in page["traces"]}
    write_labels(root, [label_row("q6", "a", "fail", trace_id=ids["q6"])])
    label = {"trace_id": ids["q7"], "verdict": "fail", "critique": "no"}
    told = json.dumps({"criterion": "tone", "labels": [label]})
    assert main(["call", "label_traces", told, "--root", str(root)]) == 0
    (root / "evals" / "suites").mkdir()
    (root / "evals" / "suites" / "s.yaml").write_text("features: {f: {scenarios: {one: {}}}}\n")
    (root / "evals" / "cases" / "s").mkdir(parents=True)
    (root / "evals" / "cases" / "s" / "c.yaml").write_text(
        f"{{id: c, feature: f, scenario: one, input: q8, provenance: {{trace: {ids['q8']}}}}}\n"
    )
    capsys.readouterr()
    assert main(["prune", "--query", "tag:old", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "1 of 4 traces removed\n"
        "  2 kept: labelled (--no-keep-labelled removes them)\n"
        "  1 kept: cases name them (--no-keep-cases removes them)\n"
        "The file keeps its size; "
    )
    assert inputs(capsys, root, "tag:old") == ["q6", "q7", "q8"]
    ran(capsys, root, "prune", "--query", "tag:old", "--no-keep-labelled")
    assert inputs(capsys, root, "tag:old") == ["q8"]
    ran(capsys, root, "prune", "--query", "tag:old", "--no-keep-cases")
    assert inputs(capsys, root, "tag:old") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "That would remove every trace."),
        (["--older-than", "90"], "'90' is no age.\n  Write 90d, 12h or 2w."),
        (["--older-than", "-3d"], "expected one argument"),
        (["--query", "👎"], "'👎' has no letter or digit, and only those are searched."),
        (["--query", "👎 old"], "'👎' has no letter or digit, and only those are searched."),
        (["--query", " "], "That would remove every trace."),
        (["--query", '""', "--older-than", "1d"], "has no letter or digit"),
        (["--query", "tga:x"], "did you mean 'tag'?"),
    ],
)
def test_what_says_not_what_to_remove_removes_nothing(
    arguments: list[str], told: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["prune", *arguments, "--root", str(root)])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    assert code == 2
    assert told in capsys.readouterr().err
    assert len(inputs(capsys, root)) == 11


def test_a_case_file_that_cannot_be_read_stops_everything(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "evals" / "suites").mkdir()
    (root / "evals" / "suites" / "s.yaml").write_text("features: {f: {scenarios: {one: {}}}}\n")
    (root / "evals" / "cases" / "s").mkdir(parents=True)
    (root / "evals" / "cases" / "s" / "c.yaml").write_text("{id: c, inptu: 1}")
    assert main(["prune", "--older-than", "1d", "--root", str(root)]) == 2
    assert len(inputs(capsys, root)) == 11


def many(root: Path, number: int, text: str) -> Path:
    (root / "evals").mkdir(exist_ok=True)
    log = root / "many.jsonl"
    records = ({"input": f"{text} {n}", "output": f"a{n} " * 40, "ts": 1_700_000_000 + n}
               for n in range(number))  # fmt: skip
    log.write_text("\n".join(map(json.dumps, records)))
    main(["import", str(log), "--root", str(root)])
    return root / ".regrade" / "store.db"


def test_the_file_is_smaller_afterwards_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = many(tmp_path, 2_000, "flat in Ulm")
    _, done = ran(capsys, tmp_path, "prune", "--older-than", "1d", "--shrink")
    assert (done["removed"], done["bytes_free"]) == (2_000, 0)
    assert store.stat().st_size == done["bytes_after"] < done["bytes_before"] / 2


def test_a_prune_that_is_killed_leaves_a_store_that_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = many(tmp_path, 3_000, "flat in Ulm")
    pruning = subprocess.Popen(
        [sys.executable, "-m", "regrade_server", "prune", "--older-than", "1d", "--root",
         str(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with sqlite3.connect(store) as watching:
        while pruning.poll() is None:
            if watching.execute("SELECT count(*) FROM trace").fetchone()[0] < 3_000:
                os.kill(pruning.pid, signal.SIGKILL)
                break
    watching.close()
    assert pruning.wait() == -signal.SIGKILL
    with sqlite3.connect(store) as looking:
        (left,) = looking.execute("SELECT count(*) FROM trace").fetchone()
        assert looking.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert looking.execute("SELECT count(*) FROM payload").fetchone() == (left,)
    looking.close()
    assert 0 < left < 3_000
    _, counted = ran(capsys, tmp_path, "summarize", "Ulm", "--by", "source")
    assert [row["traces"] for row in counted["rows"]] == [left]
    _, rest = ran(capsys, tmp_path, "prune", "--older-than", "1d")
    assert rest["removed"] == left
    _, counted = ran(capsys, tmp_path, "summarize", "Ulm")
    assert counted["total"] == {"traces": 0, "errors": 0}
