"""The time that the checks of one answer may take, all of them together.

Checks run in a thread, so that the server answers meanwhile, and a thread cannot be stopped
from outside. So whatever is computed is either bounded by the sizes that are let in, or looks
at the clock between steps that are. A process to be killed instead would cost more than the
checks of a thousand answers, each time.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from threading import local
from time import monotonic, thread_time
from typing import NamedTuple

# Of the processor, not of the wall: a verdict does not depend on what else the machine does.
# With the last step, which is never broken off, an answer is checked within five seconds.
SECONDS = 4.0
# An answer may have so much more: most are checked in a thousandth of a second, one after another.
_SLACK = 0.05
# Below this much of it is left, its time is read and not estimated.
_NEAR = 0.5


class OutOfTimeError(Exception):
    """The time of this answer is over; what was not reached is unknown."""

    def __init__(self) -> None:
        """Say how much there was."""
        super().__init__(f"ran out of time: all checks of an answer have {SECONDS:g} s")


@dataclass(slots=True)
class _Clock:
    """The processor time of this thread.

    To read it is a call into the kernel, and the wall's is none; but no thread spends more than
    goes by on the wall. So it is read where it matters.
    """

    spent: float = 0.0
    wall: float = -inf

    def about(self) -> float:
        """What was spent, or up to ``_SLACK`` more."""
        passed = monotonic() - self.wall
        return self.read() if passed > _SLACK else self.spent + passed

    def bound(self) -> float:
        """No less than what was spent."""
        return self.spent + (monotonic() - self.wall)

    def read(self) -> float:
        """What was spent."""
        self.spent, self.wall = thread_time(), monotonic()
        return self.spent


class _Deadline(NamedTuple):
    end: float
    clock: _Clock

    def left(self) -> float:
        seconds = self.end - self.clock.bound()
        return self.end - self.clock.read() if seconds < _NEAR else seconds


class _Threads(local):
    """The clock of each thread."""

    def __init__(self) -> None:
        self.clock = _Clock()


_threads = _Threads()
_deadline: ContextVar[_Deadline | None] = ContextVar("_deadline", default=None)


class deadline:  # noqa: N801 - used as a function is, and a generator would cost thrice as much
    """What this thread does inside ends in time; of two deadlines the sooner one counts."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float = SECONDS) -> None:
        """Give what is inside so many seconds."""
        self._seconds = seconds

    def __enter__(self) -> None:
        """Begin."""
        seconds, outer = self._seconds, _deadline.get()
        if outer is None:
            clock = _threads.clock
            inner = _Deadline(clock.about() + seconds, clock)
        else:
            # Where the outer one ends no later, nobody needs to know the time.
            sooner = outer.left() > seconds
            inner = _Deadline(outer.clock.read() + seconds, outer.clock) if sooner else outer
        self._token = _deadline.set(inner)

    def __exit__(self, *_: object) -> None:
        """End, whatever happened."""
        _deadline.reset(self._token)


def left() -> float:
    """Seconds until the deadline; infinite where there is none.

    Raises:
        OutOfTimeError: There are none.
    """
    ahead = _deadline.get()
    if ahead is None:
        return inf
    seconds = ahead.left()
    if seconds <= 0:
        raise OutOfTimeError
    return seconds


def look() -> None:
    """Go on, unless the time is over.

    Raises:
        OutOfTimeError: It is.
    """
    left()
