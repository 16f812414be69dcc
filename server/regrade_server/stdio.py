"""Standard input and output as a transport on which a line that is no message is answered, too."""

import re
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from regrade_tools.clipping import clip

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
async def stdio() -> AsyncGenerator[
    tuple[MemoryObjectReceiveStream[SessionMessage | Exception], Any]
]:
    """The SDK's streams of messages; what the SDK passes over in silence is refused here."""
    async with stdio_server() as (reading, writing), anyio.create_task_group() as tasks:
        send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        tasks.start_soon(_screen, reading, send, writing)
        yield receive, writing
        tasks.cancel_scope.cancel()


async def _screen(
    reading: AsyncIterable[SessionMessage | Exception],
    messages: MemoryObjectSendStream[SessionMessage | Exception],
    writing: Writing,
) -> None:
    async with messages:
        async for item in reading:
            if isinstance(item, SessionMessage):
                await messages.send(item)
            elif (answer := refused(item)) is not None:
                await writing.send(SessionMessage(answer))


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
