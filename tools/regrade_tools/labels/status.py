"""How far a criterion is labelled: by whom, how they agree, and what its judges still need."""

from collections import Counter
from dataclasses import dataclass, field

from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.alignment import Need, fleiss_of_all, pairwise_kappas
from regrade_tools.judges.alignments import Alignments
from regrade_tools.labels.labelbook import LabelBook
from regrade_tools.labels.labelling import Criterion
from regrade_tools.labels.saturation import Saturation, saturation
from regrade_tools.labels.second_looks import SelfAgreement, self_agreement
from regrade_tools.models import Split, Verdict

# So many disputes are listed; all are counted, and drawn by `--sample disputed`.
_DISPUTES = 50


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa of two people on the items that both labelled; None where undefined."""

    labellers: tuple[str, str]
    both: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item on which people disagree: its trace, and what each of them says."""

    trace_id: str
    said: dict[str, Verdict]


@dataclass(frozen=True, slots=True)
class LabelStatus:
    """Labels of people. ``counts`` are items by split and verdict; splits are dealt as of now.

    ``fleiss`` is of the items that every one of three or more people labelled. ``suggestions``
    are items of agents that no person has labelled. ``outdated`` labels were given by other words
    of the criterion, ``untrusted`` ones claim a person whose key did not sign them. ``learned``
    is what the last ones taught, ``again`` how people agree with what they said before.
    """

    criterion: str
    items: int
    counts: dict[str, dict[str, int]]
    sampled: dict[str, int]
    labellers: dict[str, int]
    agreement: list[Agreement]
    fleiss: float | None
    disputed: int
    disputes: list[Dispute]
    suggestions: int
    outdated: int
    untrusted: tuple[str, ...]
    learned: Saturation
    again: list[SelfAgreement]
    needs: dict[str, list[Need]] = field(default_factory=dict[str, list[Need]])


def status(workspace: Workspace, criterion: Criterion, book: LabelBook) -> LabelStatus:
    """How far ``criterion`` is labelled."""
    people = book.by_labeller()
    said = {item for verdicts in people.values() for item in verdicts}
    suggested = {row.label.item for row in book.rows if row.label.source == "agent"}
    kappas = pairwise_kappas(people)
    return LabelStatus(
        criterion=criterion.name,
        items=len(book.truths),
        counts=_counts(workspace, criterion, book),
        sampled=dict(Counter(truth.sampled for truth in book.truths)),
        labellers={name: len(verdicts) for name, verdicts in sorted(people.items())},
        agreement=[Agreement(pair, both, kappa) for pair, (kappa, both) in kappas.items()],
        fleiss=fleiss_of_all(people),
        disputed=len(book.disputed),
        disputes=[_dispute(book, item) for item in book.disputed[:_DISPUTES]],
        suggestions=len(suggested - said),
        outdated=book.outdated,
        untrusted=book.untrusted,
        learned=saturation(book.history),
        again=self_agreement(book.history),
        needs={judge: Alignments(workspace).assessment(judge).needs for judge in criterion.judges},
    )


def _dispute(book: LabelBook, item: str) -> Dispute:
    given = [row.label for row in book.rows if row.label.item == item]
    people = [label for label in given if label.source == "human"]
    return Dispute(people[0].trace_id, {label.labeller: label.verdict for label in people})


def _counts(
    workspace: Workspace, criterion: Criterion, book: LabelBook
) -> dict[str, dict[str, int]]:
    """Items by split and verdict; without a judge there are no splits yet."""
    splits: dict[str, Split] = {}
    if criterion.judges:
        alignments = Alignments(workspace)
        splits = alignments.labels.splits(alignments.files.judge(criterion.judges[0]).spec)
    found: dict[str, dict[str, int]] = {}
    for truth in book.truths:
        count = found.setdefault(splits.get(truth.item.key, "all"), {"pass": 0, "fail": 0})
        count[truth.verdict] += 1
    return dict(sorted(found.items()))
