"""The tools for judges: let one judge, and measure how far it is right."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from regrade_tools.alignment import (
    Rate,
    UnknownPolicy,
    confusion,
    corrected_rate,
    pairwise_kappas,
)
from regrade_tools.alignments import Alignments, Row
from regrade_tools.bench import Bench, Sitting
from regrade_tools.budget import Budget
from regrade_tools.errands import Errands
from regrade_tools.judge_reports import (
    AlignmentReport,
    JudgeReport,
    corrected,
    disagreement,
    figure,
    figures,
    ordered,
    state_fields,
    verdict_card,
)
from regrade_tools.labelbook import LabelBook
from regrade_tools.models import Judge, Judged, Judgement, Split
from regrade_tools.paging import fit, position
from regrade_tools.pairs import Pair, both_orders, pairs_of, preferred
from regrade_tools.population import Population, Populations
from regrade_tools.redaction import Redaction, redaction_of
from regrade_tools.refusal import Refusal
from regrade_tools.running import Progress, silent
from regrade_tools.workspace import Workspace, needed

_CARDS = 50
# Among so many answers the counts do not give away what is said of a single one.
_CROWD = 20
_PAGE = 15_000


@dataclass(frozen=True)
class Judges:
    """What can be done with judges."""

    bench: Bench
    errands: Errands
    workspace: Workspace | None

    async def run_judge(  # noqa: PLR0913 - what can be said of it
        self,
        judge: str,
        traces: str | None = None,
        run_id: str | None = None,
        outputs: list[dict[str, JsonValue]] | None = None,
        pairs: list[dict[str, JsonValue]] | None = None,
        n: int = 50,
        seed: int = 0,
        budget_usd: float | None = None,
        cursor: str | None = None,
        client: str = "",
        progress: Progress = silent,
    ) -> JudgeReport:
        """Let a judge read answers: verdicts with reasons, and a corrected pass rate.

        Give traces (a query; n drawn by seed), run_id or outputs ([{"input", "output"}]); to a
        pairwise judge pairs ([{"input", "a", "b"}]). A judge without a model hands you work:
        submit_answers, then call again. budget_usd is a hard cap; state says whether to trust it.
        """
        start = position(cursor, "run_judge")
        alignments = Alignments(needed(self.workspace))
        sitting = self._sitting(alignments, judge, client)
        compared = _compared(sitting.judge, pairs, redaction_of(self.workspace))
        found = (
            Population(tuple(both_orders(compared)), f"{len(compared)} pairs, each in both orders")
            if compared
            else await self._population(traces, run_id, outputs, n, seed)
        )
        found = found if compared else _open(found, alignments.tested(sitting.judge.spec), judge)
        if sitting.needs_an_agent:
            known = await self.bench.known(sitting, [item.key for item in found.items])
            open_items = [item for item in found.items if item.key not in known]
            if open_items:
                work = await self.errands.judge(sitting, open_items)
                state = alignments.assessment(judge).state
                return JudgeReport(judge, sitting.fingerprint, state, found.told, work=work)
            judged = known
        else:
            judged = await self.bench.hear(sitting, found.items, _budget(budget_usd), progress)
        report = _report(alignments, sitting, found, judged, start)
        return replace(report, preference=preferred(compared, judged)) if compared else report

    async def align_judge(  # noqa: PLR0913 - what can be said of it
        self,
        judge: str,
        split: Split = "dev",
        budget_usd: float | None = None,
        cursor: str | None = None,
        client: str = "",
        progress: Progress = silent,
    ) -> AlignmentReport:
        """Measure a judge against the labels of people, before anybody trusts it.

        TPR, TNR, kappa with intervals; draft, aligned or stale. train and dev show where they
        disagree; test decides whether it may gate, shows nothing, and every look is counted.
        """
        start = position(cursor, "align_judge")
        alignments = Alignments(needed(self.workspace))
        sitting = self._sitting(alignments, judge, client)
        budget = _budget(budget_usd)
        items = alignments.items(sitting, split)
        if sitting.needs_an_agent:
            known = await self.bench.known(sitting, [item.key for item in items])
            open_items = [item for item in items if item.key not in known]
            if open_items:
                work = await self.errands.judge(sitting, open_items)
                waiting = _unmeasured(alignments, sitting, split, len(items))
                return replace(waiting, work=work)
            rows = alignments.look(sitting, split, known)
        else:
            rows = await alignments.measure(self.bench, sitting, split, budget, progress)
        return _alignment(alignments, sitting, split, rows, start)

    def _sitting(self, alignments: Alignments, judge: str, client: str) -> Sitting:
        sitting = alignments.files.sitting(alignments.files.judge(judge))
        if not sitting.needs_an_agent:
            return sitting
        # A colon would end the name inside the fingerprint.
        return replace(sitting, agent=client.replace(":", "-")[:80] or "unnamed")

    async def _population(
        self,
        traces: str | None,
        run_id: str | None,
        outputs: list[dict[str, JsonValue]] | None,
        n: int,
        seed: int,
    ) -> Population:
        populations = Populations(self.bench.store, self.workspace)
        return await populations.find(traces, run_id, outputs, n, seed)


def _compared(
    judge: Judge, given: list[dict[str, JsonValue]] | None, clean: Redaction
) -> tuple[Pair, ...]:
    """The pairs that were given, where the judge is one that compares."""
    if judge.spec.pairwise != bool(given):
        told = "compares two answers" if judge.spec.pairwise else "does not compare answers"
        raise Refusal(
            f"The judge {judge.name} {told}.",
            next_step='Give pairs ([{"input": ..., "a": ..., "b": ...}]) to a judge whose file '
            "says `pairwise: true`, and to no other.",
        )
    return pairs_of(given or (), clean)


def _open(found: Population, tested: frozenset[str], judge: str) -> Population:
    """``found`` without the test split, where it is too small for its counts to hide that."""
    keys = {item.key for item in found.items}
    hidden = len(keys & tested)
    if not hidden:
        return found
    if len(keys) >= _CROWD:
        return replace(found, told=f"{found.told}; {hidden} of the test split are not shown")
    rest = tuple(item for item in found.items if item.key not in tested)
    if not rest:
        raise Refusal(
            "That is of the test split, of which nobody sees what a judge says.",
            next_step=f'align_judge("{judge}", split="test") measures it; split="dev" shows more.',
        )
    return Population(rest, f"{found.told}; {hidden} of the test split are left out")


def _report(
    alignments: Alignments,
    sitting: Sitting,
    found: Population,
    judged: Mapping[str, Judged],
    start: int,
) -> JudgeReport:
    spec = sitting.judge.spec
    distinct = {item.key: item for item in found.items}
    tested = alignments.tested(spec)
    every = [judged[key] for key in distinct]
    counts = Counter[Judgement](one.verdict for one in every)
    raw = _raw(counts, spec.unknown)
    book = alignments.labels.book(spec)
    labelled = confusion(alignments.labelled_pairs(sitting), spec.unknown)
    assessment = alignments.assessment(sitting.judge.name)
    page = fit(
        ordered((item for key, item in distinct.items() if key not in tested), judged),
        lambda item: verdict_card(item, judged[item.key]),
        start,
        _PAGE,
        most=_CARDS,
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
        cost_usd=_cost(every),
        raw_rate=None if spec.pairwise else figure(raw),
        corrected_rate=(
            None if spec.pairwise else corrected(corrected_rate(labelled, raw, book.sampled))
        ),
        labels_only=figure(_labelled_rate(book)) if book.sampled == "random" else None,
        verdicts=page.items,
        next_cursor=page.next_cursor,
        hint=_hint(assessment.state, sitting.judge.name),
    )


def _raw(counts: Counter[Judgement], unknown: UnknownPolicy) -> Rate:
    """How many the judge passes, an UNKNOWN counted as its file says."""
    passed, decided = counts["pass"], counts["pass"] + counts["fail"]
    if unknown == "exclude":
        return Rate(passed, decided)
    left_open = counts["unknown"]
    return Rate(passed + (left_open if unknown == "as_pass" else 0), decided + left_open)


def _alignment(
    alignments: Alignments, sitting: Sitting, split: Split, rows: Sequence[Row], start: int
) -> AlignmentReport:
    name, spec = sitting.judge.name, sitting.judge.spec
    own = confusion((row.pair for row in rows), spec.unknown)
    blank = _unmeasured(alignments, sitting, split, len(rows))
    differing = [row for row in rows if row.disagrees] if split != "test" else []
    page = fit(differing, disagreement, start, _PAGE, most=_CARDS)
    if not own.n:
        nothing = f"0 comparable rows of {len(rows)}"
        problems = sorted({row.judged.problem for row in rows if row.judged and row.judged.problem})
        told = f"{nothing}: {problems[0]}" if problems else nothing
        hint = f"{told}. Nothing can be said of the judge." if rows else blank.hint
        return replace(blank, hint=hint, errored=sum(row.pair.judge == "errored" for row in rows))
    values: dict[str, Any] = {**figures(rows, own), **state_fields(alignments.assessment(name))}
    return replace(
        blank,
        **values,
        disagreements=page.items,
        next_cursor=page.next_cursor,
        cost_usd=_cost([row.judged for row in rows if row.judged]),
        hint=_alignment_hint(split, bool(differing)),
    )


def _unmeasured(
    alignments: Alignments, sitting: Sitting, split: Split, labels: int
) -> AlignmentReport:
    name, spec = sitting.judge.name, sitting.judge.spec
    assessment = alignments.assessment(name)
    book, kept = alignments.labels.book(spec), alignments.files.book(name)
    kappas = pairwise_kappas(book.by_labeller())
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
        people_kappa={f"{a} / {b}": kappa for (a, b), (kappa, _) in kappas.items()} or None,
        label_problems=_label_problems(book) or None,
        hint=None if labels else _no_labels(book),
    )


def _label_problems(book: LabelBook) -> list[str]:
    told: list[str] = []
    if book.untrusted:
        told.append(
            f"{len(book.untrusted)} labels claim to be a person's and no known key signed them: "
            "they count as suggestions"
        )
    if book.outdated:
        told.append(f"{book.outdated} labels were given by other words of the criterion")
    if book.disputed:
        told.append(f"{len(book.disputed)} items are left out: people disagree on them")
    return told


def _no_labels(book: LabelBook) -> str:
    suggestions = sum(row.label.source == "agent" for row in book.rows)
    told = f"; {suggestions} suggestions wait for a person" if suggestions else ""
    return (
        f"No person has labelled anything of this split by {book.criterion}{told}. "
        f"A person runs `regrade label {book.criterion}`."
    )


def _labelled_rate(book: LabelBook) -> Rate:
    return Rate(sum(truth.verdict == "pass" for truth in book.truths), len(book.truths))


def _hint(state: str, judge: str) -> str | None:
    if state == "aligned":
        return None
    return f'{judge} is {state}: align_judge("{judge}") shows where it differs from people.'


def _alignment_hint(split: Split, differing: bool) -> str:  # noqa: FBT001 - a fact
    if split == "test":
        return "The test split decides. Change the judge only by what train and dev show."
    if differing:
        return "Read the disagreements, mend the prompt, measure dev again; then split=test."
    return "No disagreement here: split=test decides whether it may gate."


def _cost(judged: Sequence[Judged]) -> float | None:
    costs = [0.0 if one.replayed else one.cost_usd for one in judged if one.verdict != "errored"]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if len(known) == len(costs) else None


def _budget(limit: float | None) -> Budget:
    if limit is not None and not 0 <= limit < float("inf"):
        raise Refusal(f"budget_usd is {limit}; it is dollars, 0 or more.")
    return Budget(limit)
