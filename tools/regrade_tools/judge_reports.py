"""What a judge said, and how far it is right, told to an agent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.alignment import (
    UNKNOWN_POLICIES,
    Assessment,
    Confusion,
    Estimate,
    Need,
    Rate,
    confusion,
)
from regrade_tools.alignments import Row
from regrade_tools.clipping import clip, clip_value
from regrade_tools.models import Item, Judged, Judgement, Split, Verdict
from regrade_tools.packets import Work

_REASONING, _TEXT = 500, 500
_DIGITS = 4
_FIRST: dict[Judgement, int] = {"fail": 0, "errored": 1, "unknown": 2, "pass": 3}


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with its 95 % interval and the counts it comes from; null where there is none."""

    value: float | None
    low: float | None
    high: float | None
    of: str


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """One judgement. ``place`` is a trace, or a case of a run."""

    item: str
    verdict: Judgement
    place: str | None = None
    reasoning: str | None = None
    problem: str | None = None
    input: JsonValue = None
    output: JsonValue = None


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """A pass rate of the population, corrected by labels, or why there is none."""

    method: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unclipped: float | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Preferred:
    """What a judge prefers. Compare ``longer_wins`` with ``longer_wins_people``."""

    pairs: int
    judged: int
    a_wins: int
    b_wins: int
    ties: int
    win_rate_a: Figure
    flipped: Figure
    first_shown: Figure
    longer_wins: Figure
    longer_wins_people: Figure
    agreement: Figure
    agreement_decided: Figure


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """Verdicts of a judge. ``work`` is handed out where the calling agent is the judge.

    ``raw_rate`` is what the judge says; ``corrected_rate`` what that means by the labels;
    ``labels_only`` what the labels say without any judge.
    """

    judge: str
    fingerprint: str
    state: str
    population: str
    judged: int = 0
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    errored: int = 0
    replayed: int = 0
    cost_usd: float | None = None
    raw_rate: Figure | None = None
    corrected_rate: CorrectedRate | None = None
    labels_only: Figure | None = None
    preference: Preferred | None = None
    verdicts: list[VerdictCard] = field(default_factory=list[VerdictCard])
    next_cursor: str | None = None
    work: Work | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item on which the judge and people differ, with both reasons."""

    item: str
    people: Verdict
    judge: Judgement
    critique: str
    reasoning: str
    trace_id: str | None = None
    input: JsonValue = None
    output: JsonValue = None


@dataclass(frozen=True, slots=True)
class AlignmentReport:
    """A judge against people. Positive is PASS.

    ``comparable`` of ``labels`` rows could be compared. ``agreement`` stands beside ``majority``,
    what always saying the most frequent label would reach, and ``people_kappa``, how far people
    agree with each other. ``policies``: the same under each reading of UNKNOWN. ``looks``: how
    often the test split was looked at. Disagreements of the test split are never shown.
    """

    judge: str
    fingerprint: str
    state: str
    reasons: list[str]
    split: Split
    labels: int
    comparable: int
    unknown: int = 0
    errored: int = 0
    confusion: dict[str, int] | None = None
    tpr: Figure | None = None
    tnr: Figure | None = None
    precision_pass: Figure | None = None
    precision_fail: Figure | None = None
    f1_pass: float | None = None
    f1_fail: float | None = None
    kappa: float | None = None
    mcc: float | None = None
    agreement: float | None = None
    majority: float | None = None
    people_kappa: dict[str, float | None] | None = None
    policies: dict[str, dict[str, float | None]] | None = None
    needs: list[Need] = field(default_factory=list[Need])
    disagreements: list[Disagreement] = field(default_factory=list[Disagreement])
    next_cursor: str | None = None
    looks: int = 0
    previous: dict[str, JsonValue] | None = None
    label_problems: list[str] | None = None
    cost_usd: float | None = None
    work: Work | None = None
    hint: str | None = None


def figure(rate: Rate) -> Figure:
    """A rate as it is told."""
    interval, of = rate.interval, f"{rate.hits} of {rate.n}"
    if interval is None:
        return Figure(None, None, None, of)
    return Figure(_rounded(rate.value), _rounded(interval.low), _rounded(interval.high), of)


def corrected(estimate: Estimate) -> CorrectedRate:
    """An estimate as it is told."""
    interval = estimate.interval
    return CorrectedRate(
        estimate.method,
        _rounded(estimate.value),
        _rounded(interval.low) if interval else None,
        _rounded(interval.high) if interval else None,
        _rounded(estimate.unclipped),
        estimate.why or None,
    )


def ordered(items: Iterable[Item], judged: Mapping[str, Judged]) -> list[Item]:
    """Failing first, then what was not decided."""
    return sorted(items, key=lambda item: (_FIRST[judged[item.key].verdict], item.key))


def verdict_card(item: Item, judged: Judged) -> VerdictCard:
    """One judgement, cut to size; what passed is only named."""
    whole = judged.verdict != "pass"
    return VerdictCard(
        item.key,
        judged.verdict,
        item.place or None,
        clip(judged.reasoning, _REASONING) or None,
        clip(judged.problem, _REASONING) or None,
        clip_value(item.input, _TEXT) if whole else None,
        clip_value(item.output, _TEXT) if whole else None,
    )


def figures(rows: Sequence[Row], own: Confusion) -> dict[str, object]:
    """The metrics of an alignment report, for its constructor."""
    pairs = [row.pair for row in rows]
    return {
        "labels": len(rows),
        "comparable": own.n,
        "unknown": sum(pair.judge == "unknown" for pair in pairs),
        "errored": sum(pair.judge == "errored" for pair in pairs),
        "confusion": {"tp": own.tp, "fn": own.fn, "tn": own.tn, "fp": own.fp},
        "tpr": figure(own.tpr),
        "tnr": figure(own.tnr),
        "precision_pass": figure(own.precision_pass),
        "precision_fail": figure(own.precision_fail),
        "f1_pass": _rounded(own.f1_pass),
        "f1_fail": _rounded(own.f1_fail),
        "kappa": _rounded(own.kappa),
        "mcc": _rounded(own.mcc),
        "agreement": _rounded(own.agreement),
        "majority": _rounded(own.majority),
        "policies": {
            policy: {"tpr": _rounded(found.tpr.value), "tnr": _rounded(found.tnr.value)}
            for policy in UNKNOWN_POLICIES
            if (found := confusion(pairs, policy)).n
        },
    }


def disagreement(row: Row) -> Disagreement:
    """An item on which the judge and people differ."""
    item, label = row.truth.item, row.truth.row.label
    return Disagreement(
        item.key,
        row.truth.verdict,
        row.pair.judge,
        clip(label.critique, _REASONING),
        clip(row.judged.reasoning if row.judged else "", _REASONING),
        label.trace_id or None,
        clip_value(item.input, _TEXT),
        clip_value(item.output, _TEXT),
    )


def state_fields(assessment: Assessment) -> dict[str, object]:
    """The state of a judge, for the constructor of an alignment report."""
    return {
        "state": assessment.state,
        "reasons": assessment.reasons,
        "needs": assessment.needs,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
