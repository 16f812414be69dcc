"""The one exception for what a caller can mend."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import cast


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """What is wrong, what is valid, and what to do next, in words for the caller.

    Everything that a person or an agent can mend is raised as this; any other exception
    that leaves a tool is a bug and is logged as one.
    """

    def __init__(self, problem: str, *, next_step: str = "") -> None:
        """Join what is wrong and what to do about it into one message."""
        # What is quoted may hold half of a character, which no transport can send.
        problem = problem.encode(errors="replace").decode()
        super().__init__(f"{problem} {next_step}".strip())
        self.problem = problem
        self.next_step = next_step


class Unavailable(Refusal):
    """A refusal because something of ours is damaged or away: nothing could be decided."""


def unknown(what: str, name: str, valid: Iterable[str], *, next_step: str = "") -> Refusal:
    """A refusal of a ``name`` that is none of the ``valid`` ones, with the nearest of them."""
    known = sorted(valid)
    near = get_close_matches(name, known, n=1)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    listed = ", ".join(known) if known else "none yet"
    return Refusal(f"There is no {what} {name!r}{guess}; valid: {listed}.", next_step=next_step)


def refusal_in(group: BaseExceptionGroup[BaseException]) -> Refusal | None:
    """The first refusal among the errors of parallel tasks, or None where there is none."""
    for error in group.exceptions:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, BaseExceptionGroup):
            inner = refusal_in(cast("BaseExceptionGroup[BaseException]", error))
            if inner is not None:
                return inner
    return None
