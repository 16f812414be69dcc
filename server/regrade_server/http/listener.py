"""Listening until a signal comes, and then ending what is under way."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import uvicorn
from anyio.abc import TaskStatus
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from regrade_server.http.address import Address
from regrade_server.http.guard import HEALTH, Guard
from regrade_server.http.rate import Rate
from regrade_server.http.tokens import VARIABLE, Tokens
from regrade_tools.refusal import Refusal

_LARGEST_BODY = 4 * 1024 * 1024
_MOST_SESSIONS = 200
# What is still answered after the signal; then it is cancelled.
_SECONDS_TO_END = 3


def application(
    server: MCPServer[None], address: Address, tokens: Tokens, per_minute: int
) -> ASGIApp:
    """The server as an ASGI application, guarded.

    Raises:
        Refusal: Others could ask, and no token is asked for.
    """
    if not address.local and not tokens:
        raise Refusal(
            f"{address.host} can be asked from elsewhere, and there is no token.",
            next_step=f"Set {VARIABLE}, or pass --token-file; or listen on 127.0.0.1.",
        )
    security = TransportSecuritySettings(
        allowed_hosts=address.hosts, allowed_origins=address.origins
    )

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    server.custom_route(HEALTH, methods=["GET"])(health)
    inner = server.streamable_http_app(
        max_request_body_size=_LARGEST_BODY,
        max_sessions=_MOST_SESSIONS,
        transport_security=security,
    )
    return Guard(inner, security, tokens, Rate(per_minute))


async def listen(
    server: MCPServer[None], address: Address, tokens: Tokens, per_minute: int
) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends it at once.

    Raises:
        Refusal: As ``application`` says, or the address cannot be listened on.
    """
    app = application(server, address, tokens, per_minute)
    bound = address.socket()
    port = bound.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        # A proxy's word for who asks would be anybody's word.
        proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    listener = _Listener(config)
    async with anyio.create_task_group() as group:
        await group.start(_until_a_signal, listener)
        sys.stderr.write(f"regrade: listening on {address.url(port)}\n")
        sys.stderr.flush()
        await listener.serve([bound])
        group.cancel_scope.cancel()


class _Listener(uvicorn.Server):
    """One that leaves signals to us: uvicorn raises them anew, and the exit code were theirs."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Do nothing."""
        yield


async def _until_a_signal(
    listener: uvicorn.Server, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            # It is this method of uvicorn's that streams of events are told by.
            listener.handle_exit(number, None)
