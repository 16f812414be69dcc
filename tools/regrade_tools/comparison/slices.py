"""The parts of a suite, each with its own rate: by feature and scenario, and by tag."""

from collections import Counter
from dataclasses import dataclass

from regrade_tools.comparison.standing import Standing
from regrade_tools.models import Scheduled
from regrade_tools.runs.running import pass_rate
from regrade_tools.suites.selection import selected


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a suite, as it stands and as it stood.

    ``fixed`` and ``broken`` count the cases in both that failed before and pass now, or the
    other way round; ``change`` is their balance as a share of the cases that both decided.
    """

    name: str
    passed: int
    failed: int
    errored: int
    pass_rate: float | None
    baseline_rate: float | None = None
    fixed: int = 0
    broken: int = 0
    change: float = 0.0


def slice_of(select: str, found: Standing, baseline: Standing | None) -> Slice:
    """The part that ``select`` selects, or the whole where it is empty.

    A case is where it is now; one that is gone is where the baseline had it.
    """
    now = [case_id for case_id in found.outcomes if selected(found.cases[case_id], select)]
    if baseline is None:
        return _slice(select, now, [], found, found)
    before = [
        case_id
        for case_id in baseline.outcomes
        if selected(found.cases.get(case_id, baseline.cases[case_id]), select)
    ]
    return _slice(select, now, before, found, baseline)


def slices(found: Standing, baseline: Standing | None) -> list[Slice]:
    """Each feature with its scenario, then each tag: the worst first among either."""
    now, before = _members(found, found), _members(baseline or found, found)
    parts = [
        _slice(name, ids, before.get(name, []) if baseline else [], found, baseline or found)
        for name, ids in now.items()
    ]
    return sorted(parts, key=lambda part: (part.name.startswith("tag:"), part.change, part.name))


def _members(held: Standing, found: Standing) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for case_id in held.outcomes:
        for name in _names(found.cases.get(case_id, held.cases[case_id])):
            members.setdefault(name, []).append(case_id)
    return members


def _names(case: Scheduled) -> list[str]:
    place = [("feature", case.feature), ("scenario", case.scenario)]
    told = " ".join(f"{key}:{value}" for key, value in place if value)
    return [told or "(no feature)", *(f"tag:{tag}" for tag in case.tags)]


def _slice(
    name: str, now: list[str], before: list[str], found: Standing, baseline: Standing
) -> Slice:
    counted = Counter(found.outcomes[case_id] for case_id in now)
    pairs = Counter(
        (baseline.outcomes[case_id], found.outcomes[case_id])
        for case_id in before
        if case_id in found.outcomes
    )
    fixed, broken = pairs["failed", "passed"], pairs["passed", "failed"]
    both = fixed + broken + pairs["passed", "passed"] + pairs["failed", "failed"]
    return Slice(
        name=name,
        passed=counted["passed"],
        failed=counted["failed"],
        errored=counted["errored"],
        pass_rate=pass_rate(found.outcomes[case_id] for case_id in now),
        baseline_rate=pass_rate(baseline.outcomes[case_id] for case_id in before),
        fixed=fixed,
        broken=broken,
        change=(fixed - broken) / both if both else 0.0,
    )
