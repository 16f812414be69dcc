"""What several trials of each case say: how often any of k passes, and how often all k do."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import comb
from statistics import fmean

from regrade_tools.models import Run, Trial

# Of more trials than these only some k are told.
_EVERY_K = 5
_SOME_K = (1, 2, 3, 5, 10, 20, 50)


@dataclass(frozen=True, slots=True)
class Trials:
    """Over the cases of which every trial was decided; rates between 0 and 1, by k.

    ``pass_at_k``: at least one of k trials passes. ``pass_hat_k``: all k do. ``flaky``: cases that
    passed in some trials and failed in others. ``variance`` of one trial within a case, at most
    .25: 0 where each case always ends alike.
    """

    each: int
    cases: int
    flaky: int
    variance: float
    pass_at_k: dict[str, float]
    pass_hat_k: dict[str, float]


def trials_of(run: Run, results: Iterable[Trial]) -> Trials | None:
    """What the trials of ``run`` say; None where each case is asked once.

    Cases that an adaptive run asked no more are not among them: their number of trials depends
    on how they ended, which would bend every rate.
    """
    if run.trials == 1:
        return None
    decided = Counter(result.case_id for result in results if result.outcome != "errored")
    passed = Counter(result.case_id for result in results if result.outcome == "passed")
    whole = [passed[case_id] for case_id, trials in decided.items() if trials == run.trials]
    if not whole:
        return None
    number = run.trials
    told = [k for k in range(1, number + 1) if number <= _EVERY_K or k in (*_SOME_K, number)]
    return Trials(
        each=number,
        cases=len(whole),
        flaky=sum(0 < right < number for right in whole),
        variance=round(fmean(_variance(right, number) for right in whole), 4),
        pass_at_k={str(k): round(pass_at(whole, number, k), 4) for k in told},
        pass_hat_k={str(k): round(pass_hat(whole, number, k), 4) for k in told},
    )


def pass_at(passed: list[int], trials: int, k: int) -> float:
    """How often at least one of ``k`` trials passes, without bias.

    Args:
        passed: Of each case, how many of its trials passed.
        trials: How many trials each case had.
        k: At most ``trials``.

    1 - C(n - c, k) / C(n, k), over the cases: Chen et al., Evaluating Large Language Models
    Trained on Code, 2021, equation 1.
    """
    return fmean(1 - comb(trials - right, k) / comb(trials, k) for right in passed)


def pass_hat(passed: list[int], trials: int, k: int) -> float:
    """How often all ``k`` trials pass, without bias; arguments as of ``pass_at``.

    C(c, k) / C(n, k), over the cases: Yao et al., tau-bench, 2024, section 4.
    """
    return fmean(comb(right, k) / comb(trials, k) for right in passed)


def _variance(passed: int, trials: int) -> float:
    """The unbiased variance of one trial: n / (n - 1) * p * (1 - p)."""
    rate = passed / trials
    return trials / (trials - 1) * rate * (1 - rate)
