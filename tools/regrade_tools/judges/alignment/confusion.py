"""What a judge says against what people say, class by class. Positive is PASS, throughout."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from regrade_tools.judges.alignment.intervals import Rate
from regrade_tools.models import Judgement, Verdict

# What an UNKNOWN of the judge counts as.
UnknownPolicy = Literal["exclude", "as_fail", "as_pass"]
UNKNOWN_POLICIES: tuple[UnknownPolicy, ...] = ("exclude", "as_fail", "as_pass")


@dataclass(frozen=True, slots=True)
class Confusion:
    """The four counts. ``tp``: both say PASS; ``fp``: people say FAIL and the judge PASS."""

    tp: int = 0
    fn: int = 0
    tn: int = 0
    fp: int = 0

    def __add__(self, other: "Confusion") -> "Confusion":
        """The counts of both."""
        return Confusion(
            self.tp + other.tp, self.fn + other.fn, self.tn + other.tn, self.fp + other.fp
        )

    @property
    def n(self) -> int:
        """How many rows could be compared."""
        return self.tp + self.fn + self.tn + self.fp

    @property
    def tpr(self) -> Rate:
        """Of what people pass, what the judge passes: recall of PASS."""
        return Rate(self.tp, self.tp + self.fn)

    @property
    def tnr(self) -> Rate:
        """Of what people fail, what the judge fails: recall of FAIL."""
        return Rate(self.tn, self.tn + self.fp)

    @property
    def precision_pass(self) -> Rate:
        """Of what the judge passes, what people pass."""
        return Rate(self.tp, self.tp + self.fp)

    @property
    def precision_fail(self) -> Rate:
        """Of what the judge fails, what people fail."""
        return Rate(self.tn, self.tn + self.fn)

    @property
    def f1_pass(self) -> float | None:
        """The harmonic mean of precision and recall of PASS."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def f1_fail(self) -> float | None:
        """The harmonic mean of precision and recall of FAIL."""
        return _share(2 * self.tn, 2 * self.tn + self.fp + self.fn)

    @property
    def agreement(self) -> float | None:
        """The share of equal answers; never shown without ``majority`` beside it."""
        return _share(self.tp + self.tn, self.n)

    @property
    def majority(self) -> float | None:
        """The agreement of a judge that always says what people say most."""
        return _share(max(self.tpr.n, self.tnr.n), self.n)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where chance alone would agree on everything.

        J. Cohen, A coefficient of agreement for nominal scales (1960).
        """
        if not self.n:
            return None
        passes, fails = (self.tp + self.fp) * self.tpr.n, (self.tn + self.fn) * self.tnr.n
        chance = (passes + fails) / self.n**2
        return _share((self.tp + self.tn) / self.n - chance, 1 - chance)

    @property
    def mcc(self) -> float | None:
        """Matthews' correlation coefficient; None where a row or a column is empty."""
        spread = (
            (self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
        )
        return _share(self.tp * self.tn - self.fp * self.fn, math.sqrt(spread))

    @property
    def informedness(self) -> float | None:
        """TPR + TNR - 1 (Youden's J): 0 is chance. None where a class has no label."""
        tpr, tnr = self.tpr.value, self.tnr.value
        return None if tpr is None or tnr is None else tpr + tnr - 1


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Pair:
    """A row that people labelled, and what the judge said of it."""

    human: Verdict
    judge: Judgement


def confusion(pairs: Iterable[Pair], unknown: UnknownPolicy = "exclude") -> Confusion:
    """Count the pairs; an errored judgement is in no count, whatever the policy."""
    counts = dict.fromkeys(("tp", "fn", "tn", "fp"), 0)
    for pair in pairs:
        said = _said(pair.judge, unknown)
        if said is None:
            continue
        if pair.human == "pass":
            counts["tp" if said == "pass" else "fn"] += 1
        else:
            counts["fp" if said == "pass" else "tn"] += 1
    return Confusion(**counts)


def _said(judgement: Judgement, unknown: UnknownPolicy) -> Verdict | None:
    if judgement in ("pass", "fail"):
        return judgement
    if judgement == "errored" or unknown == "exclude":
        return None
    return "fail" if unknown == "as_fail" else "pass"
