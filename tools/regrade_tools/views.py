"""One trace as an agent reads it: four views, each cut to size with the way to the rest."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import JsonValue

from regrade_tools.clipping import REPLY_CHARACTERS, clip, clip_value, fit
from regrade_tools.digest import first_wrong, steps
from regrade_tools.models import Message, Span, Trace
from regrade_tools.models.trace import chat_message
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.timestamps import iso

View = Literal["digest", "conversation", "spans", "raw"]

_EXCHANGE = 3_000
_TURN = 1_500
_SPAN_FIELD = 400
_STEP = 200
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
    start = _position(cursor)
    if view == "digest":
        return _digest(trace)
    if view == "conversation":
        return _conversation(trace, start)
    return _spans(trace, start) if view == "spans" else _raw(trace, start)


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 12:  # noqa: PLR2004 - beyond any trace
        raise Refusal(
            f"The cursor {clip(cursor, 40)!r} is not one that get_trace gave.",
            next_step="Pass next_cursor as it is, or leave cursor out.",
        )
    return int(cursor)


def _digest(trace: Trace) -> TraceView:
    exchange, wrong = trace.exchange, first_wrong(trace)
    lines = steps(trace)
    head, tail = _STEPS
    if len(lines) > head + tail:
        cut = f"... {len(lines) - head - tail} steps more: other views show them"
        lines = [*lines[:head], cut, *lines[-tail:]]
    content: dict[str, JsonValue] = {
        "name": trace.name,
        "status": trace.status,
        "when": None if trace.started_at is None else iso(trace.started_at),
        "duration_ms": None if trace.duration_ms is None else round(trace.duration_ms, 3),
        "model": trace.model,
        "tokens": trace.tokens,
        "cost_usd": trace.cost_usd,
        "session": trace.session,
        "tags": list(trace.tags),
        "source": trace.source,
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
        content={key: value for key, value in content.items() if value not in (None, "", [], {})},
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
    page = fit(items, shown, start, REPLY_CHARACTERS)
    content: dict[str, JsonValue] = {name: page.items, "total": len(items)}
    following = None if page.following is None else str(page.following)
    return TraceView(trace.id, view, content, following)


def one_span(trace: Trace, span_id: str) -> TraceView:
    """One span of ``trace`` with as much of its input and output as a reply can hold."""
    span = next((span for span in trace.spans if span.id == span_id), None)
    if span is None:
        raise unknown("span", span_id, [span.id for span in trace.spans[:20]])
    half = REPLY_CHARACTERS // 2
    return TraceView(
        trace.id, "span", {key: clip_value(value, half) for key, value in _told(span).items()}
    )


def _told(span: Span) -> dict[str, JsonValue]:
    return {key: value for key, value in asdict(span).items() if value not in (None, "")}


def _raw(trace: Trace, start: int) -> TraceView:
    text = json.dumps(trace.raw, ensure_ascii=False)
    end = start + REPLY_CHARACTERS
    content: dict[str, JsonValue] = {"text": text[start:end], "characters": len(text)}
    return TraceView(trace.id, "raw", content, str(end) if end < len(text) else None)
