"""How many questions to a model are under way at once, and how many a minute."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.lowlevel import checkpoint

from regrade_tools.models import ModelSpec

# How a model is reached: its name and its endpoint, whose limits they are.
_Reached = tuple[str, str | None]
# Turns of the event loop in which a question is prepared and sent.
_TO_SEND = 4


@dataclass
class Traffic:
    """The questions of everybody in this process."""

    _places: dict[_Reached, anyio.CapacityLimiter] = field(
        default_factory=dict[_Reached, anyio.CapacityLimiter]
    )
    _next_slot: dict[_Reached, float] = field(default_factory=dict[_Reached, float])
    _door: anyio.Lock = field(default_factory=anyio.Lock)

    @asynccontextmanager
    async def turn(self, model: ModelSpec) -> AsyncGenerator[None, None]:
        """Hold one of the places of a model, once there is one."""
        places = self._places.setdefault(_reached(model), anyio.CapacityLimiter(model.concurrency))
        # One model may be declared twice, with a temperature of its own each.
        places.total_tokens = min(places.total_tokens, model.concurrency)
        async with places:
            yield

    async def slot(self, model: ModelSpec, within: anyio.CancelScope) -> None:
        """Wait for a place in the questions a minute; for that much longer ``within`` is open."""
        if model.requests_per_minute is None:
            return
        now = anyio.current_time()
        mine = max(now, self._next_slot.get(_reached(model), 0))
        self._next_slot[_reached(model)] = mine + 60 / model.requests_per_minute
        within.deadline += mine - now
        await anyio.sleep(mine - now)

    async def door(self) -> None:
        """Let the question before be sent. Prepared at once, all would be sent with the last."""
        async with self._door:
            for _ in range(_TO_SEND):
                await checkpoint()


def _reached(model: ModelSpec) -> _Reached:
    return model.model, model.api_base
