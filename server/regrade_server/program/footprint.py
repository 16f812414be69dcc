"""How much memory the processes of a run hold, and which of them has too much.

Linux only: where there is no /proc nothing is measured and nothing is stopped. It is watched
instead of limited (``RLIMIT_AS``), because what reads models maps far more than it ever uses.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator

_SESSION, _RESIDENT = 3, 21  # fields of /proc/<pid>/stat, counted behind the name
_SHARE = 0.75
_KB = 1024


def allowance() -> int:
    """Bytes that all processes of a target may hold together: three quarters of the machine's."""
    return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _SHARE)


def too_large(sessions: Collection[int], each: float, together: float) -> int | None:
    """The session that holds more than ``each`` bytes, or is the largest of too many.

    What is resident is counted first, for it costs little; only where that is too much are
    pages that several processes share counted once.
    """
    largest = None
    for size in (_resident, _proportional):
        held: Counter[int] = Counter()
        for process, session, fields in _processes():
            if session in sessions:
                held[session] += size(process, fields)
        largest = max(held, key=held.__getitem__, default=None)
        if largest is None or (held[largest] <= each and held.total() <= together):
            return None
    return largest


def _processes() -> Iterator[tuple[str, int, list[bytes]]]:
    """Every process with its session and the fields of its stat."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - often
    except OSError:
        return
    for name in names:
        told = _read(f"/proc/{name}/stat")
        # The name, in brackets, may hold blanks.
        if fields := told.rpartition(b")")[2].split():
            yield name, int(fields[_SESSION]), fields


def _resident(_process: str, fields: list[bytes]) -> int:
    return int(fields[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE")


def _proportional(process: str, fields: list[bytes]) -> int:
    """Its pages, each divided among those who share it; where that is not told, as it was."""
    for line in _read(f"/proc/{process}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * _KB
    return _resident(process, fields)


def _read(path: str) -> bytes:
    """A file of /proc; nothing where its process has ended."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - hundreds of them, four times a second
            return file.read()
    except OSError:
        return b""
