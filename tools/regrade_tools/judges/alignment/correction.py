"""The pass rate of a population that a judge read, corrected by what people say of a part.

Which estimator is right is decided by how the labelled rows were picked, not by taste. Where
the judge's verdicts decided what people read, Rogan-Gladen is badly wrong (true .85, estimated
.998); where people's labels decided, as in a balanced test set, counting labels is.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from regrade_tools.judges.alignment.confusion import Confusion
from regrade_tools.judges.alignment.intervals import CONFIDENCE, Interval, Rate, Z
from regrade_tools.models import Sampled

# Draws behind a simulated interval; its ends are then steady to about half a percent.
_DRAWS = 2_000
_SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Estimate:
    """A corrected pass rate. ``value`` is None where there can be none; ``why`` says why.

    ``unclipped`` is what the formula gives where that lies outside 0 to 1. ``ways`` are the ways
    of picking whose rows it was made of.
    """

    method: str
    value: float | None = None
    interval: Interval | None = None
    unclipped: float | None = None
    why: str = ""
    ways: tuple[Sampled, ...] = ()


def corrected_rate(labelled: Mapping[Sampled, Confusion], judged: Rate) -> Estimate:
    """The pass rate of the population, from the most rows for which one method holds.

    A random draw is one within each verdict and within each label, too, so that its rows may
    stand with those of either; rows of which nobody knows how they were picked with none.

    Args:
        labelled: The judge against people, by how the rows that people labelled were picked.
        judged: How many of the population the judge passed.
    """
    if not judged.n:
        return Estimate("none", why="the judge has read nothing of this population")
    estimates: list[tuple[int, Estimate]] = []
    for picked, method in _METHODS:
        ways: tuple[Sampled, ...] = tuple(
            way for way in picked if way in labelled and labelled[way].n
        )
        rows = sum((labelled[way] for way in ways), Confusion())
        if rows.n:
            estimates.append((rows.n, replace(method(rows, judged), ways=ways)))
    # Of as many rows the first method is the more precise one.
    estimates.sort(key=lambda one: (one[1].value is None, -one[0]))
    if estimates:
        return estimates[0][1]
    return Estimate("none", why="no labelled row of which it is known how it was picked")


def post_stratified(labelled: Confusion, judged: Rate) -> Estimate:
    """P(judge PASS) x P(pass | judge PASS) + P(judge FAIL) x P(pass | judge FAIL).

    Right where rows were picked at random or by the judge's verdict. The interval is simulated:
    each of the three rates is drawn from its Beta posterior under Jeffreys' prior.
    """
    right = labelled.precision_pass
    wrong = Rate(labelled.fn, labelled.tn + labelled.fn)
    missing = [
        name
        for name, rate, verdicts in (
            ("PASS", right, judged.hits),
            ("FAIL", wrong, judged.n - judged.hits),
        )
        if not rate.n and verdicts
    ]
    if missing:
        return Estimate(
            "post-stratified by verdict",
            why=f"no row that the judge calls {missing[0]} was labelled by a person",
        )
    share = judged.hits / judged.n
    value = share * (right.value or 0.0) + (1 - share) * (wrong.value or 0.0)
    draw = random.Random(_SEED)  # noqa: S311 - a simulation that can be repeated
    simulated = sorted(
        _mixed(_beta(draw, judged), _beta(draw, right), _beta(draw, wrong)) for _ in range(_DRAWS)
    )
    cut = round(_DRAWS * (1 - CONFIDENCE) / 2)
    # The prior draws away from 0 and 1, where a rate may well be.
    interval = Interval(min(value, simulated[cut]), max(value, simulated[-1 - cut]))
    return Estimate("post-stratified by verdict", value, interval)


def _mixed(share: float, right: float, wrong: float) -> float:
    return share * right + (1 - share) * wrong


def _beta(draw: random.Random, rate: Rate) -> float:
    return draw.betavariate(rate.hits + 0.5, rate.n - rate.hits + 0.5)


def rogan_gladen(labelled: Confusion, judged: Rate) -> Estimate:
    """(p + TNR - 1) / (TPR + TNR - 1), with the interval of Lang and Reiczigel.

    Right where rows were picked by what people say of them. W. J. Rogan and B. Gladen, American
    Journal of Epidemiology 107 (1978); Z. Lang and J. Reiczigel, Preventive Veterinary Medicine
    113 (2014).
    """
    method = "Rogan-Gladen, interval of Lang and Reiczigel"
    informed, tnr = labelled.informedness, labelled.tnr.value
    if informed is None or tnr is None:
        missing = "FAIL" if labelled.tpr.n else "PASS"
        return Estimate(method, why=f"cannot estimate: no {missing} label to measure the judge on")
    if informed <= 0 or _informed_low(labelled) <= 0:
        return Estimate(
            method, why="cannot estimate: on these labels the judge is no better than chance"
        )
    raw = (judged.hits / judged.n + tnr - 1) / informed
    value = min(1.0, max(0.0, raw))
    return Estimate(
        method,
        value,
        _lang_reiczigel(labelled, judged),
        unclipped=None if value == raw else raw,
    )


def _informed_low(labelled: Confusion) -> float:
    """The lower bound of TPR + TNR - 1 (Newcombe's combination of two Wilson intervals)."""
    tpr, tnr = labelled.tpr, labelled.tnr
    if tpr.interval is None or tnr.interval is None or tpr.value is None or tnr.value is None:
        return 0.0
    below = math.hypot(tpr.value - tpr.interval.low, tnr.value - tnr.interval.low)
    return tpr.value + tnr.value - 1 - below


def _lang_reiczigel(labelled: Confusion, judged: Rate) -> Interval:
    z2, positives, negatives = Z * Z, labelled.tpr.n, labelled.tnr.n
    sensitivity = (labelled.tp + 1) / (positives + 2)
    specificity = (labelled.tn + 1) / (negatives + 2)
    passed = (judged.hits + z2 / 2) / (judged.n + z2)
    informed = sensitivity + specificity - 1
    rate = min(1.0, max(0.0, (passed + specificity - 1) / informed))
    of_passes = sensitivity * (1 - sensitivity) / (positives + 2)
    of_fails = specificity * (1 - specificity) / (negatives + 2)
    shift = 2 * z2 * (rate * of_passes - (1 - rate) * of_fails)
    spread = Z * math.sqrt(
        passed * (1 - passed) / (judged.n + z2) + rate**2 * of_passes + (1 - rate) ** 2 * of_fails
    )
    half = spread / informed
    return Interval(
        min(1.0, max(0.0, rate + shift - half)), max(0.0, min(1.0, rate + shift + half))
    )


_METHODS: tuple[tuple[tuple[Sampled, ...], Callable[[Confusion, Rate], Estimate]], ...] = (
    (("random", "by_verdict"), post_stratified),
    (("random", "by_label"), rogan_gladen),
)
