"""Runs under way: started on a target, kept as they go, ended whatever happens."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from regrade_tools.budget import Budget
from regrade_tools.models import (
    CaseResult,
    Run,
    RunEnd,
    RunState,
    StoredRun,
    TargetSpec,
)
from regrade_tools.ports import Host, Scorers, Store
from regrade_tools.refusal import Interruption, Refusal, refusal_in, unknown
from regrade_tools.runs.live import LiveRuns
from regrade_tools.runs.openings import Openings
from regrade_tools.runs.recordings import Replay
from regrade_tools.runs.running import Progress, measure
from regrade_tools.runs.scoring import scoring
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.suites.planning import Planned

_LIVE = Replay()
# Who measures a run whose process has let go of it: no process is called so.
_NOBODY = "nobody"
_OUR_FAULT = "the run ended by an error of Regrade itself; its log says more"


@dataclass(slots=True)
class _Begun:
    """A run between its start and its first answer: kept, or refused, but not both.

    One that is resumed is kept already, and taken over from the dead process ``of``.
    """

    run: Run
    store: Store
    of: str | None = None
    by: str = ""
    refusal: Refusal | None = None
    decided: anyio.Event = field(default_factory=anyio.Event)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def keep(self) -> None:
        """Keep what the run is about to measure, unless that is decided."""
        async with self._turn:
            if self.decided.is_set():
                return
            if self.of is None:
                await self.store.start_run(self.run)
            elif not await self.store.take_over(self.run.id, self.of, self.by):
                raise Refusal(f"{self.run.id} is being resumed by another process.")
            self.decided.set()

    async def end(self, state: RunState, problem: str, refusal: Refusal | None) -> None:
        """Keep how the run ended, or that it is refused."""
        if refusal is not None:
            problem = str(refusal)
            async with self._turn:
                if not self.decided.is_set():
                    self.refusal = refusal
                    self.decided.set()
                    return
        await self.keep()
        if state == "interrupted" and not problem:
            # It has no end: whoever likes takes it over.
            await self.store.take_over(self.run.id, self.by or self.run.owner, _NOBODY)
        else:
            await self.store.end_run(self.run.id, RunEnd(state, time.time(), problem))


@dataclass(frozen=True)
class Runs:
    """The runs of a store, and those that this process has under way."""

    store: Store
    openings: Openings
    live: LiveRuns
    host: Host
    scorers: Scorers

    async def start(  # noqa: PLR0913 - what a run is made of
        self,
        run: Run,
        planned: tuple[Planned, ...],
        spec: TargetSpec,
        concurrency: int,
        hidden: Redaction,
        progress: Progress,
        wait_s: float,
        resumed: StoredRun | None = None,
        replay: Replay = _LIVE,
    ) -> None:
        """Start ``run`` in the background and return once it is kept, after ``wait_s`` at most.

        One that is ``resumed`` goes on where it stood; what ``replay`` holds is not asked.

        Raises:
            Refusal: The target cannot be started; then no run was kept. One that needs longer
                than ``wait_s`` to say so ends the run, which is kept by then, as broken.
        """
        begun = _Begun(run, self.store)
        known: tuple[CaseResult, ...] = ()
        if resumed is not None:
            begun = _Begun(run, self.store, resumed.owner, self.host.owner())
            known = await self.store.results(run.id)

        budget = Budget(run.budget_usd)

        async def work() -> None:
            async with (
                self._ended(begun),
                scoring(
                    self.scorers, planned, concurrency, hidden, budget, verdicts=replay.verdicts
                ) as asked,
                self.openings.open(
                    planned, run.trials, spec, concurrency, hidden, replay, budget
                ) as target,
            ):
                await begun.keep()
                await measure(
                    run, planned, target, self.store, concurrency=concurrency, hidden=hidden,
                    progress=progress, scoring=asked, known=known, replay=replay,
                )  # fmt: skip

        self.live.start(run.id, work)
        with anyio.move_on_after(wait_s):
            await begun.decided.wait()
        # Whoever asked is given a handle even while the target is still being started.
        await begun.keep()
        if begun.refusal is not None:
            raise begun.refusal

    @asynccontextmanager
    async def _ended(self, begun: "_Begun") -> AsyncGenerator[None, None]:
        """Keep how a run ended, whatever ended it; one refused before it was kept never was."""
        state: RunState = "broken"
        problem = _OUR_FAULT
        refusal: Refusal | None = None
        try:
            yield
            state, problem = "done", ""
        except Refusal as told:
            refusal = told
        except ExceptionGroup as group:
            refusal = refusal_in(group)
            if refusal is None:
                raise
        except anyio.get_cancelled_exc_class():
            state = "cancelled" if self.live.cancelled(begun.run.id) else "interrupted"
            problem = ""
            raise
        finally:
            if isinstance(refusal, Interruption):
                state = "interrupted"
            with anyio.CancelScope(shield=True):
                await begun.end(state, problem, refusal)

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
        """How a run stands."""
        return state_of(stored, self.host)


def state_of(stored: StoredRun, host: Host) -> RunState:
    """How a run stands: one without an end that nobody measures is interrupted."""
    if stored.end is not None:
        return stored.end.state
    return "running" if host.alive(stored.owner) else "interrupted"
