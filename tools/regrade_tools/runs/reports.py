"""A run told: its figures, the cards that were asked for, and a comparison where one was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from regrade_tools.comparison.comparison import Comparison, compare
from regrade_tools.comparison.rewording import is_reworded
from regrade_tools.comparison.slices import Slice, slices
from regrade_tools.comparison.standing import Standing, standing, worded
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.inputs.generation.candidates import SYNTHETIC
from regrade_tools.inputs.generation.struggles import Struggles, struggles
from regrade_tools.models import Case, CaseResult, Outcome, Run, RunState, StoredRun
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.runs.cards import Card, Seen, card, close_card
from regrade_tools.runs.estimates import Estimate
from regrade_tools.runs.lifecycle import Runs
from regrade_tools.runs.summary import Summary, summary
from regrade_tools.suites.datasets import some_trace_cases
from regrade_tools.texts.clipping import clip_list
from regrade_tools.texts.paging import Fitted, fit

Show = Literal["failures", "errored", "all", "summary"]

_SHOWN: dict[Show, tuple[Outcome, ...]] = {
    "failures": ("failed", "errored"),
    "errored": ("errored",),
    "all": ("failed", "errored", "passed"),
    "summary": (),
}
_ORDER = {"failed": 0, "errored": 1, "passed": 2}
_CARDS = 20
# Whoever waits for a run asks again and again, and is told all of them at its end.
_CARDS_MEANWHILE = 3
_CARD_PAGE = 15_000
_CHANGED, _LOOSENED, _RENAMED = 1_500, 3_000, 20
_ALSO = 400
# About forty tokens each; `regrade gate` prints every part.
_SLICES = 12


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run: its figures, the cards that were asked for, and a comparison where one was.

    ``slices`` are the parts of the suite, by feature and scenario and by tag, in which something
    was fixed or broken, the worst first.
    """

    summary: Summary
    cards: list[Card] = field(default_factory=list[Card])
    comparison: Comparison | None = None
    slices: list[Slice] | None = None
    estimate: Estimate | None = None
    generated: Struggles | None = None
    next_cursor: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class RunReports:
    """How the runs of a workspace are told. ``read`` are cases that somebody has read already."""

    runs: Runs
    workspace: Workspace | None
    read: Mapping[str, Case] = field(default_factory=dict[str, Case])

    async def report(
        self,
        run_id: str,
        show: Show,
        before: Standing | None,
        start: int,
        case_id: str | None = None,
    ) -> RunReport:
        """One run, its cards from ``start`` on, beside ``before``.

        Raises:
            Refusal: There is no such run, or no such case in it.
        """
        stored = await self.runs.stored(run_id)
        state = self.runs.state(stored)
        trials = await self.runs.store.trials(run_id)
        found = standing(stored.run, trials)
        if case_id is not None and case_id not in found.cases:
            raise unknown("case of this run", case_id, found.cases)
        if state == "running":
            # A case without all its answers is not errored yet, only not done.
            found = replace(found, outcomes=found.asked)
        most = _CARDS_MEANWHILE if state == "running" else _CARDS
        page = await self._cards(stored.run, show, start, case_id, most)
        if before and is_reworded(before, found):
            found = worded(found, await self.runs.store.results(run_id))
        changed = compare(before, found, select=stored.run.select) if before else None
        return RunReport(
            summary=summary(stored, state, found, trials),
            cards=page.items,
            comparison=_shortened(changed) if changed else None,
            slices=_moved(found, before.narrowed(stored.run.select, found)) if before else None,
            generated=await self._struggles(stored.run, found) if case_id is None else None,
            next_cursor=page.next_cursor,
            hint=_hint(state, run_id, stored, page.items, close=case_id is not None),
        )

    async def _struggles(self, run: Run, found: Standing) -> Struggles | None:
        """Which values the generated inputs have that failed."""
        synthetic = {case.id for case in run.cases if SYNTHETIC in case.tags}
        if not synthetic:
            return None
        cases = await self._known(run.suite, synthetic)
        return struggles(cases.values(), found.outcomes)

    async def _cards(
        self,
        run: Run,
        show: Show,
        start: int,
        case_id: str | None,
        most: int,
    ) -> Fitted[Card]:
        store = self.runs.store
        if case_id is not None:
            case = (await self._known(run.suite, {case_id})).get(case_id)
            asked = sorted(await store.results(run.id, case_id=case_id), key=_by_outcome)
            passed = (await store.last_passed(run.id, {case_id})).get(case_id)
            seen = Seen(run, case, passed, self._trials(run.suite))
            return fit(asked, lambda one: close_card(one, seen), start, _CARD_PAGE)
        groups, also = _alike(await store.results(run.id, outcomes=_SHOWN[show]))
        ids = {trials[0].case_id for trials in groups[start : start + most]}
        known = await self._known(run.suite, ids)
        before = await store.last_passed(run.id, ids)
        trials = self._trials(run.suite)

        def told(alike: list[CaseResult]) -> Card:
            case_id = alike[0].case_id
            told = card(alike, Seen(run, known.get(case_id), before.get(case_id), trials))
            return replace(told, also=clip_list(also.get(case_id, ()), _ALSO) or None)

        return fit(groups, told, start, _CARD_PAGE, most=most)

    def _trials(self, suite: str) -> int:
        """How often the suite asks each case where nobody says how often."""
        try:
            return needed(self.workspace).suite(suite).trials
        except Refusal:
            return 1

    async def _known(self, suite: str, ids: set[str]) -> dict[str, Case]:
        workspace = needed(self.workspace)
        found = {case_id: self.read[case_id] for case_id in ids & self.read.keys()}
        missing = ids - found.keys()
        try:
            found |= workspace.some_cases(suite, missing)
            missing -= found.keys()
            dataset = workspace.suite(suite).dataset if missing else None
            if dataset is not None and dataset.query is not None:
                found |= await some_trace_cases(dataset, self.runs.store, missing)
        except Refusal:
            # A run is told even when its case files have been broken since.
            pass
        return found


def _alike(results: Iterable[CaseResult]) -> tuple[list[list[CaseResult]], dict[str, list[str]]]:
    """The trials of each case that ended alike; and of a case, others with the very same error.

    Those have no trials of their own here: a target that is down would be told with each case.
    """
    alike: dict[tuple[str, Outcome], list[CaseResult]] = {}
    for result in sorted(results, key=_by_outcome):
        alike.setdefault((result.case_id, result.outcome), []).append(result)
    groups: list[list[CaseResult]] = []
    first: dict[str, str] = {}
    also: dict[str, list[str]] = {}
    for (case_id, _), trials in alike.items():
        error = trials[0].error
        if error in first:
            also.setdefault(first[error], []).append(case_id)
            continue
        groups.append(trials)
        if error:
            first[error] = case_id
    return groups, also


def _by_outcome(result: CaseResult) -> tuple[int, str, int]:
    return _ORDER[result.outcome], result.case_id, result.trial


def _shortened(changed: Comparison) -> Comparison:
    """What an agent can afford of it; `regrade gate` prints the whole."""
    return replace(
        changed,
        fixed=clip_list(changed.fixed, _CHANGED),
        broken=clip_list(changed.broken, _CHANGED),
        flaky=clip_list(changed.flaky, _CHANGED),
        added=clip_list(changed.added, _CHANGED),
        renamed=dict([*(changed.renamed or {}).items()][:_RENAMED]) or None,
        loosened=clip_list(changed.loosened, _LOOSENED),
        tightened=clip_list(changed.tightened or [], _LOOSENED) or None,
    )


def _moved(found: Standing, before: Standing) -> list[Slice]:
    moved = [part for part in slices(found, before) if part.fixed or part.broken]
    return [_rounded(part) for part in moved[:_SLICES]]


def _rounded(part: Slice) -> Slice:
    now, then = part.pass_rate, part.baseline_rate
    return replace(
        part,
        pass_rate=None if now is None else round(now, 4),
        baseline_rate=None if then is None else round(then, 4),
        change=round(part.change, 4),
    )


def _hint(
    state: RunState, run_id: str, stored: StoredRun, cards: list[Card], *, close: bool
) -> str | None:
    if state == "running":
        done = f"{stored.done} of {len(stored.run.cases) * stored.run.trials} answers are in"
        return f'{done}: get_run("{run_id}", wait_s=30) waits for the rest.'
    if state == "interrupted":
        return (
            f"It did not come to its end; what it had measured is kept. "
            f'run_suite("{stored.run.suite}", resume="{run_id}") asks the rest.'
        )
    if cards and cards[0].outcome == "errored":
        return (
            "Errored is not failed: the evaluation broke. Mend what its reason names, then run "
            "again."
        )
    if cards and not close:
        return f'get_run("{run_id}", case_id=...) shows more of one case, each trial of it.'
    return None
