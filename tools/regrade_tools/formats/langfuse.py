"""Traces as Langfuse exports them: a trace with its observations."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.feedback import of_langfuse
from regrade_tools.formats.fields import (
    Fields,
    count,
    first_token_ms,
    inside,
    number,
    objects,
    tags,
    text,
    told_facts,
)
from regrade_tools.formats.spans import LoggedSpan, arguments, from_spans, in_order, is_call
from regrade_tools.models import Message, Span, SpanKind, Trace
from regrade_tools.texts.jsontext import unpacked
from regrade_tools.texts.timestamps import elapsed_ms, moment

_KINDS: dict[str, SpanKind] = {
    "GENERATION": "llm",
    "TOOL": "tool",
    "AGENT": "agent",
    "RETRIEVER": "retrieval",
}
_INPUT_TOKENS = ("inputUsage", "promptTokens", "input_tokens")
_OUTPUT_TOKENS = ("outputUsage", "completionTokens", "output_tokens")


def is_langfuse(record: Fields) -> bool:
    """Whether ``record`` is a trace with its observations."""
    listed = record.get("observations")
    return isinstance(listed, list) and ("trace" in record or "id" in record)


def without_scores(record: Fields) -> dict[str, JsonValue]:
    """``record`` as it is exported before anything was said of it."""
    told: dict[str, JsonValue] = {**record, "scores": []} if record.get("scores") else {**record}
    trace = inside(record, "trace")
    return {**told, "trace": {**trace, "scores": []}} if trace.get("scores") else told


def from_langfuse(record: Fields, blank: Trace) -> Trace:
    """The trace of an export; ``blank`` brings its id and source."""
    about = {**record, **inside(record, "trace")}
    logged = [_span(item, blank.source) for item in objects(record.get("observations"))]
    found = from_spans(in_order(logged), blank) if logged else blank
    given, said = _unwrapped(about.get("input")), _unwrapped(about.get("output"))
    around = any(span.kind == "llm" and span.input != given for span in found.spans)
    program = found.program if given is None else around and is_call(given)
    return replace(
        found,
        external_id=text(about, ("id",)),
        name=text(about, ("name",)) or found.name,
        session=text(about, ("sessionId",)),
        started_at=moment(about.get("timestamp")) or found.started_at,
        tags=tags(about),
        input=found.input if given is None else arguments(given) if program else given,
        program=program,
        output=found.output if said is None else said,
        status="error" if found.status == "error" else "ok",
        metadata=_metadata(about),
        feedback=of_langfuse(about.get("scores")),
    )


def _span(logged: Fields, where: str) -> LoggedSpan:
    began, ended = moment(logged.get("startTime")), moment(logged.get("endTime"))
    kind = _KINDS.get(text(logged, ("type",)), "other")
    failed = logged.get("level") == "ERROR"
    given, said = _unwrapped(logged.get("input")), _unwrapped(logged.get("output"))
    return LoggedSpan(
        where=where,
        trace_id=text(logged, ("traceId",)),
        raw=None,
        conversation=partial(_conversation, given, said),
        input_tokens=_tokens(logged, _INPUT_TOKENS, "input"),
        output_tokens=_tokens(logged, _OUTPUT_TOKENS, "output"),
        cost_usd=number({**inside(logged, "costDetails"), **logged},
                        ("totalCost", "calculatedTotalCost", "total")),
        span=Span(
            id=text(logged, ("id",)),
            name=text(logged, ("name",)),
            kind=kind,
            parent_id=text(logged, ("parentObservationId",)),
            started_at=began,
            duration_ms=elapsed_ms(began, ended),
            status="error" if failed else "ok",
            error=(text(logged, ("statusMessage",)) or "error without a message") if failed else "",
            model=text(logged, ("model", "providedModelName")),
            input=given,
            output=said,
            ttft_ms=first_token_ms(began, moment(logged.get("completionStartTime")), ended),
        ),
    )  # fmt: skip


def _conversation(given: JsonValue, said: JsonValue) -> tuple[Message, ...]:
    return (*payload.asked(given), *payload.answered(said))


def _unwrapped(value: JsonValue) -> JsonValue:
    """The value of a text of JSON, also where it was made a text of JSON twice."""
    found = unpacked(value)
    if isinstance(found, str) and found[:2] in ('"{', '"['):
        inner = unpacked(f"[{found}]")
        found = unpacked(inner[0]) if isinstance(inner, list) and len(inner) == 1 else found
    return found


def _tokens(logged: Fields, names: Iterable[str], way: str) -> int | None:
    known = count(logged, names)
    if known is not None:
        return known
    for key in ("usageDetails", "usage"):
        usage = inside(logged, key)
        # What is cached or thought is counted beside the rest: input, input_cache_read, ...
        parts = [count(usage, (name,)) for name in usage if name.startswith(way)]
        counted = [part for part in parts if part is not None]
        if counted:
            return sum(counted)
    return None


def _metadata(about: Fields) -> dict[str, JsonValue]:
    """Its facts, who it was for, and where and in which version it ran."""
    found = told_facts(about)
    for ours, theirs in (("user", "userId"), ("environment", "environment"),
                         ("release", "release"), ("version", "version")):  # fmt: skip
        value = about.get(theirs)
        if isinstance(value, str) and value:
            found[ours] = value
    return found
