"""Alignment as a state: draft until it is shown on the test split, stale when that is no more."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from regrade_tools.judges.alignment.confusion import Confusion
from regrade_tools.judges.alignment.intervals import Rate, labels_needed
from regrade_tools.judges.alignment.splits import SHARES
from regrade_tools.models import Thresholds, Verdict
from regrade_tools.texts.plaintext import counted

AlignmentState = Literal["draft", "aligned", "stale"]

# Fewer labels than this of a class and its rate is no more than a hint.
_FRESH = 20


@dataclass(frozen=True, slots=True)
class Need:
    """More labels of one class in the test split than it has, and how many.

    ``more`` is None where no number would do: ``why`` says it. ``label`` is about how many people
    have to give, so that as many of them fall to the test split.
    """

    verdict: Verdict
    have: int
    more: int | None
    why: str
    label: int | None = None

    @property
    def told(self) -> str:
        """What is to be labelled, in words."""
        if self.more is None:
            return f"{self.verdict.upper()}: {self.why}"
        return (
            f"about {self.label} more {self.verdict.upper()}, of which {self.more} fall to test: "
            f"{self.why}"
        )


@dataclass(frozen=True, slots=True)
class Assessment:
    """Where a judge stands, why, and what is to be done."""

    state: AlignmentState
    reasons: list[str] = field(default_factory=list[str])
    needs: list[Need] = field(default_factory=list[Need])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a judge as it is now.

    ``test`` counts its answers to the test split under the judge's own policy for UNKNOWN;
    ``unknown`` those it left open; ``unasked`` test labels it was not asked about or answered
    with an error, counted as if it erred on each; ``age_days`` since the last of its answers;
    ``fresh`` labels given after that;
    ``measured_before``: an earlier version of this judge was measured on the test split;
    ``moved`` items that were in it then and are not now; ``passes`` and ``fails`` are the labels
    of the test split, whether or not it was asked about them.
    """

    test: Confusion
    unknown: Rate
    passes: int = 0
    fails: int = 0
    unasked: Confusion = field(default_factory=Confusion)
    age_days: float = 0
    fresh: Confusion = field(default_factory=Confusion)
    measured_before: bool = False
    moved: int = 0


def assess(evidence: Evidence, thresholds: Thresholds) -> Assessment:
    """The state of a judge, from nothing but labels of people and its answers to them."""
    lapsed = "stale" if evidence.measured_before else "draft"
    if evidence.moved:
        moved = counted(evidence.moved, "label")
        told = f"{moved} of the test split taken out of it since it was measured"
        return Assessment(lapsed, [told])
    if not evidence.test.n:
        reason = (
            "it was not measured on the test split since it, its criterion or the labels changed"
            if evidence.measured_before
            else "it was never measured on the test split"
        )
        return Assessment(lapsed, [reason], _needs(evidence, thresholds))
    unasked = f"{counted(evidence.unasked.n, 'label')} of the test split without an answer of it"
    if evidence.unasked.n and _could_change(evidence, thresholds):
        return Assessment(lapsed, [f"{unasked}: measured on the test split it answers them"])
    reasons = _shortfalls(evidence, thresholds)
    if reasons:
        return Assessment("draft", reasons, _needs(evidence, thresholds))
    old = _lapses(evidence, thresholds)
    if old:
        return Assessment("stale", old)
    held = f"{unasked}, and wrong on all of them it would be aligned still"
    return Assessment("aligned", [held] if evidence.unasked.n else [])


def _could_change(evidence: Evidence, thresholds: Thresholds) -> bool:
    """Whether the labels that a judge was not asked about could make it another than aligned.

    As if it erred on each of them and left each open; and so many of a class that they could
    show that it errs otherwise now are never waved through.
    """
    unasked, unknown = evidence.unasked, evidence.unknown
    worst = replace(
        evidence,
        test=evidence.test + unasked,
        unknown=Rate(unknown.hits + unasked.n, unknown.n + unasked.n),
    )
    many = max(unasked.tpr.n, unasked.tnr.n) >= _FRESH
    return many or bool(_shortfalls(worst, thresholds))


def _shortfalls(evidence: Evidence, thresholds: Thresholds) -> list[str]:
    test = evidence.test
    reasons = [
        told
        for name, rate, bound in (
            ("TPR", test.tpr, thresholds.tpr),
            ("TNR", test.tnr, thresholds.tnr),
        )
        if (told := _short(name, rate, bound))
    ]
    share = evidence.unknown.value or 0
    if share > thresholds.max_unknown:
        reasons.append(
            f"it leaves {share:.0%} of the test split unknown, over {thresholds.max_unknown:.0%}"
        )
    return reasons


def _short(name: str, rate: Rate, bound: float) -> str:
    if rate.interval is None or rate.value is None:
        of = "PASS" if name == "TPR" else "FAIL"
        return f"{name} cannot be measured: the test split has no {of} label"
    if rate.interval.low >= bound:
        return ""
    return (
        f"{name} is {rate.value:.3f} ({rate.hits} of {rate.n}), and its lower bound "
        f"{rate.interval.low:.2f} is below {bound:g}"
    )


def _needs(evidence: Evidence, thresholds: Thresholds) -> list[Need]:
    found: list[Need] = []
    test = evidence.test
    classes: tuple[tuple[Verdict, int, Rate, float], ...] = (
        ("pass", evidence.passes, test.tpr, thresholds.tpr),
        ("fail", evidence.fails, test.tnr, thresholds.tnr),
    )
    for verdict, have, rate, bound in classes:
        if rate.interval is not None and rate.interval.low >= bound:
            continue
        # Of a judge that was not asked nothing is known: a perfect one would need the fewest.
        share = 1.0 if rate.value is None else rate.value
        needed = labels_needed(share, bound)
        if needed is None:
            why = f"at {share:.2f} no number of labels shows {bound:g}: the judge must get better"
            found.append(Need(verdict, have, None, why))
        elif rate.value is not None or needed > have:
            judged = "all" if rate.value is None else f"{share:.0%}"
            why = f"with {judged} judged right, {needed} in test bring the lower bound to {bound:g}"
            why += f"; {SHARES['test']:.1%} of new labels go there"
            more = max(1, needed - have)
            found.append(Need(verdict, have, more, why, math.ceil(more / SHARES["test"])))
    return found


def _lapses(evidence: Evidence, thresholds: Thresholds) -> list[str]:
    reasons: list[str] = []
    if evidence.age_days > thresholds.max_age_days:
        reasons.append(
            f"it was measured {evidence.age_days:.0f} days ago, over {thresholds.max_age_days}"
        )
    for name, then, now in (
        ("TPR", evidence.test.tpr, evidence.fresh.tpr),
        ("TNR", evidence.test.tnr, evidence.fresh.tnr),
    ):
        interval, value = now.interval, then.value
        if interval is None or value is None or now.n < _FRESH:
            continue
        if not interval.low <= value <= interval.high:
            reasons.append(
                f"on {now.n} fresh labels its {name} is {now.value:.2f}, and was {value:.2f}"
            )
    return reasons
