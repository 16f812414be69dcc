"""The tools for suites: run one, and read a run."""

import math
import time
from dataclasses import dataclass, field, replace
from typing import Literal

import anyio
from anyio import to_thread

from regrade_tools.baselines import Baselines
from regrade_tools.cards import Card, Summary, card, close_card, summary
from regrade_tools.clipping import clip_list
from regrade_tools.comparison import Comparison, compare
from regrade_tools.datasets import some_trace_cases, trace_cases
from regrade_tools.fingerprint import random_id
from regrade_tools.models import (
    Case,
    CaseResult,
    Outcome,
    RecordedTarget,
    Run,
    RunState,
    Scheduled,
    StoredRun,
    Suite,
    TargetSpec,
)
from regrade_tools.names import memorable
from regrade_tools.paging import Fitted, fit, position
from regrade_tools.planning import Planned, plan, program
from regrade_tools.redaction import redaction_of
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.running import Progress, silent
from regrade_tools.runs import Runs
from regrade_tools.standing import Standing, standing
from regrade_tools.workspace import Workspace, needed

Show = Literal["failures", "errored", "all", "summary"]

_BUILT_IN: dict[str, TargetSpec] = {
    "recorded": RecordedTarget(recorded="filed"),
    "corrected": RecordedTarget(recorded="corrected"),
    "latest": RecordedTarget(recorded="latest"),
}
_ORDER = {"failed": 0, "errored": 1, "passed": 2}
_CARDS = 20
_CARD_PAGE = 15_000
_CHANGED, _LOOSENED = 1_500, 3_000
_LONGEST_WAIT = 600


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run: its figures, the cards that were asked for, and a comparison where one was."""

    summary: Summary
    cards: list[Card] = field(default_factory=list[Card])
    comparison: Comparison | None = None
    next_cursor: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run of a suite would do now, by its files as they are."""

    suite: Suite
    target: str
    spec: TargetSpec
    planned: tuple[Planned, ...]

    @property
    def cases(self) -> tuple[Scheduled, ...]:
        """The cases as a run would keep them."""
        return tuple(item.scheduled(self.spec) for item in self.planned)


@dataclass(frozen=True)
class Suites:
    """What can be done with suites."""

    runs: Runs
    workspace: Workspace | None

    async def run_suite(  # noqa: PLR0913 - what can be said of a run
        self,
        suite: str,
        target: str | None = None,
        select: str = "",
        trials: int | None = None,
        baseline: str | None = None,
        budget_usd: float | None = None,
        wait_s: float = 20,
        progress: Progress = silent,
    ) -> RunReport:
        """Run a suite on a target and see what fails.

        target: one of evals/regrade.yaml, recorded (outputs as filed), corrected, or latest (the
        newest trace with the same input); the suite's own by default. select: tag:critical
        feature:search scenario:one -id:case_x*. baseline: a file, git:REF or a run id to compare
        with. budget_usd stops it at that cost. A run not done in wait_s seconds goes on: get_run.
        """
        prepared = await self.prepare(suite, target, select)
        before = await self._baselines().find(suite, baseline) if baseline else None
        asked = prepared.suite.trials if trials is None else trials
        run = self._new_run(suite, prepared, asked, select, budget_usd)
        until = anyio.current_time() + _wait(wait_s)
        await self.runs.start(
            run,
            prepared.planned,
            prepared.spec,
            prepared.suite.concurrency,
            redaction_of(self.workspace),
            progress,
            wait_s,
        )
        await self.runs.live.wait(run.id, max(0, until - anyio.current_time()))
        return await self._report(run.id, "failures", before, 0)

    async def get_run(  # noqa: PLR0913 - what can be asked of a run
        self,
        run_id: str,
        show: Show = "failures",
        case_id: str | None = None,
        compare_to: str | None = None,
        cursor: str | None = None,
        wait_s: float = 0,
        cancel: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
    ) -> RunReport:
        """Read a run: its figures and one card a failure.

        case_id: one case. compare_to: a run id, a baseline file or git:REF: what was fixed,
        broken, loosened. wait_s waits for a run under way; cancel stops it and keeps what it
        measured.
        """
        start = position(cursor, "get_run")
        stored = await self.runs.stored(run_id)
        if cancel and not self.runs.live.cancel(run_id) and self.runs.state(stored) == "running":
            raise Refusal(f"{run_id} runs in another process.", next_step="Stop it there.")
        await self.runs.live.wait(run_id, _LONGEST_WAIT if cancel else _wait(wait_s))
        before = None
        if compare_to:
            before = await self._baselines().find(stored.run.suite, compare_to)
        return await self._report(run_id, show, before, start, case_id)

    async def prepare(self, suite: str, target: str | None, select: str = "") -> Prepared:
        """What a run would do, with everything checked before it starts.

        Raises:
            Refusal: The suite, a case, the target or the selection is wrong.
        """
        workspace = needed(self.workspace)
        found = workspace.suite(suite)
        planned = plan(found, await self.cases_of(suite, found), select)
        chosen = target or found.target
        return Prepared(found, chosen, self._spec(workspace, chosen), planned)

    async def cases_of(self, name: str, suite: Suite) -> tuple[Case, ...]:
        """The cases of a suite, those of its dataset with them."""
        # A dataset may be long: other calls are answered while it is read.
        cases = await to_thread.run_sync(needed(self.workspace).cases, name)
        if suite.dataset is None or suite.dataset.query is None:
            return cases
        return (*cases, *await trace_cases(suite.dataset, self.runs.store, time.time()))

    def _spec(self, workspace: Workspace, name: str) -> TargetSpec:
        known = {**_BUILT_IN, **workspace.project().targets}
        if name not in known:
            raise unknown(
                "target", name, known, next_step="Targets are declared in evals/regrade.yaml."
            )
        return known[name]

    def _new_run(
        self, suite: str, prepared: Prepared, trials: int, select: str, budget_usd: float | None
    ) -> Run:
        if not 1 <= trials <= 100:  # noqa: PLR2004 - as in a suite file
            raise Refusal(f"trials is {trials}; it is 1 to 100.")
        if budget_usd is not None and not 0 < budget_usd < math.inf:
            raise Refusal(f"budget_usd is {budget_usd:g}; it is more than 0.")
        now = time.time()
        return Run(
            id=random_id("run"),
            suite=suite,
            target=prepared.target,
            name=memorable(now),
            started_at=now,
            trials=trials,
            cases=prepared.cases,
            owner=self.runs.host.owner(),
            select=select,
            commit=self.runs.host.commit(),
            program=program(prepared.spec),
            budget_usd=budget_usd,
        )

    async def _report(
        self,
        run_id: str,
        show: Show,
        before: Standing | None,
        start: int,
        case_id: str | None = None,
    ) -> RunReport:
        stored = await self.runs.stored(run_id)
        state = self.runs.state(stored)
        results = await self.runs.store.results(run_id)
        found = standing(stored.run, results)
        if case_id is not None and case_id not in found.cases:
            raise unknown("case of this run", case_id, found.cases)
        if state == "running":
            # A case without all its answers is not errored yet, only not done.
            done: dict[str, Outcome] = {
                case_id: ended for case_id, ended in found.outcomes.items() if ended != "errored"
            }
            found = replace(found, outcomes=done)
        page = await self._cards(stored.run, results, show, start, case_id)
        changed = compare(before, found, select=stored.run.select) if before else None
        return RunReport(
            summary=summary(stored, state, found),
            cards=page.items,
            comparison=_shortened(changed) if changed else None,
            next_cursor=page.next_cursor,
            hint=_hint(state, run_id, stored, page.items, close=case_id is not None),
        )

    async def _cards(
        self,
        run: Run,
        results: tuple[CaseResult, ...],
        show: Show,
        start: int,
        case_id: str | None,
    ) -> Fitted[Card]:
        wanted = {"failures": {"failed", "errored"}, "errored": {"errored"}, "summary": set[str]()}
        outcomes = wanted.get(show, {"failed", "errored", "passed"})
        if case_id is not None:
            case = (await self._known(run.suite, {case_id})).get(case_id)
            asked = sorted((r for r in results if r.case_id == case_id), key=_by_outcome)
            return fit(asked, lambda one: close_card(one, case, run.trials), start, _CARD_PAGE)
        alike: dict[tuple[str, Outcome], list[CaseResult]] = {}
        for result in sorted((r for r in results if r.outcome in outcomes), key=_by_outcome):
            alike.setdefault((result.case_id, result.outcome), []).append(result)
        groups = list(alike.values())
        ids = {trials[0].case_id for trials in groups[start : start + _CARDS]}
        known = await self._known(run.suite, ids)

        def told(trials: list[CaseResult]) -> Card:
            return card(trials, known.get(trials[0].case_id), run.trials)

        return fit(groups, told, start, _CARD_PAGE, most=_CARDS)

    async def _known(self, suite: str, ids: set[str]) -> dict[str, Case]:
        workspace = needed(self.workspace)
        try:
            found = workspace.some_cases(suite, ids)
            dataset = workspace.suite(suite).dataset if ids - set(found) else None
            if dataset is not None and dataset.query is not None:
                found |= await some_trace_cases(dataset, self.runs.store, ids - set(found))
        except Refusal:
            # A run is told even when its case files have been broken since.
            return {}
        return found

    def _baselines(self) -> Baselines:
        return Baselines(needed(self.workspace), self.runs.store, self.runs.host)


def _wait(seconds: float) -> float:
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise Refusal(f"wait_s is {seconds:g}; it is 0 to {_LONGEST_WAIT}.")
    return seconds


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
        loosened=clip_list(changed.loosened, _LOOSENED),
    )


def _hint(
    state: RunState, run_id: str, stored: StoredRun, cards: list[Card], *, close: bool
) -> str | None:
    if state == "running":
        done = f"{stored.done} of {len(stored.run.cases) * stored.run.trials} answers are in"
        return f'{done}: get_run("{run_id}", wait_s=30) waits for the rest.'
    if state == "interrupted":
        return "Its process died; what it had measured is kept. run_suite measures anew."
    if cards and cards[0].outcome == "errored":
        return "Errored is not failed: the evaluation broke. Mend the target, then run again."
    if cards and not close:
        return f'get_run("{run_id}", case_id=...) shows more of one case, each trial of it.'
    return None
