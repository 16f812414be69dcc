"""OpenInference spans as Phoenix writes them: one object for each span, times as texts."""

from collections.abc import Iterator

from pydantic import JsonValue

from regrade_tools.formats import genai, genai_said
from regrade_tools.formats.attributed import Frame, described
from regrade_tools.formats.feedback import of_phoenix
from regrade_tools.formats.fields import Fields, inside, objects, text
from regrade_tools.formats.spans import LoggedSpan
from regrade_tools.texts.timestamps import moment

_DEEPEST = 12
_ATTRIBUTE = "attributes."


def is_phoenix(record: Fields) -> bool:
    """Whether ``record`` is a span, or names lists of spans."""
    return _is_span(record) or _is_named(record)


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The spans of ``record``."""
    if _is_span(record):
        yield span(record, where)
        return
    for listed in record.values():
        for item in objects(listed):
            if _is_span(item):
                yield span(item, where)


def span(logged: Fields, where: str) -> LoggedSpan:
    """One span as it was logged at ``where``."""
    context = _context(logged)
    found = _attributes(logged)
    kind, told = text(logged, ("span_kind",)), objects(logged.get("events"))
    if kind and kind != "UNKNOWN":
        found.setdefault("openinference.span.kind", kind)
    events: list[JsonValue] = [
        [name, inside(event, "attributes")]
        for event in told
        if isinstance(name := event.get("name"), str)
    ]
    if events:
        found[genai_said.EVENTS] = events
    chunks = (moment(event.get("timestamp")) for event in told if genai.is_chunk(event))
    if first := next(filter(None, chunks), None):
        found[genai.FIRST_CHUNK] = first
    frame = Frame(
        where=where,
        trace_id=text(context, ("trace_id",)),
        id=text(context, ("span_id",)),
        parent_id=text(logged, ("parent_id",)),
        name=text(logged, ("name",)),
        began=moment(logged.get("start_time")),
        ended=moment(logged.get("end_time")),
        status={"code": logged.get("status_code"), "message": logged.get("status_message")},
        raw=dict(logged),
    )
    read = described(frame, found)
    listed = logged.get("annotations")
    if not listed:
        return read
    return read._replace(feedback=(*read.feedback, *of_phoenix(listed, frame.id)))


def _is_span(record: Fields) -> bool:
    context = _context(record)
    return "trace_id" in context and "span_id" in context


def _context(record: Fields) -> Fields:
    """The ids of the span, whether they stand in an object or, as in a table, in columns."""
    if "context" in record:
        return inside(record, "context")
    ids = ("trace_id", "span_id")
    return {key: record[f"context.{key}"] for key in ids if f"context.{key}" in record}


def _is_named(record: Fields) -> bool:
    """Whether every field is a list that begins with a span."""
    lists = list(record.values())
    return bool(lists) and all(
        isinstance(held, list) and held and isinstance(held[0], dict) and _is_span(held[0])
        for held in lists
    )


def _attributes(logged: Fields) -> dict[str, JsonValue]:
    """The attributes under dotted names, whether they were logged so, nested, or as columns."""
    found = _dotted(inside(logged, "attributes"), "", _DEEPEST)
    for key, value in logged.items():
        # A cell without a value is a span without the attribute.
        if key.startswith(_ATTRIBUTE) and value is not None:
            found.update(_dotted({key.removeprefix(_ATTRIBUTE): value}, "", _DEEPEST))
    found.pop(genai_said.EVENTS, None)
    return found


def _dotted(value: Fields, prefix: str, deepest: int) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, held in value.items():
        if isinstance(held, dict) and deepest:
            found.update(_dotted(held, f"{prefix}{key}.", deepest - 1))
        elif isinstance(held, list) and deepest and objects(held):
            inner: Fields = {str(place): item for place, item in enumerate(held)}
            found.update(_dotted(inner, f"{prefix}{key}.", deepest - 1))
        else:
            found[f"{prefix}{key}"] = held
    return found
