"""What happened in a trace, short enough to be read: its steps, and where it first went wrong."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.clipping import clip
from regrade_tools.models import Message, Span, ToolCall, Trace

# How tools say that they failed, where nothing but the text says so.
_ERROR = re.compile(r'^\s*(?:\{"error"|error\b|exception\b|traceback\b|failed\b)', re.IGNORECASE)
_STEP = 110
_ID = 40
_REASON = 300


@dataclass(frozen=True, slots=True)
class Wrong:
    """The first thing that went wrong: what, and the step or span where."""

    what: str
    where: str


def first_wrong(trace: Trace) -> Wrong | None:
    """The first error status, failed tool or empty answer; None where none shows."""
    return next(_wrongs(trace), None)


def _wrongs(trace: Trace) -> Iterator[Wrong]:
    for span in trace.spans:
        if span.status == "error":
            yield Wrong(clip(f"{span.name}: {span.error}", _REASON), f"span {clip(span.id, _STEP)}")
    for number, message in enumerate(trace.messages, 1):
        if message.role == "tool" and _ERROR.match(message.content):
            yield Wrong(clip(f"a tool failed: {message.content}", _REASON), f"step {number}")
        elif message.role == "assistant" and not message.content and not message.tool_calls:
            yield Wrong("the assistant said nothing", f"step {number}")
    if trace.status == "error":
        yield Wrong(clip(trace.error or "the status is error", _REASON), "the whole trace")
    if trace.exchange.output in (None, "", [], {}):
        yield Wrong("there is no output", "the whole trace")


def steps(trace: Trace) -> list[str]:
    """One line a step: of the conversation, or of the spans where there is more than one."""
    if len(trace.spans) > 1 or not trace.messages:
        depths = _depths(trace.spans)
        return [_span_line(span, depths.get(span.id, 0)) for span in trace.spans]
    return [_message_line(number, message) for number, message in enumerate(trace.messages, 1)]


def _depths(spans: tuple[Span, ...]) -> dict[str, int]:
    """How deep each span lies; a loop or an orphan ends the climb."""
    parents = {span.id: span.parent_id for span in spans}
    depths: dict[str, int] = {}
    for span in spans:
        way: dict[str, None] = {}
        at = span.id
        while at in parents and at not in depths and at not in way:
            way[at] = None
            at = parents[at]
        depth = depths.get(at, -1)
        for step in reversed(way):
            depth += 1
            depths[step] = depth
    return depths


def _span_line(span: Span, depth: int) -> str:
    took = "" if span.duration_ms is None else f" {span.duration_ms:.0f} ms"
    failed = f" ERROR {span.error}" if span.status == "error" else ""
    name = f"{'  ' * min(depth, 8)}{clip(span.id, _ID)} {span.kind} {clip(span.name, _STEP)}"
    return clip(f"{name}{took}{failed}", _STEP)


def _message_line(number: int, message: Message) -> str:
    calls = ", ".join(_call(call) for call in message.tool_calls)
    said = " ".join(message.content.split())
    name = f" {clip(message.name, _ID)}" if message.name else ""
    return f"{number} {clip(message.role, _ID)}{name}: {clip(f'{said} {calls}'.strip(), _STEP)}"


def _call(call: ToolCall) -> str:
    given: JsonValue = call.arguments
    return f"-> {call.name}({json.dumps(given, ensure_ascii=False) if given else ''})"
