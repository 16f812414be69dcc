import base64
import gzip
import io
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_tools.fingerprint import id_number, trace_id
from regrade_tools.formats import Reading, Record, Skipped, files, records, stream_records, traces
from regrade_tools.models import Message, Span, ToolCall, Trace
from regrade_tools.redaction import redaction
from regrade_tools.refusal import Refusal

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BEGAN, ENDED = 1_700_000_000_000_000_000, 1_700_000_001_500_000_000
SAID = (
    Message("user", "Legs of a cat?"),
    Message("assistant", "", (ToolCall("count", {"animal": "cat"}, "c1"),)),
)
CALL = Span(SPAN_ID, "chat", "llm", started_at=1.7e9, duration_ms=1500.0, model="gpt-4o")
BLANK = Trace(id="", source="log.jsonl:1", format="chat")
ONE_CALL = replace(
    BLANK, format="otlp", external_id=TRACE_ID, name="chat", model="gpt-4o", started_at=1.7e9,
    duration_ms=1500.0, input_tokens=9, output_tokens=4, messages=SAID, spans=(CALL,),
)  # fmt: skip
A: dict[str, JsonValue] = {"input": "a", "output": "1"}
B: dict[str, JsonValue] = {"input": "b", "output": "2"}
LINES = f"{json.dumps(A)}\n{json.dumps(B)}\n"
BROKEN = "is not JSON: Unterminated string starting at at column 2"
# In two parts, so that no scanner takes it for a real one.
LEAK = "sk-proj-" + "a1B2c3D4" * 4


def read(text: str | bytes, name: str = "log.jsonl", **names: str) -> list[Trace | Skipped]:
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return list(traces(stream_records(stream, name), Reading(redaction(), mapping=names)))


def logged(attributes: dict[str, str | int], **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "chat",
        "startTimeUnixNano": str(BEGAN),
        "endTimeUnixNano": str(ENDED),
        "attributes": [typed(key, value) for key, value in attributes.items()],
        **more,
    }


def typed(key: str, value: str | int) -> JsonValue:
    kind = "stringValue" if isinstance(value, str) else "intValue"
    return {"key": key, "value": {kind: str(value)}}


def exported(*spans: JsonValue) -> dict[str, JsonValue]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def otlp_id(trace: Trace) -> str:
    spans: list[JsonValue] = [[span.id, span.started_at, span.duration_ms] for span in trace.spans]
    return trace_id([trace.external_id, *spans], 0, trace.started_at)


CHAT: list[JsonValue] = [
    {"role": "user", "content": [{"type": "text", "text": "Legs of"}, {"text": "a cat?"}]},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "count", "arguments": '{"n": [4]}'}},
    ]},
    {"role": "tool", "tool_call_id": "c1", "name": "count", "content": "4"},
]  # fmt: skip
CHAT_SAID = (
    Message("user", "Legs of\na cat?"),
    Message("assistant", "", (ToolCall("count", {"n": [4]}, "c1"),)),
    Message("tool", "4", tool_call_id="c1", name="count"),
)
FOUR: dict[str, JsonValue] = {"role": "assistant", "content": "Four."}
RECORDS: dict[str, tuple[dict[str, JsonValue], Trace]] = {
    "an OpenAI chat with tool calls": (
        {"id": "x1", "created": 1_700_000_000, "tags": ["prod"], "messages": CHAT},
        replace(BLANK, external_id="x1", started_at=1.7e9, tags=("prod",), messages=CHAT_SAID,
                metadata={"id": "x1", "created": 1_700_000_000}),
    ),
    "a request and its response": (
        {"request": {"model": "gpt-4o", "messages": CHAT[:1]}, "latency_ms": 12, "response": {
            "id": "r1", "choices": [{"index": 0, "message": FOUR}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4}}},
        replace(BLANK, external_id="r1", model="gpt-4o", input_tokens=9, output_tokens=4,
                messages=(CHAT_SAID[0], Message("assistant", "Four.")), duration_ms=12.0,
                metadata={"latency_ms": 12}),
    ),
    "messages in and messages out": (
        {"input": CHAT[:1], "output": [FOUR]},
        replace(BLANK, messages=(CHAT_SAID[0], Message("assistant", "Four."))),
    ),
    "messages out alone, as a text": (
        {"output": json.dumps([*CHAT, FOUR])},
        replace(BLANK, messages=(*CHAT_SAID, Message("assistant", "Four."))),
    ),
    "a sampler's record": (
        {"timestamp": "2023-11-14T22:13:20Z", "input": "2+2?", "output": {"sum": 4}, "model": "m",
         "latency_ms": 12.5},
        replace(BLANK, format="exchange", started_at=1.7e9, input="2+2?", output={"sum": 4},
                model="m", duration_ms=12.5,
                metadata={"timestamp": "2023-11-14T22:13:20Z", "latency_ms": 12.5}),
    ),
    "a failed call": (
        {"query": "Hi", "response": None, "answer": "", "error": {"code": 429}, "session": "s1"},
        replace(BLANK, format="exchange", input="Hi", output="", status="error",
                error='{"code":429}', session="s1", metadata={"session": "s1"}),
    ),
}  # fmt: skip
SPANS: dict[str, dict[str, JsonValue]] = {
    "messages as JSON": logged({
        "gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 4,
        "gen_ai.input.messages":
            '[{"role": "user", "parts": [{"type": "text", "content": "Legs of a cat?"}]}]',
        "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "tool_call",'
            ' "id": "c1", "name": "count", "arguments": {"animal": "cat"}}]}]',
    }),
    "messages by number": logged({
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 4,
        "gen_ai.completion.0.tool_calls.0.name": "count",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"animal": "cat"}',
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Legs of a cat?",
    }),
    "OpenInference": logged({
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 9, "llm.token_count.completion": 4,
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.contents.0.message_content.text": "Legs of a cat?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "count",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments":
            '{"animal": "cat"}',
    }),
    "events, base64 ids and times in halves": logged(
        {"gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 9,
         "gen_ai.usage.output_tokens": 4},
        events=[
            {"name": "gen_ai.choice", "attributes": [typed("message", '{"tool_calls": [{"id": "c1",'
             ' "function": {"name": "count", "arguments": "{\\"animal\\": \\"cat\\"}"}}]}')]},
            {"name": "gen_ai.user.message", "attributes": [typed("content", "Legs of a cat?")]},
        ],
        traceId=base64.b64encode(bytes.fromhex(TRACE_ID)).decode(),
        spanId=base64.b64encode(bytes.fromhex(SPAN_ID)).decode(),
        # JavaScript writes the lower half with a sign.
        startTimeUnixNano={"high": BEGAN >> 32, "low": (BEGAN & 0xFFFFFFFF) - (1 << 32)},
        endTimeUnixNano={"high": ENDED >> 32, "low": ENDED & 0xFFFFFFFF},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("record", "expected"), RECORDS.values(), ids=RECORDS)
def test_a_record_becomes_the_whole_trace(record: dict[str, JsonValue], expected: Trace) -> None:
    identity = trace_id(record, 0, expected.started_at)
    assert read(json.dumps(record)) == [replace(expected, id=identity, raw=record)]


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_a_model_call_reads_alike_in_every_convention(span: dict[str, JsonValue]) -> None:
    expected = replace(ONE_CALL, id=otlp_id(ONE_CALL), raw=[span])
    assert read(json.dumps(exported(span))) == [expected]


def test_the_spans_of_a_trace_are_gathered_from_the_whole_file() -> None:
    agent = logged(
        {"gen_ai.operation.name": "invoke_agent", "session.id": "s1", "input.value": "Legs?",
         "gen_ai.usage.input_tokens": 9},
        spanId="aaaaaaaaaaaaaaaa", status={"code": 2}, name="agent",
        events=[{"name": "exception", "attributes": [typed("exception.message", "no cat")]}],
    )  # fmt: skip
    tool = logged(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": '{"animal": "cat"}',
         "gen_ai.tool.call.result": "4"},
        spanId="cccccccccccccccc", parentSpanId="aaaaaaaaaaaaaaaa", name="count",
        startTimeUnixNano=str(ENDED), endTimeUnixNano=str(ENDED + 500_000_000),
    )  # fmt: skip
    call = SPANS["messages as JSON"] | {"parentSpanId": "aaaaaaaaaaaaaaaa"}
    expected = replace(
        ONE_CALL, name="agent", session="s1", status="error", error="no cat", input="Legs?",
        duration_ms=2000.0, raw=[agent, call, tool],
        spans=(
            Span("aaaaaaaaaaaaaaaa", "agent", "agent", started_at=1.7e9, duration_ms=1500.0,
                 status="error", error="no cat", input="Legs?"),
            replace(CALL, parent_id="aaaaaaaaaaaaaaaa"),
            Span("cccccccccccccccc", "count", "tool", "aaaaaaaaaaaaaaaa", 1_700_000_001.5, 500.0,
                 input={"animal": "cat"}, output="4"),
        ),
    )  # fmt: skip
    lines = [json.dumps(exported(tool)), json.dumps(A), json.dumps(exported(agent, call))]
    assert read("\n".join(lines))[1:] == [replace(expected, id=otlp_id(expected))]


def test_a_table_is_read_by_the_names_of_a_mapping() -> None:
    row: dict[str, JsonValue] = {"question": "What,\nnow?", "reply": "That.", "cost": "0.01"}
    text = 'question,reply,cost\r\n"What,\nnow?",That.,0.01\r\n'
    identity = trace_id(row, 0, None)
    assert read(text, "log.csv", input="question", output="reply") == [
        Trace(identity, "log.csv:3", "exchange", cost_usd=0.01, input="What,\nnow?",
              output="That.", metadata={"cost": "0.01"}, raw=row),
    ]  # fmt: skip


def test_a_row_of_promptfoos_tests_is_an_input_without_an_output() -> None:
    row: dict[str, JsonValue] = {"animal": "A cat.", "__expected": "4"}
    expected = Trace(trace_id(row, 0, None), "tests.csv:2", "exchange", input={"animal": "A cat."})
    found = read('animal,__expected\n"A cat.","4"\n', "tests.csv")
    assert found == [replace(expected, metadata=row, raw=row)]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("log.json", f"[{json.dumps(A)},\n{json.dumps(B)}]", ["#1", "#2"]),
        ("log.json", json.dumps(A, indent=2), [""]),
        ("log.json", json.dumps({"data": [A, B]}, indent=2), ["#1", "#2"]),
        ("log.json", json.dumps({"data": [A, B]}), [":1#1", ":1#2"]),
        ("log.jsonl", LINES, [":1", ":2"]),
        ("log.jsonl", "\ufeff" + LINES.replace("\n", "\r\n\r\n"), [":1", ":3"]),
        ("log.jsonl", "\n\n" + LINES, [":3", ":4"]),
        ("stdin", LINES, [":1", ":2"]),
        ("stdin", gzip.compress(LINES.encode()), [":1", ":2"]),
        ("log.jsonl.gz", gzip.compress(LINES.encode()), [":1", ":2"]),
        ("log.csv.gz", gzip.compress(b"\xef\xbb\xbfinput,output\r\na,1\r\nb,2\r\n"), [":2", ":3"]),
        ("log.csv.gz", "input,output\na,1\nb,2\n", [":2", ":3"]),
        ("log.tsv", "input\toutput\na\t1\n\nb\t2\n", [":2", ":4"]),
    ],
)
def test_records_come_out_of_any_container_with_their_places(
    name: str, content: str | bytes, expected: list[str]
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    found = list(stream_records(io.BytesIO(raw), name))
    values = zip(expected, (A, B), strict=False)
    assert found == [Record(name + place, value) for place, value in values]


def test_a_log_whose_first_line_is_broken_is_still_read() -> None:
    found = list(stream_records(io.BytesIO(('{"input\n' + LINES).encode()), "app.log"))
    why = "is not JSON: Invalid control character at at column 8"
    assert found == [Skipped("app.log:1", why), Record("app.log:2", A), Record("app.log:3", B)]


def test_what_is_piped_in_is_read() -> None:
    out, into = os.pipe()
    with os.fdopen(into, "wb") as writer:
        writer.write(LINES.encode())
    with os.fdopen(out, "rb") as reader:
        found = list(stream_records(reader, "stdin"))
    assert found == [Record("stdin:1", A), Record("stdin:2", B)]


def test_a_truncated_gzip_gives_what_was_whole_and_says_that_it_ends_early() -> None:
    lines = [json.dumps({"input": os.urandom(16).hex(), "output": n}) for n in range(5_000)]
    whole = gzip.compress("\n".join(lines).encode())
    *found, last = stream_records(io.BytesIO(whole[: len(whole) // 2]), "log.jsonl.gz")
    assert len(found) > 2_000
    expected = [Record(f"log.jsonl.gz:{n}", json.loads(line)) for n, line in enumerate(lines, 1)]
    assert found == expected[: len(found)]
    why = "ends early: Compressed file ended before the end-of-stream marker was reached"
    assert last == Skipped("log.jsonl.gz", why)


def test_a_broken_line_deep_in_a_file_is_named_and_costs_no_other_line(tmp_path: Path) -> None:
    path, numbers = tmp_path / "log.jsonl", range(1, 70_011)
    broken = {70_001: '{"input'}
    path.write_text("\n".join(broken.get(n, f'{{"input": {n}}}') for n in numbers))
    expected: list[Record | Skipped] = [Record(f"log:{n}", {"input": n}) for n in numbers]
    expected[70_000] = Skipped("log:70001", BROKEN)
    assert list(records(path, "log")) == expected


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv", "stdin"])
def test_a_record_over_the_limit_is_skipped_and_the_next_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrade_tools.formats.source._RECORD_BYTES", 100)
    long = json.dumps(A | {"input": "x" * 500})
    content = f"{json.dumps(A)}\n{long}\n{json.dumps(B)}\n"
    if name == "log.csv":
        content = f"input,output\na,1\n{'x' * 500},1\nb,2\n"
    found = list(stream_records(io.BytesIO(content.encode()), name))
    assert [getattr(item, "value", None) for item in found] == [A, None, B]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"input": "\xff"}', "is not UTF-8 text: invalid start byte at byte 11"),
        (b'{"input": "a", "output": %s}' % (b"9" * 5_000), "is not JSON that can be read: Exceeds"),
        (b"[" * 100_000 + b"]" * 100_000, "is not JSON that can be read: maximum recursion depth"),
        (b'"a text"', "is no JSON object"),
        (b"{}", "is in no known format (its fields: none)"),
    ],
)
def test_a_record_that_cannot_be_read_is_skipped_with_the_reason(line: bytes, why: str) -> None:
    first, skipped, last = read(b"\n".join([json.dumps(A).encode(), line, json.dumps(B).encode()]))
    assert isinstance(skipped, Skipped)
    assert (skipped.where, skipped.why[: len(why)]) == ("log.jsonl:2", why)
    assert [first, last] == [read(LINES)[0], replace(read_one(B), source="log.jsonl:3")]


def read_one(record: dict[str, JsonValue]) -> Trace:
    (found,) = read(json.dumps(record))
    assert isinstance(found, Trace)
    return found


DEEP_TEXT = "[" * 600 + '"\\ud800"' + "]" * 600
DEEP_MESSAGE = '[{"role": "user", "content": ' + '[{"content":' * 330 + "1" + "}]" * 330 + "}]"
CHAT_SPAN: dict[str, str | int] = {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize(
    "line",
    [
        f'{{"input": {DEEP_TEXT}, "output": 1}}',
        json.dumps(exported(logged(CHAT_SPAN | {"gen_ai.input.messages": DEEP_MESSAGE}))),
        json.dumps(exported(logged({}, startTimeUnixNano="HUGE"))).replace('"HUGE"', "1e999"),
        json.dumps(exported(logged({"n": 7}))).replace('"7"', "1e999"),
    ],
    ids=["a lone surrogate, nested", "a message, nested", "a huge time", "a huge attribute"],
)
def test_a_hostile_record_becomes_a_trace_or_is_skipped(line: str) -> None:
    found = read(line)
    assert [type(item) in (Trace, Skipped) for item in found] == [True]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.jsonl", r'{"input": {"a": "\ud83d"}, "output": "1"}'),
        ("log.jsonl", r'{"input": "{\"a\": \"\\ud83d\"}", "output": "1"}'),
        ("log.csv", 'input,output\n"{""a"": ""\\ud83d""}",1\n'),
    ],
)
def test_a_lone_surrogate_is_replaced_wherever_it_stands(name: str, text: str) -> None:
    (found,) = read(text, name)
    assert isinstance(found, Trace)
    assert found.input == {"a": "\ufffd"}


def test_a_number_that_is_none_is_null() -> None:
    found = read('{"input": "a", "output": NaN, "score": -Infinity}')
    expected = read_one({"input": "a", "output": None, "score": None})
    assert found == [expected]


def test_equal_records_keep_ids_of_their_own_and_a_second_reading_gives_the_same() -> None:
    found = read(LINES + LINES)
    assert len({item.id for item in found if isinstance(item, Trace)}) == 4
    assert read(LINES + LINES) == found
