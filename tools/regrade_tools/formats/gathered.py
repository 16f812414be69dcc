"""Formats whose traces lie in many records, and may go on in a later file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from pydantic import JsonValue

from regrade_tools.fingerprint import trace_id
from regrade_tools.formats import claude_code, langsmith, otlp, phoenix
from regrade_tools.formats.fields import Fields, objects
from regrade_tools.formats.spans import LoggedSpan, Origin, from_spans, in_order, services
from regrade_tools.models import Span, Trace


@dataclass(frozen=True, slots=True)
class Gathered:
    """How such a format is told, taken apart into spans, and put together as traces."""

    tells: Callable[[Fields], bool]
    spans: Callable[[Fields, str], Iterator[LoggedSpan]]
    span: Callable[[Fields, str], LoggedSpan]
    trace: Callable[[Sequence[LoggedSpan], Origin | Trace], Trace] = from_spans
    completed: Callable[[Sequence[LoggedSpan]], list[LoggedSpan]] = list
    # One span as it was known, and as a later export tells it.
    merged: Callable[[Fields, Fields], Fields] = lambda had, got: {**had, **got}
    lacks: str = ""


GATHERED = {
    "otlp": Gathered(
        otlp.is_otlp, otlp.spans, otlp.span, completed=otlp.completed,
        lacks="is no OTLP export: it has no resourceSpans and no resourceLogs",
    ),
    "openinference": Gathered(
        phoenix.is_phoenix, phoenix.spans, phoenix.span,
        lacks="is no span of OpenInference: it has no context with trace_id and span_id",
    ),
    "langsmith": Gathered(
        langsmith.is_langsmith, langsmith.spans, langsmith.span, completed=langsmith.completed,
        merged=langsmith.merged,
        lacks="is no run of LangSmith: it has no run_type and inputs",
    ),
    "claude-code": Gathered(
        claude_code.is_claude_code, claude_code.spans, claude_code.span, claude_code.from_lines,
        lacks="is no line of a transcript: it has no message with a role and a time",
    ),
}  # fmt: skip


def may_grow(trace: Trace) -> bool:
    """Whether spans of ``trace`` may come later."""
    return trace.format in GATHERED and bool(trace.external_id)


def ids_of(name: str) -> tuple[str, ...]:
    """The ids that a trace may have here whose spans call it ``name``."""
    return tuple(_own_id(kind, name) for kind in GATHERED)


def _own_id(kind: str, name: str) -> str:
    return trace_id([kind, name], 0, None)


def assembled(logged: Sequence[LoggedSpan], kind: str) -> Trace:
    """The trace of ``logged``, which share a trace id and are in the order of their start.

    Its id is made of its own id alone, so that spans that come later belong to it.
    """
    logged = GATHERED[kind].completed(logged)
    name = logged[0].trace_id
    own = _own_id(kind, name) if name else ""
    raw = [item.raw for item in logged]
    trace = GATHERED[kind].trace(logged, Origin(own, logged[0].where, kind, raw, {}))
    if own:
        return trace
    # Nobody knows which spans without a trace id belong together: their ids and times tell them.
    spans: JsonValue = [[span.id, span.started_at, span.duration_ms] for span in trace.spans]
    return replace(trace, id=trace_id(spans, 0, trace.started_at))


def identity(span: Span) -> tuple[str, float | None]:
    """What tells ``span`` from the others of its trace: ids that are not unique happen."""
    return span.id, span.started_at


def _with_services(logged: Sequence[LoggedSpan], told: Sequence[Trace]) -> list[LoggedSpan]:
    """``logged`` with the services that the spans of ``told`` had, which no record of one tells."""
    known = {
        identity(span): service
        for trace in told
        for span, service in zip(trace.spans, services(trace.spans), strict=True)
        if service
    }
    if not known:
        return list(logged)
    return [item._replace(service=known.get(identity(item.span), "")) for item in logged]


def joined(known: Trace, later: Trace) -> Trace:
    """``known`` with the spans and the feedback of ``later``; itself where it lacks none."""
    have = {identity(span) for span in known.spans}
    new = not set(later.feedback) <= set(known.feedback)
    if not new and have.issuperset(map(identity, later.spans)):
        return known
    read = GATHERED[known.format]
    logged = [read.span(raw, known.source) for raw in objects(known.raw)]
    places = {identity(item.span): place for place, item in enumerate(logged)}
    for raw in objects(later.raw):
        item = read.span(raw, known.source)
        place = places.get(identity(item.span))
        if place is None:
            logged.append(item)
        elif new and item.feedback:
            # What was said of it before may stand in what is known alone.
            had = cast("Fields", logged[place].raw)
            logged[place] = read.span(read.merged(had, raw), known.source)
    logged = _with_services(read.completed(in_order(logged)), (later, known))
    whole: JsonValue = [item.raw for item in logged]
    if whole == known.raw:
        return known
    tags = tuple(dict.fromkeys((*known.tags, *later.tags)))
    return replace(read.trace(logged, replace(known, raw=whole)), tags=tags)
