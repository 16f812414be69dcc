"""Whether a change may be merged: standing, baseline and policy -> a decision with reasons."""

from dataclasses import dataclass
from typing import Literal

from regrade_tools.comparison import Comparison, Standing, compare
from regrade_tools.models import GatePolicy

Decision = Literal["green", "red", "undecided"]

CRITICAL = "critical"
# Rates are quotients: a drop of exactly the limit must not fail by a rounding error.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gate says. ``reasons`` say why it is red or undecided; rates are 0 to 1."""

    decision: Decision
    reasons: list[str]
    pass_rate: float | None
    passed: int
    failed: list[str]
    errored: list[str]
    baseline_rate: float | None
    comparison: Comparison | None


def rule(found: Standing, baseline: Standing | None, policy: GatePolicy) -> Ruling:
    """Decide. A failure that may not be is red, whatever could not be measured beside it.

    Where nothing is red but too much is errored the gate is undecided, which is never green.
    Without a baseline and without a minimum every decided case must pass.
    """
    comparison = compare(baseline, found) if baseline else None
    if comparison and baseline and baseline.policy:
        comparison.loosened.extend(_relaxed(baseline.policy, policy))
    red = _red(found, baseline, policy)
    if policy.strict and comparison:
        red.extend(f"broken since the baseline: {case_id}" for case_id in comparison.broken)
        red.extend(f"loosened since the baseline: {line}" for line in comparison.loosened)
    undecided = _undecided(found, policy)
    return Ruling(
        decision="red" if red else "undecided" if undecided else "green",
        reasons=[*red, *undecided],
        pass_rate=found.pass_rate,
        passed=len(found.with_outcome("passed")),
        failed=found.with_outcome("failed"),
        errored=found.with_outcome("errored"),
        baseline_rate=baseline.pass_rate if baseline else None,
        comparison=comparison,
    )


def _relaxed(was: GatePolicy, now: GatePolicy) -> list[str]:
    """What the policy allows now and did not when the baseline was written."""
    changes = {
        "max_drop": (was.max_drop, now.max_drop, now.max_drop > was.max_drop),
        "max_errored": (was.max_errored, now.max_errored, now.max_errored > was.max_errored),
        "min_pass_rate": (
            was.min_pass_rate,
            now.min_pass_rate,
            (now.min_pass_rate or 0) < (was.min_pass_rate or 0),
        ),
        "strict": (was.strict, now.strict, was.strict and not now.strict),
    }
    return [
        f"the gate's {name} was {before} and is {after}"
        for name, (before, after, relaxed) in changes.items()
        if relaxed
    ]


def _red(found: Standing, baseline: Standing | None, policy: GatePolicy) -> list[str]:
    reasons = [
        f"the critical case {case_id} failed"
        for case_id in found.with_outcome("failed")
        if CRITICAL in found.cases[case_id].tags
    ]
    rate = found.pass_rate
    if rate is None:
        return reasons
    before = baseline.pass_rate if baseline else None
    # A baseline in which nothing was decided says nothing about what may fail.
    least = 1.0 if policy.min_pass_rate is None and before is None else policy.min_pass_rate
    if least is not None and rate < least - _ROUNDING:
        without = "" if policy.min_pass_rate is not None else " (there is no baseline)"
        reasons.append(f"the pass rate is {rate:.1%}, below {least:.1%}{without}")
    if before is not None and before - rate > policy.max_drop + _ROUNDING:
        reasons.append(
            f"the pass rate fell from {before:.1%} to {rate:.1%}, "
            f"by more than {policy.max_drop * 100:g} points"
        )
    return reasons


def _undecided(found: Standing, policy: GatePolicy) -> list[str]:
    errored = found.with_outcome("errored")
    reasons = [
        f"the critical case {case_id} could not be measured"
        for case_id in errored
        if CRITICAL in found.cases[case_id].tags
    ]
    if len(errored) > policy.max_errored:
        reasons.append(
            f"{len(errored)} of {len(found.outcomes)} cases could not be measured "
            f"({policy.max_errored} may be)"
        )
    elif found.pass_rate is None:
        reasons.append("no case was decided")
    return reasons
