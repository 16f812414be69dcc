"""Standard input and output as a transport on which every line is answered.

Also one that is no message; and a client may look at what a server can do (``server/discover``)
before it opens a conversation of either era, which the SDK takes for a conversation of the newer.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server import Server
from mcp.server.runner import serve_dual_era_loop
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCRequest
from pydantic import ValidationError

from regrade_tools.texts.clipping import clip

# Where the line cannot be read as JSON, its id can still be where clients write it: in front.
_ID = re.compile(
    r'\s*\{(?:\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,)*'
    r'\s*"id"\s*:\s*(?:(-?\d{1,15})(?![\d.eE])|"([^"\\]{1,100})")'
)
_REASON = 200


class Writing(Protocol):
    """Where messages are sent."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send one."""
        ...


@asynccontextmanager
async def stdio(
    server: Server[None],
) -> AsyncGenerator[tuple[MemoryObjectReceiveStream[SessionMessage | Exception], Any]]:
    """The SDK's streams of messages; what the SDK passes over in silence is refused here."""
    async with stdio_server() as (reading, writing), anyio.create_task_group() as tasks:
        send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        tasks.start_soon(_screen, server, reading, send, writing)
        yield receive, writing
        tasks.cancel_scope.cancel()


async def _screen(
    server: Server[None],
    reading: AsyncIterable[SessionMessage | Exception],
    messages: MemoryObjectSendStream[SessionMessage | Exception],
    writing: Writing,
) -> None:
    looking = True
    async with messages:
        async for item in reading:
            if not isinstance(item, SessionMessage):
                if (answer := refused(item)) is not None:
                    await writing.send(SessionMessage(answer))
            elif looking and _asks(item) == "server/discover":
                await writing.send(await _discovered(server, item))
            else:
                # The first request of another kind decides the era of the conversation.
                looking = looking and _asks(item) is None
                await messages.send(item)


def _asks(item: SessionMessage) -> str | None:
    return item.message.method if isinstance(item.message, JSONRPCRequest) else None


async def _discovered(server: Server[None], item: SessionMessage) -> SessionMessage:
    """The answer to a first look, as the SDK gives it in a conversation that is of this alone."""
    ask, asked = anyio.create_memory_object_stream[SessionMessage | Exception](1)
    tell, told = anyio.create_memory_object_stream[SessionMessage](1)

    async def answer() -> None:
        await serve_dual_era_loop(server, asked, tell, lifespan_state=None)

    found: list[SessionMessage] = []
    async with ask, told, anyio.create_task_group() as tasks:
        tasks.start_soon(answer)
        await ask.send(item)
        found.append(await told.receive())
        tasks.cancel_scope.cancel()
    return found[0]


def refused(problem: Exception) -> JSONRPCError | None:
    """The answer to a line that is no message, with the id if it shows; None to an empty line."""
    if not isinstance(problem, ValidationError):
        return _error(None, PARSE_ERROR, "The line could not be read.")
    first = problem.errors(include_url=False, include_context=False)[0]
    line: object = first["input"]
    if first["type"] != "json_invalid":
        told = cast("dict[str, object]", line).get("id") if isinstance(line, dict) else None
        number = told if isinstance(told, int | str) and not isinstance(told, bool) else None
        return _error(number, INVALID_REQUEST, "The line is no message of JSON-RPC 2.0.")
    if not str(line).strip():
        return None
    reason = clip(first["msg"].removeprefix("Invalid JSON: "), _REASON)
    match = _ID.match(str(line))
    number = match and (int(match[1]) if match[1] else match[2])
    return _error(number, PARSE_ERROR, f"The line is not JSON: {reason}.")


def _error(number: int | str | None, code: int, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=message))
