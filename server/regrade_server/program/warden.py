"""Ends what is left of a run's programs when the run is over, however the run came to its end.

It is a process of its own, one a run, because a server that was killed can do nothing any
more: the pipe that this reads comes to its end when the server does. It is told the sessions
that are under way, kills those that are left, and then whatever carries the mark of the run.

Every program is started with the mark in its environment, and what it starts inherits it, a
daemon in a session of its own as well. So only that escapes which leaves both: its session,
and its environment (``env -i setsid``, or a title written over it). Where there is no /proc,
as on macOS, a daemon escapes.

It imports nothing but the standard library, and little of it: it starts with every run.
"""

import os
import signal
import sys
import time

_PASSES = 100
_PAUSE_S = 0.01


def end_session(leader: int) -> None:
    """Kill the processes of a group; its leader may have gone before them."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:
        # Nobody is left, or what is left is not ours to kill.
        return


def sweep(mark: str) -> None:
    """Kill every process with ``mark`` in its environment, and what it starts meanwhile.

    It gives up after a second: something that starts processes faster than they can be found
    is a matter for the limits of the machine.
    """
    for _ in range(_PASSES):
        found = _carrying(mark.encode())
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        if not found:
            return
        time.sleep(_PAUSE_S)


def _carrying(mark: bytes) -> "list[int]":
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - no pathlib here
    except OSError:
        return []
    return [number for number in numbers if mark in _environment(number)]


def _environment(process: int) -> bytes:
    """What ``process`` was started with; nothing where it has ended or is not ours."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:  # noqa: PTH123 - as above
            return file.read()
    except OSError:
        return b""


def main() -> None:
    """Read ``+leader`` and ``-leader`` until the end; then end what is left."""
    sessions: set[int] = set()
    for line in sys.stdin.buffer:
        leader = int(line[1:])
        if line[:1] == b"+":
            sessions.add(leader)
        else:
            sessions.discard(leader)
    for leader in sessions:
        end_session(leader)
    sweep(sys.argv[1])


if __name__ == "__main__":
    main()
