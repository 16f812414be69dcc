"""A trace as OTLP/JSON: one export request a line, as the OpenTelemetry Collector writes files."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import repeat
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats.otlp import resource_of
from regrade_tools.formats.spans import extent, services
from regrade_tools.models import FeedbackSource, Message, Span, SpanKind, Trace
from regrade_tools.texts.jsontext import compact
from regrade_tools.traces.features import text_of
from regrade_tools.traces.wrong import stops

_SPAN_ID, _TRACE_ID = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{32}")
_KINDS: dict[SpanKind, str] = {
    "llm": "LLM",
    "tool": "TOOL",
    "agent": "AGENT",
    "retrieval": "RETRIEVER",
    "other": "CHAIN",
}
_WHO: dict[FeedbackSource, str] = {"human": "HUMAN", "model": "LLM", "code": "CODE"}
_ERROR = 2
# So little apart are the clocks of a trace and of its spans.
_MOMENT_S = 0.01
Attributes = dict[str, JsonValue]


def line(trace: Trace) -> str:
    """``trace`` as one line of JSON; what came as OTLP goes as it came."""
    as_logged = trace.format == "otlp" and isinstance(trace.raw, list)
    logged = cast("list[JsonValue]", trace.raw) if as_logged else _spans(trace)
    parted: dict[str, list[JsonValue]] = {}
    # Where all is as it came, a service has its spans; anything else is of none.
    told = services(trace.spans) if as_logged and len(logged) == len(trace.spans) else repeat("")
    for span, service in zip(logged, told, strict=False):
        parted.setdefault(service, []).append(span)
    return compact({"resourceSpans": [_resource(trace, *one) for one in parted.items()]}) + "\n"


def _resource(trace: Trace, service: str, logged: list[JsonValue]) -> JsonValue:
    scope: JsonValue = {"scope": {"name": "regrade"}, "spans": logged}
    attributes = resource_of(trace.tags, service)
    about: Attributes = {"resource": {"attributes": attributes}} if attributes else {}
    return {**about, "scopeSpans": [scope]}


def _spans(trace: Trace) -> list[JsonValue]:
    identifier = (
        trace.external_id if _TRACE_ID.fullmatch(trace.external_id) else _hash(trace.id, 32)
    )
    about = _about(trace)
    if not trace.spans:
        kind: SpanKind = "llm" if trace.messages or trace.model else "other"
        root = Span(trace.id, trace.name, kind, "", trace.started_at, trace.duration_ms,
                    trace.status, trace.error, trace.model, trace.input, trace.output,
                    ttft_ms=trace.ttft_ms)  # fmt: skip
        said = _feedback(trace, ())
        ended = _ends(trace, ()).get("", {})
        return [_span(root, identifier, {**about, **_call(trace), **ended, **said.get("", {})})]
    whole = _whole(trace)
    top = _top(whole)
    calls = [place for place, span in enumerate(whole) if span.kind == "llm"]
    speaks = calls[-1] if calls else top
    ids = {span.id for span in whole}
    said, ends = _feedback(trace, ids), _ends(trace, ids)
    found: list[JsonValue] = []
    for place, span in enumerate(whole):
        more = {**about, **said.get("", {})} if place == top else {}
        more |= {**said.get(span.id, {}), **ends.get(span.id, {})} if span.id else {}
        if place == speaks:
            more |= {**ends.get("", {}), **_call(trace)}
        found.append(_span(span, identifier, more))
    return found


def _whole(trace: Trace) -> Sequence[Span]:
    """The spans, inside one for the whole where it took longer than they tell."""
    began, took, told = trace.started_at, trace.duration_ms, extent(trace.spans)
    if began is None or took is None or told is None:
        return trace.spans
    if began > told[0] - _MOMENT_S and began + took / 1000 < told[1] + _MOMENT_S:
        return trace.spans
    given = trace.program or not trace.messages
    around = Span(trace.id, trace.name, "other", "", began, took, trace.status, trace.error, "",
                  trace.input if given else None, trace.output if given else None)  # fmt: skip
    ids = {span.id for span in trace.spans}
    inside = (
        span if span.parent_id in ids else replace(span, parent_id=around.id)
        for span in trace.spans
    )
    return around, *inside


def _top(spans: Sequence[Span]) -> int:
    """The span that stands for the whole: the first without a parent."""
    ids = {span.id for span in spans}
    return next((n for n, span in enumerate(spans) if span.parent_id not in ids), 0)


def _about(trace: Trace) -> Attributes:
    """What is said of the trace as a whole."""
    tags = {"tag.tags": compact([*trace.tags])} if trace.tags else {}
    facts = {"metadata": compact(trace.metadata)} if trace.metadata else {}
    return {**tags, **facts, **({"session.id": trace.session} if trace.session else {})}


def _feedback(trace: Trace, ids: Collection[str]) -> dict[str, Attributes]:
    """The feedback by the span it is of, as OpenInference flattens it.

    What was said of a span that is none of ``ids`` is said of the whole, under the empty text.
    """
    told: dict[str, Attributes] = {}
    for place, one in enumerate(trace.feedback):
        begin = f"{'annotations' if one.span_id else 'trace.annotations'}.{place}.annotation"
        about: Attributes = {
            "name": one.name,
            "score": one.value,
            "label": one.label,
            "explanation": one.comment,
            "annotator_kind": _WHO.get(one.source),
        }
        own = told.setdefault(one.span_id if one.span_id in ids else "", {})
        own |= {f"{begin}.{key}": held for key, held in about.items() if held not in (None, "")}
    return told


def _ends(trace: Trace, ids: Collection[str]) -> dict[str, Attributes]:
    """Why answers ended before they were whole, by span; under the empty text that of the last."""
    reasons: dict[str, list[JsonValue]] = {}
    for reason, span_id in stops(trace.raw):
        told = reasons.setdefault(span_id if span_id in ids else "", [])
        if reason not in told:
            told.append(reason)
    return {span_id: {"gen_ai.response.finish_reasons": told} for span_id, told in reasons.items()}


def _call(trace: Trace) -> Attributes:
    """What is said of the model call: its messages, its usage and its model."""
    said = trace.messages
    answers = bool(said) and said[-1].role == "assistant"
    told: dict[str, JsonValue] = {
        "gen_ai.input.messages": _messages(said[:-1] if answers else said),
        "gen_ai.output.messages": _messages(said[-1:] if answers else ()),
        "gen_ai.request.model": trace.model,
        "gen_ai.usage.input_tokens": trace.input_tokens,
        "gen_ai.usage.output_tokens": trace.output_tokens,
        "gen_ai.usage.cost": trace.cost_usd,
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _messages(said: Sequence[Message]) -> str:
    """Messages as the GenAI conventions write them: roles with parts."""
    return compact([_message(message) for message in said]) if said else ""


def _message(message: Message) -> JsonValue:
    parts: list[JsonValue] = []
    named = {"name": message.name} if message.name else {}
    if message.role == "tool":
        reply = {"type": "tool_call_response", "id": message.tool_call_id, **named}
        parts.append({**reply, "response": message.content})
    elif message.content or not message.tool_calls:
        parts.append({"type": "text", "content": message.content})
    for call in message.tool_calls:
        asked: dict[str, JsonValue] = {"id": call.id, "name": call.name}
        parts.append({"type": "tool_call", **asked, "arguments": call.arguments})
    return {"role": message.role, **named, "parts": parts}


def _span(span: Span, trace_id: str, more: Attributes) -> JsonValue:
    told: Attributes = {
        "openinference.span.kind": _KINDS[span.kind],
        "gen_ai.request.model": span.model,
        "gen_ai.tool.name": span.tool,
        "input.value": text_of(span.input),
        "output.value": text_of(span.output),
        "gen_ai.response.time_to_first_chunk": _seconds(span.ttft_ms),
    }
    told = {**{name: value for name, value in told.items() if value not in (None, "")}, **more}
    began = span.started_at
    ended = None if began is None or span.duration_ms is None else began + span.duration_ms / 1000
    status: JsonValue = (
        {"code": _ERROR, "message": span.error} if span.status == "error" else {"code": 1}
    )
    return {
        "traceId": trace_id,
        "spanId": _span_id(span.id),
        "parentSpanId": _span_id(span.parent_id) if span.parent_id else "",
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": _nanoseconds(began),
        "endTimeUnixNano": _nanoseconds(ended),
        "attributes": [{"key": name, "value": _typed(value)} for name, value in told.items()],
        "status": status,
    }


def _typed(value: JsonValue) -> JsonValue:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_typed(item) for item in value]}}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": text_of(value)}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _nanoseconds(seconds: float | None) -> str:
    return "0" if seconds is None else str(max(round(seconds * 1_000_000), 0) * 1_000)


def _span_id(identifier: str) -> str:
    return identifier if _SPAN_ID.fullmatch(identifier) else _hash(identifier, 16)


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
