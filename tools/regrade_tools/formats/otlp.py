"""OpenTelemetry spans as OTLP/JSON, one trace for each trace id.

Some instrumentations log what was said in a span beside it. Such a log becomes an event of its
span, and until that is there a span of its own inside it.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from pydantic import JsonValue

from regrade_tools.clipping import clip
from regrade_tools.fingerprint import fingerprint
from regrade_tools.formats import genai
from regrade_tools.formats.attributed import Frame, described
from regrade_tools.formats.fields import Fields, inside, objects, text
from regrade_tools.formats.spans import LoggedSpan, in_order
from regrade_tools.plaintext import line

_HEX_DIGITS = (16, 32)
_HEX = frozenset("0123456789abcdef")
_MODEL_EVENT = "gen_ai."
# What a span has that stands for a log, and nothing beside it.
_LOG: JsonValue = [{"key": "regrade.log", "value": {"boolValue": True}}]
# What of a resource is a tag of its traces: by its own name, or the one that it had before.
_TAGS = (
    ("version", ("service.version",)),
    ("env", ("deployment.environment.name", "deployment.environment")),
)
_LONGEST_TAG = 80
_KEPT_EVENTS = (_MODEL_EVENT, "exception")


def is_otlp(record: Fields) -> bool:
    """Whether ``record`` is an OTLP export, of spans or of logs."""
    return any(isinstance(record.get(listed), list) for listed in ("resourceSpans", "resourceLogs"))


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The spans of the export at ``where``; what is not shaped like a span is left out."""
    for resource, listed in resources(record):
        tags = tags_of(resource)
        for logged in objects(listed):
            read = span(logged, where)
            yield read._replace(tags=(*read.tags, *tags)) if tags else read


def resources(record: Fields) -> Iterator[tuple[Fields, list[JsonValue]]]:
    """Each resource of an export with its spans, and its logs as such."""
    for resource in objects(record.get("resourceSpans")):
        scopes = [scope.get("spans") for scope in objects(resource.get("scopeSpans"))]
        found = [span for listed in scopes if isinstance(listed, list) for span in listed]
        yield inside(resource, "resource"), found
    for resource in objects(record.get("resourceLogs")):
        scopes = [objects(scope.get("logRecords")) for scope in objects(resource.get("scopeLogs"))]
        logs = [_as_span(log) for listed in scopes for log in listed]
        yield inside(resource, "resource"), [log for log in logs if log]


def tags_of(resource: Fields) -> tuple[str, ...]:
    """Which version of the program it is and where it runs, as ``version:2.0`` and ``env:prod``."""
    about = attributes(resource.get("attributes"))
    told = ((kind, clip(line(text(about, names)), _LONGEST_TAG)) for kind, names in _TAGS)
    return tuple(f"{kind}:{value}" for kind, value in told if value)


def resource_of(tags: Iterable[str]) -> list[JsonValue]:
    """The attributes of a resource of which ``tags_of`` makes those of ``tags`` that are such."""
    names = {kind: known[0] for kind, known in _TAGS}
    parted = (tag.partition(":") for tag in tags)
    return [
        {"key": names[kind], "value": {"stringValue": value}}
        for kind, _, value in parted
        if kind in names and value
    ]


def _as_span(log: Fields) -> dict[str, JsonValue]:
    """``log`` inside the span that it was written in; empty where it tells of no model call."""
    listed = log.get("attributes")
    told = listed if isinstance(listed, list) else []
    name = log.get("eventName") or attributes(told).get("event.name")
    if not isinstance(name, str) or not name.startswith(_MODEL_EVENT):
        return {}
    body = inside(log, "body")
    held = inside(body, "kvlistValue").get("values")
    said = held if isinstance(held, list) else []
    if body.get("stringValue"):
        said = [{"key": "gen_ai.event.content", "value": cast("JsonValue", body)}]
    moment = log.get("timeUnixNano") or log.get("observedTimeUnixNano")
    event: JsonValue = {"timeUnixNano": moment, "name": name, "attributes": [*told, *said]}
    within = identifier(log.get("spanId"))
    return {
        "traceId": log.get("traceId"),
        "spanId": f"{fingerprint([within, event]):0>16}" if within else "",
        "parentSpanId": within,
        "name": name,
        "startTimeUnixNano": moment,
        "attributes": _LOG,
        "events": [event],
    }


def span(logged: Fields, where: str) -> LoggedSpan:
    """One span as it was logged at ``where``."""
    found = attributes(logged.get("attributes"))
    found.pop(genai.EVENTS, None)
    events: list[JsonValue] = [
        [name, attributes(event.get("attributes"))]
        for event in objects(logged.get("events"))
        if isinstance(name := event.get("name"), str) and name.startswith(_KEPT_EVENTS)
    ]
    if events:
        found[genai.EVENTS] = events
    status = logged.get("status")
    frame = Frame(
        where=where,
        trace_id=identifier(logged.get("traceId")),
        id=identifier(logged.get("spanId")),
        parent_id=identifier(logged.get("parentSpanId")),
        name=str(logged.get("name") or ""),
        began=_seconds(logged.get("startTimeUnixNano")),
        ended=_seconds(logged.get("endTimeUnixNano")),
        status=status if isinstance(status, dict) else {},
        raw=dict(logged),
    )
    return described(frame, found)


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


def is_log(logged: JsonValue) -> bool:
    """Whether the span ``logged`` stands for a log."""
    return isinstance(logged, dict) and logged.get("attributes") == _LOG


def _with_events(item: LoggedSpan, events: Sequence[JsonValue]) -> LoggedSpan:
    """``item`` with those of ``events`` that it has not yet, in the order of their time."""
    raw = cast("Fields", item.raw)
    had: list[JsonValue] = [*objects(raw.get("events"))]
    more = [event for event in events if event not in had]
    if not more:
        return item
    read = span({**raw, "events": sorted((*had, *more), key=_moment)}, item.where)
    return read._replace(tags=item.tags)


def _moment(event: JsonValue) -> int:
    found = _integer(cast("Fields", event).get("timeUnixNano"))
    return found if isinstance(found, int) else 0


def attributes(listed: JsonValue) -> dict[str, JsonValue]:
    """OTLP's list of keys with typed values as one object."""
    found: dict[str, JsonValue] = {}
    for item in objects(listed):
        key = item.get("key")
        if isinstance(key, str):
            typed = item.get("value")
            # As nearly all are.
            plain = isinstance(typed, dict) and len(typed) == 1 and typed.get("stringValue")
            found[key] = plain or _value(typed)
    return found


def _value(typed: JsonValue) -> JsonValue:
    if not isinstance(typed, dict):
        return typed
    for key, value in typed.items():
        if key == "arrayValue" and isinstance(value, dict):
            items = value.get("values")
            return [_value(item) for item in items] if isinstance(items, list) else []
        if key == "kvlistValue" and isinstance(value, dict):
            return cast("JsonValue", attributes(value.get("values")))
        if key == "intValue":
            return _integer(value)
        return value
    return None


def _integer(value: JsonValue) -> JsonValue:
    # 64-bit integers come as texts, or as the two halves that JavaScript writes.
    if isinstance(value, dict) and isinstance(value.get("low"), int):
        high, low = value.get("high"), cast("int", value["low"])
        return ((high if isinstance(high, int) else 0) << 32) | (low & 0xFFFFFFFF)
    try:
        return int(cast("str", value))
    except (TypeError, ValueError, OverflowError):
        return value


def _seconds(value: JsonValue) -> float | None:
    found = _integer(value)
    return found / 1e9 if isinstance(found, int) and 0 < found < 2**63 else None


def identifier(value: JsonValue) -> str:
    """An id as lower-case hex, whether it was logged as hex or as base64; empty if absent."""
    if isinstance(value, dict):
        return _buffer(value)
    if not isinstance(value, str) or not value:
        return ""
    lower = value.lower()
    if len(value) in _HEX_DIGITS and _HEX.issuperset(lower):
        return lower
    try:
        return base64.b64decode(value, validate=True).hex()
    except (ValueError, binascii.Error):
        return value


def _buffer(value: Fields) -> str:
    """The id in a Buffer, as Node.js writes it."""
    data = value.get("data")
    if not isinstance(data, list) or len(data) > max(_HEX_DIGITS):
        return ""
    if all(isinstance(byte, int) and 0 <= byte < 256 for byte in data):  # noqa: PLR2004 - a byte
        return bytes(cast("list[int]", data)).hex()
    return ""
