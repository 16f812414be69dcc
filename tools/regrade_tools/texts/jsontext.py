"""JSON as logs write it, made fit to be stored: no NaN, no infinity, no half of a character."""

import json
import math
import re
from collections.abc import Callable, Iterator

from pydantic import JsonValue

from regrade_tools.texts.plaintext import encodable

Nested = list[JsonValue] | dict[str, JsonValue]

# What is stored must be read back, and readers give up at about twice this depth.
DEEPEST = 100
_SURROGATE = re.compile(r"\\u[dD]")
# What may be a number beyond all that JSON can say; a text without it need not be read again.
_BEYOND = re.compile(r"NaN|Infinity|\d[eE]\+?\d{3}|\d{200}")


def read(text: str) -> JsonValue:
    """The value of ``text``; numbers that JSON cannot say are null.

    Raises:
        ValueError: It is not JSON (``json.JSONDecodeError``), or it is nested too deep.
    """
    try:
        value: JsonValue = _DECODER.decode(text)
        if may_be_deep(text, DEEPEST):
            _measure(value, DEEPEST)
        # A lone surrogate is legal in JSON and in no database.
        return whole(value) if _SURROGATE.search(text) else value
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """What a reader makes of an object, of which each key stands once.

    Raises:
        ValueError: One stands twice, and which of the two counts would be the reader's choice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def says_once(text: str) -> bool:
    """Whether no key of a JSON text stands twice in an object."""
    try:
        _ONCE.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_sayable(text: str, at: Callable[[JsonValue], JsonValue]) -> bool:
    """Whether JSON can say what stands ``at`` a place of ``text``, which ``read`` has read.

    It cannot say NaN and infinity, of which ``read`` makes null.
    """
    if not _BEYOND.search(text):
        return True
    try:
        json.dumps(at(json.loads(text)), allow_nan=False)
    except ValueError:
        return False
    return True


def unpacked(value: JsonValue) -> JsonValue:
    """A text that is a JSON object or list as what it says; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return read(value)
        except ValueError:
            return value
    return value


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a file of JSON lines that are not blank, each with its number from 1.

    Only a line feed ends one: ``splitlines`` would part texts at what JSON leaves as it is.
    """
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def compact(value: JsonValue) -> str:
    """``value`` as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def quoted(value: JsonValue) -> str:
    """``value`` as it is spoken of: a text in quotes, all else as JSON in one line."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def legible(value: JsonValue, indent: int | None = None) -> str:
    """``value`` for people: a text as it is, all else as JSON in one line or with ``indent``."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=indent)


def several(value: JsonValue) -> tuple[JsonValue, ...]:
    """What is one thing or a list of them, such as what was retrieved; nothing of null."""
    if isinstance(value, list):
        return tuple(value)
    return () if value is None else (value,)


def is_deep(value: JsonValue) -> bool:
    """Whether ``value`` is nested deeper than what can be stored and read back."""
    level = _within([value])
    for _ in range(DEEPEST):
        if not level:
            return False
        level = [inner for item in level for inner in _within(item)]
    return bool(level)


def _within(value: list[JsonValue] | dict[str, JsonValue]) -> list[Nested]:
    """The lists and objects that stand in ``value`` itself."""
    items = value.values() if isinstance(value, dict) else value
    return [item for item in items if isinstance(item, list | dict)]


def may_be_deep(text: str, deepest: int) -> bool:
    """Whether there are brackets enough; of a long text it often needs no second look."""
    lists = text.count("[")
    return lists > deepest or lists + text.count("{") > deepest


def _measure(value: JsonValue, deepest: int) -> None:
    if deepest < 0:
        raise RecursionError
    # Most values are texts, for which a call would be too much.
    if isinstance(value, dict):
        for item in value.values():
            if not isinstance(item, str):
                _measure(item, deepest - 1)
    elif isinstance(value, list):
        for item in value:
            if not isinstance(item, str):
                _measure(item, deepest - 1)


def _nothing(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


# Made once: json.loads would make one for every text.
_DECODER = json.JSONDecoder(parse_constant=_nothing, parse_float=_finite)
_ONCE = json.JSONDecoder(object_pairs_hook=unique)


def whole(value: JsonValue) -> JsonValue:
    """``value`` with every half of a character replaced: what can be written as UTF-8."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): whole(item) for key, item in value.items()}
    return value


def texts(value: JsonValue) -> Iterator[str]:
    """The texts in a JSON value, but for its keys, as they come."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
