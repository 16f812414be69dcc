"""Whether a change may be merged: standing, baseline and policy -> a decision with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from regrade_tools.comparison.comparison import CRITICAL, Comparison
from regrade_tools.comparison.slices import Slice, slice_of
from regrade_tools.comparison.standing import Standing
from regrade_tools.models import GatePolicy
from regrade_tools.suites.selection import selected
from regrade_tools.texts.plaintext import counted, listed

Decision = Literal["ship", "hold", "needs_review", "insufficient_evidence"]

# Rates are quotients: a drop of exactly the limit must not fail by a rounding error.
_ROUNDING = 1e-9
_NAMED = 10
# A change that chance alone would bring about less often than this is told.
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gate says. ``reasons`` made the decision, ``also`` speaks for a milder one.

    Rates are 0 to 1. ``accepted`` is what a person said who let through what needed a review.
    """

    decision: Decision
    reasons: list[str]
    pass_rate: float | None
    passed: int
    failed: list[str]
    errored: list[str]
    also: list[str] = field(default_factory=list[str])
    accepted: str | None = None
    baseline_rate: float | None = None
    comparison: Comparison | None = None


def rule(  # noqa: PLR0913 - all that a decision rests on
    found: Standing,
    baseline: Standing | None,
    comparison: Comparison | None,
    policy: GatePolicy,
    *,
    accepted: str = "",
    unfinished: str = "",
    beside: Sequence[str] = (),
) -> Ruling:
    """Decide. A failure that may not be holds, whatever could not be measured beside it.

    Else, where too little was measured, there is not enough evidence, which never ships. Else,
    where something was loosened or flaps, a person must look, and says so by ``accepted``; a
    strict policy holds it for good. ``unfinished`` says why a run did not come to its end;
    what is ``beside`` decides nothing, and a reviewer is told of it.
    Without a baseline and without a minimum every decided case must pass.
    """
    hold = _hold(found, baseline, comparison, policy)
    lacking = [
        *([unfinished] if unfinished else []),
        *_lacking(found, baseline, comparison, policy),
    ]
    review = _review(found, baseline, comparison)
    if policy.strict:
        hold, review = [*hold, *review], []
    weighed: list[tuple[Decision, list[str]]] = [
        ("hold", hold),
        ("insufficient_evidence", lacking),
        ("needs_review", [] if accepted else review),
        ("ship", []),
    ]
    decision, reasons = next((each for each in weighed if each[1]), weighed[-1])
    return Ruling(
        decision=decision,
        reasons=reasons,
        pass_rate=found.pass_rate,
        passed=len(found.with_outcome("passed")),
        failed=found.with_outcome("failed"),
        errored=found.with_outcome("errored"),
        also=[
            *(line for told in (lacking, review) if told is not reasons for line in told),
            *_let(found, baseline, policy),
            *beside,
        ],
        accepted=accepted if accepted and review else None,
        baseline_rate=baseline.pass_rate if baseline else None,
        comparison=comparison,
    )


def _hold(
    found: Standing, baseline: Standing | None, comparison: Comparison | None, policy: GatePolicy
) -> list[str]:
    reasons = [
        f"the critical case {case_id} failed"
        for case_id in found.with_outcome("failed")
        if CRITICAL in found.cases[case_id].tags
    ]
    broken = comparison.broken if comparison else []
    if len(broken) > policy.max_broken:
        fail = "fails" if len(broken) == 1 else "fail"
        may = f" ({policy.max_broken} may)" if policy.max_broken else ""
        reasons.append(
            f"{_cases(broken)} passed in the baseline and now {fail}{may}: {listed(broken, _NAMED)}"
        )
    before = baseline.pass_rate if baseline else None
    # A baseline in which nothing was decided says nothing about what may fail.
    least = 1.0 if policy.min_pass_rate is None and before is None else policy.min_pass_rate
    without = "" if policy.min_pass_rate is not None else " (there is no baseline)"
    whole = slice_of("", found, baseline)
    reasons.extend(f"{told}{without}" for told in _below(whole, least))
    fresh = _fresh(found, baseline)
    reasons.extend(_fallen(whole, policy.max_drop, fresh))
    for key, asked in policy.slices.items():
        part = slice_of(key, found, baseline)
        flaws = _below(part, asked.min_pass_rate)
        if asked.max_drop is not None:
            inside = [case_id for case_id in fresh if selected(found.cases[case_id], key)]
            flaws += _fallen(part, asked.max_drop, inside)
        reasons.extend(f"in {key}, {flaw}" for flaw in flaws)
    return reasons


def _let(found: Standing, baseline: Standing | None, policy: GatePolicy) -> list[str]:
    """What may fail by the gate's own terms alone, since there is nothing to compare with."""
    failed = found.with_outcome("failed")
    if not failed or policy.min_pass_rate is None or (baseline and baseline.pass_rate is not None):
        return []
    fail = "fails" if len(failed) == 1 else "fail"
    may = f"as a min_pass_rate of {policy.min_pass_rate:.1%} lets some where there is no baseline"
    return [f"{_cases(failed)} {fail}, {may}: {listed(failed, _NAMED)}"]


def _below(part: Slice, least: float | None) -> list[str]:
    if part.pass_rate is None or least is None or part.pass_rate >= least - _ROUNDING:
        return []
    return [f"the pass rate is {part.pass_rate:.1%}, below {least:.1%}"]


def _fresh(found: Standing, baseline: Standing | None) -> list[str]:
    """The cases that fail and of which the baseline decided nothing."""
    before = baseline.outcomes if baseline else {}
    failed = found.with_outcome("failed")
    return [case_id for case_id in failed if before.get(case_id, "errored") == "errored"]


def _fallen(part: Slice, allowed: float, fresh: list[str]) -> list[str]:
    """Why the rate fell too far: over all cases, or else over those that both have decided.

    Over all alone, a case that failed could be removed to make room for one that breaks. Where
    none broke and ``fresh`` ones fail, nothing got worse: the product is asked for more.
    """
    if part.pass_rate is None or part.baseline_rate is None:
        return []
    limit = f"by more than {allowed * 100:g} points"
    if part.baseline_rate - part.pass_rate > allowed + _ROUNDING:
        rates = f"from {part.baseline_rate:.1%} to {part.pass_rate:.1%}"
        if fresh and not part.broken:
            fail = "new case fails" if len(fresh) == 1 else "new cases fail"
            told = f"{len(fresh)} {fail}, and no case fell: {listed(fresh, _NAMED)}"
            return [f"{told} (with this the pass rate goes {rates}, {limit})"]
        return [f"the pass rate fell {rates}, {limit}"]
    if -part.change > allowed + _ROUNDING:
        points = f"{-part.change * 100:.1f} points"
        return [f"the pass rate of the cases in both fell by {points}, {limit}"]
    return []


def _lacking(
    found: Standing,
    baseline: Standing | None,
    comparison: Comparison | None,
    policy: GatePolicy,
) -> list[str]:
    errored = found.with_outcome("errored")
    decided = len(found.outcomes) - len(errored)
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
    elif not decided:
        reasons.append("no case was decided")
    if 0 < decided < policy.min_cases:
        reasons.append(f"{counted(decided, 'case')} decided, fewer than {policy.min_cases}")
    # Where nothing was measured before, no evidence is missing: every case must pass.
    compared = baseline is not None and not baseline.unmeasured
    if compared and comparison and decided and comparison.difference is None:
        reasons.append("no case that was decided is in the baseline")
    reasons.extend(
        f"in {key}, no case was decided"
        for key in policy.slices
        if (part := slice_of(key, found, None)).errored and part.pass_rate is None
    )
    return reasons


def _review(found: Standing, baseline: Standing | None, comparison: Comparison | None) -> list[str]:
    if baseline is None or comparison is None:
        return []
    reasons: list[str] = []
    flapping = [
        case_id
        for case_id in comparison.flaky
        if found.outcomes[case_id] == "failed"
        and not (case_id in found.flaky and case_id in baseline.flaky)
    ]
    if flapping:
        reasons.append(f"{_cases(flapping)} flaky since the baseline: {listed(flapping, _NAMED)}")
    if comparison.loosening:
        reasons.append(f"loosened since the baseline: {comparison.loosening}")
    # What may have been loosened since, nobody can tell.
    reasons.extend(baseline.doubts)
    change = comparison.difference
    if change and change.change < 0 and change.p_value < _SIGNIFICANT:
        reasons.append(
            f"{counted(change.broken, 'case')} got worse and {change.fixed} better, "
            f"which is not chance (p = {change.p_value:.2g})"
        )
    return reasons


def _cases(ids: list[str]) -> str:
    return f"{len(ids)} {'case' if len(ids) == 1 else 'cases'}"
