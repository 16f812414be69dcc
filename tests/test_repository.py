"""Files of the repository are written whole, inside it, and with nothing left beside them."""

import os
import time
from pathlib import Path

import pytest

from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.refusal import Refusal


def test_a_process_that_is_killed_leaves_nothing_among_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, case = Workspace(tmp_path), tmp_path / "evals" / "cases" / "s" / "c.yaml"
    with workspace.locked():
        pass
    during: list[list[str]] = []

    def sync(_handle: int) -> None:
        # Where a process can be killed, its file being half there.
        during.append([path.name for path in (tmp_path / "evals").rglob("*") if path.is_file()])

    monkeypatch.setattr(os, "fsync", sync)
    assert workspace.write_new(case, "id: c\n")
    workspace.replace(case, "id: d\n")
    assert during == [[], ["c.yaml"]]
    assert case.read_text() == "id: d\n"


def test_what_was_left_is_taken_away_an_hour_later(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.locked():
        pass
    for name, age in (("old", 4_000), ("young", 0)):
        left = tmp_path / ".regrade" / f".regrade-{name}.tmp"
        left.touch()
        then = time.time() - age
        os.utime(left, (then, then))
    workspace.replace(tmp_path / "evals" / "a.yaml", "")
    assert {path.name for path in (tmp_path / ".regrade").iterdir()} == {
        ".gitignore", ".regrade-young.tmp", "files.lock",
    }  # fmt: skip


def test_whoever_makes_the_folder_of_this_machine_keeps_it_out_of_git(tmp_path: Path) -> None:
    with Workspace(tmp_path).locked():
        assert (tmp_path / ".regrade" / ".gitignore").read_text() == "*\n"


def test_a_link_leads_nothing_out_of_the_repository_not_even_a_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (root / "evals").mkdir(parents=True)
    (root / "evals" / "cases").symlink_to(outside)
    (root / ".regrade").symlink_to(outside)
    workspace = Workspace(root)
    with pytest.raises(Refusal, match="leads out of the workspace by a link"):
        workspace.write_new(root / "evals" / "cases" / "s" / "c.yaml", "id: c\n")
    with pytest.raises(Refusal, match="leads out of the workspace by a link"), workspace.locked():
        pass
    assert list(outside.iterdir()) == []


def test_a_judge_that_an_editor_of_windows_saved_has_its_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "evals" / "judges" / "tone.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbf---\r\ncriterion: tone\r\n---\r\nIs it polite?\r\n")
    judge = JudgeFiles(Workspace(tmp_path)).judge("tone")
    assert (judge.spec.criterion, judge.prompt) == ("tone", "Is it polite?")
