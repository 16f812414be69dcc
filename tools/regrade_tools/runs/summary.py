"""A run in figures: how many cases ended how, in all and in each scenario."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from regrade_tools.comparison.standing import Standing
from regrade_tools.models import Outcome, Run, RunState, StoredRun, Trial
from regrade_tools.runs.measures import Measures, measures
from regrade_tools.runs.trials import Trials, trials_of
from regrade_tools.texts.clipping import size

_PLACES = 4_000


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases ended how: errored is not failed."""

    passed: int
    failed: int
    errored: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures, by case; ``answers`` counts trials. The rate is passed / decided.

    ``not_asked`` are those of which an answer is still missing; they have not errored.
    """

    run_id: str
    name: str
    suite: str
    target: str
    state: RunState | Literal["planned"]
    cases: int
    passed: int
    failed: int
    errored: int
    pass_rate: float | None
    answers: int
    # How many of the answers are recordings of earlier ones.
    replayed: int
    by_scenario: dict[str, Counts]
    # And of the verdicts of judges.
    verdicts_replayed: int | None = None
    trials: Trials | None = None
    took: Measures | None = None
    not_asked: int | None = None
    problem: str | None = None


def summary(
    stored: StoredRun, state: RunState, found: Standing, trials: Sequence[Trial]
) -> Summary:
    """``stored`` in figures."""
    counted = Counter(found.asked.values())
    rate = found.pass_rate
    return Summary(
        run_id=stored.run.id,
        name=stored.run.name,
        suite=stored.run.suite,
        target=stored.run.target,
        state=state,
        cases=len(stored.run.cases),
        passed=counted["passed"],
        failed=counted["failed"],
        errored=counted["errored"],
        pass_rate=None if rate is None else round(rate, 4),
        answers=stored.done,
        replayed=sum(one.replayed for one in trials),
        by_scenario=_grid(found),
        verdicts_replayed=sum(one.verdicts_replayed for one in trials) or None,
        trials=trials_of(stored.run, trials),
        took=measures(trials),
        not_asked=len(found.unasked) or None,
        problem=(stored.end.problem or None) if stored.end else None,
    )


def planned(run: Run) -> Summary:
    """A run that was not started, in figures."""
    return Summary(
        run_id="",
        name="",
        suite=run.suite,
        target=run.target,
        state="planned",
        cases=len(run.cases),
        passed=0,
        failed=0,
        errored=0,
        pass_rate=None,
        answers=0,
        replayed=0,
        by_scenario={},
    )


def _grid(found: Standing) -> dict[str, Counts]:
    """The outcomes of each feature / scenario; of too many the worst, and the rest together."""
    ended: Counter[tuple[str, Outcome]] = Counter(
        (found.cases[case_id].place, outcome) for case_id, outcome in found.asked.items()
    )
    counted: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for (place, outcome), number in ended.items():
        counted[place or "(none)"][outcome] = number
    told = {place: _counts(counted[place]) for place in sorted(counted)}
    if size({place: asdict(counts) for place, counts in told.items()}) <= _PLACES:
        return told
    worst = sorted(told, key=lambda place: (-told[place].failed, -told[place].errored))
    kept: list[str] = []
    room = _PLACES
    for place in worst:
        room -= size({place: asdict(told[place])})
        if room < 0:
            break
        kept.append(place)
    rest = worst[len(kept) :]
    together = sum((counted[place] for place in rest), Counter[Outcome]())
    return {
        **{place: told[place] for place in kept},
        f"... {len(rest):,} more, none worse": _counts(together),
    }


def _counts(outcomes: Counter[Outcome]) -> Counts:
    return Counts(outcomes["passed"], outcomes["failed"], outcomes["errored"])
