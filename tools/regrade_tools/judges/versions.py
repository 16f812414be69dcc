"""A judge beside what it was, and beside another: on the same rows, or not at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regrade_tools.comparison.paired import difference
from regrade_tools.judges.alignment import UnknownPolicy, confusion
from regrade_tools.judges.alignments import Row
from regrade_tools.judges.judgebook import Look
from regrade_tools.models import Judged, Split
from regrade_tools.texts.figures import Figure, figure, rounded
from regrade_tools.texts.timestamps import iso

_MOST = 10


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of a judge reached on a split when it was last measured there."""

    fingerprint: str
    split: Split
    at: str
    looks: int
    tpr: Figure
    tnr: Figure


@dataclass(frozen=True, slots=True)
class Versus:
    """This judge against another on the rows that both decided, by McNemar's exact test.

    ``only_this`` are rows on which this one is right and the other wrong. ``change`` is the
    difference of their agreement with people, -1 to 1, with its 95 % interval; positive is for
    this one. Read it beside both rates: agreement alone hides a judge that always says pass.
    """

    other: str
    rows: int
    only_this: int
    only_other: int
    change: float | None
    low: float | None
    high: float | None
    p_value: float | None
    other_tpr: Figure
    other_tnr: Figure


def versions(history: Sequence[Look]) -> list[Version]:
    """Each version and split that was measured, the latest first."""
    looks = Counter((look.fingerprint, look.split) for look in history)
    latest = {(look.fingerprint, look.split): look for look in history}
    ordered = sorted(latest.values(), key=lambda look: look.at, reverse=True)
    return [
        Version(
            look.fingerprint,
            look.split,
            iso(look.at),
            looks[look.fingerprint, look.split],
            figure(look.confusion.tpr),
            figure(look.confusion.tnr),
        )
        for look in ordered[:_MOST]
    ]


def versus_of(
    other: str, rows: Sequence[Row], judged: Mapping[str, Judged], unknown: UnknownPolicy
) -> Versus:
    """``rows`` of one judge against what ``other`` said of the same items."""
    right: Counter[tuple[bool, bool]] = Counter()
    theirs: list[Row] = []
    for row in rows:
        beside = Row(row.truth, judged.get(row.truth.item.key))
        mine, its = confusion([row.pair], unknown), confusion([beside.pair], unknown)
        if mine.n and its.n:
            right[bool(mine.tp + mine.tn), bool(its.tp + its.tn)] += 1
            theirs.append(beside)
    only_this, only_other = right[True, False], right[False, True]
    found = difference(only_this, only_other, right.total())
    counts = confusion((row.pair for row in theirs), unknown)
    return Versus(
        other,
        right.total(),
        only_this,
        only_other,
        rounded(found.change) if found else None,
        rounded(found.low) if found else None,
        rounded(found.high) if found else None,
        rounded(found.p_value) if found else None,
        figure(counts.tpr),
        figure(counts.tnr),
    )
