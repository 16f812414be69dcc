"""The tools for judges: let one judge, and measure how far it is right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from regrade_tools.budget import Budget
from regrade_tools.errands import Errands
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.judges.alignment_report import AlignmentReport, alignment_report, unmeasured
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.bench import Bench, Sitting
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.judges.pairs import both_orders, compared, preferred
from regrade_tools.judges.population import Population, Populations
from regrade_tools.judges.report import JudgeReport, judge_report
from regrade_tools.judges.rivals import beside, rival
from regrade_tools.models import Item, Judged, Split
from regrade_tools.refusal import Refusal
from regrade_tools.runs.running import Progress, silent
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.texts.paging import position

# Among so many answers the counts do not give away what is said of a single one.
_CROWD = 20


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
        both = compared(sitting.judge, pairs, redaction_of(self.workspace))
        found = (
            Population(tuple(both_orders(both)), f"{len(both)} pairs, each in both orders")
            if both
            else await self._population(sitting, traces, run_id, outputs, n, seed)
        )
        found = found if both else _open(found, alignments.tested(sitting.judge.spec), judge)
        if sitting.needs_an_agent:
            known = await self._known(sitting, found.items)
            open_items = [item for item in found.items if item.key not in known]
            if open_items:
                work = await self.errands.judge(sitting, open_items)
                state = alignments.assessment(judge).state
                return JudgeReport(judge, sitting.fingerprint, state, found.told, work=work)
            judged = known
        else:
            judged = await self.bench.hear(sitting, found.items, _budget(budget_usd), progress)
        labelled = [truth.item for truth in alignments.labels.book(sitting.judge.spec).truths]
        said = await self.bench.recalled(sitting, labelled)
        report = judge_report(alignments, sitting, found, {**said, **judged}, start)
        return replace(report, preference=preferred(both, judged)) if both else report

    async def align_judge(  # noqa: PLR0913 - what can be said of it
        self,
        judge: str,
        split: Split = "dev",
        versus: str | None = None,
        budget_usd: float | None = None,
        cursor: str | None = None,
        client: str = "",
        progress: Progress = silent,
    ) -> AlignmentReport:
        """Measure a judge against the labels of people, before it is trusted.

        TPR, TNR, kappa with intervals; draft, aligned or stale. train and dev show where they
        disagree; test decides whether it may gate, shows nothing, and every look is counted.
        versus: another judge of the criterion or a fingerprint of history.
        """
        start = position(cursor, "align_judge")
        alignments = Alignments(needed(self.workspace))
        sitting = self._sitting(alignments, judge, client)
        budget = _budget(budget_usd)
        # Before any work is handed out: nobody judges dozens of items to be refused at the end.
        other = None if versus is None else rival(alignments, sitting, versus)
        items = alignments.items(sitting, split)
        if sitting.needs_an_agent:
            known = await self._known(sitting, items)
            open_items = [item for item in items if item.key not in known]
            if open_items:
                work = await self.errands.judge(sitting, open_items)
                waiting = unmeasured(alignments, sitting, split, len(items))
                return replace(waiting, work=work)
            rows = alignments.look(sitting, split, known)
        else:
            rows = await alignments.measure(self.bench, sitting, split, budget, progress)
        report = alignment_report(alignments, sitting, split, rows, start)
        if other is None:
            return report
        return replace(report, versus=await beside(self.bench.store, other, sitting, rows))

    def standing(self, judge: str, split: Split = "test") -> AlignmentReport:
        """Where a judge stands and what it reached before; nobody is asked, no look is counted."""
        alignments = Alignments(needed(self.workspace))
        sitting = alignments.known_agent(alignments.files.sitting(alignments.files.judge(judge)))
        dealt = alignments.labels.splits(sitting.judge.spec).values()
        return unmeasured(alignments, sitting, split, sum(one == split for one in dealt))

    def agent(self, judge: str) -> str:
        """The agent who was measured last as a judge that has no mind of its own; empty if none."""
        alignments = Alignments(needed(self.workspace))
        files = alignments.files
        return alignments.known_agent(files.sitting(files.judge(judge))).agent

    def _sitting(self, alignments: Alignments, judge: str, client: str) -> Sitting:
        sitting = alignments.files.sitting(alignments.files.judge(judge))
        if not sitting.needs_an_agent:
            return sitting
        # A colon would end the name inside the fingerprint.
        return replace(sitting, agent=client.replace(":", "-")[:80] or "unnamed")

    async def _known(self, sitting: Sitting, items: Sequence[Item]) -> dict[str, Judged]:
        """What an agent has said of items, and which of them nobody can put to it."""
        known = await self.bench.known(sitting, [item.key for item in items])
        return {**known, **sitting.unaskable(items)}

    async def _population(  # noqa: PLR0913 - what can be said of it
        self,
        sitting: Sitting,
        traces: str | None,
        run_id: str | None,
        outputs: list[dict[str, JsonValue]] | None,
        n: int,
        seed: int,
    ) -> Population:
        files = JudgeFiles(needed(self.workspace))
        context = files.reads_context(sitting.judge.spec.criterion)
        populations = Populations(self.bench.store, self.workspace, context)
        return await populations.find(traces, run_id, outputs, n, seed)


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
    return replace(found, items=rest, told=f"{found.told}; {hidden} of the test split are left out")


def _budget(limit: float | None) -> Budget:
    if limit is not None and not 0 <= limit < float("inf"):
        raise Refusal(f"budget_usd is {limit}; it is dollars, 0 or more.")
    return Budget(limit)
