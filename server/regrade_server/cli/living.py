"""A house that is open for as long as a command works in it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio

from regrade_server.ground_floor import GroundFloor

House = TypeVar("House", bound=GroundFloor)
Answer = TypeVar("Answer")


async def opened(house: House, work: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Do ``work`` in ``house``, which is open meanwhile."""
    try:
        async with house.open():
            return await work(house)
    except BaseExceptionGroup as group:
        raise _only(group) from None


def alive(house: House, work: Callable[[House], Awaitable[Answer]]) -> Answer:
    """``opened``, by a command that does nothing else meanwhile."""
    return anyio.run(opened, house, work)


def _only(group: BaseExceptionGroup[Any]) -> BaseException:
    """The one error in a task group that nobody else shares."""
    first: BaseException = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _only(cast("BaseExceptionGroup[Any]", first))
    return first
