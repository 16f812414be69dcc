"""Whose a trace is and what its metadata says, from logs to searches and figures."""

import json
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from console import spoken
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from pydantic import JsonValue
from test_formats import ROOT_ID, Fields, exported, logged, read

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.formats import Note
from regrade_tools.models import Trace
from regrade_tools.traces.facts import USER, facts, values

ASKED: JsonValue = [{"role": "user", "content": "q"}]
RUN: Fields = {
    "id": "a", "trace_id": "t", "run_type": "llm", "name": "x", "inputs": {"input": "q"},
    "outputs": {"output": "a"}, "extra": {"metadata": {"user_id": "u7", "plan": "pro"}},
}  # fmt: skip
RECORDS: dict[str, tuple[Fields, dict[str, JsonValue]]] = {
    "an id of OpenTelemetry": (exported(logged({"user.id": "u7"})), {"user": "u7"}),
    "its older name": (exported(logged({"enduser.id": "u7"})), {"user": "u7"}),
    "of a span inside": (
        exported(logged({}, spanId=ROOT_ID),
                 logged({"user.id": "u7", "metadata": '{"plan": "pro"}'}, parentSpanId=ROOT_ID)),
        {"plan": "pro", "user": "u7"}),
    "Langfuse's attributes": (
        exported(logged({"langfuse.user.id": "u7", "langfuse.trace.metadata.plan": "pro"})),
        {"plan": "pro", "user": "u7"}),
    "Vercel's": (
        exported(logged({"ai.telemetry.metadata.userId": "u7", "ai.telemetry.metadata.plan": "pro",
                         "ai.telemetry.metadata.sessionId": "s"})),
        {"plan": "pro", "user": "u7"}),
    "Traceloop's": (
        exported(logged({"traceloop.association.properties.user_id": "u7",
                         "traceloop.association.properties.plan": "pro"})),
        {"plan": "pro", "user": "u7"}),
    "Langfuse": ({"id": "t", "userId": "u7", "observations": []}, {"user": "u7"}),
    "LangSmith": (RUN, {"user_id": "u7", "plan": "pro", "user": "u7"}),
    "LiteLLM": (
        {"standard_logging_object": {"call_type": "c", "messages": ASKED, "end_user": "u7"}},
        {"user": "u7"}),
    "a request of OpenAI": (
        {"request": {"messages": ASKED, "user": "u7"}, "response": {"choices": []}},
        {"user": "u7"}),
    "of its Responses": (
        {"request": {"input": "q", "user": "u7"}, "response": {"object": "response", "output": []}},
        {"user": "u7"}),
    "of Anthropic": (
        {"request": {"messages": ASKED, "metadata": {"user_id": "u7"}},
         "response": {"type": "message", "content": []}}, {"user": "u7"}),
    "metadata of Langfuse": (
        {"trace": {"id": "t", "userId": "u7", "metadata": {"plan": "pro", "user": "x"}},
         "observations": []}, {"plan": "pro", "user": "u7"}),
    "of a plain record": (
        {"input": "q", "output": "a", "user": "u7", "metadata": {
            "plan": "pro", "note": None, "at": {"city": "Ulm"}, "ids": [1, 2], "x": "x" * 2_001}},
        {"user": "u7", "plan": "pro", "at": {"city": "Ulm"}, "ids": [1, 2]}),
    "of a plain record as a text": (
        {"input": "q", "output": "a", "user": "u7", "metadata": '{"plan": "pro"}'},
        {"user": "u7", "plan": "pro"}),
    "of a conversation": (
        {"messages": ASKED, "metadata": {"user": "u7", "plan": "pro"}},
        {"user": "u7", "plan": "pro"}),
    "of a request": (
        {"request": {"messages": ASKED, "metadata": {"user": "u7", "plan": "pro"}},
         "response": {"choices": []}}, {"user": "u7", "plan": "pro"}),
    "a plain record": ({"input": "q", "output": "a", "user_id": "u7"}, {"user_id": "u7"}),
}  # fmt: skip


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_each_format_tells_whose_a_trace_is(
    record: tuple[Fields, dict[str, JsonValue]],
) -> None:
    (trace,) = read(json.dumps(record[0]))
    assert isinstance(trace, Trace)
    assert trace.metadata == record[1]
    assert values(trace.metadata, USER) == {"u7": None}


MAPPINGS: dict[str, tuple[Fields, dict[str, str], dict[str, JsonValue]]] = {
    "whose it is": (
        {"q": "?", "a": "!", "customer": "u7"}, {"user": "customer"}, {"user": "u7"}),
    "whose it is, inside the metadata": (
        {"q": "?", "a": "!", "metadata": {"uid": 7, "user": "x"}}, {"user": "metadata.uid"},
        {"uid": 7, "user": "7"}),
    "the metadata by its own name": (
        {"q": "?", "a": "!", "metadata": {"plan": "pro"}}, {"metadata": "metadata"},
        {"plan": "pro"}),
    "the metadata by another": (
        {"q": "?", "a": "!", "about": {"plan": "pro"}}, {"metadata": "about"}, {"plan": "pro"}),
}  # fmt: skip


@pytest.mark.parametrize("told", MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_names_whose_a_trace_is_and_its_metadata(
    told: tuple[Fields, dict[str, str], dict[str, JsonValue]],
) -> None:
    record, mapping, metadata = told
    (trace,) = read(json.dumps(record), input="q", output="a", **mapping)
    assert isinstance(trace, Trace)
    assert trace.metadata == metadata


def test_metadata_that_a_mapping_names_and_that_is_no_object_is_told() -> None:
    record = {"q": "?", "a": "!", "about": "gold"}
    trace, note = read(json.dumps(record), input="q", output="a", metadata="about")
    assert isinstance(trace, Trace)
    assert isinstance(note, Note)
    assert "1 value of metadata=about that can be read as no object" in note.what


KEYS = st.text(min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, JSON, max_size=3))
def test_every_value_of_metadata_stands_under_its_key(metadata: dict[str, JsonValue]) -> None:
    for key, value in metadata.items():
        if isinstance(value, str | int):
            assert (key.casefold(), str(value).casefold()) in facts(metadata)
        if isinstance(value, dict):
            inside = (f"{key}.{path}" for path, _ in facts(value))
            assert {path.casefold() for path in inside} <= {path for path, _ in facts(metadata)}


@pytest.mark.anyio
async def test_an_agent_asks_by_a_key_and_is_told_what_there_is(tmp_path: Path) -> None:
    records = [{"input": f"q{n}", "output": "a", "customer": name, "user": f"u{n % 2}"}
               for n, name in enumerate(("acme", "acme", "Globex"))]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    async with Client(build_server(House(Workspace(tmp_path)))) as client:

        async def told(tool: str, **arguments: Any) -> dict[str, Any]:
            reply = await client.call_tool(tool, arguments)
            if reply.is_error:
                return {"refused": " ".join(getattr(part, "text", "") for part in reply.content)}
            return reply.structured_content or {}

        await told("import_traces", path="log.jsonl")
        found = await told("search_traces", query="meta.customer:acme -user:u0")
        none = await told("search_traces", query="meta.customer:acma")
        unknown = await told("search_traces", query="meta.team:red")
        counted = await told("summarize_traces", by="meta.customer")
        refused = await told("summarize_traces", by="customer")
        asked = await told("search_traces", query="customer:acme")
    assert [row["preview"] for row in found["traces"]] == ["q1"]
    assert none["hint"] == (
        "No trace has meta.customer:acma (did you mean 'acme'?); there is: acme, globex."
    )
    assert unknown["hint"] == "No trace has any meta.team."
    assert [(row["value"], row["traces"]) for row in counted["rows"]] == [
        ("acme", 2), ("globex", 1),
    ]  # fmt: skip
    assert "There is no facet to group by 'customer'" in refused["refused"]
    assert "meta.<key>" in asked["refused"]
    _, out, _ = await to_thread.run_sync(
        spoken, "--root", str(tmp_path), "summarize", "--by", "user"
    )
    assert "  u0  2 traces" in out
