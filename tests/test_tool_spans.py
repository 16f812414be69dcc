"""Tools by the names that they have, in traces that log nothing but the spans of their calls."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from calling import replied
from mcp import Client
from otlp_client import BEGAN, TRACE, Fields

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio
CONVENTIONS: dict[str, dict[str, str]] = {
    "OpenTelemetry": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"},
    "OpenInference": {"openinference.span.kind": "TOOL", "tool.name": "lookup"},
    "Vercel": {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "lookup"},
    "Traceloop": {"traceloop.span.kind": "tool", "traceloop.entity.name": "lookup"},
}


def span(number: int, name: str, about: dict[str, str], parent: str = "") -> Fields:
    return {
        "traceId": TRACE, "spanId": f"{number:016x}", "parentSpanId": parent, "name": name,
        "startTimeUnixNano": str(BEGAN + number), "endTimeUnixNano": str(BEGAN + number + 5),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in about.items()],
    }  # fmt: skip


@asynccontextmanager
async def holding(root: Path, tool: dict[str, str]) -> AsyncGenerator[tuple[Client, str], None]:
    (root / "evals" / "suites").mkdir(parents=True)
    (root / "evals" / "suites" / "s.yaml").write_text("{}\n")
    agent = span(1, "invoke_agent", {"input.value": "Late?", "output.value": "No."})
    called = span(2, "execute_tool 7", tool | {"input.value": '{"id": 7}'}, f"{1:016x}")
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [agent, called]}]}]}
    (root / "log.jsonl").write_text(json.dumps(export))
    async with Client(build_server(House(Workspace(root)))) as client:
        await replied(client, "import_traces", path="log.jsonl")
        found = await replied(client, "search_traces", query="tool:lookup")
        yield client, found["traces"][0]["id"]


@pytest.mark.parametrize("tool", CONVENTIONS.values(), ids=CONVENTIONS)
async def test_a_tool_is_found_counted_and_checked_by_its_name(
    tool: dict[str, str], tmp_path: Path
) -> None:
    async with holding(tmp_path, tool) as (client, trace):
        counted = await replied(client, "summarize_traces", by="tool")
        spans = await replied(client, "get_trace", trace_id=trace, view="spans")
        filed = await replied(
            client, "file_case", suite="s", trace_id=trace, reason="looks it up",
            assertions=[{"type": "not-tool-called", "name": "lookup"}],
        )  # fmt: skip
    assert [(row["value"], row["traces"]) for row in counted["rows"]] == [("lookup", 1)]
    shown = spans["content"]["spans"][1]
    assert (shown["name"], shown["tool"]) == ("execute_tool 7", "lookup")
    assert "lookup" in filed["failed"][0]
