"""OTLP over HTTP as an ASGI application: ``POST /v1/traces`` and ``POST /v1/logs``."""

import traceback
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan

from regrade_server.http import patience
from regrade_server.http.guard import HEALTH
from regrade_server.otlp.answers import JSON, PROTOBUF, Encoding, accepted, refused
from regrade_server.otlp.body import (
    ENCODINGS,
    LARGEST,
    FullError,
    TooLargeError,
    collected,
)
from regrade_server.otlp.intake import Intake, Sent
from regrade_server.protocol.surface import granted
from regrade_tools.formats.protobuf import Signal
from regrade_tools.refusal import Refusal

PATH = "/v1/traces"
LOGS = "/v1/logs"
_SIGNALS: dict[str, Signal] = {PATH: "traces", LOGS: "logs"}
_METRICS = "Metrics are not kept: set OTEL_METRICS_EXPORTER=none."
_FULL_S, _UNAVAILABLE_S = "1", "5"


def receiver(intake: Intake, lifespan: Lifespan[Starlette] | None = None) -> ASGIApp:
    """An application that gives what it is sent to ``intake``."""
    reception = _Reception(intake)
    return Starlette(
        routes=[
            *(Route(path, reception.answer, methods=["POST"]) for path in _SIGNALS),
            Route(HEALTH, _health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_such_thing},
        lifespan=lifespan,
    )


@dataclass(frozen=True, slots=True)
class _Reception:
    intake: Intake

    async def answer(self, request: Request) -> Response:
        """Take a request, or say why not; what may be sent again is told by 503."""
        encoding = _encoding(request)
        told = encoding or JSON
        signal = _SIGNALS[request.url.path]
        packing = request.headers.get("content-encoding", "").strip().lower() or "identity"
        opened = granted(request)
        if opened is not None and "write" not in opened:
            return refused(told, 403, "This token has not the scope 'write'.")
        if encoding is None:
            return refused(told, 415, f"The content type is {PROTOBUF} or {JSON}.")
        if packing not in ENCODINGS:
            return refused(told, 415, f"The content encoding is one of {', '.join(ENCODINGS)}.")
        try:
            with self.intake.room.share() as share:
                with anyio.fail_after(patience.BODY_S):
                    body = await collected(request.stream(), share)
                found = await self.intake.take(body, Sent(signal, encoding, packing), share)
        except (ValueError, ClientDisconnect) as problem:
            return refused(told, 400, f"The body {problem}.")
        except TimeoutError:
            return refused(told, 408, f"The body did not come within {patience.BODY_S:g} s.")
        except TooLargeError:
            most = f"{LARGEST // 1024**2} MiB, also once it is unpacked"
            return refused(told, 413, f"The body is larger than {most}: send smaller batches.")
        except FullError:
            return refused(told, 503, "Too much is waiting to be stored.", _later(_FULL_S))
        except Refusal as refusal:
            return refused(told, 503, str(refusal), _later(_UNAVAILABLE_S))
        except Exception:  # noqa: BLE001 - a mistake of ours, told as one
            traceback.print_exc()
            return refused(told, 500, "A mistake of this server; it is told on its stderr.")
        return accepted(encoding, signal, found.rejected, found.why)


def _encoding(request: Request) -> Encoding | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return PROTOBUF if kind == PROTOBUF else JSON if kind == JSON else None


def _later(seconds: str) -> dict[str, str]:
    return {"Retry-After": seconds}


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _no_such_thing(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    told = f"Send traces by POST to {PATH}, and logs to {LOGS}."
    if request.url.path == "/v1/metrics":
        told = _METRICS
    headers = {"Allow": "POST"} if status == 405 else None  # noqa: PLR2004 - as HTTP numbers it
    return refused(_encoding(request) or JSON, status, told, headers)
