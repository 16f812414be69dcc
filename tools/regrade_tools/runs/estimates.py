"""What a run would ask, and what it may cost and take, by the last one of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from regrade_tools.assertions import JudgeScorer
from regrade_tools.models import CaseResult, StoredRun
from regrade_tools.runs.recordings import Replay
from regrade_tools.suites.planning import Planned

# Further back a program is seldom what it is now.
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would do, before it does: ``answers`` to be asked for, cases times trials.

    ``judgements`` are those of judges, at most: what one said of the same answer is replayed, and
    in a replay no model is asked. The cost in dollars is that of the answers, not of judges; where
    a case was in the run that it is ``based_on``, its own counts, else the mean. None where no run
    can tell.
    """

    cases: int
    trials: int
    answers: int
    judgements: int
    cost_usd: float | None = None
    duration_s: float | None = None
    based_on: str | None = None


def estimate(
    planned: Sequence[Planned],
    trials: int,
    replay: Replay,
    last: StoredRun | None,
    results: Sequence[CaseResult],
) -> Estimate:
    """What ``planned`` would come to; ``results`` are those of the run that was the ``last``."""
    asked = [
        one.case.id
        for one in planned
        for trial in range(1, trials + 1)
        if replay.find(one.case, trial) is None
    ]
    judges = sum(
        isinstance(check.assertion, JudgeScorer) for one in planned for check in one.checks
    )
    measured = [one for one in results if not one.error and not one.replayed]
    took = None
    if last is not None and last.end is not None and measured:
        took = (last.end.finished_at - last.run.started_at) / len(results) * len(asked)
    return Estimate(
        cases=len(planned),
        trials=trials,
        answers=0 if replay.mode == "replay" else len(asked),
        judgements=0 if replay.verdicts.only else judges * trials,
        cost_usd=0.0 if replay.mode == "replay" else _cost(asked, measured),
        duration_s=None if took is None else round(took, 1),
        based_on=last.run.id if last is not None and measured else None,
    )


def _cost(asked: Sequence[str], measured: Sequence[CaseResult]) -> float | None:
    costs: dict[str, list[float]] = {}
    for one in measured:
        if one.cost_usd is not None:
            costs.setdefault(one.case_id, []).append(one.cost_usd)
    if not costs:
        return None
    mean = fmean(cost for each in costs.values() for cost in each)
    return round(sum(fmean(costs[case]) if case in costs else mean for case in asked), 6)
