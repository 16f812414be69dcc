"""Commands that measure, stopped by a signal: what they have measured is kept and told."""

import os
import signal
import threading
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskStatus

from regrade_server.cli import printing
from regrade_server.cli.console import Console
from regrade_server.cli.living import Answer, alive
from regrade_server.ground_floor import GroundFloor
from regrade_tools.runs.reports import RunReport

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _StoppedError(Exception):
    """A signal came."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def to_its_end(
    house: GroundFloor, work: Callable[[GroundFloor], Awaitable[Answer]], console: Console
) -> Answer:
    """Do ``work`` as ``alive`` does, and tell of its runs where a signal stops them.

    Raises:
        KeyboardInterrupt: One did, and this is its number.
    """

    async def heedful(opened: GroundFloor) -> Answer:
        stopped: list[int] = []
        async with anyio.create_task_group() as tasks:
            await tasks.start(_until_a_signal, tasks.cancel_scope, stopped)
            answer = await work(opened)
            tasks.cancel_scope.cancel()
            return answer
        raise _StoppedError(stopped[0])

    try:
        return alive(house, heedful)
    except (_StoppedError, KeyboardInterrupt) as stop:
        for run_id in house.live.left:
            _tell(GroundFloor(house.workspace), run_id, console)
        number = stop.number if isinstance(stop, _StoppedError) else signal.SIGINT
        raise KeyboardInterrupt(number) from None


async def _until_a_signal(
    scope: anyio.CancelScope,
    stopped: list[int],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    # Only the main thread is told of signals; one that is ignored, as under nohup, stays so. On
    # Windows the loop is told of none: there Ctrl-C ends it as it ends every other command.
    main_thread = threading.current_thread() is threading.main_thread()
    ours = main_thread and os.name == "posix"
    heeded = [one for one in _SIGNALS if ours and signal.getsignal(one) != signal.SIG_IGN]
    with anyio.open_signal_receiver(*heeded) as signals:
        task_status.started()
        async for number in signals:
            # The next one ends the process at once.
            stopped.append(number)
            scope.cancel()
            return


def _tell(house: GroundFloor, run_id: str, console: Console) -> None:
    async def read(opened: GroundFloor) -> RunReport:
        return await opened.suites.get_run(run_id, show="summary")

    report = alive(house, read)
    console.result(report, printing.stopped(report.summary))
