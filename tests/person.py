"""Somebody at a client, and the client."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace


class Person:
    """Somebody at a client that shows forms: what they are asked, and what they answer."""

    def __init__(self, action: Any, content: Any = None) -> None:
        self.action = action
        self.content = content
        self.asked: list[str] = []

    async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 - the SDK names it
        self.asked.append(params.message)
        return ElicitResult(action=self.action, content=self.content)


@asynccontextmanager
async def client_of(
    root: Path, person: Person | None = None, era: Any = "auto"
) -> AsyncGenerator[Client, None]:
    server = build_server(House(Workspace(root)))
    asking = person.answer if person else None
    async with Client(server, mode=era, elicitation_callback=asking) as client:
        yield client
