"""Pages of a long list: what fits in one reply, and the position from which the next goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip, size

Item = TypeVar("Item")

_LONGEST_CURSOR = 12


@dataclass(frozen=True, slots=True)
class Fitted(Generic[Item]):
    """The items that fit, and the cursor of those that do not, if there are any."""

    items: list[Item]
    next_cursor: str | None = None


def fit(
    items: Sequence[Any], show: Callable[[Any], Item], start: int, room: int, most: int = 100
) -> Fitted[Item]:
    """As many of ``items`` from ``start`` on as fit, shown; at least one, so that paging ends.

    Raises:
        Refusal: ``start`` is past the end.
    """
    within(start, len(items))
    shown: list[Item] = []
    for place in range(start, min(len(items), start + most)):
        item = show(items[place])
        room -= size(item) + 1
        if shown and room < 0:
            return Fitted(shown, str(place))
        shown.append(item)
    end = start + len(shown)
    return Fitted(shown, str(end) if end < len(items) else None)


def within(start: int, count: int) -> None:
    """See to it that a page that begins at ``start`` of ``count`` has something to show.

    Raises:
        Refusal: It begins past the end.
    """
    if start and start >= count:
        raise Refusal(
            f"The cursor '{start}' is past the end: there are {count:,}.",
            next_step="Pass next_cursor as it is, or leave cursor out.",
        )


def position(cursor: str | None, giver: str) -> int:
    """Where the page that ``cursor`` asks for begins; ``giver`` is the tool that gave it.

    Raises:
        Refusal: ``cursor`` is no position.
    """
    if cursor is None:
        return 0
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > _LONGEST_CURSOR:
        raise Refusal(
            f"The cursor {clip(cursor, 40)!r} is not one that {giver} gave.",
            next_step="Pass next_cursor as it is, or leave cursor out.",
        )
    return int(cursor)
