"""A suite and its cases -> what a run has to do, with everything checked before it starts."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from regrade_tools.assertions import Check, parse_all
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Case, Scheduled, Suite
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal, unknown

_SELECTORS = ("tag", "feature", "scenario", "id")
_SELECT = "Example: tag:critical scenario:one -id:case_x*"
_LONGEST_SELECT = 2_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A case with everything that must hold of its answer: the suite's, the scenario's, its own."""

    case: Case
    checks: tuple[Check, ...]

    @property
    def scheduled(self) -> Scheduled:
        """The case as a run keeps it."""
        return Scheduled(
            id=self.case.id,
            feature=self.case.feature or "",
            scenario=self.case.scenario or "",
            tags=self.case.tags,
            input=fingerprint(self.case.input),
            checks=tuple(check.fingerprint for check in self.checks),
        )


def plan(suite: Suite, cases: tuple[Case, ...], select: str = "") -> tuple[Planned, ...]:
    """What a run of ``suite`` asks and checks.

    Args:
        suite: The suite.
        cases: Its cases.
        select: Which of them: ``tag:critical scenario:one -id:case_x*``; all where it is empty.

    Raises:
        Refusal: Nothing is selected, a case has nothing that could fail, or an assertion is wrong.
    """
    if len(select) > _LONGEST_SELECT:
        raise Refusal(f"select is longer than {_LONGEST_SELECT} characters.", next_step=_SELECT)
    # What a scenario asks is read once, however many cases it has.
    inherited: dict[tuple[str | None, str | None], tuple[Check, ...]] = {}
    planned: list[Planned] = []
    for case in cases:
        if _selected(case, select):
            place = (case.feature, case.scenario)
            if place not in inherited:
                inherited[place] = _inherited(suite, case)
            planned.append(_with_own(case, inherited[place]))
    if not planned:
        if cases:
            raise Refusal(
                f"None of the {len(cases)} cases is selected by {select!r}.",
                next_step="overview with the suite's name lists its features, scenarios and tags.",
            )
        raise Refusal(
            "The suite has no case yet.",
            next_step="file_case files one from a trace; or write one by hand, "
            "`regrade schema case` says how.",
        )
    return tuple(planned)


def planned_case(suite: Suite, case: Case) -> Planned:
    """One case with its checks; a refusal names the place of what is wrong."""
    return _with_own(case, _inherited(suite, case))


def _inherited(suite: Suite, case: Case) -> tuple[Check, ...]:
    """What the suite, the feature and the scenario of ``case`` ask."""
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
        *_read("the suite", suite.assertions),
        *_read(f"feature {case.feature}", feature.assertions if feature else ()),
        *_read(f"scenario {case.scenario}", scenario.assertions if scenario else ()),
    )


def _with_own(case: Case, inherited: tuple[Check, ...]) -> Planned:
    checks = (*inherited, *_read(f"case {case.id}", case.assertions))
    # The same assertion may stand in a scenario and in its case; it is asked once.
    distinct = {check.fingerprint: check for check in checks}
    if not distinct:
        raise Refusal(
            f"The case {case.id} has no assertion, so nothing of it could fail.",
            next_step="Give it one, or its scenario, feature or suite.",
        )
    return Planned(case, tuple(distinct.values()))


def _misplaced(what: str, name: str, valid: Iterable[str], case: Case) -> Refusal:
    return unknown(
        what, name, valid, next_step=f"Name one of these in {case.id}, or add it to the suite."
    )


def _read(where: str, specs: tuple[Spec, ...]) -> tuple[Check, ...]:
    try:
        return parse_all(specs)
    except Refusal as refusal:
        raise Refusal(f"In {where}: {refusal.problem}", next_step=refusal.next_step) from None


def _selected(case: Case, select: str) -> bool:
    return all(_fits(case, term) for term in select.split())


def _fits(case: Case, term: str) -> bool:
    negated, bare = term.startswith("-"), term.removeprefix("-")
    key, colon, pattern = bare.partition(":")
    if not colon:
        key, pattern = "id", bare
    if key not in _SELECTORS:
        raise unknown("selector", key, _SELECTORS, next_step=_SELECT)
    values = {
        "tag": case.tags,
        "feature": (case.feature or "",),
        "scenario": (case.scenario or "",),
        "id": (case.id,),
    }[key]
    return any(fnmatchcase(value, pattern) for value in values) != negated
