"""What the answers of a run took: time, tokens and dollars, as far as they were measured."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from statistics import fmean

from regrade_tools.grouping import percentile
from regrade_tools.models import CaseResult, Trial

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one answer took, or the mean of several: milliseconds, tokens, dollars."""

    latency_ms: float | None = None
    tokens: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """What the answers of a run took together; None where none of them tells.

    ``tokens`` and ``cost_usd`` are sums, and ``partly`` says of how many answers, where it is not
    all. Recordings that were replayed took nothing now and are not among them.
    """

    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    partly: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A figure before and after, over the ``cases`` that tell it in both."""

    before: float
    after: float
    cases: int


def measures(trials: Iterable[Trial]) -> Measures | None:
    """What the answers of a run took; None where nothing was measured."""
    told = [_of(trial) for trial in trials if not trial.replayed]
    told = [one for one in told if one != Amounts()]
    if not told:
        return None
    known = {name: _known(told, name) for name in _NAMES}
    latency = sorted(known["latency_ms"])
    tokens, cost = known["tokens"], known["cost_usd"]
    partly = {
        name: f"{len(values)} of {len(told)} answers"
        for name, values in known.items()
        if 0 < len(values) < len(told)
    }
    return Measures(
        latency_p50_ms=_shown(percentile(latency, 0.5)),
        latency_p95_ms=_shown(percentile(latency, 0.95)),
        tokens=round(sum(tokens)) if tokens else None,
        cost_usd=_shown(sum(cost)) if cost else None,
        partly=partly or None,
    )


def amounts(trials: Iterable[Trial | CaseResult]) -> dict[str, Amounts]:
    """What each case took, by the mean of its trials; only those of which anything is known."""
    told: dict[str, list[Amounts]] = defaultdict(list)
    for trial in trials:
        if not trial.replayed and (one := _of(trial)) != Amounts():
            told[trial.case_id].append(one)
    return {
        case_id: Amounts(*(_shown(fmean(known)) if (known := _known(each, name)) else None
                           for name in _NAMES))
        for case_id, each in told.items()
    }  # fmt: skip


def moved(before: Mapping[str, Amounts], after: Mapping[str, Amounts]) -> dict[str, Moved]:
    """How the figures moved over the cases that both tell: percentiles, and means a case."""
    return dict(
        _moves([(was, after[case_id]) for case_id, was in before.items() if case_id in after])
    )


def _moves(pairs: list[tuple[Amounts, Amounts]]) -> Iterator[tuple[str, Moved]]:
    for name in _NAMES:
        both = [(getattr(was, name), getattr(now, name)) for was, now in pairs]
        both = [pair for pair in both if None not in pair]
        if not both:
            continue
        was, now = (sorted(column) for column in zip(*both, strict=True))
        if name == "latency_ms":
            for key, share in (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95)):
                yield key, _move(percentile(was, share), percentile(now, share), len(both))
        else:
            yield name, _move(fmean(was), fmean(now), len(both))


def _move(before: float | None, after: float | None, cases: int) -> Moved:
    return Moved(_shown(before) or 0.0, _shown(after) or 0.0, cases)


_NAMES = tuple(field.name for field in fields(Amounts))


def _of(trial: Trial | CaseResult) -> Amounts:
    return Amounts(trial.latency_ms, trial.tokens, trial.cost_usd)


def _known(told: Iterable[Amounts], name: str) -> list[float]:
    values = (getattr(one, name) for one in told)
    return [value for value in values if value is not None]


def _shown(value: float | None) -> float | None:
    """Four digits: no clock and no price is more exact."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
