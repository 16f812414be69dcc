"""What of ``evals/`` no run could use: every mistake of every file, with its place in it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from regrade_tools.assertions import Check, JudgeScorer, parse, parse_all
from regrade_tools.files.workspace import SUFFIX, Workspace, meant
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.models import Case, Suite
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal
from regrade_tools.suites.planning import bare, levels
from regrade_tools.texts.clipping import REFUSAL, clip_list

_Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A suite that was looked through: what is wrong, one line a mistake, and what it holds.

    ``suite`` is None, and ``cases`` are none, where a file of it cannot be read.
    """

    problems: list[str]
    suite: Suite | None = None
    cases: tuple[Case, ...] = ()

    @property
    def accepted(self) -> list[Case]:
        """The cases that a run asks, without the candidates that wait for a person."""
        return [case for case in self.cases if not case.candidate]


def problems(workspace: Workspace) -> Iterator[str]:
    """Everything that is wrong in ``evals/``, one line a mistake."""
    yield from other_problems(workspace)
    for name in workspace.suites():
        yield from inspected(workspace, name).problems


def other_problems(workspace: Workspace) -> Iterator[str]:
    """What is wrong in ``evals/`` beside the suites and their cases."""
    try:
        workspace.project()
    except Refusal as refusal:
        yield refusal.problem
    beside = [path for path in workspace.listed(workspace.evals) if path.stem == "regrade"]
    suites = workspace.evals / "suites"
    for path in [*beside, *workspace.suite_files()]:
        if path.parent not in (workspace.evals, suites):
            yield workspace.misplaced(path, suites).problem
        elif meant(path) and path.suffix != SUFFIX:
            yield workspace.misnamed(path).problem
    known = workspace.suites()
    for folder in workspace.listed(workspace.evals / "cases"):
        if folder.name not in known:
            yield f"{workspace.shown(folder)} holds cases of no suite."
            for path in workspace.case_files(folder.name):
                yield from (fault.told for fault in _Files(workspace).case(path))


def inspected(workspace: Workspace, name: str) -> Inspected:
    """A suite that is there with its cases, each file read once, without ``other_problems``."""
    files = _Files(workspace)
    told = [fault.told for fault in files.faults(name) if not fault.elsewhere]
    return Inspected(told) if files.unread else Inspected(told, files.suite, tuple(files.cases))


def all_of(workspace: Workspace, name: str, first: Refusal) -> Refusal:
    """The refusal of a run of a suite, by all that is wrong with it, and not by the first alone."""
    found = list(_Files(workspace).faults(name)) if name in workspace.suites() else []
    if not found:
        return first
    if len(found) == 1:
        return Refusal(found[0].told, next_step=found[0].refusal.next_step)
    lines = clip_list([f"- {fault.told}" for fault in found], REFUSAL // 2)
    return Refusal(
        "\n".join([f"The files of {name!r} hold {len(found)} mistakes:", *lines, ""]),
        next_step="`regrade doctor` and overview tell them, too.",
    )


@dataclass(frozen=True, slots=True)
class _Fault:
    """A mistake, and where it stands: the file, and its line where that is known.

    One ``elsewhere`` is of no file of the suite, and keeps it from being run all the same.
    """

    where: str
    refusal: Refusal
    elsewhere: bool = False

    @property
    def told(self) -> str:
        """One line of it."""
        problem = self.refusal.problem
        return f"{self.where}: {problem}" if self.where else problem


@dataclass(slots=True)
class _Files:
    """Files of a workspace, looked through for what a run would refuse, and what they hold.

    ``unread`` says that one of them, or a row, cannot be read.
    """

    workspace: Workspace
    suite: Suite | None = None
    cases: list[Case] = field(default_factory=list[Case])
    unread: bool = False

    def faults(self, name: str) -> Iterator[_Fault]:
        """What is wrong with a suite and its cases."""
        path = self.workspace.suite_path(name)
        try:
            self.suite = suite = self.workspace.suite(name)
        except Refusal as refusal:
            yield self._unread(refusal)
            suite = None
        if suite:
            yield from self._declared(path, suite)
        for file in self.workspace.case_files(name):
            yield from self.case(file)
        if suite:
            yield from self._rows(path, name, suite)

    def _declared(self, path: Path, suite: Suite) -> Iterator[_Fault]:
        """What is wrong with what the file of a suite says."""
        try:
            self.workspace.project()
        except Refusal as refusal:
            yield _Fault("", refusal, elsewhere=True)
        else:
            yield from self._targeted(path, suite.target)
        for where, place, specs in _levels(suite):
            yield from self._assertions(path, where, place, specs)

    def _targeted(self, path: Path, name: str) -> Iterator[_Fault]:
        try:
            self.workspace.target(name)
        except Refusal as refusal:
            yield _Fault(self._place(path, ("target",)), refusal)

    def _unread(self, refusal: Refusal) -> _Fault:
        self.unread = True
        return _Fault("", refusal)

    def case(self, path: Path) -> Iterator[_Fault]:
        """What is wrong with a case of the suite, or of none that could be read."""
        try:
            case = self.workspace.case(path)
        except Refusal as refusal:
            yield self._unread(refusal)
            return
        self.cases.append(case)
        yield from self._assertions(path, "", ("assertions",), case.assertions)
        for refusal in _misplaced(self.suite, case) if self.suite else ():
            yield _Fault(self.workspace.shown(path), refusal)

    def _rows(self, path: Path, name: str, suite: Suite) -> Iterator[_Fault]:
        """What is wrong with rows: a mistake in what all are asked is told once."""
        found: dict[str, tuple[str, Refusal]] = {}
        times: Counter[str] = Counter()
        try:
            for case in self.workspace.rows(name):
                self.cases.append(case)
                wrong = (refusal for _, refusal in self._numbered("", case.assertions))
                for refusal in (*wrong, *_misplaced(suite, case)):
                    key = refusal.problem.replace(case.id, "")
                    found.setdefault(key, (case.id, refusal))
                    times[key] += 1
        except Refusal as refusal:
            yield self._unread(refusal)
        place = self._place(path, ("dataset",))
        for key, (case_id, refusal) in found.items():
            more = f" and {times[key] - 1:,} more" if times[key] > 1 else ""
            yield _Fault(f"{place}: row {case_id}{more}", refusal)

    def _assertions(
        self, path: Path, where: str, place: _Place, specs: tuple[Spec, ...]
    ) -> Iterator[_Fault]:
        for number, refusal in self._numbered(where, specs):
            told = (*place, number - 1) if number else place
            yield _Fault(self._place(path, told), refusal)

    def _numbered(self, where: str, specs: tuple[Spec, ...]) -> Iterator[tuple[int, Refusal]]:
        """Each assertion that is wrong, by its number from 1; 0 where all of them together are."""
        try:
            self._judged(parse_all(specs, programs=True))
        except Refusal as whole:
            each = [self._refused(spec) for spec in specs]
            if not any(each):
                yield 0, Refusal(f"{where}{whole.problem}", next_step=whole.next_step)
            for number, refusal in enumerate(each, 1):
                if refusal:
                    told = f"{where}assertion {number}: {refusal.problem}"
                    yield number, Refusal(told, next_step=refusal.next_step)

    def _refused(self, spec: Spec) -> Refusal | None:
        try:
            self._judged((parse(spec, programs=True),))
        except Refusal as refusal:
            return refusal
        return None

    def _judged(self, checks: Iterable[Check]) -> None:
        """Make sure that there is each judge that is asked."""
        for check in checks:
            if isinstance(check.assertion, JudgeScorer):
                JudgeFiles(self.workspace).judge(check.assertion.judge)

    def _place(self, path: Path, place: _Place) -> str:
        """The file with the line, as editors and terminals open it."""
        # Imported here: a server that lists its tools reads no file.
        from regrade_tools.files.documents import line_of  # noqa: PLC0415

        line = line_of(self.workspace.text(path), place)
        return self.workspace.shown(path) + (f":{line}" if line else "")


def _levels(suite: Suite) -> Iterator[tuple[str, _Place, tuple[Spec, ...]]]:
    """What a suite asks in each of its places."""
    yield "", ("assertions",), suite.assertions
    for name, feature in suite.features.items():
        place: _Place = ("features", name)
        yield f"feature {name}: ", (*place, "assertions"), feature.assertions
        for inner, scenario in feature.scenarios.items():
            deeper = (*place, "scenarios", inner, "assertions")
            yield f"scenario {name}/{inner}: ", deeper, scenario.assertions


def _misplaced(suite: Suite, case: Case) -> Iterator[Refusal]:
    """Why ``case`` fits ``suite`` in no place, or that nothing is asked of it there."""
    try:
        asked = any(specs for _, specs in levels(suite, case))
    except Refusal as refusal:
        yield refusal
        return
    if not asked and not case.assertions and not case.candidate:
        yield bare(case)
