"""What a judge said of a population, told to an agent."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from regrade_tools.budget import paid
from regrade_tools.judges.alignment import Rate, UnknownPolicy
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.bench import Sitting
from regrade_tools.judges.cards import VerdictCard, ordered, verdict_card
from regrade_tools.judges.corrections import CorrectedRate, corrected, elsewhere, labels_only
from regrade_tools.judges.population import Population
from regrade_tools.models import Judged, Judgement
from regrade_tools.packets import Work
from regrade_tools.texts.figures import Figure, figure
from regrade_tools.texts.paging import fit

# What errored is not kept, so that another page would ask it again: then a page is larger.
_CARDS, _CARDS_OF_ERRORS, _PAGE = 10, 50, 15_000


@dataclass(frozen=True, slots=True)
class Preferred:
    """What a judge prefers. Compare ``longer_wins`` with ``longer_wins_people``."""

    pairs: int
    judged: int
    a_wins: int
    b_wins: int
    ties: int
    win_rate_a: Figure
    flipped: Figure
    first_shown: Figure
    longer_wins: Figure
    longer_wins_people: Figure
    agreement: Figure
    agreement_decided: Figure


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """Verdicts of a judge. ``work`` is handed out where the calling agent is the judge.

    ``raw_rate`` is what the judge says; ``corrected_rate`` what that means by the labels;
    ``labels_only`` what the labels say without any judge.
    """

    judge: str
    fingerprint: str
    state: str
    population: str
    judged: int = 0
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    errored: int = 0
    replayed: int = 0
    cost_usd: float | None = None
    raw_rate: Figure | None = None
    corrected_rate: CorrectedRate | None = None
    labels_only: Figure | None = None
    preference: Preferred | None = None
    verdicts: list[VerdictCard] = field(default_factory=list[VerdictCard])
    next_cursor: str | None = None
    work: Work | None = None
    hint: str | None = None


def judge_report(
    alignments: Alignments,
    sitting: Sitting,
    found: Population,
    judged: Mapping[str, Judged],
    start: int,
) -> JudgeReport:
    """Verdicts failing first, from ``start`` on, but for those of the test split; and rates.

    ``judged`` holds beside them what the judge as it is now said before of labelled items.
    """
    spec = sitting.judge.spec
    distinct = {item.key: item for item in found.items}
    tested = alignments.tested(spec)
    every = [judged[key] for key in distinct]
    counts = Counter[Judgement](one.verdict for one in every)
    raw = _raw(counts, spec.unknown)
    assessment = alignments.assessment(sitting.judge.name)
    book = alignments.labels.book(spec)
    others = None if spec.pairwise else elsewhere(book, found.frame)
    page = fit(
        ordered((item for key, item in distinct.items() if key not in tested), judged),
        lambda item: verdict_card(item, judged[item.key]),
        start,
        _PAGE,
        most=_CARDS_OF_ERRORS if counts["errored"] else _CARDS,
    )
    return JudgeReport(
        judge=sitting.judge.name,
        fingerprint=sitting.fingerprint,
        state=assessment.state,
        population=found.told,
        judged=len(every),
        passed=counts["pass"],
        failed=counts["fail"],
        unknown=counts["unknown"],
        errored=counts["errored"],
        replayed=sum(one.replayed for one in every),
        cost_usd=paid(every),
        raw_rate=None if spec.pairwise else figure(raw),
        corrected_rate=(None if spec.pairwise else corrected(alignments, sitting, raw, judged)),
        labels_only=labels_only(book),
        verdicts=page.items,
        next_cursor=page.next_cursor,
        hint=_hint(assessment.state, sitting.judge.name, others),
    )


def _raw(counts: Counter[Judgement], unknown: UnknownPolicy) -> Rate:
    """How many the judge passes, an UNKNOWN counted as its file says."""
    passed, decided = counts["pass"], counts["pass"] + counts["fail"]
    if unknown == "exclude":
        return Rate(passed, decided)
    left_open = counts["unknown"]
    return Rate(passed + (left_open if unknown == "as_pass" else 0), decided + left_open)


def _hint(state: str, judge: str, others: str | None) -> str | None:
    if state == "aligned":
        return others
    told = f'{judge} is {state}: align_judge("{judge}") shows where it differs from people.'
    return f"{told} {others}" if others else told
