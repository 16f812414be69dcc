"""Two measurements of the same cases: an exact test, and an interval for the difference.

The cases that changed carry all the evidence: ``fixed`` failed before and pass now, ``broken``
passed before and fail now; whatever stayed as it was says nothing about the direction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

# The 97.5 % point of the normal distribution: two-sided, 95 %.
_Z = 1.959963984540054
# Each step halves the doubt, from at most 2 to less than a float can tell.
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """How the pass rate changed on the cases that both decided, -1 to 1; negative is worse.

    ``low`` and ``high`` are the 95 % interval. ``p_value`` is how often chance alone would change
    as many cases at least as unevenly.
    """

    cases: int
    fixed: int
    broken: int
    change: float
    low: float
    high: float
    p_value: float


def difference(fixed: int, broken: int, cases: int) -> Difference | None:
    """The change between two measurements of ``cases`` cases; None where there are none."""
    if not cases:
        return None
    low, high = interval(fixed, broken, cases)
    change = (fixed - broken) / cases
    return Difference(cases, fixed, broken, change, low, high, mcnemar(fixed, broken))


def mcnemar(fixed: int, broken: int) -> float:
    """The two-sided p-value of McNemar's exact test, which is the sign test of the changes.

    Twice the smaller tail of a binomial distribution with one half, at most 1: Fagerland, Lydersen
    and Laake, Statistics in Medicine 33 (2014) 2850-2875, section 4.2.
    """
    changed = fixed + broken
    # Integers until the last step: a power of two beyond a float's range must not overflow.
    ways = tail = 1
    for number in range(1, min(fixed, broken) + 1):
        ways = ways * (changed - number + 1) // number
        tail += ways
    return min(1.0, 2 * tail / 2**changed)


def interval(fixed: int, broken: int, cases: int) -> tuple[float, float]:
    """Tango's score interval of the difference of two paired proportions, 95 %.

    The differences that the score test does not reject: Tango, Statistics in Medicine 17 (1998)
    891-908. It stays inside -1 to 1 and holds for few cases and for no change at all.
    """
    change = (fixed - broken) / cases

    def rejected(difference: float) -> bool:
        return abs(score(fixed, broken, cases, difference)) > _Z

    return _edge(rejected, -1.0, change), _edge(rejected, 1.0, change)


def score(fixed: int, broken: int, cases: int, difference: float) -> float:
    """Tango's statistic: how many standard errors the change lies above ``difference``."""
    excess = fixed - broken - cases * difference
    if excess == 0:
        return 0.0
    # The most likely share of broken cases, if the true difference were ``difference``.
    double = 2 * cases
    linear = (double - fixed + broken) * difference - fixed - broken
    constant = -broken * difference * (1 - difference)
    root = sqrt(max(linear * linear - 4 * double * constant, 0.0))
    share = max((root - linear) / (2 * double), 0.0)
    variance = cases * (2 * share + difference * (1 - difference))
    return excess / sqrt(variance) if variance > 0 else inf if excess > 0 else -inf


def _edge(rejected: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where the differences that are not rejected end, between the two."""
    if not rejected(outside):
        return outside
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if rejected(middle):
            outside = middle
        else:
            inside = middle
    return inside
