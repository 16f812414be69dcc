import base64
import gzip
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from wire import protobuf

from regrade_tools.fingerprint import id_number, trace_id
from regrade_tools.formats import (
    Note,
    Reading,
    Record,
    Skipped,
    Unused,
    records,
    stream_records,
    traces,
)
from regrade_tools.models import Message, Span, ToolCall, Trace
from regrade_tools.secrets.redaction import redaction

Fields = dict[str, JsonValue]
Sample = tuple[str, str, dict[str, str], Trace]
BEGAN, ENDED = 1_700_000_000_000_000_000, 1_700_000_001_500_000_000
TRACE_ID, SPAN_ID, ROOT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "a" * 16
# In parts, so that no scanner takes it for a real one.
LEAK = "sk-proj-" + "a1B2c3D4" * 4


def typed(key: str, value: str | int) -> JsonValue:
    return {"key": key, "value": {("intValue", "stringValue")[isinstance(value, str)]: str(value)}}


def logged(attributes: dict[str, str | int], **more: JsonValue) -> Fields:
    span: Fields = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "chat"}
    span |= {"startTimeUnixNano": str(BEGAN), "endTimeUnixNano": str(ENDED)}
    span["attributes"] = [typed(key, value) for key, value in attributes.items()]
    return span | more


def exported(*spans: JsonValue) -> Fields:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def read(text: str, name: str = "log.jsonl", **names: str) -> list[Trace | Skipped | Note]:
    stream = io.BytesIO(text.encode(errors="surrogateescape"))
    found = traces(stream_records(stream, name), Reading(redaction(), mapping=names))
    return [item for item in found if not isinstance(item, Unused)]


def sample(raw: Fields | list[JsonValue], expected: Trace, text: str = "", **names: str) -> Sample:
    name = trace_id(["otlp", expected.external_id], 0, None)
    told = trace_id(raw, 0, expected.started_at) if isinstance(raw, dict) else name
    whole = replace(expected, id=told, raw=raw)
    written = json.dumps(raw if isinstance(raw, dict) else exported(*raw))
    return whole.source.split(":")[0], text or written, names, whole


# fmt: off
A: Fields = {"input": "a", "output": "1"}
B: Fields = {"input": "b", "output": "2"}
LINES = f"{json.dumps(A)}\n{json.dumps(B)}\n"
FOUR: Fields = {"role": "assistant", "content": "4."}
TOLD: Fields = {"id": "c1", "function": {"name": "count", "arguments": '{"n": [4]}'}}
CHAT: list[JsonValue] = [
    {"role": "user", "content": [{"type": "text", "text": "Legs of"}, {"text": "a cat?"}]},
    {"role": "assistant", "content": None, "tool_calls": [TOLD]},
    {"role": "tool", "tool_call_id": "c1", "name": "count", "content": "4"}]
SAID = (Message("user", "Legs of\na cat?"),
        Message("assistant", "", (ToolCall("count", {"n": [4]}, "c1"),)),
        Message("tool", "4", tool_call_id="c1", name="count"))
BLANK = Trace(id="", source="log.jsonl:1", format="chat")
PLAIN = replace(BLANK, format="exchange")
CALL = Span(SPAN_ID, "chat", "llm", started_at=1.7e9, duration_ms=1500.0, model="gpt-4o")
CALLED = replace(
    BLANK, format="otlp", external_id=TRACE_ID, name="chat", model="gpt-4o", started_at=1.7e9,
    duration_ms=1500.0, input_tokens=9, output_tokens=4, spans=(CALL,),
    messages=(Message("user", "Legs?"), SAID[1]))
USED: dict[str, str | int] = {"gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 9,
                              "gen_ai.usage.output_tokens": 4}
BY_EVENTS = logged(USED, parentSpanId=ROOT_ID, events=[
    {"name": "gen_ai.choice", "attributes": [typed("message", json.dumps({"tool_calls": [TOLD]}))]},
    {"name": "gen_ai.user.message", "attributes": [typed("content", "Legs?")]}])
AGENT = logged(
    USED | {"gen_ai.operation.name": "invoke_agent", "session.id": "s1", "input.value": "Hi"},
    name="agent", spanId=ROOT_ID, status={"code": 2}, endTimeUnixNano=str(ENDED + 500_000_000),
    events=[{"name": "exception", "attributes": [typed("exception.message", "no cat")]}])
SAMPLES: dict[str, Sample] = {
    "an OpenAI chat with tool calls": sample(
        {"id": "x1", "created": 1_700_000_000, "tags": ["prod"], "user": "u7", "messages": CHAT},
        replace(BLANK, external_id="x1", started_at=1.7e9, tags=("prod",), messages=SAID,
                metadata={"user": "u7"})),
    "a request and its response": sample(
        {"request": {"model": "gpt-4o", "messages": CHAT[:1]}, "latency_ms": 12, "response": {
            "id": "r1", "choices": [{"index": 0, "message": FOUR}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4}}},
        replace(BLANK, external_id="r1", model="gpt-4o", input_tokens=9, output_tokens=4,
                messages=(SAID[0], Message("assistant", "4.")), duration_ms=12.0)),
    "messages in and messages out": sample(
        {"input": CHAT[:1], "output": [FOUR]},
        replace(BLANK, messages=(SAID[0], Message("assistant", "4.")))),
    "messages out alone, as a text": sample(
        {"output": json.dumps([*CHAT, FOUR])},
        replace(BLANK, messages=(*SAID, Message("assistant", "4.")))),
    "a sampler's record": sample(
        {"timestamp": "2023-11-14T22:13:20Z", "input": "2+2?", "output": {"sum": 4}, "model": "m",
         "latency_ms": 12.5},
        replace(PLAIN, started_at=1.7e9, input="2+2?", output={"sum": 4}, model="m",
                duration_ms=12.5)),
    "a call that failed": sample(
        {"input": "2+2?", "error": "timed out"},
        replace(PLAIN, input="2+2?", status="error", error="timed out")),
    "numbers that JSON cannot say": sample(
        {"input": "a", "output": None, "score": None, "size": None}, replace(PLAIN, input="a"),
        '{"input": "a", "output": NaN, "score": -Infinity, "size": 1e999}'),
    "a table with a mapping": sample(
        {"question": "What,\nnow?", "reply": "That.", "cost": "0.01", "team": "blue"},
        replace(PLAIN, source="log.csv:3", cost_usd=0.01, input="What,\nnow?", output="That.",
                metadata={"team": "blue"}),
        'question,reply,cost,team\r\n"What,\nnow?",That.,0.01,blue\r\n',
        input="question", output="reply"),
    "promptfoo's tests": sample(
        {"animal": "A cat.", "__expected": "4"},
        replace(PLAIN, source="log.csv:2", input={"animal": "A cat."},
                metadata={"animal": "A cat.", "__expected": "4"}),
        'animal,__expected\n"A cat.","4"\n'),
    "spans with messages as JSON": sample([logged(USED | {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages":
            '[{"role": "user", "parts": [{"type": "text", "content": "Legs?"}]}]',
        "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "tool_call",'
            ' "id": "c1", "name": "count", "arguments": {"n": [4]}}]}]'})], CALLED),
    "the reply of a tool that is named beside its parts": sample([logged(USED | {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": '[{"role": "tool", "name": "count", "parts": '
            '[{"type": "tool_call_response", "id": "c1", "response": "4"}]},'
            ' {"role": "user", "name": "ann", "parts": [{"type": "tool_call_response",'
            ' "id": "c2", "name": "sum", "response": "5"}]}]'})],
        replace(CALLED, messages=(SAID[2], Message("tool", "5", tool_call_id="c2", name="sum")))),
    "spans with messages by number": sample([logged(USED | {
        "gen_ai.completion.0.tool_calls.0.name": "count", "gen_ai.prompt.0.role": "user",
        "gen_ai.completion.0.tool_calls.0.id": "c1", "gen_ai.prompt.0.content": "Legs?",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"n": [4]}'})], CALLED),
    # JavaScript writes the lower half of a number with a sign.
    "OpenInference, ids in base64, times in halves": sample([logged(
        {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o",
         "llm.token_count.prompt": 9, "llm.token_count.completion": 4,
         "llm.input_messages.0.message.role": "user",
         "llm.input_messages.0.message.contents.0.message_content.text": "Legs?",
         "llm.output_messages.0.message.role": "assistant",
         "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
         "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "count",
         "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"n": [4]}'},
        traceId=base64.b64encode(bytes.fromhex(TRACE_ID)).decode(),
        spanId=base64.b64encode(bytes.fromhex(SPAN_ID)).decode(),
        startTimeUnixNano={"high": BEGAN >> 32, "low": BEGAN & 0xFFFFFFFF},
        endTimeUnixNano={"high": ENDED >> 32, "low": (ENDED & 0xFFFFFFFF) - (1 << 32)})], CALLED),
    "a call told by events, logged before its agent": sample(
        [BY_EVENTS, AGENT],
        replace(CALLED, name="agent", session="s1", status="error", error="no cat", input="Hi",
                program=True, duration_ms=2000.0, spans=(replace(CALL, parent_id=ROOT_ID), Span(
                    ROOT_ID, "agent", "agent", started_at=1.7e9, duration_ms=2000.0,
                    status="error", error="no cat", model="gpt-4o", input="Hi"))),
        f"{json.dumps(exported(BY_EVENTS))}\n{json.dumps(exported(AGENT))}"),
}
CONTAINERS: list[tuple[str, bytes, list[str]]] = [
    ("log.json", f"[{json.dumps(A)},\n{json.dumps(B)}]".encode(), ["#1", "#2"]),
    ("log.json", json.dumps(A, indent=2).encode(), [""]),
    ("log.json", json.dumps({"data": [A, B]}, indent=2).encode(), ["#1", "#2"]),
    ("log.jsonl", b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n\r\n").encode(), [":1", ":3"]),
    ("log.jsonl", b"\n\n" + LINES.encode(), [":3", ":4"]),
    ("stdin", gzip.compress(LINES.encode(), mtime=0), [":1", ":2"]),
    ("log.csv.gz", gzip.compress(b"\xef\xbb\xbfinput,output\r\na,1\r\nb,2\r\n", mtime=0),
     [":2", ":3"]),
    ("log.tsv", b"input\toutput\na\t1\n\nb\t2\n", [":2", ":4"]),
    ("log.csv", b"output\tinput\n1\ta\n2\tb\n", [":2", ":3"]),
    ("log.csv", b"input|output\na|1\nb|2\n", [":2", ":3"]),
    ("log.tsv", b"input;output\na;1\nb;2\n", [":2", ":3"])]
TOO_LONG = [
    *((name, LINES.replace("\n", f'\n["{"x" * 500}"]\n', 1)) for name in ("log.jsonl", "stdin")),
    ("log.csv", f"input,output\na,1\n{'x' * 500},1\nb,2\n")]
UNREADABLE = [
    ('{"input": "\udcff"}', "is not UTF-8 text: invalid start byte at byte 11"),
    ('{"input": %s}' % ("9" * 5_000), "is not JSON that can be read: Exceeds the limit"),
    ("[" * 100_000 + "]" * 100_000, "is not JSON that can be read: it is nested too deep"),
    ('"a text"', "is no JSON object"), ("{}", "is in no known format (its fields: none)")]
DEEP = [
    '{"input": ' + "[" * 600 + '"\\ud800"' + "]" * 600 + ', "output": "1"}',
    json.dumps(exported(logged({"gen_ai.operation.name": "chat", "gen_ai.input.messages":
        '[{"role": "user", "content": ' + '[{"content":' * 330 + "1" + "}]" * 330 + "}]"})))]
SURROGATES = [
    ("log.jsonl", r'{"input": {"a": "\ud83d"}, "output": "1"}'),
    ("log.jsonl", r'{"input": "{\"a\": \"\\ud83d\"}", "output": "1"}'),
    ("log.csv", 'input,output\n"{""a"": ""\\ud83d""}",1\n')]
HIDDEN: dict[str, tuple[JsonValue, str]] = {
    "chat": ({"messages": [{"role": "user", "content": f"Use {LEAK}."}], "id": LEAK}, LEAK),
    "a Python literal": ({"input": str({"env": f"a\n{LEAK}"}), "output": "1"}, LEAK),
    "exchange": ({"input": {"deep": [LEAK]}, "output": LEAK, "error": LEAK, "user": LEAK}, LEAK),
    "JSON": ({"input": r'{"at": "https:\/\/bob:hunter2@host"}', "output": 1}, "hunter2"),
    "spans": (exported(logged({"input.value": LEAK, "session.id": LEAK, "llm.model_name": LEAK},
                              name=LEAK, status={"code": 2, "message": LEAK})), LEAK),
    "messages as JSON": (exported(logged({"gen_ai.input.messages": json.dumps(
        [{"role": "user", "content": f"my key:\n{LEAK}"}])})), LEAK),
}
# What the formats look for stands in the samples: their keys and attributes hold anything here.
SOURCES = "".join(text for _, text, _, _ in SAMPLES.values())
KEYS = st.sampled_from(sorted({*re.findall(r'"(\w+)":', SOURCES), "arrayValue", "error"}))
NAMES = st.sampled_from(sorted(set(re.findall(r'"(?:key|name)": "([^"]+)"', SOURCES))))
ODD = st.sampled_from([float("inf"), 10**4_200, "chat", "user", "tool_use", '["\\ud83d"]', "1e999"])
PLAINS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | ODD
VALUES = st.recursive(PLAINS | NAMES, lambda inner: (
    st.lists(inner) | st.dictionaries(KEYS, inner) | inner.map(json.dumps)), max_leaves=8)
FOUND = st.lists(st.fixed_dictionaries(
    {"key": NAMES, "value": st.fixed_dictionaries({"intValue": PLAINS}) | VALUES}), max_size=4)
EVENTS = st.lists(st.fixed_dictionaries({"name": NAMES, "attributes": FOUND}), max_size=2)
LOGGED = st.fixed_dictionaries({"attributes": FOUND, "events": EVENTS}, optional=dict.fromkeys(
    ["traceId", "name", "startTimeUnixNano", "endTimeUnixNano", "status"], PLAINS | VALUES))
EXPORTED = st.lists(LOGGED, max_size=3).map(lambda spans: {
    "resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
ANY = st.dictionaries(KEYS, VALUES) | EXPORTED | VALUES
# fmt: on


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_record_becomes_the_whole_trace(sample: Sample) -> None:
    name, text, names, expected = sample
    assert read(text, name, **names) == [expected]


@pytest.mark.parametrize(
    ("written", "rows"),
    [
        ('\ufeffinput;"output";"a;b, c"\r\na;1;"x;""y"";\nz"\r\n"b";2;\r\n', [
            {"input": "a", "output": "1", "a;b, c": 'x;"y";\nz'},
            {"input": "b", "output": "2", "a;b, c": ""},
        ]),
        ('\n"in\nput"|output|1" pipe\nx|a|1,5\n', [
            {"in\nput": "x", "output": "a", '1" pipe': "1,5"},
        ]),
        ('"input",output,"one;two;three"\na,1,"x;y"\n', [
            {"input": "a", "output": "1", "one;two;three": "x;y"},
        ]),
        ("input,output,one;two;three|four\na,1,x;y\n", [
            {"input": "a", "output": "1", "one;two;three|four": "x;y"},
        ]),
    ],
)  # fmt: skip
def test_what_parts_the_headings_parts_the_rows_and_a_comma_before_all_others(
    written: str, rows: list[JsonValue]
) -> None:
    found = stream_records(io.BytesIO(written.encode()), "log.csv")
    assert [item.value for item in found if isinstance(item, Record)] == rows


@pytest.mark.parametrize(("name", "content", "places"), CONTAINERS)
def test_any_container_gives_records(name: str, content: bytes, places: list[str]) -> None:
    expected = [Record(name + place, item) for place, item in zip(places, (A, B), strict=False)]
    assert list(stream_records(io.BytesIO(content), name)) == expected


def test_a_log_with_a_broken_first_line_is_read_from_a_pipe() -> None:
    out, into = os.pipe()
    with os.fdopen(into, "wb") as writer:
        writer.write(b'{"input\n' + LINES.encode())
    with os.fdopen(out, "rb") as reader:
        first, *rest = stream_records(reader, "app.log")
    assert first == Skipped("app.log:1", "is not JSON: Invalid control character at at column 8")
    assert rest == [Record("app.log:2", A), Record("app.log:3", B)]


def test_a_truncated_gzip_gives_what_was_whole_and_says_that_it_ends_early() -> None:
    lines = [json.dumps({"input": os.urandom(16).hex(), "output": n}) for n in range(5_000)]
    whole = gzip.compress("\n".join(lines).encode())
    *found, last = stream_records(io.BytesIO(whole[: len(whole) // 2]), "log.jsonl.gz")
    expected = [Record(f"log.jsonl.gz:{n}", json.loads(line)) for n, line in enumerate(lines, 1)]
    assert found == expected[: max(len(found), 2_000)]
    assert (last.where, getattr(last, "why", "")[:10]) == ("log.jsonl.gz", "ends early")


def test_a_broken_line_deep_in_a_file_is_named_and_costs_no_other(tmp_path: Path) -> None:
    path, numbers = tmp_path / "log.jsonl", range(1, 70_011)
    path.write_text("".join(f'{{"input": {n}}}\n' if n != 70_001 else '{"\n' for n in numbers))
    expected: list[Record | Skipped] = [Record(f"log:{n}", {"input": n}) for n in numbers]
    expected[70_000] = Skipped("log:70001", "is not JSON: Invalid control character at at column 3")
    assert list(records(path, "log")) == expected


@pytest.mark.parametrize(("name", "text"), TOO_LONG)
def test_a_record_over_the_limit_is_skipped(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrade_tools.formats.lines.RECORD_BYTES", 100)
    found = list(stream_records(io.BytesIO(text.encode()), name))
    assert [item.value if isinstance(item, Record) else None for item in found] == [A, None, B]


@pytest.mark.parametrize(("line", "why"), UNREADABLE)
def test_what_cannot_be_read_is_skipped_with_the_reason(line: str, why: str) -> None:
    found = read(LINES.replace("\n", f"\n{line}\n", 1))
    reasons = [getattr(item, "why", "")[: len(why)] or getattr(item, "input", "") for item in found]
    assert reasons == ["a", why, "b"]


@pytest.mark.parametrize("line", DEEP, ids=["surrogate", "message"])
def test_what_is_nested_deep_is_a_trace_or_skipped(line: str) -> None:
    assert [type(found) in (Trace, Skipped) for found in read(line)] == [True]


@pytest.mark.parametrize(("name", "text"), SURROGATES)
def test_a_lone_surrogate_is_replaced_wherever_it_stands(name: str, text: str) -> None:
    assert [getattr(found, "input", None) for found in read(text, name)] == [{"a": "\ufffd"}]


def test_equal_records_keep_ids_of_their_own_and_a_second_reading_gives_the_same() -> None:
    found = read(LINES * 2)
    assert len({item.id for item in found if isinstance(item, Trace)}) == 4
    assert read(LINES * 2) == found


@pytest.mark.parametrize(("record", "secret"), HIDDEN.values(), ids=HIDDEN)
def test_a_secret_is_told_nowhere(record: JsonValue, secret: str) -> None:
    (found,) = read(json.dumps(record))
    assert (secret in repr(found), "[redacted:" in repr(found)) == (False, True)


@given(st.lists(ANY, max_size=3))
@example([exported(logged({}, endTimeUnixNano=float("inf")))])
@settings(max_examples=300)
def test_any_json_becomes_traces_or_is_skipped(values: list[JsonValue]) -> None:
    found = list(traces([Record("r", value) for value in values], Reading(redaction())))
    assert all(not isinstance(item, Trace) or id_number(item.id) is not None for item in found)


@given(st.binary() | ANY.map(lambda value: json.dumps(value).encode()), st.integers(0, 400))
@settings(max_examples=200)
def test_any_bytes_become_records_or_are_skipped(raw: bytes, kept: int) -> None:
    for name in ("log.json", "log.jsonl", "log.csv", "log"):
        for content in (raw, gzip.compress(raw)[:kept], gzip.compress(raw) + raw):
            found = list(stream_records(io.BytesIO(content), name))
            assert all(item.where.startswith(name) for item in found)


def varint(number: int) -> bytes:
    """As protobuf writes lengths."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def test_protobuf_is_read_as_the_json_that_says_the_same_however_it_is_filed() -> None:
    values: list[JsonValue] = [
        {"arrayValue": {"values": [{"boolValue": False}, {}]}},
        {"bytesValue": "AAE="},
        {"kvlistValue": {"values": [typed("a", 0)]}},
        {"doubleValue": 0.5},
    ]
    told: list[JsonValue] = [{"key": f"k{n}", "value": value} for n, value in enumerate(values)]
    no_number: Fields = {"key": "nan", "value": {"doubleValue": "NaN"}}
    one = logged(USED, parentSpanId=ROOT_ID)
    two = logged({}, spanId=ROOT_ID, kind=1)
    two["attributes"] = [*told, no_number]
    first, second = protobuf(exported(one)), protobuf(exported(two))
    files = {
        "a.binpb": first + second,  # messages that follow each other are one
        "b.pb.gz": gzip.compress(first + second),
        "c": b"".join(varint(len(body)) + body for body in (first, second)),
        "d.log": b"".join(len(body).to_bytes(4, "big") + body for body in (first, second)),
    }
    # A number that JSON cannot say is null, as everywhere.
    no_number["value"] = {"doubleValue": None}
    (expected,) = read(json.dumps(exported(one, two)))
    assert isinstance(expected, Trace)
    for name, content in files.items():
        (found,) = traces(stream_records(io.BytesIO(content), name), Reading(redaction()))
        assert isinstance(found, Trace)
        assert found.source.split("#")[0] == name
        assert replace(found, source=expected.source) == expected


def test_a_request_in_protobuf_that_is_broken_is_skipped_and_the_others_are_read() -> None:
    good, bad = protobuf(exported(logged(USED))), b"\x0a\x7f\x00"
    content = b"".join(varint(len(body)) + body for body in (good, bad))
    trace, skipped = sorted(
        traces(stream_records(io.BytesIO(content), "x.pb"), Reading(redaction())), key=str
    )[::-1]
    assert isinstance(trace, Trace)
    assert skipped == Skipped("x.pb#2", "is no OTLP request for traces in protobuf")


def test_what_is_nested_deeper_in_protobuf_than_can_be_stored_is_skipped() -> None:
    value: JsonValue = {"stringValue": "a"}
    for _ in range(25):
        value = {"arrayValue": {"values": [value]}}
    span = logged({})
    span["attributes"] = [{"key": "deep", "value": value}]
    body = protobuf(exported(span))
    (found,) = stream_records(io.BytesIO(body), "x.pb")
    assert found == Skipped("x.pb", "is nested too deep")


@pytest.mark.parametrize(
    "record",
    [
        exported(logged({}, endTimeUnixNano=str(BEGAN - 10**9))),
        {"id": "a", "trace_id": "t", "run_type": "llm", "name": "x", "inputs": {"input": "q"},
         "outputs": {"output": "a"}, "dotted_order": "1", "session_id": "s",
         "start_time": "2026-10-01T10:00:01Z", "end_time": "2026-10-01T10:00:00Z"},
        {"id": "a", "observations": [{"id": "o", "type": "GENERATION", "traceId": "a", "input": "q",
         "startTime": "2026-10-01T10:00:01Z", "endTime": "2026-10-01T10:00:00Z"}]},
        {"standard_logging_object": {
            "messages": [{"role": "user", "content": "q"}], "response": "a",
            "startTime": 1_700_000_001, "endTime": 1_700_000_000}},
    ],
    ids=["otlp", "langsmith", "langfuse", "litellm"],
)  # fmt: skip
def test_where_a_clock_went_back_the_duration_is_unknown(record: Fields) -> None:
    (found,) = read(json.dumps(record))
    assert isinstance(found, Trace)
    assert found.started_at is not None
    assert [found.duration_ms, *(span.duration_ms for span in found.spans)] == [None] * (
        1 + len(found.spans)
    )


def test_a_moment_beyond_the_year_9999_is_unknown() -> None:
    lines = [{"input": "q", "output": "a", "timestamp": f"9999-12-31T23:59:59{zone}"}
             for zone in ("Z", "-14:00")]  # fmt: skip
    found = read("".join(f"{json.dumps(line)}\n" for line in lines))
    assert [one.started_at for one in found if isinstance(one, Trace)] == [253_402_300_799.0, None]
