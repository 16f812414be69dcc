"""What instrumentations log of model calls beside their spans.

Such a log becomes an event of its span, and until that is there a span of its own inside it.
"""

from typing import cast

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint
from regrade_tools.formats.fields import Fields, inside
from regrade_tools.formats.otlp_values import attributes, identifier

MODEL_EVENT = "gen_ai."
# What a span has that stands for a log, and nothing beside it.
_LOG: JsonValue = [{"key": "regrade.log", "value": {"boolValue": True}}]


def as_span(log: Fields) -> dict[str, JsonValue]:
    """``log`` inside the span that it was written in; empty where it tells of no model call."""
    listed = log.get("attributes")
    told = listed if isinstance(listed, list) else []
    name = log.get("eventName") or attributes(told).get("event.name")
    if not isinstance(name, str) or not name.startswith(MODEL_EVENT):
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


def is_log(logged: JsonValue) -> bool:
    """Whether the span ``logged`` stands for a log."""
    return isinstance(logged, dict) and logged.get("attributes") == _LOG
