"""Whoever begins a request over HTTP and does not end it is not waited for."""

import asyncio
import json
from typing import Any

import anyio
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Message
from uvicorn.server import ServerState

from regrade_server.http import patience
from regrade_server.http.patience import PromptBodies, PromptProtocol

pytestmark = pytest.mark.anyio
POST: dict[str, Any] = {"type": "http", "method": "POST", "path": "/mcp", "headers": []}
HALF: Message = {"type": "http.request", "body": b"{", "more_body": True}
REST: Message = {"type": "http.request", "body": b"}", "more_body": False}


async def answered(*come: Message) -> tuple[int, str]:
    """What becomes of a request of which these parts come, and no more."""
    parts, sent = list(come), list[Message]()

    async def receive() -> Message:
        if not parts:
            await anyio.sleep_forever()
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*asgi: Any) -> None:
        # It may take its time, once it was asked.
        await anyio.sleep(0.02)
        await PlainTextResponse((await asgi[1]())["body"])(*asgi)

    await PromptBodies(app, 10, seconds=0.01)(POST, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def test_a_body_that_does_not_come_is_answered_without_asking_anybody() -> None:
    status, told = await answered(HALF)
    assert (status, json.loads(told)) == (
        408, {"error": "The body of the request did not come within 0.01 s."},
    )  # fmt: skip
    assert await answered(HALF, REST) == (200, "{}")
    assert (await answered(HALF, {**HALF, "body": b"x" * 10}))[0] == 413


@pytest.mark.parametrize(
    "begun", [b"", b"POST /mcp HTTP/1.1\r\nHost: ", b"GET / HTTP/1.1\r\n\r\nG"]
)
async def test_a_connection_without_whole_headers_is_closed(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEADERS_S", 0.05)
    state = ServerState()
    config = uvicorn.Config(PlainTextResponse("hi"), http=PromptProtocol, log_level="warning")
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: PromptProtocol(config, state, {}), "127.0.0.1", 0)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        with anyio.fail_after(5):
            async with await anyio.connect_tcp(host, port) as stream:
                await stream.send(begun)
                # Whatever was answered before, it ends.
                _ = [part async for part in stream]
    assert not state.connections


async def test_whoever_only_holds_connections_shuts_nobody_out() -> None:
    state = ServerState()
    config = uvicorn.Config(
        PlainTextResponse("hi"), http=PromptProtocol, log_level="warning", limit_concurrency=4
    )
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: PromptProtocol(config, state, {}), "127.0.0.1", 0)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        with anyio.fail_after(5):
            idle = [await anyio.connect_tcp(host, port) for _ in range(9)]
            async with await anyio.connect_tcp(host, port) as stream:
                await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                told = await stream.receive()
                # Who has just asked is not the one whose place is taken.
                late = await anyio.connect_tcp(host, port)
                await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                told += b"".join([part async for part in stream])
            for one in (*idle, late):
                await one.aclose()
    assert told.count(b"HTTP/1.1 200 OK") == 2, told
