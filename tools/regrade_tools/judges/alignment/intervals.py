"""Intervals for rates that were seen on few labels, and how many labels a bound needs."""

import math
from dataclasses import dataclass
from statistics import NormalDist

# The two-sided 95 % that every interval of Regrade is given at.
CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_MOST_LABELS = 100_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval of a rate, 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``n``; without any, there is no rate and no interval."""

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        """The share, or None of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """The Wilson interval, or None of nothing."""
        return wilson(self.hits, self.n) if self.n else None


def wilson(hits: float, n: float, z: float = Z) -> Interval:
    """The score interval of ``hits`` of ``n``, n > 0.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22 (1927).
    """
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the formula gives 0 and 1 but for the rounding.
    low = 0.0 if hits <= 0 else centre - half
    high = 1.0 if hits >= n else centre + half
    return Interval(max(0.0, low), min(1.0, high))


def labels_needed(share: float, bound: float) -> int | None:
    """The least n at which the lower Wilson bound of ``share`` reaches ``bound``.

    None where no number does: the share itself is not above the bound.
    """
    if share <= bound or share > 1:
        return None
    low, high = 1, _MOST_LABELS
    if wilson(share * high, high).low < bound:
        return None
    while low < high:
        middle = (low + high) // 2
        if wilson(share * middle, middle).low >= bound:
            high = middle
        else:
            low = middle + 1
    return low
