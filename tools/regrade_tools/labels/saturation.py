"""Whether reading on still teaches anything: kinds of failure that nobody had met before."""

from collections.abc import Iterable
from dataclasses import dataclass

from regrade_tools.labels.labelbook import LabelRow

# Of so many in a row without a new kind, fewer than 14 % of all fail in one that is not known
# (1 - .05 ** (1 / 20), with 95 % confidence).
LAST = 20


@dataclass(frozen=True, slots=True)
class Saturation:
    """Of the ``last`` items labelled that had been picked at random, of ``items`` such ones.

    ``new`` are the kinds of failure first met in them, ``unnamed`` how many of them failed
    without a kind: of those nobody can tell.
    """

    items: int
    last: int
    new: tuple[str, ...]
    unnamed: int


def saturation(history: Iterable[LabelRow]) -> Saturation:
    """What the last items taught; an item stands where it was first labelled.

    Args:
        history: Labels of people, in order of time.
    """
    latest: dict[str, dict[str, LabelRow]] = {}
    drawn: set[str] = set()
    for row in history:
        if row.label.sampled == "random":
            # What was drawn at random stays so, whoever labels it again and how.
            drawn.add(row.label.item)
        latest.setdefault(row.label.item, {})[row.label.labeller] = row
    random = [item for item in latest if item in drawn]
    window = set(random[-LAST:])
    met: set[str] = set()
    new: list[str] = []
    unnamed = 0
    for item, said in latest.items():
        fails = [row.label for row in said.values() if row.label.verdict == "fail"]
        # One kind, however it was written.
        kinds = {" ".join(one.mode.split()).casefold(): one.mode for one in fails if one.mode}
        if item in window:
            new.extend(mode for kind, mode in kinds.items() if kind not in met)
            unnamed += bool(fails) and not kinds
        met.update(kinds)
    return Saturation(len(random), len(window), tuple(new), unnamed)
