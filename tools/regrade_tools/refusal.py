"""The one exception for what a caller can mend."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import cast

from regrade_tools.secrets.credentials import concealed
from regrade_tools.texts.clipping import REFUSAL, clip, clip_list
from regrade_tools.texts.plaintext import encodable

_ECHO = 80


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """What is wrong, what is valid, and what to do next, in words for the caller.

    Everything that a person or an agent can mend is raised as this; any other exception
    that leaves a tool is a bug and is logged as one.
    """

    def __init__(self, problem: str, *, next_step: str = "") -> None:
        """Join what is wrong and what to do about it into one message.

        Both may quote what the caller wrote, however long that is and whatever stands in it:
        they are clipped, and hold no secret, and no half of a character, which no transport sends.
        """
        problem = encodable(clip(concealed(problem), REFUSAL * 3 // 4))
        next_step = encodable(clip(concealed(next_step), REFUSAL // 4))
        super().__init__(f"{problem} {next_step}".strip())
        self.problem = problem
        self.next_step = next_step


class Unasked(Refusal):
    """A refusal because nothing is asked of what there is: it may be as wanted, and no mistake."""


class Unavailable(Refusal):
    """A refusal because something of ours is damaged or away: nothing could be decided."""


class Interruption(Unavailable):
    """A refusal because what is measured has gone away: the rest is asked once it is back."""


def unknown(what: str, name: str, valid: Iterable[str], *, next_step: str = "") -> Refusal:
    """A refusal of a ``name`` that is none of the ``valid`` ones, with the nearest of them."""
    known = sorted(valid)
    listed = ", ".join(clip_list(known, REFUSAL // 2)) if known else "none yet"
    return Refusal(
        f"There is no {what} {clip(name, _ECHO)!r}{guess(name, known)}; valid: {listed}.",
        next_step=next_step,
    )


def guess(name: str, known: Iterable[str]) -> str:
    """The one of ``known`` that ``name`` looks like, as a question; empty where none is."""
    near = get_close_matches(clip(name, _ECHO), [item for item in known if len(item) <= _ECHO], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def why(problem: Exception) -> str:
    """What the system says of ``problem``, without the path, which is told beside it."""
    return (isinstance(problem, OSError) and problem.strerror) or str(problem)


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
