"""Replies that an agent can afford: every text, list and reply is cut to size, and says so.

Sizes are bytes of UTF-8 JSON, which is what goes over the wire; a token is about four of them.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from pydantic import JsonValue

# No reply is larger: 8,000 tokens.
REPLY = 32_000
# What a page of a reply may take, so that figures and hints still fit beside it.
PAGE = 24_000
# A refusal is read at once and whole.
REFUSAL = 4_000

# Below this a note of what is missing takes more room than it saves.
_SHORT = 250
_NOTE = 48
# The most that one character takes: a control character, written as an escape.
_WIDEST = 6


def size(value: Any) -> int:  # noqa: ANN401 - anything that a reply may hold
    """The bytes that ``value`` takes on the wire."""
    return len(_json(value).encode("utf-8", "replace"))


def _json(value: Any) -> str:  # noqa: ANN401 - as above
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def beginning(text: str, room: int) -> str:
    """The longest beginning of ``text`` that fits."""
    # A character takes a byte at least, and the quotes around a text take two.
    lengths = range(1, min(len(text), room) + 1)
    return text[: bisect_right(lengths, room + 2, key=lambda length: size(text[:length]))]


def clip(text: str, room: int) -> str:
    """``text``, or its beginning and end around a note of how much is missing."""
    if len(text) * _WIDEST <= room or (len(text) <= room and size(text) <= room + 2):
        return text
    if room >= _SHORT:
        head = beginning(text, (room - _NOTE) * 3 // 4)
        tail = beginning(text[: -room - 1 : -1], (room - _NOTE) // 4)[::-1]
        cut = len(text) - len(head) - len(tail)
        if cut >= _SHORT:
            return f"{head} [... {cut:,} characters cut ...] {tail}"
    return f"{beginning(text, room - 3)}..."


def clip_value(value: JsonValue, room: int) -> JsonValue:
    """``value`` where its JSON is short enough, else that JSON as a clipped text."""
    if isinstance(value, str):
        return clip(value, room)
    return value if size(value) <= room else clip(_json(value), room)


def clip_list(items: Sequence[str], room: int) -> list[str]:
    """As many of ``items`` as fit, each clipped, and a last one that counts what is missing."""
    shown: list[str] = []
    each = room // 4
    for item in items:
        short = clip(item, each)
        room -= size(short) + 1
        if room < 0:
            return [*shown, f"... {len(items) - len(shown):,} more"]
        shown.append(short)
    return shown


def shrink(content: dict[str, JsonValue], room: int) -> dict[str, JsonValue]:
    """``content`` itself where it fits, else with its largest values cut, all to one size.

    Every value stays of its type, so that what reads a whole reply can read a cut one.
    """
    if size(content) <= room:
        return content
    names = _names(content, room // 2)
    left = room - size(names) - len(names) - 2
    sizes = {name: size(content[name]) for name in names}
    share = _share(sizes.values(), left)
    return {
        name: content[name] if sizes[name] <= share else _cut(content[name], share)
        for name in names
    }


def _names(content: dict[str, JsonValue], room: int) -> list[str]:
    """The names that fit: all of them, but where somebody else chose what there is."""
    names: list[str] = []
    for name in content:
        taken = size(name) + 2
        if taken <= room:
            names.append(name)
            room -= taken
    return names


def _share(sizes: Iterable[int], room: int) -> int:
    """The size to which all that is larger is cut, so that together they fit ``room``."""
    ascending = sorted(sizes)
    for place, taken in enumerate(ascending):
        share = room // (len(ascending) - place)
        if taken > share:
            return share
        room -= taken
    return room


def _cut(value: JsonValue, room: int) -> JsonValue:
    if isinstance(value, str):
        return clip(value, room)
    if isinstance(value, dict):
        return shrink(value, room)
    if not isinstance(value, list):
        return value
    if _are_texts(value):
        return [*clip_list(value, room - _NOTE)]
    items: list[JsonValue] = []
    for item in value:
        short = item if items else _cut(item, room - 2)
        room -= size(short) + 1
        if room < 1:
            break
        items.append(short)
    return items


def _are_texts(items: list[JsonValue]) -> TypeGuard[list[str]]:
    return all(isinstance(item, str) for item in items)
