"""One trace as an agent reads it: four views, each cut to size with the way to the rest."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import JsonValue

from regrade_tools.clipping import PAGE, beginning, clip, clip_list, clip_value, shrink
from regrade_tools.digest import first_wrong, steps
from regrade_tools.models import Message, Span, Trace
from regrade_tools.models.trace import chat_message
from regrade_tools.paging import fit, position
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.timestamps import iso

View = Literal["digest", "conversation", "spans", "raw"]

_EXCHANGE = 3_000
_TURN = 1_500
_SPAN_FIELD = 400
_STEP = 200
_FACT = 400
_TAGS = 1_000
_STEPS = (40, 15)


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace as a view shows it; ``next_cursor`` leads on where it was cut."""

    id: str
    view: str
    content: dict[str, JsonValue]
    next_cursor: str | None = None
    hint: str | None = None


def show(trace: Trace, view: View, cursor: str | None) -> TraceView:
    """``trace`` in one of its views, from ``cursor`` on."""
    start = position(cursor, "get_trace")
    if view == "digest":
        return _digest(trace)
    if view == "conversation":
        return _conversation(trace, start)
    return _spans(trace, start) if view == "spans" else _raw(trace, start)


def _digest(trace: Trace) -> TraceView:
    exchange, wrong = trace.exchange, first_wrong(trace)
    lines = steps(trace)
    head, tail = _STEPS
    if len(lines) > head + tail:
        cut = f"... {len(lines) - head - tail} steps more: other views show them"
        lines = [*lines[:head], cut, *lines[-tail:]]
    content: dict[str, JsonValue] = {
        "name": clip(trace.name, _FACT),
        "status": trace.status,
        "when": None if trace.started_at is None else iso(trace.started_at),
        "duration_ms": None if trace.duration_ms is None else round(trace.duration_ms, 3),
        "model": clip(trace.model, _FACT),
        "tokens": trace.tokens,
        "cost_usd": trace.cost_usd,
        "session": clip(trace.session, _FACT),
        "tags": [*clip_list(trace.tags, _TAGS)],
        "source": clip(trace.source, _FACT),
        "input": clip_value(trace.opening if trace.messages else exchange.input, _EXCHANGE),
        "output": clip_value(exchange.output, _EXCHANGE),
        "first_wrong": None if wrong is None else {"what": wrong.what, "where": wrong.where},
        "steps": [clip(line, _STEP) for line in lines],
        "metadata": clip_value(trace.metadata, _EXCHANGE),
    }
    more = "conversation" if trace.messages else "raw"
    return TraceView(
        id=trace.id,
        view="digest",
        content=shrink(
            {key: value for key, value in content.items() if value not in (None, "", [], {})}, PAGE
        ),
        hint=f'view "{more}" shows more of it; file_case makes a regression case of it.',
    )


def _conversation(trace: Trace, start: int) -> TraceView:
    if not trace.messages:
        raise Refusal(
            f"{trace.id} holds no conversation, only an input and an output.",
            next_step='Use view "digest" or "raw".',
        )

    def shown(item: tuple[int, Message]) -> JsonValue:
        number, message = item
        cut = {key: clip_value(value, _TURN) for key, value in chat_message(message).items()}
        return {"step": number, **{key: value for key, value in cut.items() if value}}

    turns = list(enumerate(trace.messages, 1))
    return _paged(trace, "conversation", "messages", turns, shown, start)


def _spans(trace: Trace, start: int) -> TraceView:
    def shown(span: Span) -> JsonValue:
        return {key: clip_value(value, _SPAN_FIELD) for key, value in _told(span).items()}

    return _paged(trace, "spans", "spans", trace.spans, shown, start)


def _paged(  # noqa: PLR0913 - a page of anything
    trace: Trace,
    view: View,
    name: str,
    items: Sequence[Any],
    shown: Callable[[Any], JsonValue],
    start: int,
) -> TraceView:
    page = fit(items, shown, start, PAGE)
    content: dict[str, JsonValue] = {name: page.items, "total": len(items)}
    return TraceView(trace.id, view, content, page.next_cursor)


def one_span(trace: Trace, span_id: str) -> TraceView:
    """One span of ``trace`` with as much of its input and output as a reply can hold."""
    span = next((span for span in trace.spans if span.id == span_id), None)
    if span is None:
        raise unknown("span", span_id, [span.id for span in trace.spans[:20]])
    # Input and output as a text where they are long, and what else is long cut with them.
    told = {key: clip_value(value, PAGE // 2) for key, value in _told(span).items()}
    return TraceView(trace.id, "span", shrink(told, PAGE))


def _told(span: Span) -> dict[str, JsonValue]:
    return {key: value for key, value in asdict(span).items() if value not in (None, "")}


def _raw(trace: Trace, start: int) -> TraceView:
    text = json.dumps(trace.raw, ensure_ascii=False)
    shown = beginning(text[start : start + PAGE], PAGE)
    end = start + len(shown)
    content: dict[str, JsonValue] = {"text": shown, "characters": len(text)}
    return TraceView(trace.id, "raw", content, str(end) if end < len(text) else None)
