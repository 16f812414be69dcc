"""What instrumentations log of model calls beside their spans."""

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from console import spoken
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_client import BEGAN, JSON, PROTOBUF, TRACE, Fields, asked, export, span
from wire import protobuf

from regrade_tools.models import Message, Trace

pytestmark = pytest.mark.anyio
LOGS = "/v1/logs"
CALL = span(attributes=[{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}])
# In parts, so that no scanner takes it for a real one.
LEAK = "sk-proj-" + "a1B2c3D4" * 4


def typed(value: Fields | str) -> Fields:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": listed(value)}}
    return {"stringValue": value}


def listed(values: Fields) -> list[Fields]:
    return [{"key": key, "value": typed(value)} for key, value in values.items()]


def log(name: str, body: Fields | str, at: int, **more: Any) -> Fields:
    return {
        "eventName": name,
        "observedTimeUnixNano": str(BEGAN + at),
        "traceId": TRACE,
        "spanId": CALL["spanId"],
        "attributes": listed({"gen_ai.system": "openai"}),
        "body": typed(body),
    } | more


def logs(*records: Any) -> Fields:
    about = {"attributes": listed({"service.name": "bot"})}
    return {"resourceLogs": [{"resource": about, "scopeLogs": [{"logRecords": list(records)}]}]}


def framed(body: bytes) -> bytes:
    """As the Collector writes a request to a file."""
    return len(body).to_bytes(4, "big") + body


ASKED = log("gen_ai.user.message", {"content": "Legs of a cat?"}, 1)
ANSWERED = log("gen_ai.choice", {"message": {"role": "assistant", "content": "Four."}}, 2)
SAID = (Message("user", "Legs of a cat?"), Message("assistant", "Four."))
SENT = (("/v1/traces", export(CALL)), (LOGS, logs(ASKED)), (LOGS, logs(ANSWERED)))


def told(trace: Trace) -> tuple[tuple[Message, ...], list[tuple[str, str]]]:
    return trace.messages, [(one.id, one.kind) for one in trace.spans]


@pytest.mark.parametrize("order", list(permutations(SENT)), ids=range(6))
async def test_what_a_log_says_is_said_in_its_span_whichever_comes_first(
    order: tuple[tuple[str, Fields], ...], tmp_path: Path
) -> None:
    async with asked(tmp_path) as there:
        # All of it twice: a request may be sent again.
        for path, request in (*order, *order):
            reply = await there.post(protobuf(request), PROTOBUF, path)
            assert (reply.status_code, reply.content) == (200, b"")
        (trace,) = await there.found('source:bot "legs of a cat"')
    assert told(trace) == (SAID, [(CALL["spanId"], "llm")])


async def test_logs_that_come_in_one_request_or_as_json_are_read_the_same(tmp_path: Path) -> None:
    kept: list[Trace] = []
    for number, (form, kind) in enumerate(((protobuf, PROTOBUF), (json.dumps, JSON))):
        async with asked(tmp_path / str(number)) as there:
            for path, request in (("/v1/traces", export(CALL)), (LOGS, logs(ASKED, ANSWERED))):
                body = form(request)
                await there.post(body.encode() if isinstance(body, str) else body, kind, path)
            kept += [replace(trace, raw=None) for trace in await there.found()]
    assert kept[0] == kept[1]
    assert told(kept[0]) == (SAID, [(CALL["spanId"], "llm")])


async def test_a_log_whose_span_never_comes_is_kept_by_itself(tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        await there.post(logs(ASKED), path=LOGS)
        (trace,) = await there.found("legs")
    assert trace.messages == SAID[:1]
    assert [(one.name, one.kind) for one in trace.spans] == [("gen_ai.user.message", "llm")]


async def test_the_newer_event_and_content_that_is_json_in_a_text_are_read(tmp_path: Path) -> None:
    def part(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    details = log("", {}, 3, attributes=listed({
        "event.name": "gen_ai.client.inference.operation.details",
        "gen_ai.input.messages": part("user", "Legs of a cat?"),
        "gen_ai.output.messages": part("assistant", "Four."),
    }))  # fmt: skip
    texts = [
        log("gen_ai.user.message", json.dumps({"content": "Legs of a cat?"}), 1),
        log("gen_ai.choice", json.dumps({"message": {"content": "Four."}}), 2),
    ]
    for number, records in enumerate(([details], texts)):
        async with asked(tmp_path / str(number)) as there:
            await there.post(export(CALL))
            await there.post(logs(*records), path=LOGS)
            (trace,) = await there.found()
        assert told(trace) == (SAID, [(CALL["spanId"], "llm")])


async def test_secrets_in_logs_are_redacted(tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        await there.post(logs(log("gen_ai.user.message", {"content": f"Use {LEAK}"}, 1)), path=LOGS)
        await there.post(export(CALL))
        (trace,) = await there.found()
    assert trace.messages[0].content.startswith("Use [")
    assert LEAK not in repr(trace)


async def test_other_logs_are_not_kept_and_those_in_no_span_are_rejected(tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        other = await there.post(logs(log("", "GET / 200", 1), {"body": 5}, None, 7), path=LOGS)
        loose = await there.post(logs(ASKED, ASKED | {"spanId": ""}), path=LOGS)
        found = await there.found()
    assert (other.status_code, other.json()) == (200, {})
    assert (loose.status_code, loose.json()["partialSuccess"]) == (
        200,
        {
            "rejectedLogRecords": "1",
            "errorMessage": "a span needs a traceId and a spanId that are not zero",
        },
    )
    assert [trace.messages for trace in found] == [SAID[:1]]


async def test_logs_of_traces_that_are_not_sampled_are_left_out(tmp_path: Path) -> None:
    async with asked(tmp_path, share=0.0) as there:
        reply = await there.post(logs(ASKED), path=LOGS)
        assert (reply.json(), await there.found()) == ({}, [])


def test_a_file_in_protobuf_tells_by_itself_whether_it_holds_logs_or_spans(tmp_path: Path) -> None:
    def imported(name: str, *contents: bytes) -> tuple[str, list[Fields]]:
        root = tmp_path / name
        root.mkdir()
        for number, content in enumerate(contents):
            (root / f"{number}.binpb").write_bytes(content)
        _, said, _ = spoken("--root", str(root), "import", str(root))
        _, out, _ = spoken("--root", str(root), "export", "--out", "-")
        traces = (json.loads(line) for line in out.splitlines())
        return said, [{key: one[key] for key in ("messages", "spans")} for one in traces]

    logged = [protobuf(logs(ASKED)), protobuf(logs(ANSWERED))]
    spans = protobuf(export(CALL))
    together = imported("together", b"".join(logged), spans)[1]
    assert imported("sized", b"".join(framed(one) for one in logged), spans)[1] == together
    assert [turn["content"] for turn in together[0]["messages"]] == ["Legs of a cat?", "Four."]
    said, alone = imported("alone", logged[0])
    assert "1 trace stored" in said
    assert [turn["content"] for turn in alone[0]["messages"]] == ["Legs of a cat?"]


def test_metrics_in_protobuf_are_named_as_what_they_are(tmp_path: Path) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="gen_ai.client.token.usage", description="Tokens", unit="1")
    (tmp_path / "metrics.binpb").write_bytes(request.SerializeToString())
    _, said, _ = spoken("--root", str(tmp_path), "import", str(tmp_path / "metrics.binpb"))
    assert "is OTLP without spans and logs, such as metrics: only those are read" in said


def test_a_file_of_spans_and_logs_is_read_and_written_again(tmp_path: Path) -> None:
    (tmp_path / "exported.jsonl").write_text(
        "".join(json.dumps(request) + "\n" for request in (logs(ASKED, ANSWERED), export(CALL)))
    )
    spoken("--root", str(tmp_path), "import", str(tmp_path / "exported.jsonl"))
    _, out, _ = spoken("--root", str(tmp_path), "export", "--format", "otlp", "--out", "-")
    (written,) = json.loads(out)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (written["spanId"], [event["name"] for event in written["events"]]) == (
        CALL["spanId"],
        ["gen_ai.user.message", "gen_ai.choice"],
    )
