"""The tools for suites: run one, and read a run."""

import math
import time
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
from anyio import to_thread

from regrade_tools.comparison.baselines import Baselines
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import RUN, random_id
from regrade_tools.models import (
    Case,
    CaseResult,
    Mode,
    Run,
    Scheduled,
    StoredRun,
    Suite,
    TargetSpec,
)
from regrade_tools.refusal import Refusal
from regrade_tools.runs.estimates import LOOKED_AT, estimate
from regrade_tools.runs.lifecycle import Runs
from regrade_tools.runs.recording_files import RecordingFiles
from regrade_tools.runs.recordings import Replay
from regrade_tools.runs.reports import RunReport, RunReports, Show
from regrade_tools.runs.resuming import make_resumable
from regrade_tools.runs.running import Progress, silent
from regrade_tools.runs.scorer_sources import scorer_sources
from regrade_tools.runs.summary import planned as planned_summary
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.suites.datasets import trace_cases
from regrade_tools.suites.planning import Planned, program, scored
from regrade_tools.suites.readings import Reading, Readings
from regrade_tools.suites.soundness import all_of
from regrade_tools.texts.names import memorable
from regrade_tools.texts.paging import position

_LONGEST_WAIT = 600


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run of a suite would do now, by its files as they are."""

    suite: Suite
    target: str
    spec: TargetSpec
    planned: tuple[Planned, ...]
    # The cases as a run would keep them.
    cases: tuple[Scheduled, ...]
    scorers: dict[str, str]
    judges: bool = True


@dataclass(frozen=True)
class Suites:
    """What can be done with suites."""

    runs: Runs
    workspace: Workspace | None
    readings: Readings = field(default_factory=Readings)

    async def run_suite(  # noqa: PLR0913 - what can be said of a run
        self,
        suite: str,
        target: str | None = None,
        select: str = "",
        trials: int | None = None,
        baseline: str | None = None,
        budget_usd: float | None = None,
        resume: str | None = None,
        mode: Mode = "live",
        judges: bool = True,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
        wait_s: float = 20,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
        progress: Progress = silent,
    ) -> RunReport:
        """Run a suite on a target and see what fails.

        target: one of evals/regrade.yaml, recorded, corrected or latest; the suite's own by
        default. select: tag:critical feature:search scenario:one -id:case_x*. baseline: a file,
        git:REF or a run id to compare with. budget_usd stops it at that cost. resume: an
        interrupted run to finish. mode: replay takes answers from evals/recordings, changed asks
        what is not there. A run not done in wait_s goes on: get_run. dry_run: what it would ask
        and cost.
        """
        stored = None
        if resume is not None:
            if dry_run:
                raise Refusal("dry_run tells of a new run, not of one that is resumed.")
            _only_resume(suite, target, select, trials, budget_usd, judges=judges)
            stored = await self.runs.stored(resume)
            prepared = await self._resumable(suite, stored)
            run = stored.run
        else:
            prepared = await self.prepare(suite, target, select, judges=judges)
            run = replace(self._new_run(suite, prepared, trials, select, budget_usd), mode=mode)
        before = await self._baselines().find(suite, baseline) if baseline else None
        replay = self._recordings.replay(suite, run.target, prepared.spec, run.sources, mode)
        if dry_run:
            return await self._estimated(run, prepared, replay)
        until = anyio.current_time() + _wait(wait_s)
        await self.runs.start(
            run, prepared.planned, prepared.spec, prepared.suite.concurrency,
            redaction_of(self.workspace), progress, wait_s, stored, replay,
        )  # fmt: skip
        await self.runs.live.wait(run.id, max(0, until - anyio.current_time()))
        read = {item.case.id: item.case for item in prepared.planned}
        return await self._reports(read).report(run.id, "failures", before, 0)

    async def _estimated(self, run: Run, prepared: Prepared, replay: Replay) -> RunReport:
        """What a run would come to, by the last of its suite and target that was done."""
        store = self.runs.store
        alike = [
            one
            for one in await store.runs(run.suite, LOOKED_AT)
            if one.run.target == run.target and one.end and one.end.state == "done"
        ]
        last, results = None, tuple[CaseResult, ...]()
        for one in alike:
            last, results = one, await store.results(one.run.id)
            # A replay says nothing of what it takes to ask.
            if any(not result.replayed for result in results):
                break
        return RunReport(
            planned_summary(run),
            estimate=estimate(prepared.planned, run.trials, replay, last, results),
            hint="Nothing was run: dry_run. budget_usd stops a run that costs more.",
        )

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
        return await self._reports({}).report(run_id, show, before, start, case_id)

    async def ended(self, report: RunReport, compare_to: str | None = None) -> RunReport:
        """The run of ``report`` at its end, however long that takes."""
        while report.summary.state == "running":
            report = await self.get_run(
                report.summary.run_id, compare_to=compare_to, wait_s=_LONGEST_WAIT
            )
        return report

    async def prepare(
        self, suite: str, target: str | None, select: str = "", *, judges: bool = True
    ) -> Prepared:
        """What a run would do, with everything checked before it starts.

        Raises:
            Refusal: The suite, a case, the target or the selection is wrong.
        """
        workspace = needed(self.workspace)
        try:
            reading = await self.read(suite)
            # Of a large suite it takes a while: other calls are answered meanwhile.
            return await to_thread.run_sync(
                partial(_prepared, workspace, reading, target, select, judges=judges)
            )
        except Refusal as refusal:
            raise all_of(workspace, suite, refusal) from None

    async def read(self, name: str) -> Reading:
        """A suite with its cases, those of its dataset with them.

        Raises:
            Refusal: A file of it is wrong, or there is none.
        """
        reading = await to_thread.run_sync(self.readings.read, needed(self.workspace), name)
        dataset = reading.suite.dataset
        if dataset is None or dataset.query is None:
            return reading
        traced = await trace_cases(dataset, self.runs.store, time.time())
        return Reading(reading.suite, (*reading.cases, *traced))

    def sources(self, prepared: Prepared) -> str:
        """A name for the program with its files as they are now; empty where nobody can tell."""
        return self._recordings.program(prepared.spec)

    def since_committed(self, prepared: Prepared) -> str:
        """Which files of the program are not as they were committed; empty where all are."""
        return self._recordings.since_committed(prepared.spec)

    async def _resumable(self, suite: str, stored: StoredRun) -> Prepared:
        """What is left of an interrupted run is done as it was begun, or refused."""
        run = stored.run
        if run.suite != suite:
            raise Refusal(f"{run.id} is a run of the suite {run.suite!r}, not of {suite!r}.")
        prepared = await self.prepare(suite, run.target, run.select, judges=run.judges)
        now = self._new_run(suite, prepared, run.trials, run.select, run.budget_usd)
        since = self.since_committed(prepared)
        make_resumable(stored, self.runs.state(stored), prepared.spec, now, since)
        return prepared

    def _new_run(
        self,
        suite: str,
        prepared: Prepared,
        told: int | None,
        select: str,
        budget_usd: float | None,
    ) -> Run:
        trials = prepared.suite.trials if told is None else told
        if not 1 <= trials <= 100:  # noqa: PLR2004 - as in a suite file
            raise Refusal(f"trials is {trials}; it is 1 to 100.")
        if budget_usd is not None and not 0 < budget_usd < math.inf:
            raise Refusal(f"budget_usd is {budget_usd:g}; it is more than 0.")
        now = time.time()
        return Run(
            id=random_id(RUN),
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
            adaptive=prepared.suite.adaptive,
            sources=self.sources(prepared),
            scorers=prepared.scorers,
            judges=prepared.judges,
        )

    @property
    def _recordings(self) -> RecordingFiles:
        return RecordingFiles(needed(self.workspace), self.runs.store, self.runs.host)

    def _reports(self, read: dict[str, Case]) -> RunReports:
        return RunReports(self.runs, self.workspace, read)

    def _baselines(self) -> Baselines:
        return Baselines(needed(self.workspace), self.runs.store, self.runs.host)


def _prepared(
    workspace: Workspace, reading: Reading, target: str | None, select: str, *, judges: bool
) -> Prepared:
    planned = reading.planned(select, judges=judges)
    named = target or reading.suite.target
    spec = workspace.target(named)
    return Prepared(
        suite=reading.suite,
        target=named,
        spec=spec,
        planned=planned,
        cases=reading.scheduled(select, scored(spec), judges=judges),
        scorers=scorer_sources(workspace, planned),
        judges=judges,
    )


def _wait(seconds: float) -> float:
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise Refusal(f"wait_s is {seconds:g}; it is 0 to {_LONGEST_WAIT}.")
    return seconds


def _only_resume(  # noqa: PLR0913 - whatever a new run may be told
    suite: str,
    target: str | None,
    select: str,
    trials: int | None,
    budget_usd: float | None,
    *,
    judges: bool,
) -> None:
    told = (target, trials, budget_usd)
    if select or not judges or any(one is not None for one in told):
        raise Refusal(
            "A run is resumed as it was begun: with its own target, select, trials and budget.",
            next_step=f'run_suite("{suite}", resume=...) and nothing else of these.',
        )
