"""Listening until a signal comes, and then ending what is under way."""

import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

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
from regrade_server.http.patience import PromptBodies, PromptProtocol
from regrade_server.http.rate import Rate
from regrade_server.http.tokens import VARIABLE, Tokens
from regrade_tools.refusal import Refusal

_LARGEST_BODY = 4 * 1024 * 1024
_MOST_SESSIONS = 200
# Fewer than a process may have files open.
_MOST_CONNECTIONS = 500
# What is still answered after the signal; then it is cancelled.
_SECONDS_TO_END = 3
# Longer than programs wait between two requests: a connection that is closed just then costs one.
_SECONDS_IDLE = 65


@dataclass(frozen=True, slots=True)
class Site:
    """An application, where it is asked, and how that is announced."""

    app: ASGIApp
    address: Address
    path: str = "/mcp"
    told: str = "listening on"


@dataclass(slots=True)
class Ended:
    """That nothing listens any more; ``number`` is that of the signal, if it was one.

    ``urls`` are those of the sites, with the ports that they have.
    """

    event: anyio.Event
    urls: tuple[str, ...]
    number: int | None = None


def mcp_site(server: MCPServer[None], address: Address, tokens: Tokens, per_minute: int) -> Site:
    """The server over streamable HTTP.

    Raises:
        Refusal: As of ``guarded``.
    """

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    server.custom_route(HEALTH, methods=["GET"])(health)
    inner = server.streamable_http_app(
        max_request_body_size=_LARGEST_BODY,
        max_sessions=_MOST_SESSIONS,
        transport_security=_security(address),
    )
    whole = PromptBodies(inner, _LARGEST_BODY)
    return Site(guarded(whole, address, tokens, per_minute), address)


def guarded(app: ASGIApp, address: Address, tokens: Tokens, per_minute: int) -> ASGIApp:
    """``app`` behind the guard.

    Raises:
        Refusal: Others could ask, and no token is asked for.
    """
    if not address.local and not tokens:
        raise Refusal(
            f"{address.host} can be asked from elsewhere, and there is no token.",
            next_step=f"Set {VARIABLE}, or pass --token-file; or listen on 127.0.0.1.",
        )
    return Guard(app, _security(address), tokens, Rate(per_minute))


def _security(address: Address) -> TransportSecuritySettings:
    return TransportSecuritySettings(allowed_hosts=address.hosts, allowed_origins=address.origins)


async def listen(sites: Sequence[Site]) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends it at once.

    Raises:
        Refusal: An address cannot be listened on.
    """
    async with listening(sites) as ended:
        await ended.event.wait()


@asynccontextmanager
async def listening(sites: Sequence[Site]) -> AsyncGenerator[Ended, None]:
    """Serve inside, or until a signal comes; what is under way when it ends is answered.

    Raises:
        Refusal: An address cannot be listened on.
    """
    bound = [site.address.socket() for site in sites]
    listeners = [_Listener(_config(site)) for site in sites]
    urls = tuple(
        site.address.url(place.getsockname()[1], site.path)
        for site, place in zip(sites, bound, strict=True)
    )
    ended = Ended(anyio.Event(), urls)
    async with anyio.create_task_group() as group:
        await group.start(_until_a_signal, listeners, ended)
        for site, url in zip(sites, urls, strict=True):
            sys.stderr.write(f"regrade: {site.told} {url}\n")
        sys.stderr.flush()
        group.start_soon(_serve, listeners, bound, ended)
        try:
            yield ended
        finally:
            _end(listeners)
            with anyio.CancelScope(shield=True):
                await ended.event.wait()
            group.cancel_scope.cancel()


def _config(site: Site) -> uvicorn.Config:
    return uvicorn.Config(
        site.app,
        http=PromptProtocol,
        limit_concurrency=_MOST_CONNECTIONS,
        log_level="warning",
        access_log=False,
        server_header=False,
        # A proxy's word for who asks would be anybody's word.
        proxy_headers=False,
        timeout_keep_alive=_SECONDS_IDLE,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )


async def _serve(
    listeners: Sequence["_Listener"], bound: Sequence[socket.socket], ended: Ended
) -> None:
    """Let all listen, until one of them ends."""

    async def one(listener: _Listener, place: socket.socket) -> None:
        await listener.serve([place])
        _end(listeners)

    try:
        async with anyio.create_task_group() as group:
            for listener, place in zip(listeners, bound, strict=True):
                group.start_soon(one, listener, place)
    finally:
        ended.event.set()


def _end(listeners: Sequence["_Listener"]) -> None:
    for listener in listeners:
        listener.should_exit = True


class _Listener(uvicorn.Server):
    """One that leaves signals to us: uvicorn raises them anew, and the exit code were theirs."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Do nothing."""
        yield


async def _until_a_signal(
    listeners: Sequence[_Listener],
    ended: Ended,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            ended.number = number
            for listener in listeners:
                # It is this method of uvicorn's that streams of events are told by.
                listener.handle_exit(number, None)
