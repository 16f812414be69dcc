"""How long somebody may take to ask: who says half a request and waits is not waited for."""

import asyncio
import socket
import sys
from dataclasses import dataclass
from math import inf
from typing import cast

import anyio
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

# Seconds until the headers of a request are there, and until its body is.
HEADERS_S = 10.0
BODY_S = 30.0


class PromptProtocol(H11Protocol):
    """A connection that is closed where the headers of a request do not come in time.

    uvicorn itself waits for ever, and each such connection holds a file. Where as many are open
    as may be, a new one takes the place of that which has asked nothing for longest: whoever only
    holds connections shuts nobody out.
    """

    _closing: asyncio.TimerHandle | None = None
    heard_at: float = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio calls."""
        super().connection_made(transport)
        # asyncio does so for sockets that name their protocol, and these leave it open: the body
        # of an answer would wait for the other side's word on its headers, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """As asyncio calls."""
        super().data_received(data)
        self.heard_at = self.loop.time()
        if not self.is_idle:
            self._wait_no_more()
        elif self._closing is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio calls."""
        self._wait_no_more()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        # uvicorn has None there before the first request.
        asked = cast("RequestResponseCycle | None", self.cycle)
        return asked is None or bool(asked.response_complete)

    def _make_room(self) -> None:
        self.heard_at = self.loop.time()
        if self.limit_concurrency is None or len(self.connections) < self.limit_concurrency:
            return
        all_open = cast("set[PromptProtocol]", self.connections)
        others = (one for one in all_open if one is not self and one.is_idle)
        idle = [one for one in others if not one.transport.is_closing()]
        if idle:
            min(idle, key=lambda one: one.heard_at).transport.close()

    def _wait(self) -> None:
        self._closing = self.loop.call_later(HEADERS_S, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


@dataclass(slots=True)
class PromptBodies:
    """An ASGI application that is asked once the body of a request is there; else 408."""

    app: ASGIApp
    largest: int
    seconds: float = BODY_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls."""
        with anyio.move_on_after(self.seconds) as patience:

            async def coming() -> Message:
                nonlocal is_whole
                message = await receive()
                is_whole = is_whole and message["type"] != "http.disconnect"
                return message

            async def go_on(scope: Scope, receive: Receive, send: Send) -> None:
                patience.deadline = inf
                if is_whole:
                    await self.app(scope, receive, send)
                else:
                    # Nobody is there to be answered, and what came is no request.
                    sys.stderr.write("regrade: a client broke off before its request was whole.\n")

            is_whole = True
            await RequestBodyLimitMiddleware(go_on, self.largest)(scope, coming, send)
        if patience.cancelled_caught:
            told = f"The body of the request did not come within {self.seconds:g} s."
            answer = JSONResponse({"error": told}, 408, {"Connection": "close"})
            await answer(scope, receive, send)
