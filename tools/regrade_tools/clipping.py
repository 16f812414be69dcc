"""Replies that an agent can afford: every text and list is cut to size, and says so."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import JsonValue

Item = TypeVar("Item")

# 8,000 tokens at four characters each, less the room that the rest of a reply takes.
REPLY_CHARACTERS = 24_000


# Below this a note of what is missing takes more room than it saves.
_SHORT = 250


def clip(text: str, characters: int) -> str:
    """``text``, or its beginning and end around a note of how much is missing."""
    if len(text) <= characters:
        return text
    if characters < _SHORT or len(text) - characters < _SHORT:
        return f"{text[: characters - 3]}..."
    head, tail = characters * 3 // 4, characters // 4
    return f"{text[:head]} [... {len(text) - head - tail:,} characters cut ...] {text[-tail:]}"


def clip_value(value: JsonValue, characters: int) -> JsonValue:
    """``value`` where its JSON is short enough, else that JSON as a clipped text."""
    if isinstance(value, str):
        return clip(value, characters)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value if len(text) <= characters else clip(text, characters)


def size(value: Any) -> int:  # noqa: ANN401 - anything that a reply may hold
    """About how many characters ``value`` takes on the wire."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


@dataclass(frozen=True, slots=True)
class Fitted(Generic[Item]):
    """The items that fit, and the position of the first that does not, if one does not."""

    items: list[Item]
    following: int | None


def fit(
    items: Sequence[Any], show: Callable[[Any], Item], start: int, characters: int, most: int = 100
) -> Fitted[Item]:
    """As many of ``items`` from ``start`` on as fit, shown; at least one, so that paging ends."""
    shown: list[Item] = []
    used = 0
    for place in range(start, min(len(items), start + most)):
        item = show(items[place])
        used += size(item)
        if shown and used > characters:
            return Fitted(shown, place)
        shown.append(item)
    end = start + len(shown)
    return Fitted(shown, end if end < len(items) else None)
