"""Runs as LangSmith exports them: one object for each, or with their children inside."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.feedback import of_langsmith, of_langsmith_record
from regrade_tools.formats.fields import (
    Fields,
    count,
    failure,
    first_token_ms,
    inside,
    number,
    objects,
    remainder,
    tags,
    text,
    user_of,
)
from regrade_tools.formats.spans import LoggedSpan, in_order
from regrade_tools.models import Message, Span, SpanKind
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.timestamps import elapsed_ms, moment

_KINDS: dict[str, SpanKind] = {"llm": "llm", "tool": "tool", "retriever": "retrieval"}
# The run's own session_id is the project; the conversation stands in its metadata.
_SESSION = ("session_id", "thread_id", "conversation_id")
_DEEPEST = 50


def is_langsmith(record: Fields) -> bool:
    """Whether ``record`` is a run, or feedback of one."""
    return (isinstance(record.get("run_type"), str) and "inputs" in record) or is_feedback(record)


def is_feedback(record: Fields) -> bool:
    """Whether ``record`` is what was said of a run."""
    named = isinstance(record.get("key"), str) and isinstance(record.get("run_id"), str)
    return named and "score" in record and "run_type" not in record


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The run and those inside it, or feedback as a span of its own."""
    if is_feedback(record):
        yield span(record, where)
        return
    yield from _nested(record, where, "", _DEEPEST)


def span(logged: Fields, where: str) -> LoggedSpan:
    """One run as it was logged at ``where``, or what was said of one."""
    if is_feedback(logged):
        return _feedback(logged, where)
    began, ended = moment(logged.get("start_time")), moment(logged.get("end_time"))
    about, params = (
        inside(logged, "extra", "metadata"),
        inside(logged, "extra", "invocation_params"),
    )
    status, error = failure(logged)
    given, said = logged.get("inputs"), logged.get("outputs")
    kind = text(logged, ("run_type",))
    return LoggedSpan(
        where=where,
        trace_id=text(logged, ("trace_id", "id")),
        raw=dict(logged),
        conversation=partial(_conversation, given, said),
        session=text(about, _SESSION),
        input_tokens=count(logged, ("prompt_tokens",)),
        output_tokens=count(logged, ("completion_tokens",)),
        cost_usd=number(logged, ("total_cost",)),
        tags=tags(logged),
        metadata=remainder(about, _SESSION),
        user=user_of(about),
        feedback=of_langsmith(logged),
        span=Span(
            id=text(logged, ("id",)),
            name=text(logged, ("name",)),
            kind=_KINDS.get(kind, "other"),
            parent_id=text(logged, ("parent_run_id",)),
            started_at=began,
            duration_ms=elapsed_ms(began, ended),
            status=status,
            error=error,
            model=text(about, ("ls_model_name",)) or text(params, ("model", "model_name")),
            input=given,
            output=said,
            ttft_ms=first_token_ms(began, moment(logged.get("first_token_time")), ended),
        ),
    )


def _feedback(logged: Fields, where: str) -> LoggedSpan:
    """A span that stands for what was said of a run, until that is there."""
    run_id = text(logged, ("run_id",))
    return LoggedSpan(
        where=where,
        trace_id=text(logged, ("trace_id", "run_id")),
        raw=dict(logged),
        conversation=tuple,
        feedback=of_langsmith_record(logged, run_id),
        span=Span(
            id=text(logged, ("id",)),
            name=text(logged, ("key",)),
            parent_id=run_id,
            started_at=moment(logged.get("created_at")),
        ),
    )


def completed(logged: Sequence[LoggedSpan]) -> list[LoggedSpan]:
    """``logged`` with what was said of a run in that run, where it is among them."""
    said: dict[str, list[JsonValue]] = {}
    runs: list[LoggedSpan] = []
    alone: list[LoggedSpan] = []
    for item in logged:
        if is_feedback(cast("Fields", item.raw)):
            alone.append(item)
            said.setdefault(item.span.parent_id, []).append(item.raw)
        else:
            runs.append(item)
    if not said:
        return runs
    there = {item.span.id for item in runs}
    whole = [_with_feedback(item, said.get(item.span.id, [])) for item in runs]
    return in_order((*whole, *(item for item in alone if item.span.parent_id not in there)))


def _with_feedback(item: LoggedSpan, said: Sequence[JsonValue]) -> LoggedSpan:
    """``item`` with all that was ``said`` of it, the latest of each id."""
    if not said:
        return item
    return span(merged(cast("Fields", item.raw), {"feedback": [*said]}), item.where)


def merged(had: Fields, got: Fields) -> dict[str, JsonValue]:
    """A run as it was known, and as it is told now: what was said of it before stays."""
    said = {
        text(one, ("id",)) or compact(one): one
        for told in (had, got)
        for one in objects(told.get("feedback"))
    }
    whole = {**had, **got}
    return {**whole, "feedback": [*said.values()]} if said else whole


def _nested(record: Fields, where: str, trace_id: str, deepest: int) -> Iterator[LoggedSpan]:
    alone = {key: value for key, value in record.items() if key != "child_runs"}
    if trace_id:
        alone.setdefault("trace_id", trace_id)
    found = span(alone, where)
    yield found
    for child in objects(record.get("child_runs")) if deepest else ():
        yield from _nested(child, where, found.trace_id, deepest - 1)


def _conversation(given: JsonValue, said: JsonValue) -> tuple[Message, ...]:
    return (*payload.asked(given), *payload.answered(said))
