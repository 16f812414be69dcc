"""One trace as an agent reads it: four views, each cut to size with the way to the rest."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import JsonValue

from regrade_tools.models import Label, Message, Span, Trace
from regrade_tools.models.trace import chat_message
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.clipping import PAGE, beginning, clip_value, shrink, size
from regrade_tools.texts.paging import fit, position, within
from regrade_tools.traces.digest import digest

View = Literal["digest", "conversation", "spans", "raw"]

_TURN = 1_500
_SPAN_FIELD = 400


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace as a view shows it; ``next_cursor`` leads on where it was cut."""

    id: str
    view: str
    content: dict[str, JsonValue]
    next_cursor: str | None = None
    hint: str | None = None


def show(trace: Trace, view: View, cursor: str | None, labels: Sequence[Label] = ()) -> TraceView:
    """``trace`` in one of its views, from ``cursor`` on."""
    start = position(cursor, "get_trace")
    if view == "digest":
        content, hint = digest(trace, labels)
        return TraceView(trace.id, "digest", content, hint=hint)
    if view == "conversation":
        return _conversation(trace, start)
    return _spans(trace, start) if view == "spans" else _raw(trace, start)


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
    long = any(len(message.content) > _TURN for message in trace.messages)
    hint = 'Long messages are clipped: view "raw" pages through all of them.' if long else None
    return _paged(trace, "conversation", "messages", turns, shown, start, hint)


def _spans(trace: Trace, start: int) -> TraceView:
    if not trace.spans:
        raise Refusal(
            f"{trace.id} was logged without spans.",
            next_step=f'Use view "{"conversation" if trace.messages else "digest"}" or "raw".',
        )

    def shown(span: Span) -> JsonValue:
        return {key: clip_value(value, _SPAN_FIELD) for key, value in _told(span).items()}

    hint = "Input and output are clipped: span_id shows a span with more of them."
    return _paged(trace, "spans", "spans", trace.spans, shown, start, hint)


def _paged(  # noqa: PLR0913 - a page of anything
    trace: Trace,
    view: View,
    name: str,
    items: Sequence[Any],
    shown: Callable[[Any], JsonValue],
    start: int,
    hint: str | None,
) -> TraceView:
    page = fit(items, shown, start, PAGE)
    content: dict[str, JsonValue] = {name: page.items, "total": len(items)}
    return TraceView(trace.id, view, content, page.next_cursor, hint)


def span_of(trace: Trace, span_id: str) -> Span:
    """One span of ``trace``.

    Raises:
        Refusal: It has none with this id.
    """
    span = next((span for span in trace.spans if span.id == span_id), None)
    if span is None:
        raise unknown("span", span_id, [span.id for span in trace.spans[:20]])
    return span


def one_span(trace: Trace, span_id: str) -> TraceView:
    """One span of ``trace`` with as much of its input and output as a reply can hold."""
    span = span_of(trace, span_id)
    # Input and output as a text where they are long, and what else is long cut with them.
    told = {key: clip_value(value, PAGE // 2) for key, value in _told(span).items()}
    cut = size(told) < size(_told(span))
    hint = 'It is clipped: view "raw" pages through all of the trace.' if cut else None
    return TraceView(trace.id, "span", shrink(told, PAGE), hint=hint)


def _told(span: Span) -> dict[str, JsonValue]:
    return {key: value for key, value in asdict(span).items() if value not in (None, "")}


def _raw(trace: Trace, start: int) -> TraceView:
    text = json.dumps(trace.raw, ensure_ascii=False)
    within(start, len(text))
    shown = beginning(text[start : start + PAGE], PAGE)
    end = start + len(shown)
    content: dict[str, JsonValue] = {"text": shown, "characters": len(text)}
    return TraceView(trace.id, "raw", content, str(end) if end < len(text) else None)
