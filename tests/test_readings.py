"""A suite is read anew where one of its files has changed, and not otherwise."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal
from regrade_tools.suites.readings import Readings


def case(name: str, said: str) -> str:
    held = [{"type": "contains", "value": "yes"}]
    return json.dumps({"id": name, "recorded": {"output": said}, "assertions": held})


def row(name: str, said: str) -> str:
    return json.dumps({"id": name, "said": said, "input": "?"}) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    held = [{"type": "contains", "value": "yes"}]
    rows = {"file": "evals/data/rows.jsonl", "id": "id", "output": "said", "assertions": held}
    files = {
        "suites/main.yaml": json.dumps({"target": "recorded", "dataset": rows}),
        "suites/other.yaml": json.dumps({"target": "recorded", "assertions": held}),
        "cases/main/one.yaml": case("one", "yes"),
        "cases/other/two.yaml": case("two", "yes"),
        "data/rows.jsonl": row("three", "yes"),
    }
    for name, text in files.items():
        path = tmp_path / "evals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def later() -> float:
    """A time at which all that was written is old."""
    return time.time() + 60


def test_what_has_not_changed_is_read_once(root: Path) -> None:
    readings = Readings(later)
    first = readings.read(Workspace(root), "main")
    assert readings.read(Workspace(root), "main") is first
    assert [case.id for case in first.cases] == ["one", "three"]
    assert first.planned("", judges=True) is first.planned("", judges=True)
    assert [one.case.id for one in first.planned("id:one", judges=True)] == ["one"]


def test_what_was_written_a_moment_ago_is_read_again(root: Path) -> None:
    readings = Readings()
    assert readings.read(Workspace(root), "main") is not readings.read(Workspace(root), "main")


def test_of_two_suites_each_is_read_as_it_is(root: Path) -> None:
    readings = Readings(later)
    names = [
        [case.id for case in readings.read(Workspace(root), name).cases]
        for name in ("main", "other", "main")
    ]
    assert names == [["one", "three"], ["two"], ["one", "three"]]


def edited(root: Path) -> None:
    # As long as it was, and of the same time.
    path = root / "evals/cases/main/one.yaml"
    before = path.stat()
    path.write_text(case("one", "nay"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(root: Path) -> None:
    path = root / "evals/cases/main/one.yaml"
    before = path.stat()
    other = root / "other"
    other.write_text(case("one", "nay"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def added(root: Path) -> None:
    (root / "evals/cases/main/four.yaml").write_text(case("four", "nay"))


def renamed(root: Path) -> None:
    (root / "evals/cases/main/one.yaml").unlink()
    added(root)


def row_edited(root: Path) -> None:
    (root / "evals/data/rows.jsonl").write_text(row("three", "nay"))


def asked_more(root: Path) -> None:
    path = root / "evals/suites/main.yaml"
    held = [{"type": "contains", "value": "never"}]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"assertions": held}))


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (edited, ["one"]),
        (replaced, ["one"]),
        (added, ["four"]),
        (renamed, ["four"]),
        (row_edited, ["three"]),
        (asked_more, ["one", "three"]),
    ],
)
@pytest.mark.anyio
async def test_the_next_run_asks_what_the_files_say_by_then(
    root: Path, change: Callable[[Path], None], failed: list[str]
) -> None:
    async with House(Workspace(root), readings=Readings(later)).open() as house:
        first = await house.suites.run_suite("main", wait_s=60)
        assert (first.summary.passed, first.cards) == (2, [])
        change(root)
        second = await house.suites.run_suite("main", wait_s=60)
        assert [card.case_id for card in second.cards or []] == failed


@pytest.mark.anyio
async def test_a_suite_that_asks_for_true_is_not_the_one_that_asked_for_1(root: Path) -> None:
    case_file = root / "evals/cases/other/two.yaml"
    case_file.write_text(json.dumps({"id": "two", "recorded": {"output": 1}}))
    asks: list[object] = [1, True]
    async with House(Workspace(root), readings=Readings(later)).open() as house:
        outcomes: list[int] = []
        for value in asks:
            held = [{"type": "equals", "value": value}]
            (root / "evals/suites/other.yaml").write_text(
                json.dumps({"target": "recorded", "assertions": held})
            )
            outcomes.append((await house.suites.run_suite("other", wait_s=60)).summary.passed)
    assert outcomes == [1, 0]


@pytest.mark.anyio
async def test_a_case_that_cannot_be_read_any_more_is_refused(root: Path) -> None:
    async with House(Workspace(root), readings=Readings(later)).open() as house:
        await house.suites.run_suite("main", wait_s=60)
        (root / "evals/cases/main/one.yaml").write_text("{id: one, inputs: 1}")
        with pytest.raises(Refusal, match="unknown field 'inputs'"):
            await house.suites.run_suite("main", wait_s=60)


@pytest.mark.anyio
async def test_a_folder_of_cases_that_is_moved_away_and_linked_to_is_read_no_more(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, outside = root / "evals/cases/main", tmp_path_factory.mktemp("outside") / "main"
    async with House(Workspace(root), readings=Readings(later)).open() as house:
        await house.suites.run_suite("main", wait_s=60)
        folder.rename(outside)
        folder.symlink_to(outside)
        for _ in range(2):
            with pytest.raises(Refusal, match="leads out of the workspace by a link"):
                await house.suites.run_suite("main", wait_s=60)
