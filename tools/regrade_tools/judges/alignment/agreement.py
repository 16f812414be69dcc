"""How far people agree with each other: the ceiling of any judge."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

Answer = TypeVar("Answer", bound=Hashable)

# Of two people Cohen's kappa says the same.
_SEVERAL = 3


def cohen(left: Sequence[Answer], right: Sequence[Answer]) -> float | None:
    """Cohen's kappa of two labellers on the same rows; None where it is undefined."""
    n = len(left)
    if not n:
        return None
    equal = sum(a == b for a, b in zip(left, right, strict=True)) / n
    lefts, rights = Counter(left), Counter(right)
    chance = sum(lefts[label] * rights[label] for label in lefts) / n**2
    return None if chance == 1 else (equal - chance) / (1 - chance)


def fleiss(rows: Sequence[Sequence[Answer]]) -> float | None:
    """Fleiss' kappa of rows that each were labelled equally often, at least twice.

    J. L. Fleiss, Measuring nominal scale agreement among many raters (1971).
    """
    if not rows:
        return None
    raters, totals, within = len(rows[0]), Counter[Answer](), 0.0
    for row in rows:
        counts = Counter(row)
        totals.update(counts)
        within += (sum(n * n for n in counts.values()) - raters) / (raters * (raters - 1))
    equal = within / len(rows)
    chance = sum((n / (raters * len(rows))) ** 2 for n in totals.values())
    return None if chance == 1 else (equal - chance) / (1 - chance)


def fleiss_of_all(labellers: Mapping[str, Mapping[str, Answer]]) -> float | None:
    """Fleiss' kappa of the rows that everybody labelled; None of fewer than three people.

    Args:
        labellers: Each labeller's label by the key of the row.
    """
    if len(labellers) < _SEVERAL:
        return None
    shared = set[str].intersection(*(set(labels) for labels in labellers.values()))
    return fleiss([[labels[key] for labels in labellers.values()] for key in sorted(shared)])


def consensus(labels: Sequence[Answer]) -> Answer | None:
    """What more than half of the labellers say; None where no label has that many."""
    (label, count), *_ = Counter(labels).most_common(1) or [(None, 0)]
    return label if count * 2 > len(labels) else None


def pairwise_kappas(
    labellers: Mapping[str, Mapping[str, Answer]],
) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Cohen's kappa of each two labellers on the rows that both labelled, and how many those are.

    Args:
        labellers: Each labeller's label by the key of the row.
    """
    found: dict[tuple[str, str], tuple[float | None, int]] = {}
    for first, second in combinations(sorted(labellers), 2):
        both = sorted(labellers[first].keys() & labellers[second].keys())
        kappa = cohen(
            [labellers[first][key] for key in both], [labellers[second][key] for key in both]
        )
        found[first, second] = (kappa, len(both))
    return found
