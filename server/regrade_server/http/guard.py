"""What every request passes before a word of its body is read."""

import time
from dataclasses import dataclass, field

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from regrade_server.http.rate import Rate
from regrade_server.http.tokens import Tokens

HEALTH = "/healthz"


@dataclass(slots=True)
class Guard:
    """An ASGI application before another: name and origin, then rate, then token."""

    app: ASGIApp
    security: TransportSecuritySettings
    tokens: Tokens
    rate: Rate
    _hosts: TransportSecurityMiddleware = field(init=False)

    def __post_init__(self) -> None:
        self._hosts = TransportSecurityMiddleware(self.security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        answer = await self._hosts.validate_request(request)
        # Not the path of the URL: that is made of what the caller says the host is.
        if answer is None and scope["path"] != HEALTH:
            answer = self._admitted(request)
        await (answer or self.app)(scope, receive, send)

    def _admitted(self, request: Request) -> Response | None:
        """None, and the caller noted, where the request may pass."""
        word, _, token = request.headers.get("authorization", "").partition(" ")
        known = self.tokens.known(token.strip()) if word.lower() == "bearer" else None
        # Who guesses tokens is counted by address.
        caller = known.client_id if known else request.client.host if request.client else ""
        wait = self.rate.wait(caller, time.monotonic())
        if wait:
            return JSONResponse(
                {"error": f"More than {self.rate.per_minute} requests a minute."},
                429,
                {"Retry-After": str(wait)},
            )
        if known:
            request.scope["user"] = AuthenticatedUser(known)
        elif self.tokens:
            told = "This server needs a token: Authorization: Bearer TOKEN."
            return JSONResponse({"error": told}, 401, {"WWW-Authenticate": "Bearer"})
        return None
