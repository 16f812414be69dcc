"""What a server is before anything is asked of it; the house behind it is built when it is.

To load every room takes a third of a start, and a client that starts a server waits for its list
of tools alone.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from regrade_server.importing import uncollected
from regrade_tools.files.root import Root
from regrade_tools.runs.live import LiveRuns

if TYPE_CHECKING:
    from regrade_server.house import House


@dataclass(frozen=True)
class Entrance:
    """The way into the house of one workspace, or of none."""

    root: Root | None
    live: LiveRuns = field(default_factory=LiveRuns)
    built: "House | None" = None

    @cached_property
    def house(self) -> "House":
        """The house, built when somebody enters."""
        if self.built is not None:
            return self.built
        with uncollected():
            # Only here, as the head of this module says.
            from regrade_server.house import House  # noqa: PLC0415
            from regrade_tools.files.workspace import workspace_at  # noqa: PLC0415

            return House(workspace_at(self.root), live=self.live)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Live until the context ends, as the house does, whether somebody enters or not."""
        try:
            async with self.live.open():
                yield
        finally:
            # What was never entered is not built to be closed.
            if "house" in self.__dict__:
                await self.house.aclose()
