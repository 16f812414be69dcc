"""Several runs of one suite side by side: which target does better, at what cost, and where."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

from pydantic import JsonValue

from regrade_tools.comparison.comparison import asked_otherwise, rate_change
from regrade_tools.comparison.paired import Difference
from regrade_tools.comparison.standing import Standing, standing
from regrade_tools.judges.alignment import Interval, Rate
from regrade_tools.models import CaseResult, Outcome, RunState, StoredRun, Trial
from regrade_tools.refusal import Refusal
from regrade_tools.runs.lifecycle import Runs
from regrade_tools.runs.measures import Measures, measures
from regrade_tools.texts.clipping import clip, clip_value

# Of an answer and of a reason: enough to see what sets two targets apart.
_OUTPUT, _REASON = 600, 400

State = Outcome | Literal["flaky", "not asked"]


@dataclass(frozen=True, slots=True)
class Column:
    """How one run came out; ``against`` is its change from the first on the cases of both.

    ``interval`` is of the pass rate over the cases that were decided. ``not_comparable`` tells
    what but the target is not as it was in the first, so that the rates are not of the same thing.
    ``problem`` is why it could not go on.
    """

    run_id: str
    target: str
    state: RunState
    passed: int
    failed: int
    errored: int
    flaky: int
    pass_rate: float | None
    interval: Interval | None
    took: Measures | None = None
    against: Difference | None = None
    not_comparable: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a case ended in a run, what was answered, and the first reason against it.

    Of several trials it is the first one that failed, or else the first.
    """

    state: State
    output: JsonValue = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A case that did not end alike in all runs that asked it: its ending in each, in order."""

    case_id: str
    place: str
    endings: tuple[Ending, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Runs of one suite beside each other; ``alike`` counts the cases that no row is of."""

    suite: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    alike: int


@dataclass(frozen=True)
class Matrices:
    """Where the runs are."""

    runs: Runs

    async def beside(self, run_ids: Sequence[str]) -> Matrix:
        """The runs ``run_ids`` side by side, the first as what the others are held against.

        Raises:
            Refusal: They are fewer than two, of different suites, or one is not there.
        """
        ids = tuple(dict.fromkeys(run_ids))
        if len(ids) < 2:  # noqa: PLR2004 - one is beside nothing
            raise Refusal("Side by side takes two runs or targets, at least.")
        stored = [await self.runs.stored(run_id) for run_id in ids]
        suites = dict.fromkeys(one.run.suite for one in stored)
        if len(suites) > 1:
            raise Refusal(
                f"The runs are of different suites: {', '.join(suites)}.",
                next_step="Only the same cases can tell two targets apart.",
            )
        trials = [await self.runs.store.trials(run_id) for run_id in ids]
        stands = [standing(one.run, ended) for one, ended in zip(stored, trials, strict=True)]
        columns = [
            _column(one, self.runs.state(one), stands[place], trials[place], stands[0])
            for place, one in enumerate(stored)
        ]
        cases = {case.id: case for one in stored for case in one.run.cases}
        apart = {case_id for case_id in cases if _is_apart(stands, case_id)}
        said = [await self._said(run_id, apart) for run_id in ids]
        rows = [
            Row(case_id, case.place, tuple(map(_ending, stands, said, repeat(case_id))))
            for case_id, case in cases.items()
            if case_id in apart
        ]
        return Matrix(next(iter(suites)), tuple(columns), tuple(rows), len(cases) - len(rows))

    async def _said(self, run_id: str, case_ids: AbstractSet[str]) -> dict[str, CaseResult]:
        """What a run has of each of the cases: the first trial that failed, or else the first."""
        found: dict[str, CaseResult] = {}
        for result in await self.runs.store.results(run_id) if case_ids else ():
            if result.case_id not in case_ids:
                continue
            known = found.get(result.case_id)
            if known is None or (known.outcome != "failed" and result.outcome == "failed"):
                found[result.case_id] = result
        return found


def _column(
    stored: StoredRun, state: RunState, found: Standing, trials: Sequence[Trial], first: Standing
) -> Column:
    ended = list(found.asked.values())
    passed, failed = ended.count("passed"), ended.count("failed")
    return Column(
        run_id=stored.run.id,
        target=stored.run.target,
        state=state,
        passed=passed,
        failed=failed,
        errored=ended.count("errored"),
        flaky=len(found.flaky),
        pass_rate=found.pass_rate,
        interval=Rate(passed, passed + failed).interval,
        took=measures(trials),
        against=None if found is first else rate_change(first, found),
        not_comparable=tuple(asked_otherwise(first, found)),
        problem=(stored.end.problem or None) if stored.end else None,
    )


def _is_apart(stands: Sequence[Standing], case_id: str) -> bool:
    return len({_state(found, case_id) for found in stands} - {"not asked"}) > 1


def _state(found: Standing, case_id: str) -> State:
    return "flaky" if case_id in found.flaky else found.asked.get(case_id, "not asked")


def _ending(found: Standing, said: Mapping[str, CaseResult], case_id: str) -> Ending:
    state, result = _state(found, case_id), said.get(case_id)
    if result is None:
        return Ending(state)
    reasons = [result.error, *(one.reason for one in result.checks if one.outcome != "passed")]
    reason = next(filter(None, reasons), None)
    output = clip_value(result.output, _OUTPUT)
    return Ending(state, output, reason and clip(reason, _REASON))
