"""A suite as its files say it: read anew where one of them has changed, and not otherwise.

Who mends a program and runs its suite again changes no case, and a gate looks at the suite that it
then runs: to read, check and plan the same cases again would be most of the work.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Case, Scheduled, Suite
from regrade_tools.suites.planning import Planned, chosen, plan, without_judges

# What is written twice within one tick of the clock of its file system looks as if it was written
# once. The coarsest tick is of two seconds.
_TICK_S = 2.0
# What is kept takes some six kilobytes a case.
_MOST_CASES = 20_000

# The path of a file with what of it changes whenever somebody writes to it or replaces it.
_Mark = tuple[str, int, int, int, int, int]


class Reading:
    """A suite and its cases, with what a run of them asks."""

    def __init__(self, suite: Suite, cases: tuple[Case, ...]) -> None:
        """Take what was read of the files."""
        self.suite = suite
        self.cases = cases
        # Of one suite mostly the same is asked again.
        self.planned = lru_cache(maxsize=1)(self._planned)
        self.scheduled = lru_cache(maxsize=1)(self._scheduled)

    def _planned(self, select: str, *, judges: bool) -> tuple[Planned, ...]:
        """What a run asks of the cases that ``select`` chooses.

        Raises:
            Refusal: As ``plan`` and ``without_judges``.
        """
        planned = plan(self.suite, chosen(self.cases, select))
        return planned if judges else without_judges(planned)

    def _scheduled(self, select: str, scored: str, *, judges: bool) -> tuple[Scheduled, ...]:
        """The cases as such a run keeps them.

        Raises:
            Refusal: As ``planned``.
        """
        return tuple(item.scheduled(scored) for item in self.planned(select, judges=judges))


@dataclass(frozen=True, slots=True)
class _Kept:
    root: Path
    name: str
    marks: tuple[_Mark, ...]
    said: str
    reading: Reading


@dataclass(slots=True)
class Readings:
    """The suite that was read last, kept until somebody asks for another."""

    now: Callable[[], float] = time.time
    _last: _Kept | None = None

    def read(self, workspace: Workspace, name: str) -> Reading:
        """The suite ``name`` with the cases of its files, as they are now.

        Raises:
            Refusal: A file or a row is wrong.
        """
        suite = workspace.suite(name)
        # Taken before the files are read: what changes meanwhile is read again the next time.
        marks = _marks(workspace, name, suite, self.now())
        # As it is written: Python takes True for 1, and no assertion does.
        said = suite.model_dump_json()
        last = self._last
        if last and (last.root, last.name, last.marks, last.said) == (
            workspace.root, name, marks, said,
        ):  # fmt: skip
            return last.reading
        # Two suites are not held at once.
        last = self._last = None
        reading = Reading(suite, workspace.cases(name))
        if marks and len(reading.cases) <= _MOST_CASES:
            self._last = _Kept(workspace.root, name, marks, said, reading)
        return reading


def _marks(workspace: Workspace, name: str, suite: Suite, now: float) -> tuple[_Mark, ...]:
    """The files of the cases of a suite as they are; none where nobody could tell a change."""
    paths = workspace.case_files(name)
    if suite.dataset is not None and suite.dataset.file is not None:
        paths.append(workspace.root / suite.dataset.file)
    if not all(map(workspace.reaches, {path.parent for path in paths})):
        # Files stay what they are where their folder is moved away and a link left in its place.
        return ()
    marks: list[_Mark] = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            # Whoever reads it says what is wrong.
            return ()
        if not S_ISREG(found.st_mode) or now - max(found.st_mtime, found.st_ctime) < _TICK_S:
            return ()
        times = (found.st_mtime_ns, found.st_ctime_ns)
        marks.append((str(path), found.st_dev, found.st_ino, found.st_size, *times))
    return tuple(marks)
