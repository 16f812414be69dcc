"""Whether a run that was interrupted can go on where it stood, and what it still has to ask."""

from collections.abc import Sequence

from regrade_tools.models import CaseResult, RecordedTarget, Run, RunState, Scheduled, TargetSpec
from regrade_tools.planning import program
from regrade_tools.refusal import Refusal

_ANEW = "Start a new run: a rate over two different things would mean nothing."

Answered = frozenset[tuple[str, int]]


def measured(results: Sequence[CaseResult]) -> Answered:
    """The cases and trials that have their result already."""
    return frozenset((result.case_id, result.trial) for result in results)


def make_resumable(
    run: Run, state: RunState, spec: TargetSpec, cases: Sequence[Scheduled], commit: str
) -> None:
    """Make sure that ``run`` can go on with the files as they are now.

    Raises:
        Refusal: It has ended or is under way, or something it measures has changed.
    """
    if state != "interrupted":
        raise Refusal(
            f"{run.id} is {state}, and only an interrupted run is resumed.",
            next_step=f'get_run("{run.id}") shows it; run_suite without resume measures anew.',
        )
    if run.program != program(spec):
        raise Refusal(f"The target {run.target} has changed since {run.id} began.", next_step=_ANEW)
    # What is stored is scored whatever the program is now.
    if not isinstance(spec, RecordedTarget) and run.commit.rstrip("+") != commit.rstrip("+"):
        raise Refusal(
            f"{run.id} measured commit {run.commit or 'none'}, and this is {commit or 'none'}.",
            next_step=_ANEW,
        )
    before, now = {case.id: case for case in run.cases}, {case.id: case for case in cases}
    other = sorted(
        case_id for case_id in before.keys() | now.keys() if before.get(case_id) != now.get(case_id)
    )
    if other:
        raise Refusal(
            f"{len(other)} cases have changed since {run.id} began, such as {other[0]}.",
            next_step=_ANEW,
        )
