"""The tools for suites: run one, read a run, check one output."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import anyio
from pydantic import JsonValue
from regrade_prompts import render

from regrade_tools.assertions import Check, Subject, parse_all
from regrade_tools.baselines import Baselines
from regrade_tools.cards import Card, Summary, card, summary
from regrade_tools.clipping import REPLY_CHARACTERS, fit
from regrade_tools.comparison import Comparison, Standing, compare, standing
from regrade_tools.fingerprint import random_id
from regrade_tools.live import LiveRuns
from regrade_tools.models import (
    Case,
    CaseResult,
    RecordedTarget,
    Run,
    RunEnd,
    RunState,
    StoredRun,
    TargetSpec,
)
from regrade_tools.names import memorable
from regrade_tools.planning import Planned, plan, planned_case
from regrade_tools.ports import Host, Store, Target, Targets
from regrade_tools.recorded import RecordedAnswers
from regrade_tools.refusal import Refusal, refusal_in, unknown
from regrade_tools.running import Progress, checked, measure, silent
from regrade_tools.traces import NO_WORKSPACE
from regrade_tools.workspace import Workspace

Show = Literal["failures", "errored", "all", "summary"]

_BUILT_IN: dict[str, TargetSpec] = {
    "recorded": RecordedTarget(recorded="filed"),
    "corrected": RecordedTarget(recorded="corrected"),
    "latest": RecordedTarget(recorded="latest"),
}
_ORDER = {"failed": 0, "errored": 1, "passed": 2}
_CARDS = 5
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
class Checked:
    """What the assertions say of one output; ``retry`` is fit to be sent to the model."""

    passed: bool
    failed: list[str]
    errored: list[str]
    checks: int
    retry: str | None = None


@dataclass(frozen=True)
class Suites:
    """What can be done with suites."""

    store: Store
    workspace: Workspace | None
    targets: Targets
    live: LiveRuns
    host: Host

    async def run_suite(  # noqa: PLR0913 - what can be said of a run
        self,
        suite: str,
        target: str | None = None,
        select: str = "",
        trials: int | None = None,
        baseline: str | None = None,
        wait_s: float = 20,
        progress: Progress = silent,
    ) -> RunReport:
        """Run a suite of cases on a target and see what fails.

        target: one of evals/regrade.yaml, or recorded (the outputs that were filed), corrected,
        latest (the newest trace with the same input); the suite's own by default. select:
        tag:critical feature:search scenario:one -id:case_x*. trials: how often each case is
        asked. baseline: a file, a git ref or a run id to compare with. Answers after wait_s
        seconds at most; a run that is not done goes on, get_run waits for it.
        """
        workspace = self._workspace()
        found, chosen = workspace.suite(suite), target
        planned = plan(found, workspace.cases(suite), select)
        chosen = target or found.target
        spec = self._spec(workspace, chosen)
        before = await self._baselines().find(suite, baseline) if baseline else None
        run = self._new_run(suite, chosen, planned, trials or found.trials, select)
        ready = anyio.Event()
        refused: list[Refusal] = []

        async def work() -> None:
            await self._work(run, planned, spec, found.concurrency, progress, ready, refused)

        self.live.start(run.id, work)
        await ready.wait()
        if refused:
            raise refused[0]
        await self.live.wait(run.id, _wait(wait_s))
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
        """Read a run: its figures and one card a failure, failing first.

        show: failures, errored, all or summary; case_id for one case. compare_to: a run id, a
        baseline file or a git ref: what was fixed, broken, loosened. wait_s waits for a run that
        is under way; cancel stops it and keeps what it has measured.
        """
        stored = await self._stored(run_id)
        if cancel and not self.live.cancel(run_id) and self._state(stored) == "running":
            raise Refusal(f"{run_id} runs in another process.", next_step="Stop it there.")
        await self.live.wait(run_id, _LONGEST_WAIT if cancel else _wait(wait_s))
        before = None
        if compare_to:
            before = await self._baselines().find(stored.run.suite, compare_to)
        return await self._report(run_id, show, before, _place(cursor), case_id)

    async def check_output(
        self,
        output: JsonValue,
        suite: str | None = None,
        assertions: list[dict[str, JsonValue]] | None = None,
        input: JsonValue = None,  # noqa: A002 - the word of the file
        case_id: str | None = None,
    ) -> Checked:
        """Check one output against assertions or a suite's, for instance before it is sent.

        Give assertions, or suite for what it asks of every answer, or suite and case_id for all
        that this case must meet. retry is a message for the model that wrote the output.
        """
        checks = self._checks(suite, assertions, case_id)
        subject = Subject(output=output, input=input)
        asked = [check for check in checks if check.assertion.reads_output]
        results = [checked(check, subject) for check in asked]
        failed = [result.reason for result in results if result.outcome == "failed"]
        errored = [result.reason for result in results if result.outcome == "errored"]
        retry = render("retry", failures=failed, total=len(asked)) if failed else None
        return Checked(not failed and not errored, failed, errored, len(asked), retry)

    def _checks(
        self, suite: str | None, assertions: list[dict[str, JsonValue]] | None, case_id: str | None
    ) -> tuple[Check, ...]:
        own = parse_all(assertions or ())
        if suite is None:
            if not own:
                raise Refusal("There is nothing to check.", next_step="Give assertions or suite.")
            return own
        workspace = self._workspace()
        found = workspace.suite(suite)
        if case_id is None:
            checks = (*parse_all(found.assertions), *own)
            if not checks:
                raise Refusal(
                    f"The suite {suite!r} asks nothing of every answer.",
                    next_step="Give case_id, or assertions.",
                )
            return checks
        cases = {case.id: case for case in workspace.cases(suite)}
        if case_id not in cases:
            raise unknown("case", case_id, cases)
        return (*planned_case(found, cases[case_id]).checks, *own)

    def _spec(self, workspace: Workspace, name: str) -> TargetSpec:
        known = {**_BUILT_IN, **workspace.project().targets}
        if name not in known:
            raise unknown(
                "target", name, known, next_step="Targets are declared in evals/regrade.yaml."
            )
        return known[name]

    def _new_run(
        self, suite: str, target: str, planned: tuple[Planned, ...], trials: int, select: str
    ) -> Run:
        if not 1 <= trials <= 100:  # noqa: PLR2004 - as in a suite file
            raise Refusal(f"trials is {trials}; it is 1 to 100.")
        now = time.time()
        return Run(
            id=random_id("run"),
            suite=suite,
            target=target,
            name=memorable(now),
            started_at=now,
            trials=trials,
            cases=tuple(item.scheduled for item in planned),
            owner=self.host.owner(),
            select=select,
            commit=self.host.commit(),
        )

    async def _work(  # noqa: PLR0913 - the whole of a run
        self,
        run: Run,
        planned: tuple[Planned, ...],
        spec: TargetSpec,
        concurrency: int,
        progress: Progress,
        ready: anyio.Event,
        refused: list[Refusal],
    ) -> None:
        state: RunState = "broken"
        problem = "the run ended by an error of Regrade itself; its log says more"
        try:
            async with self._opened(spec, concurrency) as target:
                await self.store.start_run(run)
                ready.set()
                await measure(
                    run.id,
                    planned,
                    target,
                    self.store,
                    trials=run.trials,
                    concurrency=concurrency,
                    progress=progress,
                )
            state, problem = "done", ""
        except Refusal as refusal:
            problem = str(refusal)
            if not ready.is_set():
                refused.append(refusal)
        except ExceptionGroup as group:
            refusal = refusal_in(group)
            if refusal is None:
                raise
            problem = str(refusal)
        except anyio.get_cancelled_exc_class():
            state, problem = "cancelled", ""
            raise
        finally:
            with anyio.CancelScope(shield=True):
                if ready.is_set():
                    await self.store.end_run(run.id, RunEnd(state, time.time(), problem))
            ready.set()

    @asynccontextmanager
    async def _opened(self, spec: TargetSpec, concurrency: int) -> AsyncGenerator[Target, None]:
        if isinstance(spec, RecordedTarget):
            yield RecordedAnswers(spec, self.store)
            return
        async with self.targets.open(spec, concurrency) as target:
            yield target

    async def _stored(self, run_id: str) -> StoredRun:
        stored = await self.store.run(run_id)
        if stored is None:
            recent = [one.run.id for one in await self.store.runs(None, 10)]
            raise unknown("run", run_id, recent, next_step="overview lists the last runs.")
        return stored

    def _state(self, stored: StoredRun) -> RunState:
        if stored.end is not None:
            return stored.end.state
        return "running" if self.host.alive(stored.run.owner) else "interrupted"

    async def _report(
        self, run_id: str, show: Show, before: Standing | None, start: int, case_id: str | None = None
    ) -> RunReport:
        stored = await self._stored(run_id)
        state = self._state(stored)
        results = await self.store.results(run_id)
        found = standing(stored.run, results)
        if state == "running":
            finished = {key: value for key, value in found.outcomes.items() if value != "errored"}
            found = Standing(run_id, finished, found.cases)
        cards, following = self._cards(stored.run, results, show, start, case_id)
        return RunReport(
            summary=summary(stored, state, found),
            cards=cards,
            comparison=compare(before, found, whole=not stored.run.select) if before else None,
            next_cursor=None if following is None else str(following),
            hint=_hint(state, run_id, stored, cards),
        )

    def _cards(
        self,
        run: Run,
        results: tuple[CaseResult, ...],
        show: Show,
        start: int,
        case_id: str | None,
    ) -> tuple[list[Card], int | None]:
        wanted = {"failures": {"failed", "errored"}, "errored": {"errored"}, "summary": set[str]()}
        outcomes = wanted.get(show, {"failed", "errored", "passed"})
        chosen = [
            result
            for result in results
            if (result.case_id == case_id if case_id else result.outcome in outcomes)
        ]
        chosen.sort(key=lambda result: (_ORDER[result.outcome], result.case_id, result.trial))
        files = {case.id: case for case in self._files(run.suite)}

        def shown(result: CaseResult) -> Card:
            return card(result, files.get(result.case_id), several_trials=run.trials > 1)

        page = fit(chosen, shown, start, REPLY_CHARACTERS * 3 // 4, most=_CARDS * 4)
        return page.items, page.following

    def _files(self, suite: str) -> tuple[Case, ...]:
        try:
            return self._workspace().cases(suite)
        except Refusal:
            # A run is told even when its case files have been broken or removed since.
            return ()

    def _workspace(self) -> Workspace:
        if self.workspace is None:
            raise Refusal("There is no workspace, so no suite.", next_step=NO_WORKSPACE)
        return self.workspace

    def _baselines(self) -> Baselines:
        return Baselines(self._workspace(), self.store, self.host)


def _wait(seconds: float) -> float:
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise Refusal(f"wait_s is {seconds:g}; it is 0 to {_LONGEST_WAIT}.")
    return seconds


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 9:  # noqa: PLR2004 - beyond any run
        raise Refusal("That cursor is not one that get_run gave.", next_step="Leave it out.")
    return int(cursor)


def _hint(state: RunState, run_id: str, stored: StoredRun, cards: list[Card]) -> str | None:
    if state == "running":
        done = f"{stored.done} of {len(stored.run.cases) * stored.run.trials} answers are in"
        return f'{done}: get_run("{run_id}", wait_s=30) waits for the rest.'
    if state == "interrupted":
        return "Its process died; what it had measured is kept. run_suite measures anew."
    if cards and cards[0].outcome == "errored":
        return "Errored is not failed: the evaluation broke. Mend the target, then run again."
    return None
