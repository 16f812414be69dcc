"""The time that the checks of one answer may take, all of them together.

Checks run in a thread, so that the server answers meanwhile, and a thread cannot be stopped
from outside. So whatever is computed is either bounded by the sizes that are let in, or looks
at the clock between steps that are. A process to be killed instead would cost more than the
checks of a thousand answers, each time.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

# Of the processor, not of the wall: a verdict does not depend on what else the machine does.
# With the last step, which is never broken off, an answer is checked within five seconds.
SECONDS = 4.0
_end: ContextVar[float] = ContextVar("_end")


class OutOfTimeError(Exception):
    """The time of this answer is over; what was not reached is unknown."""

    def __init__(self) -> None:
        """Say how much there was."""
        super().__init__(f"ran out of time: all checks of an answer have {SECONDS:g} s")


@contextmanager
def deadline(seconds: float = SECONDS) -> Generator[None]:
    """What this thread does inside ends in time; of two deadlines the sooner one counts."""
    token = _end.set(min(_end.get(float("inf")), time.thread_time() + seconds))
    try:
        yield
    finally:
        _end.reset(token)


def left() -> float:
    """Seconds until the deadline; infinite where there is none.

    Raises:
        OutOfTimeError: There are none.
    """
    seconds = _end.get(float("inf")) - time.thread_time()
    if seconds <= 0:
        raise OutOfTimeError
    return seconds


def look() -> None:
    """Go on, unless the time is over.

    Raises:
        OutOfTimeError: It is.
    """
    left()
