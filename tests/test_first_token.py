"""How long the first token was waited for, from logs to assertions, searches and figures."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from anyio import to_thread
from calling import client_of, replied
from console import spoken
from hypothesis import given
from hypothesis import strategies as st
from test_formats import BEGAN, ROOT_ID, Fields, exported, logged, read

from regrade_tools.models import Span, Trace
from regrade_tools.traces.exports import spans

CALL: dict[str, str | int] = {"gen_ai.operation.name": "chat"}


def after(milliseconds: int) -> str:
    return f"2023-11-14T22:13:20.{milliseconds:03d}Z"


def streamed(key: str, *, more: Fields | None = None, **value: Any) -> Fields:
    span = logged(CALL) | (more or {})
    listed: Any = span["attributes"]
    span["attributes"] = [*listed, {"key": key, "value": value}]
    return span


def attribute(key: str, **value: Any) -> Fields:
    return exported(streamed(key, **value))


def event(*events: tuple[str, int]) -> Fields:
    told: Any = [{"name": name, "timeUnixNano": str(BEGAN + at * 1_000_000)} for name, at in events]
    return exported(logged(CALL, events=told))


def litellm(first: float) -> Fields:
    return {"standard_logging_object": {
        "call_type": "acompletion", "messages": [{"role": "user", "content": "q"}],
        "response": "a", "startTime": 1.7e9, "endTime": 1.7e9 + 1.5, "completionStartTime": first,
    }}  # fmt: skip


def langfuse(first: str | None) -> Fields:
    return {"id": "t", "timestamp": after(0), "observations": [
        {"id": "o", "type": "GENERATION", "traceId": "t", "input": "q", "output": "a",
         "startTime": after(0), "endTime": after(900), "completionStartTime": first}
    ]}  # fmt: skip


RECORDS: dict[str, tuple[Fields, float | None]] = {
    "OpenTelemetry, in seconds": (
        attribute("gen_ai.response.time_to_first_chunk", doubleValue=0.25), 250.0),
    "a model server, in seconds": (
        attribute("gen_ai.latency.time_to_first_token", doubleValue=0.25), 250.0),
    "Vercel, in milliseconds": (
        attribute("ai.response.msToFirstChunk", doubleValue=250.5), 250.5),
    "Langfuse's attribute, a text of JSON": (
        attribute("langfuse.observation.completion_start_time", stringValue=f'"{after(250)}"'),
        250.0),
    "an event of OpenInference": (event(("First Token Stream Event", 250)), 250.0),
    "an event a chunk": (
        event(("llm.content.completion.chunk", 250), ("llm.content.completion.chunk", 300)), 250.0),
    "a name under which two units are written": (
        attribute("gen_ai.server.time_to_first_token", doubleValue=0.25), None),
    "a negative wait": (
        attribute("gen_ai.response.time_to_first_chunk", doubleValue=-0.25), None),
    "a span of Phoenix": (
        {"context": {"trace_id": "t", "span_id": "s"}, "span_kind": "LLM", "start_time": after(0),
         "end_time": after(900), "attributes": {},
         "events": [{"name": "First Token Stream Event", "timestamp": after(250)}]}, 250.0),
    "Langfuse": (langfuse(after(250)), 250.0),
    "Langfuse without": (langfuse(None), None),
    "LiteLLM": (litellm(1.7e9 + 0.25), 250.0),
    "LiteLLM, not streamed": (litellm(1.7e9 + 1.5), None),
    "LangSmith": (
        {"id": "a", "trace_id": "t", "run_type": "llm", "name": "x", "inputs": {"input": "q"},
         "outputs": {"output": "a"}, "start_time": after(0), "end_time": after(900),
         "first_token_time": after(250)}, 250.0),
    "Braintrust, in seconds": (
        {"id": "a", "span_id": "s", "input": "q", "output": "a",
         "metrics": {"start": 1.7e9, "end": 1.7e9 + 1, "time_to_first_token": 0.25}}, 250.0),
    "a plain record": ({"input": "q", "output": "a", "ttft_ms": 250}, 250.0),
}  # fmt: skip


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_each_format_tells_when_the_answer_began(record: tuple[Fields, float | None]) -> None:
    (trace,) = read(json.dumps(record[0]))
    assert isinstance(trace, Trace)
    assert [trace.ttft_ms, *(span.ttft_ms for span in trace.spans)] == [
        None if record[1] is None else pytest.approx(record[1], abs=0.01)
    ] * (1 + len(trace.spans))


def call(number: int, at: int, first: float, parent: str = ROOT_ID) -> Fields:
    """A call that began ``at`` ms and streamed after ``first`` ms."""
    more: Fields = {"spanId": f"{number:016x}", "parentSpanId": parent}
    more["startTimeUnixNano"] = str(BEGAN + at * 1_000_000)
    return streamed("gen_ai.response.time_to_first_chunk", more=more, doubleValue=first / 1000)


ROOT = logged({}, spanId=ROOT_ID, name="agent")
SILENT = logged(CALL, spanId="c" * 16, parentSpanId=f"{2:016x}",
                startTimeUnixNano=str(BEGAN + 601_000_000))  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([ROOT, call(1, 100, 50.0), call(2, 600, 200.0)], 800.0),
        # Logged twice, and streamed in the outer one.
        ([ROOT, call(1, 100, 50.0), call(2, 600, 200.0), SILENT], 800.0),
        # The last call did not stream: when the answer began nobody knows.
        ([ROOT, call(1, 100, 50.0), SILENT | {"parentSpanId": ROOT_ID}], None),
        # Spans that are each other's parents come to an end.
        ([call(1, 0, 50.0, f"{2:016x}"), logged(CALL, spanId=f"{2:016x}",
          parentSpanId="d" * 16, startTimeUnixNano=str(BEGAN + 1)) | {"parentSpanId": f"{3:016x}"},
          logged({}, spanId=f"{3:016x}", parentSpanId=f"{2:016x}")], None),
    ],
    ids=["the last call", "logged twice", "not streamed", "in a circle"],
)  # fmt: skip
def test_a_trace_waits_from_its_beginning_to_the_first_token_of_its_last_call(
    spans: list[Fields], expected: float | None
) -> None:
    (trace,) = read(json.dumps(exported(*spans)))
    assert isinstance(trace, Trace)
    assert trace.ttft_ms == (None if expected is None else pytest.approx(expected, abs=0.01))


ANYTHING = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)


TOLD = (250, 250.5, 0.25, -0.25, 1.7e9 + 0.25, after(250), f'"{after(250)}"',
        str(BEGAN + 250_000_000))  # fmt: skip


def replaced(value: Any, told: Any) -> Any:
    """``value`` with ``told`` wherever it tells of the first token."""
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {key: replaced(item, told) for key, item in held.items()}
    if isinstance(value, list):
        return [replaced(item, told) for item in cast("list[Any]", value)]
    return told if value in TOLD else value


@given(ANYTHING, st.sampled_from(sorted(RECORDS)))
def test_whatever_stands_where_it_is_told_the_record_is_read(told: Any, name: str) -> None:
    (trace,) = read(json.dumps(replaced(RECORDS[name][0], told)))
    assert isinstance(trace, Trace)
    waited = [trace.ttft_ms, *(span.ttft_ms for span in trace.spans)]
    assert all(took is None or took >= 0 for took in waited)


@given(st.none() | st.floats(0, 1e6))
def test_it_comes_back_through_otlp(took: float | None) -> None:
    span = Span("a" * 16, "chat", "llm", started_at=1.7e9, duration_ms=5.0, ttft_ms=took)
    trace = Trace("tr_aaaaaaaaaaaaa", "x", "chat", spans=(span,), started_at=1.7e9, duration_ms=5.0)
    (again,) = read(spans.line(trace))
    assert isinstance(again, Trace)
    assert again.ttft_ms == (None if took is None else pytest.approx(took, abs=0.01))


@pytest.mark.anyio
async def test_it_is_asserted_of_what_is_recorded_searched_and_counted(tmp_path: Path) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("target: recorded\n")
    records = [{"input": f"q{n}", "output": "a", "ttft_ms": took, "ts": 1_790_812_800 + n}
               for n, took in enumerate((100, 300, 900, None))]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))

    async with client_of(tmp_path) as client:
        await replied(client, "import_traces", path="log.jsonl")
        slow = await replied(client, "search_traces", query="ttft:>0.5s")
        total = (await replied(client, "summarize_traces"))["total"]
        digest = await replied(client, "get_trace", trace_id=slow["traces"][0]["id"])
        filed = await replied(
            client, "file_case", suite="s", trace_id=slow["traces"][0]["id"], reason="slow",
            assertions=[{"type": "time-to-first-token", "threshold": 500}],
        )  # fmt: skip
        run = await replied(client, "run_suite", suite="s", wait_s=20)
    assert [row["preview"] for row in slow["traces"]] == ["q2"]
    assert {key: total[key] for key in ("ttft_p50_ms", "ttft_p95_ms", "known_of")} == {
        "ttft_p50_ms": 300.0, "ttft_p95_ms": 840.0, "known_of": {"ttft": 3},
    }  # fmt: skip
    assert digest["content"]["ttft_ms"] == 900.0
    assert filed["failed"] == ["the output must begin within 500 ms, but it began after 900 ms"]
    assert run["cards"][0]["reasons"] == filed["failed"]

    _, out, _ = await to_thread.run_sync(spoken, "--root", str(tmp_path), "summarize")
    assert "4 traces, 0 errors, first token 300 ms, 840 ms" in out
