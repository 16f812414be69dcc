"""One process at a time: for what is read, changed and written back."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from regrade_tools.refusal import Refusal

_PATIENCE_S = 10
_PAUSE_S = 0.02


@contextmanager
def exclusive(path: Path) -> Generator[None, None, None]:
    """Hold the lock that the file ``path`` stands for; it ends with its process, however that ends.

    Raises:
        Refusal: Another process has held it for ten seconds.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _taken(handle):
            if time.monotonic() > deadline:
                raise Refusal(
                    f"Another process has held {path.name} for {_PATIENCE_S} seconds.",
                    next_step="Wait for it, or end it, and try again.",
                )
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    """Take the lock if it is free. Closing the file gives it back."""
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - only there

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
