"""Rates as they are told: rounded, with their interval and the counts they come from."""

from dataclasses import dataclass

from regrade_tools.judges.alignment import Rate

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with its 95 % interval and the counts it comes from; null where there is none."""

    value: float | None
    low: float | None
    high: float | None
    of: str


def figure(rate: Rate) -> Figure:
    """A rate as it is told."""
    interval, of = rate.interval, f"{rate.hits} of {rate.n}"
    if interval is None:
        return Figure(None, None, None, of)
    return Figure(rounded(rate.value), rounded(interval.low), rounded(interval.high), of)


def rounded(value: float | None) -> float | None:
    """Four digits, which no number of labels exceeds."""
    return None if value is None else round(value, _DIGITS)
