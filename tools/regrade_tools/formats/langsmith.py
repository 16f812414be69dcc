"""Runs as LangSmith exports them: one object for each, or with their children inside."""

from collections.abc import Iterator
from functools import partial

from pydantic import JsonValue

from regrade_tools.formats import payload
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
from regrade_tools.formats.spans import LoggedSpan
from regrade_tools.models import Message, Span, SpanKind
from regrade_tools.timestamps import elapsed_ms, moment

_KINDS: dict[str, SpanKind] = {"llm": "llm", "tool": "tool", "retriever": "retrieval"}
# The run's own session_id is the project; the conversation stands in its metadata.
_SESSION = ("session_id", "thread_id", "conversation_id")
_DEEPEST = 50


def is_langsmith(record: Fields) -> bool:
    """Whether ``record`` is a run."""
    return isinstance(record.get("run_type"), str) and "inputs" in record


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The run and those inside it."""
    yield from _nested(record, where, "", _DEEPEST)


def span(logged: Fields, where: str) -> LoggedSpan:
    """One run as it was logged at ``where``."""
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
