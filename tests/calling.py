"""A client of a server in this process, and what its tools answer."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace


@asynccontextmanager
async def client_of(root: Path) -> AsyncGenerator[Client, None]:
    """A client of a server at ``root``."""
    async with Client(build_server(House(Workspace(root)))) as client:
        yield client


async def replied(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The reply of a tool that did what it was asked."""
    reply = await client.call_tool(tool, arguments)
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def refused(client: Client, tool: str, /, **arguments: Any) -> str:
    """What a tool says that refuses."""
    reply = await client.call_tool(tool, arguments)
    assert reply.is_error, reply.structured_content
    return " ".join(getattr(part, "text", "") for part in reply.content)
