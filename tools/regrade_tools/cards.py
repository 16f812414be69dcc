"""A run told to an agent: failures first, one card each, cut to size."""

from collections import Counter
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.clipping import clip, clip_value
from regrade_tools.models import Case, CaseResult, Outcome, RunState, StoredRun
from regrade_tools.standing import Standing

_INPUT, _OUTPUT, _REASON = 600, 800, 400


@dataclass(frozen=True, slots=True)
class Card:
    """One answer that failed or errored: what was asked, what came, and why that is wrong."""

    case_id: str
    outcome: Outcome
    reasons: list[str]
    trial: int | None = None
    feature: str | None = None
    scenario: str | None = None
    tags: list[str] | None = None
    input: JsonValue = None
    output: JsonValue = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases ended how: errored is not failed."""

    passed: int
    failed: int
    errored: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures, by case; ``answers`` counts trials. The rate is passed / decided."""

    run_id: str
    name: str
    suite: str
    target: str
    state: RunState
    cases: int
    passed: int
    failed: int
    errored: int
    pass_rate: float | None
    answers: int
    by_scenario: dict[str, Counts]
    problem: str | None = None


def summary(stored: StoredRun, state: RunState, found: Standing) -> Summary:
    """``stored`` in figures; while it runs, cases without all their answers are not counted."""
    counted = Counter(found.outcomes.values())
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
        by_scenario=_grid(found),
        problem=(stored.end.problem or None) if stored.end else None,
    )


def _grid(found: Standing) -> dict[str, Counts]:
    """The outcomes of each feature / scenario."""
    counted: dict[str, Counter[Outcome]] = {}
    for case_id, outcome in found.outcomes.items():
        case = found.cases[case_id]
        place = " / ".join(filter(None, (case.feature, case.scenario))) or "(none)"
        counted.setdefault(place, Counter())[outcome] += 1
    return {
        place: Counts(outcomes["passed"], outcomes["failed"], outcomes["errored"])
        for place, outcomes in sorted(counted.items())
    }


def card(result: CaseResult, case: Case | None, *, several_trials: bool) -> Card:
    """The card of one answer; ``case`` is None where its file is gone."""
    told = [c.reason for c in result.checks if c.outcome == result.outcome and c.reason]
    return Card(
        case_id=result.case_id,
        outcome=result.outcome,
        reasons=[clip(reason, _REASON) for reason in ([result.error] if result.error else told)],
        trial=result.trial if several_trials else None,
        feature=case.feature if case else None,
        scenario=case.scenario if case else None,
        tags=list(case.tags) or None if case else None,
        input=clip_value(case.input, _INPUT) if case else None,
        output=clip_value(result.output, _OUTPUT),
        latency_ms=result.latency_ms,
    )
