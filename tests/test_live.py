"""Programs that send their spans to a server in a process of its own."""

import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2
import pytest
from endpoint import completion, serving
from mcp import Client, StdioServerParameters, stdio_client
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from served import ANNOUNCED, Served, served

from regrade_server.sqlite import SqliteStore
from regrade_tools.models import Trace
from regrade_tools.traces.query import Query, parse

pytestmark = pytest.mark.anyio
BEGAN = 1_700_000_000_000_000_000
# As a team would write it: nothing in it knows of Regrade. One of the two instrumentations that
# are in use tells what was said in its spans, the other one in logs beside them.
PROGRAM = """
import sys
import openai
from opentelemetry.instrumentation.NAME import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)
OpenAIInstrumentor().instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="none")
for city in ("Ulm", "Bonn", "Jena"):
    with trace.get_tracer("finder").start_as_current_span("find") as span:
        span.set_attribute("session.id", "s1")
        asked = [{"role": "user", "content": f"Flats in {city}?"}]
        client.chat.completions.create(model="tiny", messages=asked)
logs.shutdown()
provider.shutdown()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    (folder / "evals").mkdir()
    return folder


@pytest.fixture(scope="module")
def live(root: Path) -> Generator[Served, None, None]:
    with served(root, "--otlp", "127.0.0.1:0") as server:
        yield server


async def kept(root: Path, query: str = "") -> list[Trace]:
    """The traces that match, read by another process than the one that took them."""
    store = SqliteStore(root / ".regrade" / "store.db")
    asked = parse(query, now=0.0) if query else Query()
    found: list[Trace] = []
    cursor: str | None = None
    try:
        while True:
            page = await store.scan(asked, limit=200, cursor=cursor)
            found.extend(page.traces)
            cursor = page.next_cursor
            if cursor is None:
                return found
    finally:
        store.close()


async def test_every_span_of_a_program_is_found_once_it_has_ended(root: Path, live: Served) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "planner"}))
    exporter = OTLPSpanExporter(f"{live.address}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=64))
    tracer = provider.get_tracer("planner")
    made: dict[str, set[str]] = {}
    for number in range(100):
        with tracer.start_as_current_span(f"plan {number}") as above:
            above.set_attribute("input.value", f"journey{number}")
            for step in range(4):
                with tracer.start_as_current_span(f"step {step}") as span:
                    span.set_attribute("openinference.span.kind", "TOOL")
                    found = span.get_span_context()
                    trace = made.setdefault(f"{found.trace_id:032x}", set())
                    trace |= {f"{found.span_id:016x}", f"{above.get_span_context().span_id:016x}"}
    provider.shutdown()
    there = await kept(root, "source:planner")
    assert {trace.external_id: {span.id for span in trace.spans} for trace in there} == made
    assert {len(trace.spans) for trace in there} == {5}
    (one,) = await kept(root, "journey42")
    assert (one.name, one.input, one.status) == ("plan 42", "journey42", "ok")


@pytest.mark.parametrize("instrumentation", ["openai", "openai_v2"])
async def test_a_program_that_is_instrumented_only_needs_the_address(
    instrumentation: str, root: Path, live: Served
) -> None:
    with serving(
        lambda asked, _: (200, completion(f"None: {asked['messages'][0]['content']}"))
    ) as (model):
        await anyio.run_process(
            [sys.executable, "-c", PROGRAM.replace("NAME", instrumentation), model.url],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": live.address,
                 "OTEL_SERVICE_NAME": instrumentation,
                 "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
                 "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "event_only"},
        )  # fmt: skip
    found = await kept(root, f"source:{instrumentation} session:s1 model:tiny")
    assert [trace.exchange.input for trace in found] == [
        f"Flats in {city}?" for city in ("Ulm", "Bonn", "Jena")
    ]
    (ulm,) = await kept(root, f"source:{instrumentation} Ulm")
    assert ulm.exchange.output == "None: Flats in Ulm?"
    assert (ulm.name, ulm.input_tokens, ulm.output_tokens) == ("find", 100, 10)
    assert [span.kind for span in ulm.spans] == ["other", "llm"]


async def test_beside_stdio_it_takes_traces_and_a_second_server_has_its_tools(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()

    def server(port: str) -> StdioServerParameters:
        told = ["-m", "regrade_server", "--root", str(tmp_path), "serve", "--otlp", port]
        return StdioServerParameters(command=sys.executable, args=told)

    with (tmp_path / "first").open("w+") as said, (tmp_path / "second").open("w+") as later:
        async with Client(stdio_client(server("127.0.0.1:0"), errlog=said)) as client:
            found = ANNOUNCED.fullmatch((tmp_path / "first").read_text())
            assert found
            taken = server(found[1].removeprefix("http://"))
            async with Client(stdio_client(taken, errlog=later)) as second:
                request = sent([(0, 0)])
                async with httpx2.AsyncClient() as http:
                    reply = await http.post(f"{found[1]}/v1/traces", json=request)
                assert reply.status_code == 200
                for each in (client, second):
                    told = (await each.call_tool("overview", {})).structured_content
                    assert told is not None
                    assert told["traces"] == 1
    told = (tmp_path / "second").read_text()
    assert "cannot be listened on: Address already in use" in told
    assert told.endswith(" MCP alone is served.\n")


async def test_without_a_workspace_a_client_has_its_tools_all_the_same(tmp_path: Path) -> None:
    told = ["-m", "regrade_server", "serve", "--otlp", "127.0.0.1:0"]
    server = StdioServerParameters(command=sys.executable, args=told, cwd=tmp_path)
    with (tmp_path / "said").open("w") as said:
        async with Client(stdio_client(server, errlog=said)) as client:
            tools = (await client.list_tools()).tools
    assert "overview" in [tool.name for tool in tools]
    assert "no workspace to keep traces" in (tmp_path / "said").read_text()


async def test_it_serves_both_over_http_until_a_signal_comes(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    with served(tmp_path, "--http", "127.0.0.1:0", "--otlp", "127.0.0.1:0") as server:
        assert server.process.stderr is not None
        second = ANNOUNCED.fullmatch(server.process.stderr.readline())
        assert second
        async with Client(server.url) as client, httpx2.AsyncClient() as http:
            reply = await http.post(f"{second[1]}/v1/traces", json=sent([(0, 0)]))
            told = (await client.call_tool("overview", {})).structured_content
            again = await http.post(f"{second[1]}/v1/traces", json=sent([(0, 0), (1, 0)]))
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert server.process.stderr.read().endswith("regrade: 2 new traces kept\n")
    assert (reply.status_code, again.status_code) == (200, 200)
    assert told is not None
    assert told["traces"] == 1


def sent(spans: list[tuple[int, int]]) -> dict[str, object]:
    """A request of spans, each told by the numbers of its trace and its own in that."""
    listed = [
        {
            "traceId": f"{trace + 1:032x}",
            "spanId": f"{trace * 10 + number + 1:016x}",
            "parentSpanId": f"{trace * 10 + 1:016x}" if number else "",
            "name": f"step {number}",
            "startTimeUnixNano": str(BEGAN + (trace * 10 + number) * 1_000_000),
            "endTimeUnixNano": str(BEGAN + (trace * 10 + number + 1) * 1_000_000),
            "attributes": [{"key": "input.value", "value": {"stringValue": f"question {trace}"}}],
        }
        for trace, number in spans
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": listed}]}]}


@dataclass
class Exporters:
    """Four threads that send batches to ``address``, each again until it is answered."""

    batches: Iterator[list[tuple[int, int]]]
    address: str = ""
    tries: int = 0
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _next: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self) -> Generator[None, None, None]:
        threads = [threading.Thread(target=self._send) for _ in range(4)]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        with httpx2.Client(timeout=30) as http:
            while (batch := self._batch()) is not None:
                while not self._delivered(http, batch) and not self._over.wait(0.05):
                    pass

    def _batch(self) -> list[tuple[int, int]] | None:
        with self._next:
            return next(self.batches, None)

    def _delivered(self, http: httpx2.Client, batch: list[tuple[int, int]]) -> bool:
        with self._next:
            self.tries += 1
        try:
            done = http.post(f"{self.address}/v1/traces", json=sent(batch))
        except httpx2.TransportError:
            return False
        if done.status_code == 200:
            self.answered.release()
        return done.status_code == 200


@pytest.mark.slow
def test_what_was_answered_is_there_however_often_the_server_is_killed(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    spans = [(trace, number) for number in range(4) for trace in range(5_000)]
    batches = [spans[place : place + 100] for place in range(0, len(spans), 100)]
    exporters = Exporters(iter(batches))
    port, left = "127.0.0.1:0", len(batches)
    with ExitStack() as stack:
        while left:
            with served(tmp_path, "--otlp", port) as server:
                port = server.address.removeprefix("http://")
                if not exporters.address:
                    exporters.address = server.address
                    stack.enter_context(exporters.sending())
                for _ in range(min(left, 23)):
                    assert exporters.answered.acquire(timeout=60)
                    left -= 1
                server.process.kill()
                server.process.wait()
    found = anyio.run(kept, tmp_path)
    there = [(int(trace.external_id, 16) - 1, span.id) for trace in found for span in trace.spans]
    assert sorted(there) == sorted(
        (trace, f"{trace * 10 + number + 1:016x}") for trace, number in spans
    )
    # Something was under way when it was killed.
    assert exporters.tries > len(batches)
