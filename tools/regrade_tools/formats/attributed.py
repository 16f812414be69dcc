"""A span whose attributes tell what it did, wherever they were logged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from pydantic import JsonValue

from regrade_tools.formats import genai
from regrade_tools.formats.fields import Fields
from regrade_tools.formats.spans import LoggedSpan
from regrade_tools.models import Message, Span

_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")
# No attribute that matters to a conversation begins otherwise.
_TELLING = ("gen_ai.", "llm.", "ai.", "all_messages", "pydantic_ai.", genai.EVENTS)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the attributes: where, the id of the trace, the status, the record."""

    where: str
    trace_id: str
    status: Fields
    raw: JsonValue


def described(span: Span, found: dict[str, JsonValue], frame: Frame) -> LoggedSpan:
    """``span`` with what its attributes tell: kind, model, exchange, usage, error, session."""
    kind = genai.kind(found) if span.kind == "other" else span.kind
    if kind == "other" and any(map(_tells, found)) and genai.conversation(found):
        kind = "llm"
    failed = frame.status.get("code") in _ERROR_CODES
    asked, answered = genai.exchange(found)
    tokens_in, tokens_out, cost = genai.usage(found)
    return LoggedSpan(
        where=frame.where,
        trace_id=frame.trace_id,
        raw=frame.raw,
        conversation=partial(_of_call if kind == "llm" else genai.conversation, found),
        session=genai.session(found),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=cost,
        tags=genai.tags(found),
        span=replace(
            span,
            kind=kind,
            status="error" if failed else "ok",
            error=_error(frame.status, found) if failed else "",
            model=genai.model(found),
            input=asked,
            output=answered,
        ),
    )


def _tells(key: str) -> bool:
    return key.startswith(_TELLING)


def _of_call(found: Mapping[str, JsonValue]) -> tuple[Message, ...]:
    return genai.conversation(found) or genai.payload_of(found)


def _error(status: Fields, found: Mapping[str, JsonValue]) -> str:
    told = status.get("message")
    for text in (told, genai.thrown(found), found.get("error.type")):
        if isinstance(text, str) and text:
            return text
    return "error without a message"
