"""What the exit code of a command says."""

from enum import IntEnum

from regrade_tools.refusal import Refusal, Unavailable


class Exit(IntEnum):
    """How a command ended.

    ``FAILED``: a case, an output or a change did. ``REFUSED``: there is something for the caller
    to mend. ``UNDECIDED``: it could not be measured, or something of ours is damaged or away.
    """

    GOOD = 0
    FAILED = 1
    REFUSED = 2
    UNDECIDED = 3


def of(refusal: Refusal) -> Exit:
    """How a command ends that was refused."""
    return Exit.UNDECIDED if isinstance(refusal, Unavailable) else Exit.REFUSED
