"""Regular expressions that cannot hang: each search has a deadline, each pattern a size."""

import math
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaValidator, core_schema

from regrade_tools.texts.deadline import OutOfTimeError, left

if TYPE_CHECKING:
    import regex

# Long enough for a sane pattern over a megabyte, short enough for a suite to go on.
DEADLINE_S = 1.0
_LONGEST = 2_000
# A part that must come n times is compiled n times: this many take some megabytes.
_MOST_PARTS = 20_000
# Characters of a pattern that are looked at in a tenth of a second.
_STEPS = 50_000_000
# What is repeated as a whole, and what is more than letters, sets, groups and repetitions.
_INVOLVED = re.compile(r"\)\s*[*+{]|\(\?(?!:)|\\[^dDwWsSbB\W]|[{](?!\d+(?:,\d*)?})")
_REPEAT = re.compile(r"\\.|(\))?\s*\{\s*(\d[\d\s]*)", re.DOTALL)


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
    if _parts(source) > _MOST_PARTS:
        raise ValueError(
            f"not a regular expression of ours: it repeats parts over {_MOST_PARTS:,} times"
        )
    # Imported with the first pattern: a server that lists its tools needs none.
    import regex  # noqa: PLC0415

    try:
        return regex.compile(source)
    except (regex.error, OverflowError, RecursionError, MemoryError) as problem:
        raise ValueError(f"not a regular expression: {problem}") from None


def _parts(source: str) -> float:
    """At most how many parts the repetitions of ``source`` are compiled to."""
    groups, single = 1.0, 0.0
    # With comments nobody can tell what a repetition stands behind without the whole grammar.
    commented = "#" in source
    for match in _REPEAT.finditer(source):
        if match[2] is None:
            continue
        times = float(re.sub(r"\s", "", match[2]))
        if match[1] or commented:
            groups *= max(times, 1)
        else:
            single += times
    return groups * max(single, 1) if math.isfinite(groups) else math.inf


@cache
def linear(source: str) -> Callable[[bytes], bool]:
    """Whether ``source``, a pattern of ours, matches anywhere in bytes of UTF-8.

    This engine goes through them once whatever it looks for, in any case of letters ten times as
    fast as ``re``; it cannot look behind or ahead.
    """
    schema = core_schema.str_schema(pattern=source, regex_engine="rust-regex")
    return SchemaValidator(schema).isinstance_python


@lru_cache(maxsize=512)
def _short(source: str) -> int:
    """How long a text may be for a search to end soon whatever it tries; 0 where nobody can tell.

    To look at the clock takes thrice the time of such a search. From each place in a text it
    may try every number of each repetition with every choice, but for parts that are repeated as
    a whole no more than that; and each try may look at all of the pattern.
    """
    if _INVOLVED.search(source):
        return 0
    repetitions = sum(map(source.count, "*+{"))
    choices = 2.0 ** min(sum(map(source.count, "?|")), 64)
    return int((_STEPS / len(source) / choices) ** (1 / (1 + repetitions)))


def found(source: str, text: str) -> bool:
    """Whether ``source`` matches anywhere in ``text``.

    Raises:
        SlowPatternError: The search took longer than a second.
        OutOfTimeError: The time for all checks of the answer ended before.
    """
    seconds = min(DEADLINE_S, left())
    if len(text) <= _short(source):
        return compiled(source).search(text) is not None
    try:
        match: Any = compiled(source).search(text, timeout=seconds)
    except TimeoutError:
        if seconds < DEADLINE_S:
            raise OutOfTimeError from None
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
