"""Regular expressions that cannot hang: each search has a deadline."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from regrade_tools.assertions.verdicts import UnmeasuredError

if TYPE_CHECKING:
    import regex

# Long enough for a sane pattern over a megabyte, short enough for a suite to go on.
DEADLINE_S = 1.0
_LONGEST = 2_000


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
        UnmeasuredError: The search took longer than a second.
    """
    try:
        match: Any = compiled(source).search(text, timeout=DEADLINE_S)
    except TimeoutError:
        raise UnmeasuredError(
            f"the pattern {source!r} ran for over {DEADLINE_S:g} s on this output: "
            "it backtracks; make its repetitions unambiguous"
        ) from None
    return match is not None
