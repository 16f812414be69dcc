"""What shows to have gone wrong in a trace, of which kind, and where."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.assertions.phrases import refuses
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Span, ToolCall, Trace, WrongKind
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact, unpacked
from regrade_tools.texts.patterns import linear

# How tools say that they failed, where nothing but the text says so.
_ERROR = re.compile(
    r"\s*(?:<error|<tool_use_error|error\b|exception\b|traceback\b|failed\b|failure\b)",
    re.IGNORECASE,
)
_FAILURES = ("error", "failed", "failure")
# What JSON that says so is made of: all other need not be parsed.
_SUSPECT = re.compile(
    r'"(?:errors?|isError|is_error)"|"success"\s*:\s*f|"status"\s*:\s*"(?i:error|fail)'
)
_REASON = 280
_ID = 60
# A tool may be asked again; the third time with the very same arguments it is a loop.
_LOOP = 3
_OPENING = 400
_LIMIT = "the answer was cut off: the limit of tokens was reached"
_STOPS: dict[str, tuple[WrongKind, str]] = {
    "length": ("truncated", _LIMIT),
    "max_tokens": ("truncated", _LIMIT),
    "model_length": ("truncated", "the answer was cut off: the context was full"),
    "content_filter": ("filtered", "the answer was stopped by a content filter"),
}
_STOP_NAMES = tuple(
    f"{verb}{joint}{noun}"
    for verb in ("finish", "stop")
    for joint in ("", "_")
    for noun in ("reason", "reasons")
)
_SPAN_NAMES = ("spanId", "span_id")
# The end of a name of the above, and a value of ``_STOPS`` that is no name, as they stand in JSON.
_NAMED = '(?i:reasons?")'
_STOPPED = re.compile(rb'"(?:%s)"(?!:)' % b"|".join(reason.encode() for reason in _STOPS))
# A record of more values is not gone through to its end.
_MOST_VALUES = 50_000
_PARSED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Wrong:
    """What went wrong, and where: ``span_id`` and ``step`` (of the messages, from 1) if known."""

    kind: WrongKind
    what: str
    span_id: str = ""
    step: int = 0

    @property
    def where(self) -> str:
        """The place in words."""
        places: list[str] = []
        if self.step:
            places.append(f"step {self.step}")
        if self.span_id:
            places.append(f"span {clip(self.span_id, _ID)}")
        return ", ".join(places) or "the whole trace"


def first_wrong(trace: Trace) -> Wrong | None:
    """The first error, failed tool, loop, cut or empty answer; None where none shows."""
    return next(_wrongs(trace, trace.raw), None)


def wrong_kinds(trace: Trace, written: bytes | None = None) -> tuple[WrongKind, ...]:
    """Every kind of what went wrong in ``trace``, each once, what came first before others.

    Every trace is asked this as it is stored, and where ``written``, its JSON without blanks,
    is at hand, it is asked quickly: most records need not be gone through.
    """
    raw = trace.raw if written is None or _may_be_stopped(written) else None
    return tuple(dict.fromkeys(wrong.kind for wrong in _wrongs(trace, raw)))


def _may_be_stopped(written: bytes) -> bool:
    return linear(_NAMED)(written) and _STOPPED.search(written.lower()) is not None


def _wrongs(trace: Trace, raw: JsonValue) -> Iterator[Wrong]:
    yield from _failed_spans(trace.spans)
    yield from _said(trace)
    if trace.status == "error":
        yield Wrong("error", _short(trace.error or "the status is error"))
    yield from _loops(trace)
    yield from _stopped(raw)
    output = trace.exchange.output
    if output in (None, "", [], {}):
        yield Wrong("empty", "there is no output")
    elif isinstance(output, str) and refuses(output[:_OPENING]):
        yield Wrong("refusal", _short(f"the answer refuses: {output}"))


def _failed_spans(spans: tuple[Span, ...]) -> Iterator[Wrong]:
    """Spans with an error of their own, before those that only pass one on; then failed tools."""
    failed = [span for span in spans if span.status == "error"]
    above = {span.parent_id for span in failed}
    causes = [span for span in failed if span.id not in above] or failed
    for span in sorted(causes, key=lambda span: span.started_at or 0):
        kind = "tool_error" if span.kind == "tool" else "error"
        yield Wrong(kind, _short(f"{span.name}: {span.error or 'error'}"), span.id)
    for span in spans:
        if span.kind == "tool" and span.status != "error" and tool_failed(span.output):
            what = _short(f"{span.name} failed: {_text(span.output)}")
            yield Wrong("tool_error", what, span.id)


def _said(trace: Trace) -> Iterator[Wrong]:
    calls = {call.id: call.name for message in trace.messages for call in message.tool_calls}
    for step, message in enumerate(trace.messages, 1):
        if message.role == "tool" and tool_failed(message.content):
            name = message.name or calls.get(message.tool_call_id) or "a tool"
            what = _short(f"{name} failed: {message.content}")
            yield Wrong("tool_error", what, _span_of(trace, message.tool_call_id), step)
        elif message.role == "assistant" and not message.content and not message.tool_calls:
            yield Wrong("empty", "the assistant said nothing", "", step)
    if trace.messages and trace.messages[-1].role == "tool" and trace.exchange.output:
        what = "it ends with what a tool said: nobody answered"
        yield Wrong("empty", what, "", len(trace.messages))


def tool_failed(output: JsonValue) -> bool:
    """Whether what a tool said reads as a failure."""
    value = output
    if isinstance(output, str):
        suspect = len(output) < _PARSED and _SUSPECT.search(output)
        value = unpacked(output) if suspect else output
    if isinstance(value, str):
        return _ERROR.match(value) is not None
    if not isinstance(value, dict):
        return False
    status = value.get("status")
    return bool(
        value.get("error")
        or value.get("errors")
        or value.get("isError") is True
        or value.get("is_error") is True
        or value.get("success") is False
        or (isinstance(status, str) and status.lower() in _FAILURES)
    )


def _loops(trace: Trace) -> Iterator[Wrong]:
    said = [
        (step, call)
        for step, message in enumerate(trace.messages, 1)
        for call in message.tool_calls
    ] or [(0, call) for call in trace.tool_calls]
    if len(said) < _LOOP:
        return
    # Arguments are only compared of tools that are called so often at all.
    often = Counter(call.name for _, call in said)
    seen = Counter[tuple[str, str]]()
    for step, call in said:
        if often[call.name] < _LOOP:
            continue
        asked = call.name, fingerprint(call.arguments)
        seen[asked] += 1
        if seen[asked] == _LOOP:
            what = _short(f"the same call for the third time: {told(call)}")
            yield Wrong("repeated_call", what, call.id, step)


def _stopped(raw: JsonValue) -> Iterator[Wrong]:
    """Answers that ended before they were whole, as the record tells."""
    return (Wrong(*_STOPS[reason], span_id) for reason, span_id in stops(raw))


def stops(raw: JsonValue) -> Iterator[tuple[str, str]]:
    """Why answers of a record ended before they were whole, and in which span where it says so."""
    inside: list[tuple[JsonValue, str]] = [(raw, "")]
    for _ in range(_MOST_VALUES):
        if not inside:
            return
        value, span_id = inside.pop()
        if isinstance(value, dict):
            span_id = next((str(value[n]) for n in _SPAN_NAMES if value.get(n)), span_id)
            for name, item in value.items():
                named = value.get("key") if name == "value" else name
                if isinstance(named, str) and named.lower().endswith(_STOP_NAMES):
                    for found in _STOPPED.finditer(compact(item).lower().encode()):
                        yield found[0].decode().strip('"'), span_id
        inside.extend((item, span_id) for item in reversed(_inner(value)))


def _inner(value: JsonValue) -> list[JsonValue]:
    """The lists and objects in ``value``."""
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, dict | list)]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict | list)]
    return []


def _span_of(trace: Trace, call_id: str) -> str:
    """The span of a tool call, where it is named by the call."""
    return call_id if call_id and any(span.id == call_id for span in trace.spans) else ""


def told(call: ToolCall) -> str:
    """A call in one line."""
    return f"{call.name}({compact(call.arguments) if call.arguments else ''})"


def _short(text: str) -> str:
    # Of a message of megabytes the beginning will do.
    return clip(" ".join(text[: _REASON * 8].split()), _REASON)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else compact(value)
