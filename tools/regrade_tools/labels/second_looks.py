"""Whether people still say what they said: standards move while one reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from regrade_tools.judges.alignment import cohen
from regrade_tools.labels.labelbook import LabelRow
from regrade_tools.models import Label

# Sooner than this a second answer corrects the first, where no sample tells whether it is the
# same look.
NEXT_LOOK_S = 3_600


@dataclass(frozen=True, slots=True)
class SelfAgreement:
    """How one person agrees with what they said before, on ``items`` that they looked at again.

    Of each the last look with the one before it. ``kappa`` is Cohen's, None where undefined;
    ``changed`` are the traces (or else the items) of which they say otherwise now.
    """

    labeller: str
    items: int
    agreed: int
    kappa: float | None
    changed: tuple[str, ...]


def looks(history: Iterable[LabelRow]) -> Mapping[tuple[str, str], list[LabelRow]]:
    """The last answer of each look, by labeller and item; ``history`` is in order of time."""
    found: dict[tuple[str, str], list[LabelRow]] = {}
    for row in history:
        before = found.setdefault((row.label.labeller, row.label.item), [])
        if before and _same_look(before[-1].label, row.label):
            before.pop()
        before.append(row)
    return found


def _same_look(one: Label, other: Label) -> bool:
    """Whether the second answer corrects the first: given in the same sample, or soon after."""
    if one.sample and other.sample:
        return one.sample == other.sample
    return other.labelled_at - one.labelled_at < NEXT_LOOK_S


def self_agreement(history: Iterable[LabelRow]) -> list[SelfAgreement]:
    """How each person agrees with themself, of those who looked at something again."""
    pairs: dict[str, list[tuple[LabelRow, LabelRow]]] = {}
    for (labeller, _), seen in looks(history).items():
        if len(seen) > 1:
            pairs.setdefault(labeller, []).append((seen[-2], seen[-1]))
    return [_of(labeller, pairs[labeller]) for labeller in sorted(pairs)]


def _of(labeller: str, pairs: list[tuple[LabelRow, LabelRow]]) -> SelfAgreement:
    before = [one.label.verdict for one, _ in pairs]
    now = [other.label.verdict for _, other in pairs]
    changed = [
        other.label.trace_id or other.label.item
        for one, other in pairs
        if one.label.verdict != other.label.verdict
    ]
    agreed = len(pairs) - len(changed)
    return SelfAgreement(labeller, len(pairs), agreed, cohen(before, now), tuple(changed))
