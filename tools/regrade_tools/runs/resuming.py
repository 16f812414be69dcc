"""Whether a run that was interrupted can go on where it stood, and what it still has to ask."""

from collections.abc import Mapping, Sequence

from regrade_tools.models import CaseResult, Run, RunState, Scheduled, StoredRun, TargetSpec
from regrade_tools.models.run import told_state
from regrade_tools.refusal import Refusal
from regrade_tools.suites.planning import files_of
from regrade_tools.texts.plaintext import counted

_ANEW = "Start a new run: a rate over two different things would mean nothing."

Answered = frozenset[tuple[str, int]]


def measured(results: Sequence[CaseResult]) -> Answered:
    """The cases and trials that have their result already."""
    return frozenset((result.case_id, result.trial) for result in results)


def make_resumable(
    stored: StoredRun, state: RunState, spec: TargetSpec, now: Run, since_committed: str
) -> None:
    """Make sure that a run can go on; ``now`` is what it would be if it began now.

    Raises:
        Refusal: It has ended or is under way, or something it measures has changed.
    """
    run = stored.run
    if state != "interrupted":
        ended = told_state(state, stored.end.problem if stored.end else None)
        raise Refusal(
            f"{run.id} is {ended}, and only an interrupted run is resumed.",
            next_step=f'get_run("{run.id}") shows it; run_suite without resume measures anew.',
        )
    if run.program != now.program:
        raise Refusal(f"The target {run.target} has changed since {run.id} began.", next_step=_ANEW)
    # Where it is told what the program is made of, those files say whether it has changed.
    if files_of(spec) is None and run.commit.rstrip("+") != now.commit.rstrip("+"):
        raise Refusal(
            f"{run.id} measured commit {run.commit or 'none'}, and this is {now.commit or 'none'}.",
            next_step=_ANEW,
        )
    if edited := edited_since(run, now.sources, now.scorers, since_committed):
        raise Refusal(f"{edited[0].upper()}{edited[1:]} since {run.id} began.", next_step=_ANEW)
    if other := other_cases(run.cases, now.cases):
        raise Refusal(
            f"{counted(len(other), 'case')} changed since {run.id} began, such as {other[0]}.",
            next_step=_ANEW,
        )


def other_cases(then: Sequence[Scheduled], now: Sequence[Scheduled]) -> list[str]:
    """The ids of the cases that are in one of them alone, or not the same in both."""
    before, after = {case.id: case for case in then}, {case.id: case for case in now}
    ids = before.keys() | after.keys()
    return sorted(case_id for case_id in ids if before.get(case_id) != after.get(case_id))


def edited_since(run: Run, sources: str, scorers: Mapping[str, str], since_committed: str) -> str:
    """What of the repository is not what it was when ``run`` began; empty where nothing is.

    The commit does not tell: files may have been edited without one, before or since. Which of
    them are not as they were committed, ``since_committed``, is the best clue to what it was.
    """
    if run.sources and run.sources != sources:
        return f"files of the repository that {run.target} may be made of changed{since_committed}"
    other = [name for name, source in run.scorers.items() if scorers.get(name) != source]
    return f"what stands behind {other[0]} changed" if other else ""
