"""The files of labels grow by a line an answer, whatever becomes of who writes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from labelled import judge_file, label_row

from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.files import LabelFiles
from regrade_tools.labels.labelbook import LabelRow, written
from regrade_tools.refusal import Refusal

# Says that a label is kept once it is, and goes on until it is killed.
LABELLER = """
import itertools, sys
from pathlib import Path
from labelled import label_row
from regrade_tools.labels.files import LabelFiles
from regrade_tools.files.workspace import Workspace

root, began, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
files = LabelFiles(Workspace(root))
for n in itertools.count(began):
    files.append("diet", [label_row(n, "\\u00e4" * size, "pass")])
    print(n, flush=True)
"""


def row(n: int, output: str = "Käse") -> LabelRow:
    return label_row(n, output, "pass", critique="schön")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    judge_file(tmp_path, "diet", "")
    return tmp_path


def path(root: Path) -> Path:
    return root / "evals" / "labels" / "diet.jsonl"


def questions(root: Path) -> list[object]:
    return [one.input for one in LabelFiles(Workspace(root)).rows("diet")]


def test_a_line_that_was_cut_anywhere_is_no_label_and_the_next_one_takes_its_place(
    root: Path,
) -> None:
    files = LabelFiles(Workspace(root))
    files.append("diet", [row(0)])
    whole = path(root).read_bytes()
    line = written([row(1)]).encode()
    for cut in range(len(line)):
        path(root).write_bytes(whole + line[:cut])
        # Only the line feed is missing of the longest: that one says all that it should.
        there = [0, 1] if cut == len(line) - 1 else [0]
        assert questions(root) == there
        files.append("diet", [row(2), row(3)])
        assert questions(root) == [*there, 2, 3]
        assert path(root).read_bytes().startswith(whole)


LINE = written([row(1)]).encode().rstrip()


@pytest.mark.parametrize(
    "last",
    [
        b"{}",
        b"not a label",
        b'{"label": {"id": "lb_1"',
        b'{"label":{"id":"lb_1"}}',
        LINE * 2,
        LINE + LINE[:-9],
        LINE[:-1] + b",}",
        LINE.replace(b",", b",,", 1),
    ],
)
def test_what_somebody_else_wrote_without_a_line_end_is_never_taken_away(
    root: Path, last: bytes
) -> None:
    files = LabelFiles(Workspace(root))
    files.append("diet", [row(0)])
    before = path(root).read_bytes() + last
    path(root).write_bytes(before)
    with pytest.raises(Refusal, match=r"evals/labels/diet.jsonl:2 is no label"):
        questions(root)
    files.append("diet", [row(1)])
    assert path(root).read_bytes() == before + b"\n" + written([row(1)]).encode()


def test_a_file_that_an_editor_saved_with_other_line_ends_goes_on(root: Path) -> None:
    files = LabelFiles(Workspace(root))
    files.append("diet", [row(0)])
    path(root).write_bytes(b"\xef\xbb\xbf" + path(root).read_bytes().replace(b"\n", b"\r\n"))
    files.append("diet", [row(1)])
    assert questions(root) == [0, 1]


def test_of_a_file_whose_lines_end_as_on_old_machines_no_label_is_taken_away(root: Path) -> None:
    files = LabelFiles(Workspace(root))
    files.append("diet", [row(0), row(1)])
    path(root).write_bytes(path(root).read_bytes().replace(b"\n", b"\r").rstrip())
    files.append("diet", [row(2)])
    assert questions(root) == [0, 1, 2]


def test_a_file_of_labels_that_is_a_link_out_of_the_workspace_is_written_by_nobody(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "diet.jsonl"
    outside.write_text("")
    path(root).parent.mkdir()
    path(root).symlink_to(outside)
    with pytest.raises(Refusal, match="leads out of the workspace by a link"):
        LabelFiles(Workspace(root)).append("diet", [row(0)])
    assert outside.read_text() == ""


@pytest.mark.parametrize("size", [10, 400_000])
def test_a_label_that_was_told_to_be_kept_is_there_once_though_its_process_is_killed(
    root: Path, size: int
) -> None:
    kept: list[int] = []
    for after in (1, 4):
        began = (kept[-1] if kept else -1) + 1
        told = [sys.executable, "-c", LABELLER, str(root), str(began), str(size)]
        paths = os.pathsep.join(sys.path)
        with subprocess.Popen(
            told, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
        ) as process:
            assert process.stdout is not None
            kept.extend(int(process.stdout.readline()) for _ in range(after))
            os.kill(process.pid, signal.SIGKILL)
            kept.extend(int(line) for line in process.stdout)
        there = questions(root)
        assert there[: len(kept)] == kept
        # What nobody was told of is there whole or not at all; here it is written again.
        assert len(there) - len(kept) in (0, 1)
        if len(there) > len(kept):
            kept.append(kept[-1] + 1)
    LabelFiles(Workspace(root)).append("diet", [row(-1)])
    assert questions(root) == [*kept, -1]
