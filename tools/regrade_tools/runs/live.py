"""The runs that are under way in this process: they can be waited for and cancelled."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Live:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class LiveRuns:
    """Work that goes on when the call that began it has been answered."""

    # The runs that were under way when the context ended.
    left: tuple[str, ...] = ()
    _runs: dict[str, _Live] = field(default_factory=dict[str, _Live])
    _tasks: TaskGroup | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Let work be started inside this context; what is not done at its end is cancelled."""
        async with anyio.create_task_group() as self._tasks:
            try:
                yield
            finally:
                self.left = tuple(self._runs)
                self._tasks.cancel_scope.cancel()

    def start(self, run_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begin ``work`` in the background."""
        if self._tasks is None:
            raise RuntimeError("nothing can be started before open()")
        live = self._runs[run_id] = _Live()

        async def until_the_end() -> None:
            try:
                with live.scope:
                    await work()
            except Exception:  # noqa: BLE001 - logged, whatever it is
                # One run that breaks must not take the server and the other runs with it.
                _LOG.exception("run %s broke", run_id)
            finally:
                live.ended.set()
                del self._runs[run_id]

        self._tasks.start_soon(until_the_end)

    async def wait(self, run_id: str, seconds: float) -> bool:
        """Wait until it has ended, but at most so long; whether it is not under way any more."""
        live = self._runs.get(run_id)
        if live is None:
            return True
        with anyio.move_on_after(seconds):
            await live.ended.wait()
        return live.ended.is_set()

    def cancel(self, run_id: str) -> bool:
        """Stop it; whether it was under way here."""
        live = self._runs.get(run_id)
        if live is None:
            return False
        live.scope.cancel()
        return True

    def cancelled(self, run_id: str) -> bool:
        """Whether somebody has stopped it, and not only the process is about to end."""
        live = self._runs.get(run_id)
        return live is not None and live.scope.cancel_called
