"""A receiver of OTLP in this process, and what programs send it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from regrade_server.http import guarded
from regrade_server.otlp import Intake, receiver
from regrade_server.sqlite import SqliteStore
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Trace
from regrade_tools.traces.query import parse
from regrade_tools.traces.receiving import Sampling

JSON, PROTOBUF = "application/json", "application/x-protobuf"
PATH = "/v1/traces"
TRACE = "0af7651916cd43dd8448eb211c80319c"
BEGAN = 1_700_000_000_000_000_000
Fields = dict[str, Any]


def said(text: str, role: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def span(number: int = 1, *, trace: str = TRACE, question: str = "Legs?", **more: Any) -> Fields:
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": said(question, "user"),
        "gen_ai.output.messages": said("Four.", "assistant"),
    }
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "name": "chat",
        "startTimeUnixNano": str(BEGAN + number * 1_000_000),
        "endTimeUnixNano": str(BEGAN + number * 1_000_000 + 500_000_000),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in told.items()],
    } | more


def export(*spans: Any, service: str = "bot") -> Fields:
    about = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [{"spans": list(spans)}]}]}


class Asked:
    """A receiver of ``store`` and what was posted to it."""

    def __init__(self, store: Any, root: Path, share: float = 1.0, **made: Any) -> None:
        self.store = store
        self.intake = Intake(store, Workspace(root), Sampling(share))
        app: Any = receiver(self.intake)
        if made:
            app = guarded(app, made["address"], made["tokens"], 600)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1"
        )

    async def post(
        self, body: Fields | bytes, kind: str = JSON, path: str = PATH, **headers: str
    ) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.http.post(path, content=content, headers={"Content-Type": kind, **told})

    async def found(self, query: str = "") -> list[Trace]:
        page = await self.store.search(parse(query, now=0.0), limit=100, oldest=True)
        return [await self.store.trace(row.id) for row in page.rows]


@asynccontextmanager
async def asked(root: Path, share: float = 1.0, **made: Any) -> AsyncGenerator[Asked, None]:
    store = SqliteStore(root / ".regrade" / "store.db")
    try:
        yield Asked(store, root, share, **made)
    finally:
        store.close()
