"""Exports of other tools, read whole: real ones where there are some."""

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from regrade_tools.formats import Reading, Record, Skipped, records, traces
from regrade_tools.models import Trace
from regrade_tools.redaction import redaction

FRAMEWORKS = [
    "agno-2025-06-11", "autogen-2025-06-06", "claude-agent-2025-12-22", "crewai-2025-07-11",
    "google-adk-2025-08-28", "langgraph-js-2025-10-30", "langgraph-python-2025-08-22",
    "microsoft-agent-2025-12-17", "openai-agents-2025-09-30", "pydantic-ai-2025-06-06",
    "pydantic-ai-tools-2025-12-04", "vercel-aisdk-2025-11-17",
]  # fmt: skip
# Tokens in, tokens out, messages: where two instrumentations log one call, it counts once.
SUMS = {
    "agno-2025-06-11": (826, 245, 2),
    "claude-agent-2025-12-22": (34, 232, 3),
    "google-adk-2025-08-28": (67, 9, 5),
    "langgraph-js-2025-10-30": (321, 123, 4),
    "microsoft-agent-2025-12-17": (293, 106, 5),
    "openai-agents-2025-09-30": (140, 44, 4),
    "vercel-aisdk-2025-11-17": (62, 85, 2),
}
Said = tuple[str, str, list[tuple[str, JsonValue]]]


def every(path: Path) -> list[Trace]:
    found = list(traces(records(path, path.name), Reading(redaction())))
    assert [item for item in found if not isinstance(item, Trace)] == []
    return [item for item in found if isinstance(item, Trace)]


def one(record: JsonValue) -> Trace:
    (found,) = traces([Record("log.json", record)], Reading(redaction()))
    assert isinstance(found, Trace), found
    return found


def said(trace: Trace) -> list[Said]:
    return [(message.role, message.content, [(call.name, call.arguments) for call in
             message.tool_calls]) for message in trace.messages]  # fmt: skip


def golden(side: dict[str, JsonValue] | None) -> list[Said] | None:
    """The messages that are expected; None where the export's own reader fails at them."""
    listed = side.get("data") if side and side["success"] else None
    if not isinstance(listed, list) or not all(isinstance(m, dict) and "role" in m for m in listed):
        return None
    return [expected(message) for message in listed if isinstance(message, dict)]


def expected(message: dict[str, JsonValue]) -> Said:
    content = message.get("content") or ""
    blocks = content if isinstance(content, list) else []
    typed = [block for block in blocks if isinstance(block, dict) and "type" in block]
    written = content if isinstance(content, str) else json.dumps(content)
    text = "\n".join(str(block["text"]) for block in typed if "text" in block) if typed else written
    listed = message.get("tool_calls")
    calls = [(str(call["name"]), json.loads(str(call["arguments"])))
             for call in (listed if isinstance(listed, list) else []) if isinstance(call, dict)]
    calls += [(str(block["name"]), block["input"]) for block in typed if "input" in block]
    # Gemini calls the assistant so.
    role = "assistant" if message["role"] == "model" else str(message["role"])
    return role, text, calls  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_langfuse_observations_give_the_messages_that_are_expected(name: str, data: Path) -> None:
    folder = data / "langfuse_framework_traces"
    export = json.loads((folder / f"{name}.trace.json").read_text("utf-8"))
    wanted = json.loads((folder / f"{name}.chatml.json").read_text("utf-8"))
    compared = 0
    for logged in export["observations"]:
        for side, other in (("input", "output"), ("output", "input")):
            messages = golden(wanted.get(logged["id"], {}).get(side))
            alone = {**logged, "type": "GENERATION", other: None}
            found = said(one({"trace": {"id": "t"}, "observations": [alone]}))
            if messages is None:
                continue
            compared += 1
            # Gemini has no role for tools: what they gave is told from what a user said by us.
            plain = [("user" if role == "tool" and name.startswith("google") else role, *rest)
                     for role, *rest in found]  # fmt: skip
            assert plain == messages, logged["name"]
    assert compared or name.startswith("autogen")


@pytest.mark.parametrize("name", SUMS)
def test_a_langfuse_trace_counts_each_model_call_once(name: str, data: Path) -> None:
    (found,) = every(data / f"langfuse_framework_traces/{name}.trace.json")
    told = (found.input_tokens, found.output_tokens, len(found.messages))
    assert (found.format, told) == ("langfuse", SUMS[name])


def test_a_langfuse_trace_keeps_its_name_time_tags_tools_and_scores(data: Path) -> None:
    (found,) = every(data / "langfuse_framework_traces/langgraph-js-2025-10-30.trace.json")
    assert found.external_id == "2c1581dd9cecdafb6ca091b83d7ea99a"
    assert (found.name, found.model) == ("LangGraph", "gpt-5-mini-2025-08-07")
    assert found.started_at == 1761813941.168
    assert found.cost_usd == pytest.approx(0.00024275 + 8.35e-05)
    assert [call.name for call in found.tool_calls] == ["get_weather"]
    assert found.metadata["score.toxicity"] == 0.2
    (tagged,) = every(data / "langfuse_framework_traces/autogen-2025-06-06.trace.json")
    assert tagged.tags == ("autogen", "dev")


def test_spans_of_phoenix_become_one_conversation(data: Path) -> None:
    (found,) = every(data / "phoenix_openinference/pxi_turn_trace.json")
    assert (found.format, found.external_id) == ("openinference", "fixture-trace-1")
    assert (found.session, found.model) == ("fixture-session", "claude-fable-5")
    assert (len(found.spans), len(found.messages)) == (18, 27)
    assert (found.input_tokens, found.output_tokens) == (310_222, 1_895)
    assert (found.started_at, found.duration_ms) == (1783555200.0, 35_000.0)
    assert found.exchange.output == found.output
    assert [call.name for call in found.tool_calls][:2] == ["load_skill", "read_skill_resource"]


def test_named_lists_of_phoenix_spans_are_a_trace_each(data: Path) -> None:
    found = every(data / "phoenix_openinference/pxi_suggestion_traces.json")
    assert [len(trace.spans) for trace in found] == [10, 11, 10]
    assert [trace.status for trace in found] == ["ok", "error", "ok"]
    assert len({trace.id for trace in found}) == 3


def test_the_vendors_of_otlp_each_tell_their_messages(data: Path) -> None:
    cases = json.loads((data / "otlp_json/langfuse_otel_mapping_cases.json").read_text("utf-8"))
    roles = [[message.role for message in one(case["otlp"]).messages] for case in cases]
    assert roles[:3] == [["user", "assistant"], ["user", "assistant"],
                         ["system", "user", "assistant"]]  # fmt: skip
    vercel = next(case for case in cases if "AI SDK name extraction" in case["test"])
    found = one(vercel["otlp"])
    assert said(found) == [("user", "hi", []), ("assistant", "hello", [])]
    assert (found.session, found.tags, found.model) == ("session-1", ("a", "b"), "gpt-4.1-mini")


def test_a_format_that_a_record_is_not_in_is_told() -> None:
    reading = Reading(redaction(), format="langfuse")
    assert list(traces([Record("r", {"input": 1, "output": 2})], reading)) == [
        Skipped("r", "is not in the format langfuse")
    ]
