"""A span whose attributes tell what it did, wherever they were logged."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from pydantic import JsonValue

from regrade_tools.formats import genai, genai_said
from regrade_tools.formats.fields import Fields
from regrade_tools.formats.spans import LoggedSpan
from regrade_tools.models import Message, Span
from regrade_tools.texts.timestamps import elapsed_ms

_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")


class Frame(NamedTuple):
    """What stands around the attributes of a span; times are Unix seconds, ``raw`` the record.

    ``tags`` and ``service`` are those of the resource.
    """

    where: str
    trace_id: str
    id: str
    parent_id: str
    name: str
    began: float | None
    ended: float | None
    status: Fields
    raw: JsonValue = None
    tags: tuple[str, ...] = ()
    service: str = ""


def described(frame: Frame, found: dict[str, JsonValue]) -> LoggedSpan:
    """The span in ``frame`` with what its attributes tell: kind, exchange, usage and the like."""
    names = genai.named(found)
    kind = genai.kind(found, names)
    if kind == "other" and genai.conversation(found, names):
        kind = "llm"
    began, ended = frame.began, frame.ended
    failed = has_failed(frame.status)
    asked, answered = genai.exchange(found, names)
    tokens_in, tokens_out, cost = genai.usage(found, names)
    tool = genai.tool(found, names) if kind == "tool" else ""
    told = partial(genai.conversation, found, names)
    return LoggedSpan(
        where=frame.where,
        trace_id=frame.trace_id,
        raw=frame.raw,
        conversation=partial(_of_call, told, asked, answered) if kind == "llm" else told,
        session=genai.session(found, names),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=cost,
        tags=(*genai.tags(found, names), *frame.tags),
        service=frame.service,
        metadata=genai.metadata(found, names),
        user=genai.user(found, names),
        feedback=genai.feedback(found, names, frame.id),
        span=Span(
            id=frame.id,
            name=frame.name,
            kind=kind,
            parent_id=frame.parent_id,
            started_at=began,
            duration_ms=elapsed_ms(began, ended),
            status="error" if failed else "ok",
            error=_error(frame.status, found) if failed else "",
            model=genai.model(found, names),
            input=asked,
            output=answered,
            tool="" if tool == frame.name else tool,
            ttft_ms=genai.first_token(found, names, began, ended),
        ),
    )


def has_failed(status: Fields) -> bool:
    """Whether the ``status`` of a span says that it failed."""
    return status.get("code") in _ERROR_CODES


def _of_call(
    told: Callable[[], tuple[Message, ...]], asked: JsonValue, answered: JsonValue
) -> tuple[Message, ...]:
    return told() or genai.payload_of(asked, answered)


def _error(status: Fields, found: Mapping[str, JsonValue]) -> str:
    told = status.get("message")
    for text in (told, genai_said.thrown(found), found.get("error.type")):
        if isinstance(text, str) and text:
            return text
    return "error without a message"
