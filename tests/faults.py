"""A proxy on loopback in front of a model, which breaks what passes through it."""

import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import urlsplit

from loopback import handled

Fault = Literal[
    "none", "500", "429", "hang", "reset", "cut off", "half sent", "hang mid-body", "truncated",
    "html", "void",
]  # fmt: skip
# Which fault a question meets, by its body and how often it came.
Faults = Callable[[str, int], Fault]


@dataclass
class Proxy:
    """``passed`` are the questions that the model was asked: it is paid for each."""

    model: str
    faults: Faults
    passed: list[str] = field(default_factory=list[str])
    broken: bool = True
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    _counts: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, told: str) -> Fault:
        with self._lock:
            self._counts[told] += 1
            return self.faults(told, self._counts[told]) if self.broken else "none"

    def asked(self, path: str, body: bytes) -> bytes:
        """What the model answers."""
        with self._lock:
            self.passed.append(body.decode())
        model = http.client.HTTPConnection(self.model, timeout=30)
        model.request("POST", path, body, {"Content-Type": "application/json"})
        answer = model.getresponse().read()
        model.close()
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.proxy.fault(body.decode())
        self.close_connection = True
        if fault == "500":
            self.sent(500, b'{"error": {"message": "broken"}}')
        elif fault == "429":
            self.sent(429, b'{"error": {"message": "slow down"}}', wait="1")
        elif fault == "hang":
            self.proxy.over.wait(60)
        elif fault in ("reset", "cut off"):
            if fault == "cut off":
                self.proxy.asked(self.path, body)
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        else:
            self.answered(fault, self.proxy.asked(self.path, body))

    def answered(self, fault: Fault, answer: bytes) -> None:
        half = answer[: len(answer) // 2]
        if fault in ("half sent", "hang mid-body"):
            self.sent(200, half, length=len(answer))
            if fault == "hang mid-body":
                self.proxy.over.wait(60)
        elif fault == "truncated":
            self.sent(200, half)
        elif fault == "html":
            self.sent(200, b"<html>Please sign in</html>", kind="text/html")
        elif fault == "void":
            self.sent(200, b'{"id": "x", "object": "chat.completion", "choices": []}')
        else:
            self.sent(200, answer)

    def sent(
        self, status: int, body: bytes, *, kind: str = "application/json",
        length: int | None = None, wait: str = "",
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if wait:
            self.send_header("Retry-After", wait)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def proxying(model: str, faults: Faults) -> Generator[Proxy, None, None]:
    """Pass questions on to ``model``, an address, and break some of the answers."""
    proxy = Proxy(urlsplit(model).netloc, faults)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with handled(handler) as proxy.url:
        try:
            yield proxy
        finally:
            proxy.over.set()
