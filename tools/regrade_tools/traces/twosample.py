"""Whether two samples differ, by how much, and how often chance alone would part them so.

Each function says where its formula comes from. Samples are taken to be independent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, sqrt

from regrade_tools.judges.alignment.intervals import Z, wilson

_TERMS = 200
_ENOUGH = 1e-12
# Probabilities that only rounding parts count as equal, as in R's fisher.test.
_TIE = 1e-7
# Where fewer than this are expected, chi-square is no approximation any more (Cochran 1954).
_EXPECTED = 5.0
_SMALL_FRACTION = 1e-300


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference (second minus first) with its 95 % interval, where there is one."""

    difference: float
    low: float
    high: float


def rate_shift(hits: int, n: int, later_hits: int, later_n: int) -> Shift:
    """The difference of two independent rates, with Newcombe's hybrid score interval.

    R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17 (1998) 873-890, method 10. Both ``n`` are above 0.
    """
    before, after = hits / n, later_hits / later_n
    old, new = wilson(hits, n), wilson(later_hits, later_n)
    change = after - before
    low = change - sqrt((after - new.low) ** 2 + (old.high - before) ** 2)
    high = change + sqrt((new.high - after) ** 2 + (before - old.low) ** 2)
    return Shift(change, max(-1.0, low), min(1.0, high))


def fisher(hits: int, n: int, later_hits: int, later_n: int) -> float:
    """The two-sided p-value of Fisher's exact test that two rates are one.

    The sum over every table with these margins that is no likelier than the one that was seen:
    A. Agresti, Categorical Data Analysis (2013), section 3.5.1.
    """
    all_hits, whole = hits + later_hits, n + later_n
    least, most = max(0, all_hits - later_n), min(all_hits, n)
    # The logarithm of the chance of each table, each from the one before it.
    terms = [_ways(all_hits, least) + _ways(whole - all_hits, n - least) - _ways(whole, n)]
    for count in range(least, most):
        more = (all_hits - count) * (n - count)
        terms.append(terms[-1] + log(more / ((count + 1) * (whole - all_hits - n + count + 1))))
    seen = terms[hits - least] + _TIE
    return min(1.0, sum(exp(term) for term in terms if term <= seen))


def _ways(of: int, some: int) -> float:
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)


def mean_shift(
    sums: tuple[int, float, float], later: tuple[int, float, float]
) -> tuple[Shift, float]:
    """The difference of two means with its interval, and the two-sided p-value.

    Welch's standard error with the normal distribution, which wants some thirty values of each:
    B. L. Welch, Biometrika 34 (1947) 28-35.

    Args:
        sums: How many values, their sum and the sum of their squares; two values at least.
        later: The same of the second sample.
    """
    (mean, error), (later_mean, later_error) = _moments(*sums), _moments(*later)
    change, deviation = later_mean - mean, sqrt(error + later_error)
    p_value = erfc(abs(change) / deviation / sqrt(2)) if deviation else float(change == 0)
    return Shift(change, change - Z * deviation, change + Z * deviation), p_value


def _moments(n: int, total: float, squares: float) -> tuple[float, float]:
    """The mean and the variance of the mean."""
    mean = total / n
    return mean, max(squares - n * mean * mean, 0.0) / (n - 1) / n


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """How far two distributions lie apart at most, 0 to 1, and the two-sided p-value.

    The limiting distribution with Stephens' correction for small samples: M. A. Stephens,
    Journal of the Royal Statistical Society B 32 (1970) 115-122. Values that repeat make it
    careful: the true p-value is smaller. Neither sample is empty.
    """
    one, two = sorted(first), sorted(second)
    apart = 0.0
    place = other = 0
    while place < len(one) and other < len(two):
        value = min(one[place], two[other])
        while place < len(one) and one[place] == value:
            place += 1
        while other < len(two) and two[other] == value:
            other += 1
        apart = max(apart, abs(place / len(one) - other / len(two)))
    root = sqrt(len(one) * len(two) / (len(one) + len(two)))
    return apart, kolmogorov((root + 0.12 + 0.11 / root) * apart)


def kolmogorov(at: float) -> float:
    """The chance that Kolmogorov's statistic is larger than ``at``.

    The series of A. N. Kolmogorov (1933), as in Numerical Recipes (2007), section 6.14.12.
    """
    if at < 0.2:  # noqa: PLR2004 - there the chance is 1 to twelve digits, and the series is slow
        return 1.0
    terms = (2 * (-1) ** (k - 1) * exp(-2 * k * k * at * at) for k in range(1, _TERMS))
    return min(1.0, max(0.0, sum(terms)))


def chi_square(first: Mapping[str, int], second: Mapping[str, int]) -> tuple[float, float] | None:
    """Cramér's V of two distributions over categories, 0 to 1, and the p-value of their chi-square.

    Categories of which fewer than five are expected in either are taken together. None where no
    two are left. K. Pearson (1900) and H. Cramér (1946); A. Agresti, section 3.2.
    """
    rows = _pooled(first, second)
    sizes = [sum(row[side] for row in rows) for side in (0, 1)]
    whole = sum(sizes)
    if len(rows) < 2:  # noqa: PLR2004 - one category tells nothing
        return None
    statistic = 0.0
    for row in rows:
        for side in (0, 1):
            expected = sum(row) * sizes[side] / whole
            statistic += (row[side] - expected) ** 2 / expected
    return sqrt(statistic / whole), chi_square_tail(statistic, len(rows) - 1)


def _pooled(first: Mapping[str, int], second: Mapping[str, int]) -> list[tuple[int, int]]:
    sizes = sum(first.values()), sum(second.values())
    share = min(sizes) / max(sum(sizes), 1)
    pooled: list[tuple[int, int]] = []
    rest = Counter[int]()
    for name in dict.fromkeys((*first, *second)):
        row = (first.get(name, 0), second.get(name, 0))
        if sum(row) * share >= _EXPECTED:
            pooled.append(row)
        else:
            rest[0] += row[0]
            rest[1] += row[1]
    if rest.total():
        pooled.append((rest[0], rest[1]))
    return pooled


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance of a chi-square above ``statistic``: the upper incomplete gamma function.

    Series and continued fraction of Numerical Recipes (2007), section 6.2.
    """
    shape, at = freedom / 2, statistic / 2
    if at <= 0:
        return 1.0
    scale = exp(-at + shape * log(at) - lgamma(shape))
    if at < shape + 1:
        return max(0.0, 1 - scale * _series(shape, at))
    return min(1.0, scale * _fraction(shape, at))


def _series(shape: float, at: float) -> float:
    term = total = 1 / shape
    step = shape
    while term > total * _ENOUGH:
        step += 1
        term *= at / step
        total += term
    return total


def _fraction(shape: float, at: float) -> float:
    """Lentz's evaluation of the continued fraction."""
    b = at + 1 - shape
    c, d = 1 / _SMALL_FRACTION, 1 / b
    found = d
    for k in range(1, 10 * _TERMS):
        a = -k * (k - shape)
        b += 2
        d = 1 / (a * d + b or _SMALL_FRACTION)
        c = b + a / c or _SMALL_FRACTION
        found *= d * c
        if abs(d * c - 1) < _ENOUGH:
            break
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted so that of all these tests together one in twenty is chance.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6 (1979) 65-70.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
