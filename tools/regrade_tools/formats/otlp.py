"""OpenTelemetry spans as OTLP/JSON, one trace for each trace id."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats import genai, genai_said
from regrade_tools.formats.attributed import Frame, described
from regrade_tools.formats.fields import Fields, inside, objects, text
from regrade_tools.formats.otlp_logs import MODEL_EVENT, as_span, is_log
from regrade_tools.formats.otlp_values import attributes, identifier, integer, seconds
from regrade_tools.formats.spans import LoggedSpan, in_order
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import line

# What of a resource is a tag of its traces: by its own name, or the one that it had before.
_TAGS = (
    ("version", ("service.version",)),
    ("env", ("deployment.environment.name", "deployment.environment")),
    # As Regrade itself tells the programs that it evaluates.
    ("evaluated", ("regrade.evaluated",)),
)
_SERVICE = "service.name"
_LONGEST_TAG = 80
_KEPT_EVENTS = (MODEL_EVENT, "exception")


def is_otlp(record: Fields) -> bool:
    """Whether ``record`` is an OTLP export, of spans or of logs."""
    return any(isinstance(record.get(listed), list) for listed in ("resourceSpans", "resourceLogs"))


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The spans of the export at ``where``; what is not shaped like a span is left out."""
    for resource, listed in resources(record):
        tags, service = tags_of(resource), service_of(resource)
        for logged in objects(listed):
            yield span(logged, where, tags, service)


def resources(record: Fields) -> Iterator[tuple[Fields, list[JsonValue]]]:
    """Each resource of an export with its spans, and its logs as such."""
    for resource in objects(record.get("resourceSpans")):
        scopes = [scope.get("spans") for scope in objects(resource.get("scopeSpans"))]
        found = [span for listed in scopes if isinstance(listed, list) for span in listed]
        yield inside(resource, "resource"), found
    for resource in objects(record.get("resourceLogs")):
        scopes = [objects(scope.get("logRecords")) for scope in objects(resource.get("scopeLogs"))]
        logs = [as_span(log) for listed in scopes for log in listed]
        yield inside(resource, "resource"), [log for log in logs if log]


def tags_of(resource: Fields) -> tuple[str, ...]:
    """Which version of the program it is and where it runs, as ``version:2.0`` and ``env:prod``."""
    about = attributes(resource.get("attributes"))
    if not about:
        return ()
    told = ((kind, clip(line(text(about, names)), _LONGEST_TAG)) for kind, names in _TAGS)
    return tuple(f"{kind}:{value}" for kind, value in told if value)


def service_of(resource: Fields) -> str:
    """What the program is called that logged; empty where it does not tell."""
    told = attributes(resource.get("attributes")).get(_SERVICE)
    return clip(line(told), _LONGEST_TAG) if isinstance(told, str) else ""


def resource_of(tags: Iterable[str], service: str) -> list[JsonValue]:
    """The attributes of a resource of which ``tags_of`` makes those of ``tags`` that are such.

    And of which ``service_of`` makes ``service``.
    """
    names = {kind: known[0] for kind, known in _TAGS}
    parted = (tag.partition(":") for tag in tags)
    named: list[JsonValue] = [{"key": _SERVICE, "value": {"stringValue": service}}]
    return [
        *(named if service else ()),
        *(
            {"key": names[kind], "value": {"stringValue": value}}
            for kind, _, value in parted
            if kind in names and value
        ),
    ]


def span(logged: Fields, where: str, tags: tuple[str, ...] = (), service: str = "") -> LoggedSpan:
    """One span as it was logged at ``where``, with the tags and the service of its resource."""
    found = attributes(logged.get("attributes"))
    found.pop(genai_said.EVENTS, None)
    if events := objects(logged.get("events")):
        found.update(_happened(events))
    status = logged.get("status")
    frame = Frame(
        where=where,
        trace_id=identifier(logged.get("traceId")),
        id=identifier(logged.get("spanId")),
        parent_id=identifier(logged.get("parentSpanId")),
        name=str(logged.get("name") or ""),
        began=seconds(logged.get("startTimeUnixNano")),
        ended=seconds(logged.get("endTimeUnixNano")),
        status=status if isinstance(status, dict) else {},
        raw=cast("JsonValue", logged),
        tags=tags,
        service=service,
    )
    return described(frame, found)


def _happened(events: Sequence[Fields]) -> dict[str, JsonValue]:
    """What the events of a span tell, as attributes of it."""
    told: dict[str, JsonValue] = {}
    kept: list[JsonValue] = [
        [name, attributes(event.get("attributes"))]
        for event in events
        if isinstance(name := event.get("name"), str) and name.startswith(_KEPT_EVENTS)
    ]
    if kept:
        told[genai_said.EVENTS] = kept
    chunks = (seconds(event.get("timeUnixNano")) for event in events if genai.is_chunk(event))
    if first := next(filter(None, chunks), None):
        told[genai.FIRST_CHUNK] = first
    return told


def completed(logged: Sequence[LoggedSpan]) -> list[LoggedSpan]:
    """``logged`` with each log as an event of its span, where that is among them."""
    logs = [item for item in logged if is_log(item.raw)]
    if not logs:
        return list(logged)
    said: dict[str, list[JsonValue]] = {}
    for log in logs:
        events = cast("Fields", log.raw).get("events")
        said.setdefault(log.span.parent_id, []).extend(objects(events))
    spans = [item for item in logged if not is_log(item.raw)]
    there = {item.span.id for item in spans}
    alone = (log for log in logs if log.span.parent_id not in there)
    return in_order((*(_with_events(item, said.get(item.span.id, [])) for item in spans), *alone))


def _with_events(item: LoggedSpan, events: Sequence[JsonValue]) -> LoggedSpan:
    """``item`` with those of ``events`` that it has not yet, in the order of their time."""
    raw = cast("Fields", item.raw)
    had: list[JsonValue] = [*objects(raw.get("events"))]
    more = [event for event in events if event not in had]
    if not more:
        return item
    read = span({**raw, "events": sorted((*had, *more), key=_moment)}, item.where)
    return read._replace(tags=item.tags, service=item.service)


def _moment(event: JsonValue) -> int:
    found = integer(cast("Fields", event).get("timeUnixNano"))
    return found if isinstance(found, int) else 0
