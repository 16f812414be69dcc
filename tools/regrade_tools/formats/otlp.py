"""OpenTelemetry spans as OTLP/JSON, one trace for each trace id."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats import genai
from regrade_tools.formats.fields import LARGEST_COUNT, Fields
from regrade_tools.models import Span, SpanKind, Trace

_OPERATIONS: dict[str, SpanKind] = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "retrieval": "retrieval",
    "LLM": "llm",
    "TOOL": "tool",
    "AGENT": "agent",
    "RETRIEVER": "retrieval",
}
_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")
_HEX_DIGITS = (16, 32)


@dataclass(frozen=True, slots=True)
class LoggedSpan:
    """One span with its attributes unpacked; ``raw`` is it as it was logged, at ``where``."""

    where: str
    trace_id: str
    span: Span
    attributes: dict[str, JsonValue]
    raw: JsonValue


def is_otlp(record: Fields) -> bool:
    """Whether ``record`` is an OTLP export."""
    return isinstance(record.get("resourceSpans"), list)


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The spans of the export at ``where``; what is not shaped like a span is left out."""
    for resource in _objects(record.get("resourceSpans")):
        for scope in _objects(resource.get("scopeSpans")):
            for span in _objects(scope.get("spans")):
                yield _span(span, where)


def by_trace(logged: Iterable[LoggedSpan]) -> dict[str, list[LoggedSpan]]:
    """The spans of each trace, in the order of their start."""
    traces: defaultdict[str, list[LoggedSpan]] = defaultdict(list)
    for item in logged:
        traces[item.trace_id].append(item)
    for found in traces.values():
        found.sort(key=lambda item: item.span.started_at or 0.0)
    return dict(traces)


def from_spans(logged: list[LoggedSpan], blank: Trace) -> Trace:
    """The trace of ``logged``: its exchange is the last model call's, its sums the model calls'.

    Agent spans repeat the usage of the calls inside them, and every later call repeats the
    whole conversation, so neither is added up.
    """
    present = {item.span.id for item in logged}
    roots = [item for item in logged if item.span.parent_id not in present]
    root = next(
        (item for item in roots if not item.span.parent_id), roots[0] if roots else logged[0]
    )
    calls = [item for item in logged if item.span.kind == "llm"] or [root]
    said = next(filter(None, (genai.conversation(i.attributes) for i in reversed(calls))), ())
    starts = [item.span.started_at for item in logged if item.span.started_at is not None]
    return replace(
        blank,
        external_id=root.trace_id,
        name=root.span.name,
        session=_session(logged),
        model=next((item.span.model for item in reversed(calls) if item.span.model), ""),
        status=root.span.status,
        error=root.span.error,
        started_at=min(starts) if starts else None,
        duration_ms=_duration(logged),
        input_tokens=_total(calls, genai.INPUT_TOKENS),
        output_tokens=_total(calls, genai.OUTPUT_TOKENS),
        cost_usd=_cost(calls),
        input=root.span.input,
        output=root.span.output,
        messages=said,
        spans=tuple(item.span for item in logged),
    )


def joined(known: Trace, later: Trace) -> Trace:
    """``known`` with the spans of ``later`` whose ids it lacks; itself where it lacks none."""
    have = {span.id for span in known.spans}
    if have.issuperset(span.id for span in later.spans):
        return known
    logged = [_span(raw, known.source) for raw in _objects(known.raw)]
    more = [_span(raw, known.source) for raw in _objects(later.raw)]
    logged.extend(item for item in more if item.span.id not in have)
    logged.sort(key=lambda item: item.span.started_at or 0.0)
    tags = tuple(dict.fromkeys((*known.tags, *later.tags)))
    raw: JsonValue = [item.raw for item in logged]
    return replace(from_spans(logged, replace(known, raw=raw)), tags=tags)


def _span(logged: Fields, where: str) -> LoggedSpan:
    found = attributes(logged.get("attributes"))
    for event in _objects(logged.get("events")):
        name = event.get("name")
        if isinstance(name, str) and name.startswith(("gen_ai.", "exception")):
            found.setdefault(f"event:{name}", [])
            cast("list[JsonValue]", found[f"event:{name}"]).append(
                attributes(event.get("attributes"))
            )
    began, ended = (
        _seconds(logged.get("startTimeUnixNano")),
        _seconds(logged.get("endTimeUnixNano")),
    )
    status = logged.get("status")
    state: Fields = status if isinstance(status, dict) else {}
    operation = found.get("gen_ai.operation.name", found.get("openinference.span.kind"))
    kind = _OPERATIONS.get(operation, "other") if isinstance(operation, str) else "other"
    if kind == "other" and genai.conversation(found):
        kind = "llm"
    asked, answered = genai.exchange(found)
    failed = state.get("code") in _ERROR_CODES
    return LoggedSpan(
        where=where,
        trace_id=_identifier(logged.get("traceId")),
        attributes=found,
        raw=dict(logged),
        span=Span(
            id=_identifier(logged.get("spanId")),
            name=str(logged.get("name") or ""),
            kind=kind,
            parent_id=_identifier(logged.get("parentSpanId")),
            started_at=began,
            duration_ms=None if began is None or ended is None else (ended - began) * 1000,
            status="error" if failed else "ok",
            error=_error(state, found) if failed else "",
            model=genai.model(found),
            input=asked,
            output=answered,
        ),
    )


def attributes(listed: JsonValue) -> dict[str, JsonValue]:
    """OTLP's list of keys with typed values as one object."""
    found: dict[str, JsonValue] = {}
    for item in _objects(listed):
        key = item.get("key")
        if isinstance(key, str):
            found[key] = _value(item.get("value"))
    return found


def _value(typed: JsonValue) -> JsonValue:
    if not isinstance(typed, dict):
        return typed
    for key, value in typed.items():
        if key == "arrayValue" and isinstance(value, dict):
            items = value.get("values")
            return [_value(item) for item in items] if isinstance(items, list) else []
        if key == "kvlistValue" and isinstance(value, dict):
            return cast("JsonValue", attributes(value.get("values")))
        if key == "intValue":
            return _integer(value)
        return value
    return None


def _integer(value: JsonValue) -> JsonValue:
    # 64-bit integers come as texts, or as the two halves that JavaScript writes.
    if isinstance(value, dict) and isinstance(value.get("low"), int):
        high, low = value.get("high"), cast("int", value["low"])
        return ((high if isinstance(high, int) else 0) << 32) | (low & 0xFFFFFFFF)
    try:
        return int(cast("str", value))
    except (TypeError, ValueError, OverflowError):
        return value


def _seconds(value: JsonValue) -> float | None:
    found = _integer(value)
    return found / 1e9 if isinstance(found, int) and 0 < found < 2**63 else None


def _identifier(value: JsonValue) -> str:
    """An id as lower-case hex, whether it was logged as hex or as base64; empty if absent."""
    if not isinstance(value, str) or not value:
        return ""
    if len(value) in _HEX_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in value):
        return value.lower()
    try:
        return base64.b64decode(value, validate=True).hex()
    except (ValueError, binascii.Error):
        return value


def _error(state: Fields, found: Mapping[str, JsonValue]) -> str:
    events = found.get("event:exception")
    last: JsonValue = events[-1] if isinstance(events, list) and events else None
    thrown = last.get("exception.message") if isinstance(last, dict) else None
    for text in (state.get("message"), thrown, found.get("error.type")):
        if isinstance(text, str) and text:
            return text
    return "error without a message"


def _session(logged: list[LoggedSpan]) -> str:
    for key in ("session.id", "gen_ai.conversation.id"):
        for item in logged:
            value = item.attributes.get(key)
            if isinstance(value, str) and value:
                return value
    return ""


def _duration(logged: list[LoggedSpan]) -> float | None:
    timed = [
        (item.span.started_at, item.span.started_at + item.span.duration_ms / 1000)
        for item in logged
        if item.span.started_at is not None and item.span.duration_ms is not None
    ]
    if not timed:
        return None
    return (max(end for _, end in timed) - min(start for start, _ in timed)) * 1000


def _total(calls: list[LoggedSpan], names: tuple[str, ...]) -> int | None:
    counted = [genai.tokens(item.attributes, names) for item in calls]
    known = [number for number in counted if number is not None]
    if sum(known) >= LARGEST_COUNT:
        raise ValueError("counts more tokens than can be")
    return sum(known) if known else None


def _cost(calls: list[LoggedSpan]) -> float | None:
    known = [cost for item in calls if (cost := genai.cost(item.attributes)) is not None]
    return sum(known) if known else None


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
