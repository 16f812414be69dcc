"""A trace whose spans came from several services: which told what, and found by each of them."""

import json
import re
from typing import Any

import pytest
from otlp_client import Fields, export, span
from test_formats import read
from test_store import found, store

from regrade_tools.formats.spans import services
from regrade_tools.models import Span, Trace
from regrade_tools.ports import Store
from regrade_tools.secrets.redaction import redaction
from regrade_tools.traces.completion import differs
from regrade_tools.traces.digest import digest
from regrade_tools.traces.exports import spans as exported
from regrade_tools.traces.receiving import Sampling, received
from regrade_tools.traces.store import Appended

__all__ = ["store"]
pytestmark = pytest.mark.anyio


def inside(number: int, above: int, **more: Any) -> Fields:
    return span(number, parentSpanId=f"{above:016x}", **more)


SHOP, SEARCH = export(span(1), inside(2, 1), service="shop"), export(inside(3, 2), service="search")
BACK = export(inside(4, 3), inside(5, 4), service="shop")
PARTS = (SHOP, SEARCH, BACK)
WHOLE: Fields = {"resourceSpans": [part["resourceSpans"][0] for part in PARTS]}
TOLD = ["shop", "", "search", "shop", ""]


def trace_of(*requests: Fields) -> Trace:
    (trace,) = read("".join(json.dumps(request) + "\n" for request in requests))
    assert isinstance(trace, Trace)
    return trace


def sent(request: Fields) -> Trace:
    (trace,) = received(request, redaction(), Sampling()).traces
    return trace


def told(trace: Trace) -> list[str]:
    return [one.service for one in trace.spans]


def test_each_span_tells_its_service_where_that_is_not_that_of_the_span_around_it() -> None:
    trace = trace_of(*PARTS)
    assert told(trace) == told(trace_of(WHOLE)) == told(sent(WHOLE)) == TOLD
    assert services(trace.spans) == ["shop", "shop", "search", "shop", "shop"]
    unnamed = {"resourceSpans": [{"scopeSpans": SHOP["resourceSpans"][0]["scopeSpans"]}]}
    assert told(trace_of(unnamed)) == ["", ""]


def test_spans_around_each_other_in_a_ring_end_without_a_service() -> None:
    ring = [Span("a", "a", parent_id="b"), Span("b", "b", parent_id="a")]
    ring.append(Span("c", "c", service="x"))
    assert services(ring) == ["", "", "x"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_a_trace_is_found_by_each_of_its_services_however_they_come(
    order: tuple[int, ...], store: Store
) -> None:
    for place, number in enumerate(order):
        grown = Appended(0, 0, completed=1) if place else Appended(1, 0)
        assert await store.append([sent(PARTS[number])]) == grown
    (trace,) = await found(store, "source:shop")
    assert await found(store, "source:search") == [trace]
    assert await found(store, "source:sear*") == [trace]
    assert await found(store, "source:search -source:shop") == []
    kept = await store.trace(trace)
    assert kept is not None
    assert told(kept) == TOLD
    assert not any(differs(kept, sent(part)) for part in PARTS)
    assert await store.remove([trace]) == 1
    assert await found(store, "source:search") == []


async def test_a_trace_of_a_file_is_found_by_the_file_and_by_its_service(store: Store) -> None:
    trace = trace_of(SHOP)
    await store.append([trace])
    assert await found(store, "source:log.jsonl") == await found(store, "source:shop") == [trace.id]


def test_the_steps_of_a_digest_name_the_services() -> None:
    steps = digest(sent(WHOLE))[0]["steps"]
    assert isinstance(steps, list)
    assert [re.findall(r"\[(.*?)\] 500 ms", str(step)) for step in steps] == [
        [], [], ["search"], ["shop"], [],
    ]  # fmt: skip
    of_file = digest(trace_of(WHOLE))[0]["steps"]
    assert isinstance(of_file, list)
    assert "[shop] 500 ms" in str(of_file[0])


def test_spans_are_written_out_with_their_services() -> None:
    trace = trace_of(WHOLE)
    (again,) = read(exported.line(trace))
    assert isinstance(again, Trace)
    assert (again.spans, again.id) == (trace.spans, trace.id)


def test_a_name_of_a_service_is_cut_and_redacted() -> None:
    request = export(span(), service="sk-proj-" + "a1B2c3D4" * 4 + "\n" + "x" * 200)
    (trace,) = received(request, redaction(), Sampling()).traces
    assert trace.spans[0].service == trace.source
    assert "a1B2c3D4" not in trace.source
    assert len(trace.source) <= 80
