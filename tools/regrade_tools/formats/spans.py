"""Traces out of timed spans, whatever logged them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic import JsonValue

from regrade_tools.formats.fields import total, with_user
from regrade_tools.formats.messages import is_conversation
from regrade_tools.models import Feedback, Message, Span, Trace


# There is one for each span that is read: a frozen dataclass takes thrice the time to make.
class LoggedSpan(NamedTuple):
    """One span, and what a trace takes from it; ``raw`` is it as it was logged, at ``where``.

    ``conversation`` reads the messages, which most spans are never asked for.
    """

    where: str
    trace_id: str
    span: Span
    raw: JsonValue
    conversation: Callable[[], tuple[Message, ...]]
    session: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, JsonValue] | None = None
    user: str = ""
    feedback: tuple[Feedback, ...] = ()
    service: str = ""


class Origin(NamedTuple):
    """What a trace of spans has beside them, as a ``Trace`` has it that is not yet read."""

    id: str
    source: str
    format: str
    raw: JsonValue
    metadata: dict[str, JsonValue]
    tags: tuple[str, ...] = ()


def in_order(logged: Iterable[LoggedSpan]) -> list[LoggedSpan]:
    """The spans by their start; those of one moment as they were logged."""
    return sorted(logged, key=lambda item: item.span.started_at or 0.0)


def from_spans(logged: Sequence[LoggedSpan], blank: Origin | Trace) -> Trace:
    """The trace of ``logged``; ``blank`` brings its id, place, record, and tags it has already.

    Its exchange is the last model call's, its sums the model calls'.
    Agent spans repeat the usage of the calls inside them, and every later call repeats the
    whole conversation, so neither is added up.
    """
    root = _root(logged)
    spans = [item.span for item in logged]
    calls = [item for item in logged if item.span.kind == "llm"] or [root]
    said = _conversation(calls, logged, root)
    told = extent(spans)
    counted = _innermost(calls, logged)
    starts = [span.started_at for span in spans if span.started_at is not None]
    costs = [item.cost_usd for item in counted if item.cost_usd is not None]
    return Trace(
        id=blank.id,
        source=blank.source,
        format=blank.format,
        raw=blank.raw,
        external_id=root.trace_id,
        name=root.span.name,
        session=next((item.session for item in logged if item.session), ""),
        model=next((item.span.model for item in reversed(calls) if item.span.model), ""),
        status=root.span.status,
        error=root.span.error,
        started_at=min(starts) if starts else None,
        duration_ms=None if told is None else (told[1] - told[0]) * 1000,
        input_tokens=total([item.input_tokens for item in counted]),
        output_tokens=total([item.output_tokens for item in counted]),
        cost_usd=sum(costs) if costs else None,
        tags=tuple(dict.fromkeys((*blank.tags, *[tag for item in logged for tag in item.tags]))),
        metadata=with_user(
            next((item.metadata for item in (root, *logged) if item.metadata), blank.metadata),
            next((item.user for item in logged if item.user), ""),
        ),
        input=arguments(root.span.input),
        output=root.span.output,
        program=root.span.kind != "llm" and bool(said) and is_call(root.span.input),
        messages=said,
        spans=_with_services(logged),
        ttft_ms=_first_token(calls[-1], logged, min(starts, default=None)),
        feedback=tuple([one for item in logged if item.feedback for one in item.feedback]),
    )


def _with_services(logged: Sequence[LoggedSpan]) -> tuple[Span, ...]:
    """The spans, each with its service where the span around it is of another."""
    around = {item.span.id: item.service for item in logged if item.service}
    if not around:
        return tuple([item.span for item in logged])
    return tuple(
        replace(item.span, service=item.service)
        if item.service and item.service != around.get(item.span.parent_id)
        else item.span
        for item in logged
    )


def services(spans: Sequence[Span]) -> list[str]:
    """The service of each of ``spans``: its own, or that of the nearest around it that has one."""
    if not any(span.service for span in spans):
        return [""] * len(spans)
    inside = {span.id: span for span in spans}
    known: dict[str, str] = {}
    return [span.service or _around(span.parent_id, inside, known) for span in spans]


def _around(place: str, inside: Mapping[str, Span], known: dict[str, str]) -> str:
    """The service of the span ``place`` or of the nearest around it; ``known`` gets all it met."""
    way: list[str] = []
    while place in inside and place not in known:
        # So that spans inside each other in a circle come to an end.
        known[place] = inside[place].service
        if known[place]:
            break
        way.append(place)
        place = inside[place].parent_id
    service = known.get(place, "")
    known.update(dict.fromkeys(way, service))
    return service


def _first_token(
    last: LoggedSpan, logged: Sequence[LoggedSpan], began: float | None
) -> float | None:
    """Milliseconds from ``began`` to the first token of the ``last`` call.

    What instrumentation wrote it may have logged the call as a span around that one.
    """
    if all(item.span.ttft_ms is None for item in logged):
        return None
    around = {item.span.id: item.span for item in logged}
    span: Span | None = last.span
    while span is not None and span.ttft_ms is None:
        # Taken out, so that spans inside each other in a circle come to an end.
        span = around.pop(span.parent_id, None)
    if span is None or span.ttft_ms is None or span.started_at is None or began is None:
        return None
    return (span.started_at - began) * 1000 + span.ttft_ms


def is_call(given: JsonValue) -> bool:
    """Whether ``given`` is what a program was called with, and no conversation with a model."""
    if isinstance(given, dict):
        return not any(map(_is_conversation, given.values()))
    return given is not None and not _is_conversation(given)


def _is_conversation(value: JsonValue) -> bool:
    return is_conversation(value if isinstance(value, list) else [value])


def arguments(given: JsonValue) -> JsonValue:
    """The argument of a function, or those that have names; anything else as it is."""
    if not isinstance(given, dict) or set(given) != {"args", "kwargs"}:
        return given
    args, named = given["args"], given["kwargs"]
    if isinstance(args, list) and len(args) == 1 and not named:
        return args[0]
    return named if not args and isinstance(named, dict) and named else given


def _root(logged: Sequence[LoggedSpan]) -> LoggedSpan:
    present = {item.span.id for item in logged}
    roots = [item for item in logged if item.span.parent_id not in present]
    return next(
        (item for item in roots if not item.span.parent_id), roots[0] if roots else logged[0]
    )


def _conversation(
    calls: Sequence[LoggedSpan], logged: Sequence[LoggedSpan], root: LoggedSpan
) -> tuple[Message, ...]:
    """What the last call was told and said; or its agent, or the root, if no user speaks there."""
    said = next(filter(None, (item.conversation() for item in reversed(calls))), ())
    if any(message.role == "user" for message in said):
        return said
    around = (*(item for item in logged if item.span.kind == "agent"), root)
    whole = next(filter(None, (item.conversation() for item in around)), ())
    return whole if any(message.role == "user" for message in whole) else said


def _innermost(calls: Sequence[LoggedSpan], logged: Sequence[LoggedSpan]) -> list[LoggedSpan]:
    """The calls with no counted call inside: two instrumentations log one call as two spans."""
    parents = {item.span.id: item.span.parent_id for item in logged}
    around: set[str] = set()
    for item in calls:
        if item.input_tokens is None and item.output_tokens is None and item.cost_usd is None:
            continue
        above = item.span.parent_id
        while above in parents and above not in around and above != item.span.id:
            around.add(above)
            above = parents[above]
    return [item for item in calls if item.span.id not in around or not item.span.id]


def extent(spans: Iterable[Span]) -> tuple[float, float] | None:
    """When the first of those with a time began and the last ended, in Unix seconds."""
    timed = [
        (span.started_at, span.started_at + span.duration_ms / 1000)
        for span in spans
        if span.started_at is not None and span.duration_ms is not None
    ]
    if not timed:
        return None
    return min([start for start, _ in timed]), max([end for _, end in timed])
