"""The receiver of OTLP, asked over HTTP in this process."""

import gzip
import json
import os
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_client import BEGAN, JSON, PATH, PROTOBUF, TRACE, Asked, Fields, asked, export, span
from wire import base64_of, protobuf

from regrade_server.http import Address, patience
from regrade_server.http.tokens import Tokens, read_tokens
from regrade_server.memory import MemoryStore
from regrade_server.otlp.body import LARGEST, Room
from regrade_tools.models import Trace
from regrade_tools.refusal import Unavailable
from regrade_tools.traces.query import Query, parse
from regrade_tools.traces.store import Appended

pytestmark = pytest.mark.anyio
OTHER = "1af7651916cd43dd8448eb211c80319c"
# In parts, so that no scanner takes it for a real one.
LEAK = "sk-proj-" + "a1B2c3D4" * 4


async def test_a_request_is_kept_alike_in_every_encoding(tmp_path: Path) -> None:
    request = export(span(parentSpanId=""), span(2, parentSpanId=f"{1:016x}"))
    as_json, as_protobuf = json.dumps(request).encode(), protobuf(request)
    sent: list[tuple[bytes, str, dict[str, str]]] = [
        (as_json, JSON, {}),
        (as_json, "application/json; charset=utf-8", {}),
        (gzip.compress(as_json), JSON, {"Content_Encoding": "gzip"}),
        (as_protobuf, PROTOBUF, {}),
        (gzip.compress(as_protobuf), PROTOBUF, {"Content_Encoding": "GZIP"}),
        (zlib.compress(as_protobuf), PROTOBUF, {"Content_Encoding": "deflate"}),
        (as_protobuf, PROTOBUF, {"Content_Encoding": "identity"}),
    ]
    kept: list[list[Trace]] = []
    for number, (body, kind, headers) in enumerate(sent):
        async with asked(tmp_path / str(number)) as there:
            reply = await there.post(body, kind, **headers)
            assert (reply.status_code, reply.headers["content-type"]) == (200, kind.split(";")[0])
            assert reply.content == (b"" if kind == PROTOBUF else b"{}")
            kept.append([replace(trace, raw=None) for trace in await there.found()])
    (trace,) = kept[0]
    assert kept == [kept[0]] * len(sent)
    assert (trace.external_id, trace.source, len(trace.spans)) == (TRACE, "bot", 2)
    assert trace.exchange.input == "Legs?"


async def test_what_json_calls_an_id_or_a_time_otherwise_is_read_the_same(tmp_path: Path) -> None:
    halves = {"low": BEGAN & 0xFFFFFFFF, "high": BEGAN >> 32}
    plain = span(startTimeUnixNano=str(BEGAN))
    other = span(
        traceId=base64_of(TRACE), spanId=base64_of(f"{1:016x}"), startTimeUnixNano=halves,
        endTimeUnixNano=BEGAN + 501_000_000,
    )  # fmt: skip
    async with asked(tmp_path / "a") as there, asked(tmp_path / "b") as beside:
        await there.post(export(plain))
        await beside.post(export(other))
        [one], [same] = await there.found(), await beside.found()
    assert replace(one, raw=None) == replace(same, raw=None)


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
@pytest.mark.parametrize("name", ["deployment.environment.name", "deployment.environment"])
async def test_version_and_environment_of_a_service_are_tags_and_no_words(
    kind: str, name: str, tmp_path: Path
) -> None:
    def sent(number: int, trace: str, version: str) -> bytes:
        request = export(span(number, trace=trace))
        request["resourceSpans"][0]["resource"]["attributes"] += [
            {"key": key, "value": {"stringValue": text}}
            for key, text in (
                ("service.version", version),
                (name, "prod"),
                ("host.name", "h1"),
                ("regrade.evaluated", "true"),
            )
        ]
        return json.dumps(request).encode() if kind == JSON else protobuf(request)

    async with asked(tmp_path) as there:
        for number, trace, version in ((1, TRACE, "2.0"), (2, TRACE, "2.0"), (3, OTHER, "1.9")):
            assert (await there.post(sent(number, trace, version), kind)).status_code == 200
        (new,) = await there.found("tag:version:2.0 tag:env:prod")
        assert (new.external_id, len(new.spans)) == (TRACE, 2)
        assert new.tags == ("version:2.0", "env:prod", "evaluated:true")
        assert len(await there.found("tag:env:*")) == 2
        assert await there.found("prod") == await there.found("env") == []
        counted = await there.store.summary(parse("", now=0.0), "tag", limit=9)
    groups = [(group.value, group.traces) for group in counted.groups]
    assert groups == [
        ("env:prod", 2), ("evaluated:true", 2), ("version:1.9", 1), ("version:2.0", 1),
    ]  # fmt: skip


async def test_spans_that_come_later_complete_their_trace(tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        for sent in (span(2, parentSpanId=f"{1:016x}"), span(3), span(3), span(1)):
            assert (await there.post(protobuf(export(sent)), PROTOBUF)).status_code == 200
        (trace,) = await there.found("Legs")
    assert [one.id for one in trace.spans] == [f"{number:016x}" for number in (1, 2, 3)]


async def test_secrets_are_redacted_and_a_new_pattern_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    async with asked(tmp_path) as there:
        await there.post(export(span(question=f"{LEAK} K-1234"), service=LEAK))
        (tmp_path / "evals/regrade.yaml").write_text("redact: {customer: 'K-\\d+'}\n")
        await there.post(export(span(trace=OTHER, question="K-1234")))
        first, second = sorted(await there.found(), key=lambda trace: trace.external_id)
        assert LEAK not in repr((first, second))
        assert "K-1234" in repr(first)
        assert second.exchange.input == "[redacted:customer]"
        (tmp_path / "evals/regrade.yaml").write_text("redact: {customer: '('}\n")
        reply = await there.post(export(span(4)))
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert "Mend the pattern" in reply.json()["message"]


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
async def test_a_span_that_cannot_be_kept_is_rejected_alone(kind: str, tmp_path: Path) -> None:
    bad = [span(traceId="0" * 32), span(spanId="0" * 16), span(3, traceId="")]
    many = span(4, trace=OTHER)
    many["attributes"].append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7" * 16}})
    double = {**many, "spanId": f"{5:016x}"}
    request = export(*bad, many, double, span(6))
    async with asked(tmp_path) as there:
        body = json.dumps(request).encode() if kind == JSON else protobuf(request)
        reply = await there.post(body, kind)
        (trace,) = await there.found()
    told = "bot counts more tokens than can be"
    assert (trace.external_id, len(trace.spans)) == (TRACE, 1)
    if kind == JSON:
        partial = {"rejectedSpans": "5", "errorMessage": told}
        assert reply.json() == {"partialSuccess": partial}
    else:
        answer = ExportTraceServiceResponse.FromString(reply.content).partial_success
        assert (answer.rejected_spans, answer.error_message) == (5, told)


async def test_what_is_no_span_is_rejected_and_says_why(tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        reply = await there.post(export(span(), "x", None, {"name": "no id"}))
    told = "a span needs a traceId and a spanId that are not zero"
    assert reply.json() == {"partialSuccess": {"rejectedSpans": "3", "errorMessage": told}}


@pytest.mark.parametrize(
    ("body", "kind", "packing", "status", "told"),
    [
        (b"{", JSON, "", 400, "The body is not JSON: Expecting property name"),
        (b"[1]", JSON, "", 400, "The body is no JSON object"),
        (b"[" * 100_000, JSON, "", 400, "nested too deep"),
        (b'{"resourceSpans": 1}', JSON, "", 400, "its resourceSpans are no list"),
        (b"\xff\xfe", JSON, "", 400, "is not UTF-8"),
        (b"[" + b"1," * 1_000_001 + b"1]", JSON, "", 400, "holds over 1,000,000 values"),
        (b"{}", PROTOBUF, "", 400, "is no OTLP request for traces in protobuf"),
        (b"\x0a\x00" * 1_000_001, PROTOBUF, "", 400, "holds over 1,000,000 values"),
        (b"{}", JSON, "gzip", 400, "The body is not gzip"),
        (gzip.compress(b"{}", mtime=0)[:-4], JSON, "gzip", 400, "does not end where"),
        (gzip.compress(b"{}", mtime=0) * 2, JSON, "gzip", 400, "does not end where"),
        (b"{}", JSON, "br", 415, "one of identity, gzip, deflate"),
        (b"{}", "text/plain", "", 415, "application/x-protobuf or application/json"),
        (b"{}", "", "", 415, "application/x-protobuf or application/json"),
        (b" " * (LARGEST + 1), JSON, "", 413, "larger than 20 MiB"),
        (gzip.compress(bytes(LARGEST + 1), mtime=0), PROTOBUF, "gzip", 413, "larger"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_request_is_told_in_its_encoding(  # noqa: PLR0913 - a row of the table
    body: bytes, kind: str, packing: str, status: int, told: str, tmp_path: Path
) -> None:
    async with asked(tmp_path) as there:
        reply = await there.post(body, kind, Content_Encoding=packing)
        assert await there.found() == []
    assert reply.status_code == status
    assert "retry-after" not in reply.headers
    if kind == PROTOBUF:
        # A Status: field 1 is its code, field 2 its message.
        assert reply.headers["content-type"] == PROTOBUF
        assert (reply.content[0], reply.content[2]) == (0x08, 0x12)
        assert told in reply.content[2:].decode("utf-8", "replace")
    else:
        assert told in reply.json()["message"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/metrics", "Metrics are not kept: set OTEL_METRICS_EXPORTER=none."),
        ("/", "Send traces by POST to /v1/traces, and logs to /v1/logs."),
    ],
)
async def test_another_path_is_not_there(path: str, told: str, tmp_path: Path) -> None:
    async with asked(tmp_path) as there:
        reply = await there.post(b"{}", path=path)
        looked = await there.http.get(PATH)
        lives = await there.http.get("/healthz")
    assert (reply.status_code, reply.json()["message"]) == (404, told)
    assert (looked.status_code, looked.headers["allow"]) == (405, "POST")
    assert lives.json() == {"status": "ok"}


class Slow(MemoryStore):
    """A store that stores when it is told to, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = anyio.Event(), anyio.Event()
        self.batches: list[int] = []
        self.refuses = ""

    async def append(self, traces: Sequence[Trace]) -> Appended:
        self.batches.append(len(traces))
        self.began.set()
        await self.go.wait()
        if self.refuses == "all":
            raise Unavailable("The store is locked.", next_step="Try again.")
        if any(trace.external_id == self.refuses for trace in traces):
            raise RuntimeError("cannot be stored")
        return await super().append(traces)


class Watched(list[Any]):
    """A list that tells when it has ``size`` items."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.full = size, anyio.Event()

    def append(self, item: Any) -> None:
        super().append(item)
        if len(self) == self.size:
            self.full.set()


async def sent_together(there: Asked, *bodies: Fields) -> list[int]:
    """What each is answered; they are sent while the first is being stored."""
    statuses = [0] * len(bodies)

    async def one(place: int) -> None:
        statuses[place] = (await there.post(bodies[place])).status_code

    async with anyio.create_task_group() as group:
        group.start_soon(one, 0)
        await there.store.began.wait()
        there.intake.waiting = waiting = Watched(len(bodies) - 1)
        for place in range(1, len(bodies)):
            group.start_soon(one, place)
        # Once all are read they wait for the first one to be stored.
        await waiting.full.wait()
        assert statuses == [0] * len(bodies)
        there.store.go.set()
    return statuses


async def test_requests_that_come_while_one_is_stored_are_stored_together(tmp_path: Path) -> None:
    there = Asked(Slow(), tmp_path)
    bodies = [export(span(trace=f"{number:032x}")) for number in range(1, 6)]
    assert await sent_together(there, *bodies) == [200] * 5
    assert there.store.batches == [1, 4]
    assert len(await there.found()) == 5


async def test_what_cannot_be_stored_takes_nothing_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Asked(Slow(), tmp_path)
    there.store.refuses = f"{3:032x}"
    bodies = [export(span(trace=f"{number:032x}")) for number in range(1, 6)]
    assert await sent_together(there, *bodies) == [200, 200, 500, 200, 200]
    assert len(await there.found()) == 4
    assert "RuntimeError: cannot be stored" in capsys.readouterr().err


async def test_a_store_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    there = Asked(Slow(), tmp_path)
    there.store.refuses = "all"
    there.store.go.set()
    reply = await there.post(export(span()))
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert reply.json() == {"code": 14, "message": "The store is locked. Try again."}


async def test_when_too_much_waits_more_is_refused_until_there_is_room(tmp_path: Path) -> None:
    there = Asked(Slow(), tmp_path)
    first, second = export(span()), export(span(trace=OTHER))
    there.intake.room.size = 3 * len(json.dumps(first))
    replies: list[httpx2.Response] = []
    async with anyio.create_task_group() as group:
        group.start_soon(there.post, first)
        await there.store.began.wait()
        replies.append(await there.post(second))
        there.store.go.set()
    replies.append(await there.post(second))
    assert [reply.status_code for reply in replies] == [503, 200]
    assert replies[0].headers["retry-after"] == "1"
    assert len(await there.found()) == 2


async def test_a_share_of_the_traces_is_kept_and_always_the_same(tmp_path: Path) -> None:
    names = [os.urandom(16).hex() for _ in range(400)]
    kept: list[set[str]] = []
    for share in (0.25, 0.25, 0.5, 0.0, 1.0):
        there = Asked(MemoryStore(), tmp_path, share)
        # The spans of a trace come in two requests.
        for number in (1, 2):
            reply = await there.post(export(*(span(number, trace=name) for name in names)))
            assert reply.content == b"{}"
        found = await there.store.scan(Query(), limit=400)
        assert {len(trace.spans) for trace in found.traces} <= {2}
        kept.append({trace.external_id for trace in found.traces})
    assert kept[0] == kept[1] < kept[2] < kept[4] == set(names)
    assert kept[3] == set()
    assert 50 < len(kept[0]) < 150 < len(kept[2]) < 250


async def test_of_a_trace_that_is_not_sampled_an_error_and_what_follows_is_kept(
    tmp_path: Path,
) -> None:
    failed: Fields = {"status": {"code": 2, "message": "no cat"}}
    there = Asked(MemoryStore(), tmp_path, 0.0)
    await there.post(export(span(1), span(1, trace=OTHER)))
    await there.post(export(span(2), span(3, **failed)))
    await there.post(protobuf(export(span(4), span(2, trace=OTHER))), PROTOBUF)
    (trace,) = await there.found()
    assert trace.external_id == TRACE
    assert [int(one.id, 16) for one in trace.spans] == [2, 3, 4]


TOKEN, READS = "everything-0123456789", "reads-0123456789abcd"


async def test_others_need_a_name_that_is_known_and_a_token_that_may_write(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"{READS} read\n")
    tokens = read_tokens({"REGRADE_TOKEN": TOKEN}, tmp_path / "tokens")
    address = Address("0.0.0.0", 4318, ("evals.example.com",))  # noqa: S104 - not bound
    async with asked(tmp_path, address=address, tokens=tokens) as there:
        replies = [
            await there.post(export(span()), **headers)
            for headers in (
                {},
                {"Authorization": f"Bearer {READS}"},
                {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"},
                {"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"},
                {"Authorization": f"Bearer {TOKEN}", "Host": "evals.example.com"},
            )
        ]
        assert len(await there.found()) == 1
    assert [reply.status_code for reply in replies] == [401, 403, 421, 403, 200]


async def test_a_page_of_elsewhere_is_not_answered_on_loopback(tmp_path: Path) -> None:
    address = Address("127.0.0.1", 4318)
    async with asked(tmp_path, address=address, tokens=Tokens({})) as there:
        page = await there.post(export(span()), Origin="http://evil.example")
        name = await there.post(export(span()), Host="evil.example:4318")
        own = await there.post(export(span()))
    assert [reply.status_code for reply in (page, name, own)] == [403, 421, 200]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["key", "value", "stringValue", "arrayValue", "values",
                                       "low", "high", "data", "code"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
SPANS = st.fixed_dictionaries(
    {"traceId": st.just(TRACE) | VALUES, "spanId": st.just("a" * 16) | VALUES},
    optional=dict.fromkeys(("parentSpanId", "name", "startTimeUnixNano", "endTimeUnixNano",
                            "attributes", "events", "status"), VALUES),
)  # fmt: skip
REQUESTS = st.lists(SPANS | VALUES, max_size=3).map(lambda found: export(*found)) | VALUES
BODIES = (
    st.binary()
    | REQUESTS.map(lambda value: json.dumps(value).encode())
    | st.lists(st.sampled_from([b"\n", b"\x12", b"\x10", b"\x08", b"J", b"\x00", b"\x02", b"a"]),
               max_size=40).map(b"".join)
)  # fmt: skip


@given(BODIES, st.sampled_from([JSON, PROTOBUF, "text/plain"]), st.sampled_from(["", "gzip"]),
       st.booleans(), st.integers(-12, 0))  # fmt: skip
@settings(max_examples=150)
def test_no_bytes_are_a_mistake_of_the_server(
    body: bytes, kind: str, packing: str, packed: bool, cut: int  # noqa: FBT001 - drawn
) -> None:  # fmt: skip
    async def sent() -> None:
        there = Asked(MemoryStore(), Path("/nowhere"))
        content = gzip.compress(body)[: cut or None] if packed else body
        reply = await there.post(
            content, kind, **({"Content_Encoding": packing} if packing else {})
        )
        assert reply.status_code in (200, 400, 415)
        # Whatever was kept can be written.
        for trace in await there.found():
            repr(trace).encode()

    anyio.run(sent)


def test_room_is_free_again_once_a_request_is_answered() -> None:
    room = Room(10)
    with room.share() as one, room.share() as other:
        one.take(4)
        other.take(6)
    assert room.held == 0


async def test_a_body_that_does_not_come_to_its_end_is_waited_for_no_longer_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BODY_S", 0.01)

    async def half() -> AsyncGenerator[bytes, None]:
        yield b"{"
        await anyio.sleep_forever()

    async with asked(tmp_path) as there:
        reply = await there.http.post(PATH, content=half(), headers={"Content-Type": JSON})
        assert (reply.status_code, reply.json()["message"]) == (
            408, "The body did not come within 0.01 s.",
        )  # fmt: skip
        # What it held of the room is free again.
        assert there.intake.room.held == 0
