"""Who may come in: the one browser in which a person opened the address of the terminal.

Not by a cookie: it would be sent to every port of this machine, and so to programs that an agent
has started there. The pass is kept by the tab and sent in a header that no other page can set.
"""

import hmac
import secrets
import sys
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What holds nothing of anybody, and how a browser gets its pass.
OPEN = frozenset({"/", "/page.css", "/page.js", "/enter"})
# The last two: no text becomes markup, whatever a script of ours does by mistake.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ELSEWHERE = "This is asked from another page or by another name: open the address of the terminal."
_AGAIN = (
    "regrade: the address was opened a second time, and nobody was let in. If your page lets you "
    "label, all is well; if not, somebody else opened it before you: Ctrl-C ends it.\n"
)


@dataclass(slots=True)
class Passes:
    """A secret that is exchanged once, for the pass that every request then shows."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _pass: str = ""

    def exchanged(self, secret: str) -> str | None:
        """The pass for the secret; None where it is another or was exchanged before."""
        if not _same(secret, self.secret):
            return None
        if self._pass:
            sys.stderr.write(_AGAIN)
            return None
        self._pass = secrets.token_urlsafe(32)
        return self._pass

    def known(self, shown: str) -> bool:
        """Whether it is the pass that was given out."""
        return bool(self._pass) and _same(shown, self._pass)


@dataclass(frozen=True, slots=True)
class Door:
    """An ASGI application before another, which sees only what may come in."""

    app: ASGIApp
    passes: Passes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (self._refused(scope) or self.app)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        # The socket's own: a name that was made to point here is another, as is another port.
        port = scope["server"][1]
        if host not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            return JSONResponse({"error": _ELSEWHERE}, 421)
        # A browser says it of every request that changes anything.
        if origin != f"http://{host}" and (origin is not None or scope["method"] != "GET"):
            return JSONResponse({"error": _ELSEWHERE}, 403)
        if scope["path"] in OPEN:
            return None
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not self.passes.known(shown):
            told = "Open the address that the terminal shows: a tab has a pass only from there."
            return JSONResponse({"error": told}, 403)
        return None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())
