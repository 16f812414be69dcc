"""What the answers of a run took: time, tokens and dollars, as far as they were measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from regrade_tools.models import CaseResult, Trial
from regrade_tools.traces.grouping import percentile

_DIGITS = 4


class Amounts(NamedTuple):
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
    told = [took for _, took in _told(trials)]
    if not told:
        return None
    known = [_known(column) for column in zip(*told, strict=True)]
    latency, tokens, cost = sorted(known[0]), known[1], known[2]
    partly = {
        name: f"{len(values)} of {len(told)} answers"
        for name, values in zip(Amounts._fields, known, strict=True)
        if 0 < len(values) < len(told)
    }
    return Measures(
        latency_p50_ms=rounded(percentile(latency, 0.5)),
        latency_p95_ms=rounded(percentile(latency, 0.95)),
        tokens=round(sum(tokens)) if tokens else None,
        cost_usd=rounded(sum(cost)) if cost else None,
        partly=partly or None,
    )


def amounts(trials: Iterable[Trial | CaseResult]) -> dict[str, Amounts]:
    """What each case took, by the mean of its trials; only those of which anything is known."""
    told: dict[str, list[Amounts]] = {}
    for case_id, took in _told(trials):
        told.setdefault(case_id, []).append(took)
    # Most are asked once.
    return {case_id: each[0] if len(each) == 1 else _mean(each) for case_id, each in told.items()}


def moved(before: Mapping[str, Amounts], after: Mapping[str, Amounts]) -> dict[str, Moved]:
    """How the figures moved over the cases that both tell: percentiles, and means a case."""
    both = [case_id for case_id in before if case_id in after]
    return dict(_moves([(before[case_id], after[case_id]) for case_id in both]))


def rounded(value: float | None) -> float | None:
    """Four digits: no clock and no price is more exact."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")


_NOTHING = Amounts()


def _told(trials: Iterable[Trial | CaseResult]) -> Iterator[tuple[str, Amounts]]:
    """Each answer that was asked for and of which anything is known, with the id of its case."""
    for trial in trials:
        took = (trial.latency_ms, trial.tokens, trial.cost_usd)
        if not trial.replayed and took != _NOTHING:
            yield trial.case_id, Amounts(*took)


def _mean(each: Sequence[Amounts]) -> Amounts:
    columns = (_known(column) for column in zip(*each, strict=True))
    return Amounts(*(fmean(values) if values else None for values in columns))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _moves(pairs: Sequence[tuple[Amounts, Amounts]]) -> Iterator[tuple[str, Moved]]:
    for place, name in enumerate(Amounts._fields):
        was: list[float] = []
        now: list[float] = []
        for first, second in pairs:
            before, after = first[place], second[place]
            if before is not None and after is not None:
                was.append(before)
                now.append(after)
        if not was:
            continue
        if name == "latency_ms":
            was, now = sorted(was), sorted(now)
            for key, share in (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95)):
                yield key, _move(percentile(was, share), percentile(now, share), len(was))
        else:
            yield name, _move(fmean(was), fmean(now), len(was))


def _move(before: float | None, after: float | None, cases: int) -> Moved:
    return Moved(rounded(before) or 0.0, rounded(after) or 0.0, cases)
