"""The statistics of two measurements of the same cases, against brute force."""

from itertools import product
from math import comb, inf, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade_tools.comparison.paired import Difference, difference, interval, mcnemar, score

FEWER = settings(max_examples=50)
Z = 1.959963984540054


@pytest.mark.parametrize("changed", range(11))
def test_the_exact_test_counts_the_ways_in_which_chance_is_at_least_as_uneven(changed: int) -> None:
    for fixed in range(changed + 1):
        uneven = abs(2 * fixed - changed)
        ways = sum(
            abs(2 * sum(coins) - changed) >= uneven for coins in product((0, 1), repeat=changed)
        )
        assert mcnemar(fixed, changed - fixed) == pytest.approx(ways / 2**changed)


def test_many_changes_overflow_nothing() -> None:
    assert mcnemar(0, 20_000) == 0.0
    assert mcnemar(10_000, 10_000) == 1.0


TABLES = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)).filter(any)


def likeliest_variance(fixed: int, broken: int, same: int, delta: float) -> float:
    """The variance of one pair at the likeliest shares whose difference is ``delta``, searched."""
    low, high = max(0.0, -delta), (1 - delta) / 2

    def likelihood(share: float) -> float:
        terms = ((fixed, share + delta), (broken, share), (same, 1 - 2 * share - delta))
        return sum(
            (number * log(of) if of > 0 else -inf) for number, of in terms if number
        )  # fmt: skip

    for _ in range(200):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if likelihood(left) < likelihood(right):
            low = left
        else:
            high = right
    share = (low + high) / 2
    return 2 * share + delta - delta**2


@FEWER
@given(TABLES, st.floats(-0.95, 0.95))
def test_the_score_is_the_change_in_standard_errors_at_the_likeliest_shares(
    table: tuple[int, int, int], delta: float
) -> None:
    fixed, broken, same = table
    cases = sum(table)
    variance = likeliest_variance(fixed, broken, same, delta)
    if variance < 1e-6:
        return
    searched = (fixed - broken - cases * delta) / sqrt(cases * variance)
    assert score(fixed, broken, cases, delta) == pytest.approx(searched, abs=1e-3)


@FEWER
@given(TABLES)
def test_the_interval_holds_the_differences_that_the_score_test_does_not_reject(
    table: tuple[int, int, int],
) -> None:
    fixed, broken, _ = table
    cases = sum(table)
    low, high = interval(fixed, broken, cases)
    assert -1 <= low <= (fixed - broken) / cases <= high <= 1
    for step in range(-100, 101):
        delta = step / 100
        if min(abs(delta - low), abs(delta - high)) > 1e-9:
            inside = abs(score(fixed, broken, cases, delta)) <= Z
            assert inside == (low < delta < high)


@FEWER
@given(TABLES)
def test_better_and_worse_are_mirrored(table: tuple[int, int, int]) -> None:
    fixed, broken, _ = table
    low, high = interval(fixed, broken, sum(table))
    assert interval(broken, fixed, sum(table)) == pytest.approx((-high, -low))
    assert mcnemar(fixed, broken) == mcnemar(broken, fixed)


def test_the_interval_of_a_published_table() -> None:
    # Fagerland, Lydersen and Laake (2014), airway hyper-responsiveness: 1 better, 7 worse, of 21.
    assert interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("broken", "cases"), [(1, 20), (2, 30), (3, 20), (1, 3)])
def test_the_interval_covers_a_true_difference_about_as_often_as_it_says(
    broken: int, cases: int
) -> None:
    share = broken / cases
    covered = sum(
        comb(cases, count) * share**count * (1 - share) ** (cases - count)
        for count in range(cases + 1)
        if interval(0, count, cases)[0] <= -share <= interval(0, count, cases)[1]
    )
    assert covered > 0.92


def test_no_case_in_both_is_no_difference() -> None:
    assert difference(0, 0, 0) is None
    assert difference(1, 7, 21) == Difference(21, 1, 7, -6 / 21, *interval(1, 7, 21), mcnemar(1, 7))
