"""The pass rate of a population as labels correct it: which rows it is made of, and which not."""

from collections import Counter, defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from regrade_tools.judges.alignment import (
    Confusion,
    Estimate,
    Pair,
    Rate,
    confusion,
    corrected_rate,
)
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.bench import Sitting
from regrade_tools.labels.labelbook import LabelBook, Truth
from regrade_tools.models import Judged, Sampled
from regrade_tools.texts.figures import Figure, figure, rounded
from regrade_tools.texts.plaintext import counted

_UNANSWERED = "that this version of the judge has not answered"
_EARLIER = "drawn by the verdicts of another judge or version"
_OTHERWISE: dict[Sampled, str] = {
    "by_verdict": "drawn by verdict",
    "by_label": "picked by what people said of them",
    "unknown": "whose sampling nobody told",
}


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """A pass rate of the population, corrected by labels, or why there is none.

    ``labels`` are the labelled items that it is made of, by how they were picked; ``left_out``
    says how many others there are, and why it is not made of them.
    """

    method: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unclipped: float | None = None
    why: str | None = None
    labels: dict[str, int] = field(default_factory=dict[str, int])
    left_out: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class _Rows:
    """Labelled items that can be compared, by how they were picked, and why others cannot."""

    comparable: Mapping[Sampled, Confusion]
    left_out: Counter[str]


def corrected(
    alignments: Alignments, sitting: Sitting, raw: Rate, said: Mapping[str, Judged]
) -> CorrectedRate:
    """The corrected rate of a population of which the judge passed ``raw``.

    Args:
        alignments: Where the labels are.
        sitting: The judge as it is now.
        raw: How many of the population it passed.
        said: What it said of items, labelled ones among them; beside it counts what is kept.
    """
    rows = _rows(alignments, sitting, said)
    found = corrected_rate(rows.comparable, raw)
    left_out = Counter(rows.left_out)
    for way, counts in rows.comparable.items():
        if way not in found.ways and counts.n:
            left_out[_OTHERWISE[way]] += counts.n
    interval = found.interval
    return CorrectedRate(
        found.method,
        rounded(found.value),
        rounded(interval.low) if interval else None,
        rounded(interval.high) if interval else None,
        rounded(found.unclipped),
        _why(found, rows, sitting.judge.name) if raw.n else found.why,
        {way: rows.comparable[way].n for way in found.ways},
        [f"{count} {why}" for why, count in sorted(left_out.items())],
    )


def labels_only(book: LabelBook) -> Figure | None:
    """What those labels that were drawn at random say without any judge; None without any."""
    drawn = [truth for truth in book.truths if truth.sampled == "random"]
    passed = sum(truth.verdict == "pass" for truth in drawn)
    return figure(Rate(passed, len(drawn))) if drawn else None


def elsewhere(book: LabelBook, frame: Container[str]) -> str | None:
    """That labels are of other answers than those of ``frame``, named by key or by trace.

    None where all are of these: then they may speak for them.
    """
    drawn = [truth for truth in book.truths if truth.sampled != "unknown"]
    others = [
        truth
        for truth in drawn
        if truth.item.key not in frame and truth.row.label.trace_id not in frame
    ]
    if not others:
        return None
    return (
        f"{len(others)} of {counted(len(drawn), 'labelled answer')} are none of these: labels_only "
        "speaks of all that are labelled, and corrected_rate is right of these as far as the judge "
        "errs here as it does there."
    )


def _rows(alignments: Alignments, sitting: Sitting, said: Mapping[str, Judged]) -> _Rows:
    spec, kept = sitting.judge.spec, alignments.files.book(sitting.judge.name)
    book, splits = alignments.labels.book(spec), alignments.labels.splits(spec)
    answers = {**kept.answers, **said}
    # The first time that this version of the judge is known to have judged.
    first = min(
        (look.at for look in kept.history if look.fingerprint == sitting.fingerprint),
        default=float("inf"),
    )
    pairs = defaultdict[Sampled, list[Pair]](list)
    left_out = Counter[str]()
    for truth in book.truths:
        judged = answers.get(truth.item.key)
        if splits[truth.item.key] == "train":
            left_out["of the train split"] += 1
        elif judged is None or not _answered(judged, sitting):
            left_out[_UNANSWERED] += 1
        elif _drawn_by_another(truth, sitting.fingerprint, min(first, judged.judged_at)):
            left_out[_EARLIER] += 1
        elif judged.verdict == "unknown" and spec.unknown == "exclude":
            left_out["that the judge leaves open"] += 1
        else:
            pairs[truth.sampled].append(Pair(truth.verdict, judged.verdict))
    if book.disputed:
        left_out["on which people disagree"] += len(book.disputed)
    return _Rows({way: confusion(rows, spec.unknown) for way, rows in pairs.items()}, left_out)


def _answered(judged: Judged, sitting: Sitting) -> bool:
    return judged.fingerprint == sitting.fingerprint and judged.verdict != "errored"


def _drawn_by_another(truth: Truth, fingerprint: str, first: float) -> bool:
    """Whether the verdicts by which an item was drawn are not those of the judge as it is now.

    Of a label that does not say whose they were, they cannot be where that judge said its
    ``first`` only later.
    """
    if truth.sampled != "by_verdict" or fingerprint in truth.drawn.judges:
        return False
    return truth.drawn.unnamed_at is None or truth.drawn.unnamed_at < first


def _why(found: Estimate, rows: _Rows, judge: str) -> str | None:
    """Why there is no rate, in words that say what to do about it."""
    if found.ways or not found.why:
        return found.why or None
    if rows.comparable:
        return "nobody told how the labelled rows were picked; `regrade label` draws at random"
    if rows.left_out[_UNANSWERED]:
        asks = f'align_judge("{judge}", split="dev") asks it, and split="test"'
        return f"this version of the judge has answered no labelled item outside train: {asks}"
    if rows.left_out[_EARLIER]:
        return f"all labels were {_EARLIER}; `regrade label` draws at random"
    if rows.left_out:
        return "no label is left that it could be measured on"
    return "no person has labelled anything by its criterion"
