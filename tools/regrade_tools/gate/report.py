"""What the gate tells: its ruling, the run it is about, and every case and part of the suite."""

from collections.abc import Callable
from dataclasses import dataclass

from regrade_tools.comparison.slices import Slice
from regrade_tools.comparison.standing import Standing
from regrade_tools.gate.decision import Ruling
from regrade_tools.models import CaseResult, Outcome
from regrade_tools.runs.cards import Card
from regrade_tools.runs.summary import Summary
from regrade_tools.texts.clipping import clip

_REASON, _REASONS = 400, 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A case in the report: how it ended, how it stood in the baseline, and why it did not pass."""

    case_id: str
    path: str
    outcome: Outcome
    feature: str | None = None
    scenario: str | None = None
    baseline: Outcome | None = None
    flaky: bool = False
    reasons: list[str] | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class GateReport:
    """The ruling, the run it is about, and the cards of what failed.

    ``cases`` holds every case and ``slices`` every part of the suite, for programs that read on;
    ``baseline`` says what it was compared with, if with anything.
    """

    ruling: Ruling
    summary: Summary
    cards: list[Card]
    profile: str | None
    slices: list[Slice]
    cases: list[Judged]
    baseline: str | None = None


def judged(
    found: Standing,
    before: Standing | None,
    results: tuple[CaseResult, ...],
    path: Callable[[str], str],
) -> list[Judged]:
    """Every case of a run, with the file that holds it."""
    told: dict[str, list[CaseResult]] = {}
    for result in results:
        told.setdefault(result.case_id, []).append(result)
    return [
        Judged(
            case_id=case_id,
            path=path(case_id),
            outcome=outcome,
            feature=found.cases[case_id].feature or None,
            scenario=found.cases[case_id].scenario or None,
            baseline=before.outcomes.get(case_id) if before else None,
            flaky=case_id in found.flaky,
            reasons=_reasons(outcome, told.get(case_id, [])),
            latency_ms=_slowest(told.get(case_id, [])),
        )
        for case_id, outcome in found.outcomes.items()
    ]


def _slowest(results: list[CaseResult]) -> float | None:
    known = [result.latency_ms for result in results if result.latency_ms is not None]
    return max(known, default=None)


def _reasons(outcome: Outcome, results: list[CaseResult]) -> list[str] | None:
    """Why a case ended so, each reason once."""
    if outcome == "passed":
        return None
    told: dict[str, None] = {}
    for result in results:
        if result.outcome == outcome:
            if result.error:
                told[clip(result.error, _REASON)] = None
            flaws = (check.reason for check in result.checks if check.outcome == outcome)
            told.update((clip(flaw, _REASON), None) for flaw in flaws)
    return list(told)[:_REASONS] or ["an answer is missing, or could not be read from the store"]
