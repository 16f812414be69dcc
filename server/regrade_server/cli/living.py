"""A house that is open for as long as a command works in it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio

from regrade_server.ground_floor import GroundFloor

House = TypeVar("House", bound=GroundFloor)
Answer = TypeVar("Answer")


def alive(house: House, work: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Do ``work`` in ``house``, which is open meanwhile."""

    async def inside() -> Answer:
        async with house.open():
            return await work(house)

    try:
        return anyio.run(inside)
    except BaseExceptionGroup as group:
        raise _only(group) from None


def _only(group: BaseExceptionGroup[Any]) -> BaseException:
    """The one error in a task group that nobody else shares."""
    first: BaseException = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _only(cast("BaseExceptionGroup[Any]", first))
    return first
