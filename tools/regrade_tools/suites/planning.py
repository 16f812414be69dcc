"""A suite and its cases -> what a run has to do, with everything checked before it starts."""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass

from regrade_tools.assertions import Check, JudgeScorer, Scorer, parse_all
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import (
    Case,
    HttpTarget,
    PromptTarget,
    RecordedTarget,
    Scheduled,
    Suite,
    TargetSpec,
)
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal, Unasked, unknown
from regrade_tools.suites.selection import EXAMPLE, selected

_LONGEST_SELECT = 2_000
# The tag of an imported case of which no assertion could be kept.
UNASSERTED = "unasserted"


@dataclass(frozen=True, slots=True)
class Planned:
    """A case with everything that must hold of its answer: the suite's, the scenario's, its own."""

    case: Case
    checks: tuple[Check, ...]

    def scheduled(self, scored: str) -> Scheduled:
        """The case as a run keeps it whose target is ``scored`` so: see ``scored``."""
        return Scheduled(
            id=self.case.id,
            feature=self.case.feature or "",
            scenario=self.case.scenario or "",
            tags=self.case.tags,
            input=fingerprint(self.case.state),
            checks=tuple(check.fingerprint for check in self.checks),
            answer=self._answer(scored),
            expected=self._expected(),
        )

    def _expected(self) -> str:
        """What scorers are told of the case beside its input: whoever edits it edits the result."""
        if not any(isinstance(check.assertion, Scorer) for check in self.checks):
            return ""
        return fingerprint([self.case.corrected_output, self.case.columns])

    def _answer(self, scored: str) -> str:
        """Which answer a target that runs nothing scores: whoever edits it edits the result."""
        if scored == "corrected":
            return fingerprint(self.case.corrected_output)
        if scored != "filed":
            return ""
        filed = self.case.recorded
        return fingerprint(filed and filed.model_dump(exclude_defaults=True, exclude={"error"}))


def plan(suite: Suite, cases: tuple[Case, ...], select: str = "") -> tuple[Planned, ...]:
    """What a run of ``suite`` asks and checks.

    Args:
        suite: The suite.
        cases: Its cases.
        select: Which of them: ``tag:critical scenario:one -id:case_x*``; all where it is empty.

    Raises:
        Refusal: Nothing is selected, a case has nothing that could fail, or an assertion is wrong.
    """
    # What a scenario asks is read once, however many cases it has.
    inherited: dict[tuple[str | None, str | None], tuple[Check, ...]] = {}
    # And so is what several cases ask in the same words.
    known: dict[bytes, Check] = {}
    planned: list[Planned] = []
    for case in chosen(cases, select):
        place = (case.feature, case.scenario)
        if place not in inherited:
            inherited[place] = _inherited(suite, case)
        planned.append(_with_own(case, inherited[place], known))
    return tuple(planned)


def without_judges(planned: Sequence[Planned]) -> tuple[Planned, ...]:
    """What is left where no judge is asked: a case of which nothing else is asked is left out.

    Raises:
        Unasked: Nothing is.
    """
    rest = tuple(
        Planned(one.case, checks)
        for one in planned
        if (checks := tuple(it for it in one.checks if not isinstance(it.assertion, JudgeScorer)))
    )
    if not rest:
        raise Unasked(
            "Without judges nothing is asked of any case that is selected.",
            next_step="Give the cases an assertion that needs no model, or ask the judges.",
        )
    return rest


def chosen(cases: tuple[Case, ...], select: str = "") -> tuple[Case, ...]:
    """Those of the cases that a run asks.

    Raises:
        Unasked: There is none.
    """
    if len(select) > _LONGEST_SELECT:
        raise Refusal(f"select is longer than {_LONGEST_SELECT} characters.", next_step=EXAMPLE)
    counted = tuple(case for case in cases if not case.candidate)
    found = tuple(case for case in counted if selected(case, select))
    if not found:
        if len(counted) < len(cases) and not counted:
            raise Unasked(
                f"Each of the {len(cases)} cases is a candidate, which no run counts.",
                next_step="A person reads them: `regrade accept SUITE`.",
            )
        if counted:
            raise Unasked(
                f"None of the {len(counted)} cases is selected by {select!r}.",
                next_step="overview with the suite's name lists its features, scenarios and tags.",
            )
        raise Unasked(
            "The suite has no case yet.",
            next_step="file_case files one from a trace; or write one by hand, "
            "`regrade schema case` says how.",
        )
    return found


def program(spec: TargetSpec) -> str:
    """Which program a target's name stands for: what it is and is given, not how long it may take.

    Environments are told apart by their fingerprint alone, since one may hold a key.
    """
    told = spec.model_dump(mode="json", exclude={"timeout_s", "files"})
    # What was measured before a target could say these is of the same program.
    if isinstance(spec, HttpTarget):
        told["http"] = {key: value for key, value in told["http"].items() if value is not None}
    return fingerprint({key: value for key, value in told.items() if key != "returns" or value})


def scored(spec: TargetSpec) -> str:
    """Which stored answers a target scores that runs nothing; empty where it runs a program."""
    return spec.recorded if isinstance(spec, RecordedTarget) else ""


def files_of(spec: TargetSpec) -> tuple[str, ...] | None:
    """Patterns of the files that the program of ``spec`` is made of; None where any may be."""
    if isinstance(spec, RecordedTarget | PromptTarget):
        # No program of the repository answers: see ``RecordingFiles.program``.
        return ()
    return spec.files


def planned_case(suite: Suite, case: Case) -> Planned:
    """One case with its checks; a refusal names the place of what is wrong."""
    return _with_own(case, _inherited(suite, case), {})


def _inherited(suite: Suite, case: Case) -> tuple[Check, ...]:
    """What the suite, the feature and the scenario of ``case`` ask."""
    return tuple(check for where, specs in levels(suite, case) for check in _read(where, specs))


def levels(suite: Suite, case: Case) -> tuple[tuple[str, tuple[Spec, ...]], ...]:
    """The suite, the feature and the scenario of ``case``, each with what it asks.

    Raises:
        Refusal: The suite has no such feature or scenario.
    """
    if case.scenario and not case.feature:
        raise Refusal(
            f"The case {case.id} has the scenario {case.scenario!r} and no feature.",
            next_step="A scenario is one of a feature: name it, too.",
        )
    feature = suite.features.get(case.feature or "")
    if case.feature and feature is None and suite.features:
        raise _misplaced("feature", case.feature, suite.features, case)
    scenario = feature.scenarios.get(case.scenario or "") if feature else None
    if case.scenario and scenario is None and feature and feature.scenarios:
        raise _misplaced("scenario", case.scenario, feature.scenarios, case)
    return (
        ("the suite", suite.assertions),
        (f"feature {case.feature}", feature.assertions if feature else ()),
        (f"scenario {case.scenario}", scenario.assertions if scenario else ()),
    )


def _with_own(
    case: Case, inherited: tuple[Check, ...], known: MutableMapping[bytes, Check]
) -> Planned:
    checks = (*inherited, *_read(f"case {case.id}", case.assertions, known))
    # The same assertion may stand in a scenario and in its case; it is asked once.
    distinct = {check.fingerprint: check for check in checks}
    if not distinct:
        raise bare(case)
    return Planned(case, tuple(distinct.values()))


def bare(case: Case) -> Refusal:
    """The refusal of a case of which nothing is asked."""
    rest = (
        f" Or leave such cases out: `regrade run SUITE --select=-tag:{UNASSERTED}`; a gate takes "
        f"`select` from a profile alone: `profiles: {{pr: {{select: -tag:{UNASSERTED}}}}}` in "
        "evals/regrade.yaml, then `regrade gate SUITE --profile pr`."
    )
    return Refusal(
        f"The case {case.id} has no assertion, so nothing of it could fail.",
        next_step="Give it one, or its scenario, feature or suite."
        f"{rest if UNASSERTED in case.tags else ''}",
    )


def _misplaced(what: str, name: str, valid: Iterable[str], case: Case) -> Refusal:
    return unknown(
        what, name, valid, next_step=f"Name one of these in {case.id}, or add it to the suite."
    )


def _read(
    where: str, specs: tuple[Spec, ...], known: MutableMapping[bytes, Check] | None = None
) -> tuple[Check, ...]:
    try:
        return parse_all(specs, programs=True, known=known)
    except Refusal as refusal:
        raise Refusal(f"In {where}: {refusal.problem}", next_step=refusal.next_step) from None
