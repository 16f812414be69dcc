"""Exports of other tools, read whole: real ones where there are some."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_tools.formats import Reading, Record, Skipped, records, traces
from regrade_tools.models import Trace
from regrade_tools.secrets.redaction import redaction

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

# fmt: off
ARGUMENTS = '{"of": "cat"}'
OPENAI: list[JsonValue] = [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Legs of a cat?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "count", "arguments": ARGUMENTS}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "4"}]
FOUR: dict[str, JsonValue] = {"role": "assistant", "content": "Four."}
BLOCKS: list[JsonValue] = [
    {"role": "user", "content": "Legs of a cat?"},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "tool_use", "id": "c1", "name": "count", "input": {"of": "cat"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [
        {"type": "text", "text": "4"}]}]}]
ITEMS: list[JsonValue] = [
    {"role": "user", "content": [{"type": "input_text", "text": "Legs of a cat?"}]},
    {"type": "reasoning", "id": "rs", "summary": []},
    {"type": "function_call", "id": "fc", "call_id": "c1", "name": "count",
     "arguments": ARGUMENTS},
    {"type": "function_call_output", "call_id": "c1", "output": "4"}]
LANGCHAIN: Any = [
    {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", kind], "kwargs": held}
    for kind, held in (
        ("SystemMessage", {"content": "Be brief."}),
        ("HumanMessage", {"content": "Legs of a cat?"}),
        ("AIMessage", {"content": "", "tool_calls": [
            {"name": "count", "args": {"of": "cat"}, "id": "c1", "type": "tool_call"}]}),
        ("ToolMessage", {"content": "4", "tool_call_id": "c1"}))]
PARTS: list[JsonValue] = [
    {"kind": "request", "parts": [
        {"part_kind": "system-prompt", "content": "Be brief."},
        {"part_kind": "user-prompt", "content": "Legs of a cat?"}]},
    {"kind": "response", "parts": [
        {"part_kind": "tool-call", "tool_name": "count", "args": ARGUMENTS, "tool_call_id": "c1"}]},
    {"kind": "request", "parts": [
        {"part_kind": "tool-return", "tool_name": "count", "content": "4", "tool_call_id": "c1"}]},
    {"kind": "response", "parts": [{"part_kind": "text", "content": "Four."}]}]
VERCEL: list[JsonValue] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Legs of a cat?"}]},
    {"role": "assistant", "content": [
        {"type": "tool-call", "toolCallId": "c1", "toolName": "count", "input": {"of": "cat"}}]},
    {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "count",
                                  "output": {"type": "text", "value": "4"}}]}]
GEMINI: dict[str, JsonValue] = {
    "config": {"system_instruction": "Be brief."}, "contents": [
        {"role": "user", "parts": [{"text": "Legs of a cat?"}]},
        {"role": "model", "parts": [{"function_call": {"name": "count", "args": {"of": "cat"}}}]},
        {"role": "user", "parts": [
            {"function_response": {"name": "count", "response": 4}}]}]}


def spanned(**attributes: JsonValue) -> Any:
    """An OTLP export of one span; other values than numbers are texts, as most write them."""
    given = [{"key": key.replace("__", "."), "value": {"intValue": str(value)} if isinstance(
        value, int) else {"stringValue": value if isinstance(value, str) else json.dumps(value)}}
        for key, value in attributes.items()]
    return {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x", "attributes": given}]}]}]}


CALLS: dict[str, Any] = {
    "anthropic": {"request": {"system": "Be brief.", "messages": BLOCKS}, "response": {
        "id": "msg", "type": "message", "role": "assistant", "model": "m-1",
        "content": [{"type": "text", "text": "Four."}],
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 20,
                  "cache_creation_input_tokens": 7, "output_tokens": 4}}},
    "responses": {"request": {"instructions": "Be brief.", "input": ITEMS}, "response": {
        "id": "resp", "object": "response", "model": "m-1", "created_at": 1.7e9, "output": [
            {"type": "reasoning", "id": "rs", "summary": []},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Four."}]}],
        "usage": {"input_tokens": 30, "output_tokens": 4}}},
    "litellm": {"standard_logging_object": {
        "id": "1", "call_type": "acompletion", "status": "success", "model": "m-1",
        "startTime": 1.7e9, "endTime": 1.7e9 + 1, "messages": OPENAI, "prompt_tokens": 30,
        "completion_tokens": 4, "response": {"choices": [{"message": FOUR}]}}},
    "braintrust": {"span_id": "s", "created": "2025-02-03T00:18:08.001Z", "input": OPENAI,
                   "output": {"message": FOUR}, "metadata": {"model": "m-1"},
                   "metrics": {"prompt_tokens": 30, "completion_tokens": 4, "start": 1, "end": 2}},
    "langsmith": {"id": "r", "trace_id": "t", "run_type": "llm",
                  "inputs": {"messages": [LANGCHAIN]},
                  "outputs": {"generations": [[{"text": "Four.", "message": {
                      "lc": 1, "type": "constructor", "id": ["x", "AIMessage"],
                      "kwargs": {"content": "Four."}}}]]},
                  "extra": {"metadata": {"ls_model_name": "m-1", "thread_id": "s"}},
                  "prompt_tokens": 30, "completion_tokens": 4},
    "mlflow": {"info": {"trace_id": "tr-1", "request_time": "2025-01-01T00:00:00Z", "state": "OK"},
               "data": {"spans": [{
                   "trace_id": "x", "span_id": "y", "name": "c", "start_time_unix_nano": 1,
                   "status": {"code": "STATUS_CODE_OK"}, "attributes": {
                       "mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"m-1"',
                       "mlflow.spanInputs": json.dumps({"messages": OPENAI}),
                       "mlflow.spanOutputs": json.dumps({"choices": [{"message": FOUR}]}),
                       "mlflow.chat.tokenUsage": '{"input_tokens": 30, "output_tokens": 4}'}}]}},
    "langfuse": {"id": "t", "observations": [{
        "id": "o", "type": "GENERATION", "model": "m-1", "input": GEMINI,
        "output": {"content": {"role": "model", "parts": [{"text": "Four."}]}},
        "usageDetails": {"input": 10, "input_cache_read": 20, "output": 4, "total": 34}}]},
    "inspect": {"eval": {"task": "legs", "model": "m-1"}, "samples": [{
        "id": 1, "messages": [*OPENAI, FOUR], "scores": {"match": {"value": "C"}},
        "model_usage": {"m-1": {"input_tokens": 30, "output_tokens": 4}}}]},
    "openinference": {"context": {"trace_id": "t", "span_id": "s"}, "span_kind": "LLM",
                      "attributes": {"llm": {"model_name": "m-1", "token_count": {
                          "prompt": 30, "completion": 4},
                          "input_messages": [{"message": item} for item in [
                              OPENAI[0], OPENAI[1],
                              {"role": "assistant", "tool_calls": [{"tool_call": {
                                  "id": "c1", "function": {
                                      "name": "count", "arguments": ARGUMENTS}}}]},
                              OPENAI[3]]],
                          "output_messages": [{"message": FOUR}]}}},
    "otlp, Vercel's AI SDK": spanned(
        ai__operationId="ai.generateText.doGenerate", ai__model__id="m-1",
        ai__prompt__messages=VERCEL, ai__response__text="Four.",
        ai__usage__promptTokens=30, ai__usage__completionTokens=4),
    "otlp, pydantic-ai": spanned(
        pydantic_ai__all_messages=PARTS, gen_ai__request__model="m-1",
        gen_ai__usage__input_tokens=30, gen_ai__usage__output_tokens=4),
    "otlp, Langfuse's attributes": spanned(
        langfuse__observation__type="generation", langfuse__observation__input=OPENAI,
        langfuse__observation__output=FOUR, gen_ai__response__model="m-1",
        gen_ai__usage__input_tokens=30, gen_ai__usage__output_tokens=4),
    "otlp, Traceloop": spanned(
        llm__request__type="chat", gen_ai__request__model="m-1",
        gen_ai__prompt__0__role="system", gen_ai__prompt__0__content="Be brief.",
        gen_ai__prompt__1__role="user", gen_ai__prompt__1__content="Legs of a cat?",
        gen_ai__prompt__2__role="assistant", gen_ai__prompt__2__tool_calls__0__name="count",
        gen_ai__prompt__2__tool_calls__0__id="c1",
        gen_ai__prompt__2__tool_calls__0__arguments=ARGUMENTS,
        gen_ai__prompt__3__role="tool", gen_ai__prompt__3__content="4",
        gen_ai__prompt__3__tool_call_id="c1", gen_ai__completion__0__content="Four.",
        gen_ai__usage__prompt_tokens=30, gen_ai__usage__completion_tokens=4),
}
USED: JsonValue = {"input_tokens": 3, "cache_creation_input_tokens": 100,
                   "cache_read_input_tokens": 20, "output_tokens": 9}
LINES: list[dict[str, JsonValue]] = [
    {"type": "summary", "summary": "A session", "leafUuid": "u4"},
    {"type": "user", "uuid": "u1", "message": {"role": "user", "content": "Go"}},
    {"type": "assistant", "uuid": "u2", "message": {"role": "assistant", "id": "m1", "usage": USED,
     "content": [{"type": "text", "text": "Right."}]}},
    {"type": "assistant", "uuid": "u3", "message": {"role": "assistant", "id": "m1", "usage": USED,
     "content": [{"type": "tool_use", "id": "t1", "name": "Task", "input": {"do": 1}}]}},
    {"type": "user", "uuid": "u5", "isSidechain": True,
     "message": {"role": "user", "content": "Do 1"}},
    {"type": "assistant", "uuid": "u6", "isSidechain": True, "parentUuid": "u5", "message": {
        "role": "assistant", "id": "m2", "content": "I did",
        "usage": {"input_tokens": 7, "output_tokens": 2}}},
    {"type": "user", "uuid": "u4", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "content": "done"}]}}]
TRANSCRIPT = [Record(f"s.jsonl:{place}", {"sessionId": "s", **line})
              for place, line in enumerate(LINES, 1)]
SHAPES: dict[str, Any] = CALLS | {f"line {place}": record.value
                                        for place, record in enumerate(TRANSCRIPT)}
ODD = st.sampled_from([float("inf"), -1, 10**4_200, "", "{}", "[1]", '["\\ud83d"]', "1e999"])
PLAINS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | ODD
KNOWN = st.sampled_from([OPENAI, BLOCKS, ITEMS, LANGCHAIN, PARTS, GEMINI])
ANYTHING = st.recursive(PLAINS | KNOWN,
                        lambda held: st.lists(held, max_size=3) | st.dictionaries(
                            st.sampled_from(["role", "content", "parts", "type", "id"]), held),
                        max_leaves=5)
# fmt: on


def inner(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in ``value``: what holds it, and under which key."""
    keys: Iterable[Any] = value if hasattr(value, "keys") else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from inner(value[key])


def every(path: Path) -> list[Trace]:
    found = list(traces(records(path, path.name), Reading(redaction())))
    assert [item for item in found if not isinstance(item, Trace)] == []
    return [item for item in found if isinstance(item, Trace)]


def one(record: Any) -> Trace:
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
    calls = [
        (str(call["name"]), json.loads(str(call["arguments"])))
        for call in (listed if isinstance(listed, list) else [])
        if isinstance(call, dict)
    ]
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
    assert [(one.name, one.number, one.source) for one in found.feedback] == [
        ("toxicity", "0.2", "model"),
        ("hallucination", "1", "model"),
    ]
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


def test_the_lines_of_a_transcript_are_one_session_with_its_tools(data: Path) -> None:
    (found,) = every(data / "claude_code/sample_session.jsonl")
    assert (found.format, found.external_id) == ("claude-code", "test-session-id")
    assert [message.role for message in found.messages] == [
        "user", "assistant", "tool", "assistant", "tool", "user", "assistant"]  # fmt: skip
    assert [(call.name, call.id) for call in found.tool_calls] == [
        ("Write", "toolu_001"), ("Bash", "toolu_002")]  # fmt: skip
    tools = [span for span in found.spans if span.kind == "tool"]
    assert [(span.name, span.duration_ms) for span in tools] == [("Write", 5e3), ("Bash", 5e3)]
    assert tools[0].output == "File written successfully"
    assert (found.started_at, found.duration_ms) == (1766570400.0, 65_000.0)
    assert found.metadata == {"cwd": "/project", "gitBranch": "main"}
    assert found.exchange.output == "Done! The hello function is ready."


def test_a_transcript_in_one_document_is_the_same_kind_of_session(data: Path) -> None:
    (found,) = every(data / "claude_code/sample_session.json")
    assert (len(found.messages), found.started_at) == (33, 1766570400.0)
    assert len([span for span in found.spans if span.kind == "tool"]) == len(found.tool_calls)


def test_usage_on_every_block_of_a_message_counts_once_and_a_subagent_is_a_span() -> None:
    (found,) = traces(TRANSCRIPT, Reading(redaction()))
    assert isinstance(found, Trace)
    assert said(found) == [("user", "Go", []), ("assistant", "Right.", [("Task", {"do": 1})]),
                           ("tool", "done", [])]  # fmt: skip
    assert (found.input_tokens, found.output_tokens) == (3 + 100 + 20 + 7, 9 + 2)
    assert [(span.kind, span.id, span.input, span.output) for span in found.spans[-1:]] == [
        ("agent", "u5", "Do 1", "I did")]  # fmt: skip


def test_the_samples_of_an_inspect_log_are_traces_with_their_scores(data: Path) -> None:
    found = every(data / "inspect_logs/2025-05-12T20-28-13-04-00_popularity.json")
    told = [(trace.metadata["sample_id"], trace.feedback[0].label, trace.input_tokens,
             trace.output_tokens, len(trace.messages)) for trace in found]  # fmt: skip
    assert told == [(1, "C", 64, 2, 3), (2, "C", 58, 2, 3), (3, "I", 70, 2, 3)]
    assert {(trace.name, trace.format, trace.model) for trace in found} == {
        ("popularity", "inspect", "gpt-4o-mini-2024-07-18")}  # fmt: skip
    (failed,) = every(data / "inspect_logs/log_tool_call_error.json")
    assert [message.role for message in failed.messages] == ["tool"] * 11
    assert failed.messages[0].tool_call_id == "bash_1"
    assert failed.messages[0].name == "bash"


def test_the_rows_of_a_braintrust_table_keep_chats_notes_and_durations(data: Path) -> None:
    found = every(data / "nurtureboss/nurtureboss_logs.csv.gz")
    assert {trace.format for trace in found} == {"braintrust"}
    assert sum("z_note" in trace.metadata for trace in found) > 0
    assert (len(found), len(found[0].messages)) == (100, 20)
    assert found[0].duration_ms == pytest.approx(928.498, abs=0.001)
    assert (found[0].input_tokens, found[0].output) == (None, None)


@pytest.mark.parametrize("name", CALLS)
def test_one_call_reads_alike_in_every_format(name: str) -> None:
    found = one(CALLS[name])
    assert found.format == name.split(",", maxsplit=1)[0]
    assert said(found) == [
        ("system", "Be brief.", []), ("user", "Legs of a cat?", []),
        ("assistant", "", [("count", {"of": "cat"})]), ("tool", "4", []),
        ("assistant", "Four.", []),
    ]  # fmt: skip
    # Gemini's calls have no ids.
    called = "" if name == "langfuse" else "c1"
    assert [call.id for call in found.tool_calls] == [called]
    assert found.messages[3].tool_call_id == called
    assert (found.model, found.input_tokens, found.output_tokens) == ("m-1", 30, 4)
    assert found.status == "ok"


FAILURES: dict[str, Any] = {
    "anthropic": {"request": {"model": "m-1", "messages": [{"role": "user", "content": "Hi"}]},
                  "response": {"type": "error", "error": {"type": "x", "message": "busy"}}},
    "litellm": {"call_type": "acompletion", "status": "failure", "error_str": "busy", "id": "1",
                "messages": [{"role": "user", "content": "Hi"}], "response_cost": 0},
    "langfuse": {"trace": {"id": "t"}, "observations": [
        {"id": "a", "type": "GENERATION", "level": "ERROR", "statusMessage": "busy",
         "input": [{"role": "user", "content": "Hi"}]}]},
    "langsmith": {"id": "a", "run_type": "llm", "error": "busy",
                  "inputs": {"messages": [{"role": "user", "content": "Hi"}]}},
    "mlflow": {"info": {"trace_id": "t", "state": "ERROR"}, "data": {"spans": [
        {"span_id": "a", "status": {"code": "STATUS_CODE_ERROR", "message": "busy"}, "attributes": {
            "mlflow.spanType": '"LLM"', "mlflow.spanInputs":
                '{"messages": [{"role": "user", "content": "Hi"}]}'}}]}},
    "braintrust": {"span_id": "a", "metrics": {}, "error": "busy",
                   "input": [{"role": "user", "content": "Hi"}]},
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_call_that_failed_keeps_its_error_and_what_was_asked(name: str) -> None:
    found = one(FAILURES[name])
    assert (found.format, found.status, found.error) == (name, "error", "busy")
    assert said(found) == [("user", "Hi", [])]


def test_a_price_that_litellm_does_not_know_is_no_cost() -> None:
    call: dict[str, JsonValue] = {"call_type": "completion", "messages": "Hi", "response": "Ho"}
    call["response_cost"] = 0.0
    assert one(call).cost_usd == 0.0
    assert one(call | {"response_cost_failure_debug_info": {"error": "unmapped"}}).cost_usd is None


@given(st.sampled_from(sorted(SHAPES)), st.data())
@settings(max_examples=300)
def test_a_record_with_anything_at_any_place_is_read_or_skipped(name: str, data: Any) -> None:
    record = json.loads(json.dumps(SHAPES[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(inner(record))
        if places:
            holder, key = data.draw(st.sampled_from(places))
            # Read again, so that nothing is inside itself.
            holder[key] = json.loads(json.dumps(data.draw(ANYTHING)))
    found = list(traces([Record("r", record)] * 2, Reading(redaction())))
    assert all(isinstance(item, Trace | Skipped) for item in found)
