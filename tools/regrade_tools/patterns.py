"""Regular expressions that cannot hang: each search has a deadline."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import regex

# Long enough for a sane pattern over a megabyte, short enough for a suite to go on.
DEADLINE_S = 1.0
_LONGEST = 2_000


class SlowPatternError(Exception):
    """A pattern that backtracks; the message says how that is mended."""

    def __init__(self, source: str) -> None:
        """Name the pattern."""
        super().__init__(
            f"the pattern {source!r} ran for over {DEADLINE_S:g} s: it backtracks; "
            "make its repetitions unambiguous"
        )


@lru_cache(maxsize=512)
def compiled(source: str) -> "regex.Pattern[str]":
    """``source`` compiled.

    Raises:
        ValueError: It is not a regular expression, or longer than 2,000 characters.
    """
    if len(source) > _LONGEST:
        raise ValueError(f"the pattern is longer than {_LONGEST} characters")
    # Imported with the first pattern: a server that lists its tools needs none.
    import regex  # noqa: PLC0415

    try:
        return regex.compile(source)
    except (regex.error, OverflowError, RecursionError, MemoryError) as problem:
        raise ValueError(f"not a regular expression: {problem}") from None


def found(source: str, text: str) -> bool:
    """Whether ``source`` matches anywhere in ``text``.

    Raises:
        SlowPatternError: The search took longer than a second.
    """
    try:
        match: Any = compiled(source).search(text, timeout=DEADLINE_S)
    except TimeoutError:
        raise SlowPatternError(source) from None
    return match is not None


def replaced(source: str, text: str, by: Callable[[Any], str]) -> str:
    """``text`` with every match of ``source`` replaced by what ``by`` makes of it.

    Raises:
        SlowPatternError: It took longer than a second.
    """
    try:
        return compiled(source).sub(by, text, timeout=DEADLINE_S)
    except TimeoutError:
        raise SlowPatternError(source) from None
