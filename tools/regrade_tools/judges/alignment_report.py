"""A judge against people, told to an agent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from regrade_tools.budget import paid
from regrade_tools.judges.alignment import (
    UNKNOWN_POLICIES,
    Assessment,
    Confusion,
    Need,
    confusion,
    fleiss_of_all,
    pairwise_kappas,
)
from regrade_tools.judges.alignments import Alignments, Row
from regrade_tools.judges.bench import Sitting
from regrade_tools.judges.cards import Disagreement, disagreement
from regrade_tools.judges.versions import Version, Versus, versions
from regrade_tools.labels.labelbook import LabelBook, waiting
from regrade_tools.models import Split
from regrade_tools.packets import Work
from regrade_tools.texts.figures import Figure, figure, rounded
from regrade_tools.texts.paging import fit
from regrade_tools.texts.plaintext import counted

_CARDS, _PAGE = 50, 15_000


@dataclass(frozen=True, slots=True)
class AlignmentReport:
    """A judge against people. Positive is PASS.

    ``comparable`` of ``labels`` rows could be compared. ``agreement`` stands beside ``majority``,
    what always saying the most frequent label would reach, and ``people_kappa``, how far each two
    people agree with each other; ``people_fleiss`` is of three and more, of the items that all of
    them labelled. Where people differ the majority is the label, and a tie is left out.
    ``policies``: the same under each reading of UNKNOWN. ``looks``: how often the test split was
    looked at. ``history``: what this judge and the versions before it reached, the latest first.
    Disagreements of the test split are never shown.
    """

    judge: str
    fingerprint: str
    state: str
    reasons: list[str]
    split: Split
    labels: int
    comparable: int
    unknown: int = 0
    errored: int = 0
    confusion: dict[str, int] | None = None
    tpr: Figure | None = None
    tnr: Figure | None = None
    precision_pass: Figure | None = None
    precision_fail: Figure | None = None
    f1_pass: float | None = None
    f1_fail: float | None = None
    kappa: float | None = None
    mcc: float | None = None
    agreement: float | None = None
    majority: float | None = None
    people_kappa: dict[str, float | None] | None = None
    people_fleiss: float | None = None
    policies: dict[str, dict[str, float | None]] | None = None
    needs: list[Need] = field(default_factory=list[Need])
    disagreements: list[Disagreement] = field(default_factory=list[Disagreement])
    next_cursor: str | None = None
    looks: int = 0
    history: list[Version] = field(default_factory=list[Version])
    versus: Versus | None = None
    label_problems: list[str] | None = None
    cost_usd: float | None = None
    work: Work | None = None
    hint: str | None = None


def alignment_report(
    alignments: Alignments, sitting: Sitting, split: Split, rows: Sequence[Row], start: int
) -> AlignmentReport:
    """The metrics of ``rows``, and where they differ, from ``start`` on; of test, nothing of it."""
    name, spec = sitting.judge.name, sitting.judge.spec
    own = confusion((row.pair for row in rows), spec.unknown)
    blank = unmeasured(alignments, sitting, split, len(rows))
    differing = [row for row in rows if row.disagrees] if split != "test" else []
    page = fit(differing, disagreement, start, _PAGE, most=_CARDS)
    if not own.n:
        nothing = f"0 comparable rows of {len(rows)}"
        problems = sorted({row.judged.problem for row in rows if row.judged and row.judged.problem})
        told = f"{nothing}: {problems[0]}" if problems else nothing
        hint = f"{told}. Nothing can be said of the judge." if rows else blank.hint
        return replace(blank, hint=hint, errored=sum(row.pair.judge == "errored" for row in rows))
    values: dict[str, Any] = {**_figures(rows, own), **_state(alignments.assessment(name))}
    return replace(
        blank,
        **values,
        disagreements=page.items,
        next_cursor=page.next_cursor,
        cost_usd=paid([row.judged for row in rows if row.judged]),
        hint=" ".join(
            filter(None, (_alignment_hint(split, bool(differing)), _only_an_agent(sitting)))
        ),
    )


def unmeasured(
    alignments: Alignments, sitting: Sitting, split: Split, labels: int
) -> AlignmentReport:
    """What is known of a judge without asking it of ``labels`` rows."""
    name, spec = sitting.judge.name, sitting.judge.spec
    assessment = alignments.assessment(name)
    book, kept = alignments.labels.book(spec), alignments.files.book(name)
    people = book.by_labeller()
    return AlignmentReport(
        judge=name,
        fingerprint=sitting.fingerprint,
        state=assessment.state,
        reasons=assessment.reasons,
        split=split,
        labels=labels,
        comparable=0,
        needs=assessment.needs,
        looks=len(kept.looks()),
        history=versions(kept.history),
        people_kappa={
            f"{a} / {b}": rounded(kappa) for (a, b), (kappa, _) in pairwise_kappas(people).items()
        }
        or None,
        people_fleiss=rounded(fleiss_of_all(people)),
        label_problems=_label_problems(book) or None,
        hint=_only_an_agent(sitting) if labels else _no_labels(book),
    )


def _label_problems(book: LabelBook) -> list[str]:
    told: list[str] = []
    if book.untrusted:
        told.append(
            f"{len(book.untrusted)} labels claim to be a person's and no known key signed them: "
            "they count as suggestions"
        )
    if book.outdated:
        told.append(f"{counted(book.outdated, 'label')} given by other words of the criterion")
    if book.disputed:
        told.append(f"{counted(len(book.disputed), 'item')} left out, on which people disagree")
    return told


def _no_labels(book: LabelBook) -> str:
    suggestions = sum(row.label.source == "agent" for row in book.rows)
    told = f"; {waiting(suggestions)}" if suggestions else ""
    return (
        f"No person has labelled anything of this split by {book.criterion}{told}. "
        f"A person runs `regrade label {book.criterion}`."
    )


def _only_an_agent(sitting: Sitting) -> str | None:
    """What being aligned cannot bring a judge that is the calling agent."""
    if not sitting.needs_an_agent:
        return None
    return (
        "It has no model: the agent that calls is this judge, and run_suite and the gate cannot "
        "ask it, aligned or not. A model, jury, function or recorded file would be another judge."
    )


def _alignment_hint(split: Split, differing: bool) -> str:  # noqa: FBT001 - a fact
    if split == "test":
        return "The test split decides. Change the judge only by what train and dev show."
    if differing:
        return "Read the disagreements, mend the prompt, measure dev again; then split=test."
    return "No disagreement here: split=test decides whether it may gate."


def _figures(rows: Sequence[Row], own: Confusion) -> dict[str, object]:
    """The metrics of an alignment report, for its constructor."""
    pairs = [row.pair for row in rows]
    return {
        "labels": len(rows),
        "comparable": own.n,
        "unknown": sum(pair.judge == "unknown" for pair in pairs),
        "errored": sum(pair.judge == "errored" for pair in pairs),
        "confusion": {"tp": own.tp, "fn": own.fn, "tn": own.tn, "fp": own.fp},
        "tpr": figure(own.tpr),
        "tnr": figure(own.tnr),
        "precision_pass": figure(own.precision_pass),
        "precision_fail": figure(own.precision_fail),
        "f1_pass": rounded(own.f1_pass),
        "f1_fail": rounded(own.f1_fail),
        "kappa": rounded(own.kappa),
        "mcc": rounded(own.mcc),
        "agreement": rounded(own.agreement),
        "majority": rounded(own.majority),
        "policies": {
            policy: {"tpr": rounded(found.tpr.value), "tnr": rounded(found.tnr.value)}
            for policy in UNKNOWN_POLICIES
            if (found := confusion(pairs, policy)).n
        },
    }


def _state(assessment: Assessment) -> dict[str, object]:
    """The state of a judge, for the constructor of an alignment report."""
    return {
        "state": assessment.state,
        "reasons": assessment.reasons,
        "needs": assessment.needs,
    }
