"""Runs under way: started on a target, kept as they go, ended whatever happens."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from regrade_tools.live import LiveRuns
from regrade_tools.models import RecordedTarget, Run, RunEnd, RunState, StoredRun, TargetSpec
from regrade_tools.planning import Planned
from regrade_tools.ports import Host, Store, Target, Targets
from regrade_tools.recorded import RecordedAnswers
from regrade_tools.redaction import Redaction
from regrade_tools.refusal import Refusal, refusal_in, unknown
from regrade_tools.running import Progress, measure

_OUR_FAULT = "the run ended by an error of Regrade itself; its log says more"


@dataclass(frozen=True)
class Runs:
    """The runs of a store, and those that this process has under way."""

    store: Store
    targets: Targets
    live: LiveRuns
    host: Host

    async def start(  # noqa: PLR0913 - everything a run needs, once
        self,
        run: Run,
        planned: tuple[Planned, ...],
        spec: TargetSpec,
        concurrency: int,
        hidden: Redaction,
        progress: Progress,
    ) -> None:
        """Start ``run`` in the background and return once it is under way.

        Raises:
            Refusal: The target cannot be started; then no run was kept.
        """
        ready = anyio.Event()
        refused: list[Refusal] = []

        async def work() -> None:
            try:
                async with (
                    self._ended(run, ready),
                    self._opened(spec, concurrency, hidden) as target,
                ):
                    await self.store.start_run(run)
                    ready.set()
                    await measure(
                        run.id,
                        planned,
                        target,
                        self.store,
                        trials=run.trials,
                        concurrency=concurrency,
                        hidden=hidden,
                        progress=progress,
                    )
            except Refusal as refusal:
                refused.append(refusal)
            finally:
                ready.set()

        self.live.start(run.id, work)
        await ready.wait()
        if refused and await self.store.run(run.id) is None:
            raise refused[0]

    @asynccontextmanager
    async def _ended(self, run: Run, started: anyio.Event) -> AsyncGenerator[None, None]:
        """Keep how a run that was started ended, whatever ended it."""
        state: RunState = "broken"
        problem = _OUR_FAULT
        try:
            yield
            state, problem = "done", ""
        except Refusal as refusal:
            problem = str(refusal)
            raise
        except ExceptionGroup as group:
            refusal = refusal_in(group)
            if refusal is None:
                raise
            problem = str(refusal)
            raise refusal from None
        except anyio.get_cancelled_exc_class():
            state, problem = "cancelled", ""
            raise
        finally:
            if started.is_set():
                with anyio.CancelScope(shield=True):
                    await self.store.end_run(run.id, RunEnd(state, time.time(), problem))

    @asynccontextmanager
    async def _opened(
        self, spec: TargetSpec, concurrency: int, hidden: Redaction
    ) -> AsyncGenerator[Target, None]:
        if isinstance(spec, RecordedTarget):
            yield RecordedAnswers(spec, self.store)
            return
        async with self.targets.open(spec, concurrency, hidden.shown) as target:
            yield target

    async def stored(self, run_id: str) -> StoredRun:
        """A run of the store.

        Raises:
            Refusal: There is none with this id.
        """
        stored = await self.store.run(run_id)
        if stored is None:
            recent = [one.run.id for one in await self.store.runs(None, 10)]
            raise unknown("run", run_id, recent, next_step="overview lists the last runs.")
        return stored

    def state(self, stored: StoredRun) -> RunState:
        """How a run stands: one without an end whose process is gone is interrupted."""
        if stored.end is not None:
            return stored.end.state
        return "running" if self.host.alive(stored.run.owner) else "interrupted"
