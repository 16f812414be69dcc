"""OTLP as protobuf: an export request, of traces or of logs, as OTLP/JSON would hold it.

``google.protobuf`` is imported when the first such bytes are read.
"""

import base64
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

# As JSON a message is at most two levels deep, and readers of JSON give up at a hundred.
_DEEPEST = 45
# A message takes two bytes, a hundred once it is read and more as an object of ours.
_MOST_MESSAGES = 1_000_000
_EMPTY = (b"\n\0", b"\x12\0", b"J\0", b"Z\0", b"j\0")
# What stands in no text, and among the first bytes of every message with a span.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_VARINT = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]")
_PREFIX = 4
# The bytes of the id of a trace.
_TRACE_ID = 16
_NEITHER = "is OTLP without spans and logs, such as metrics: only those are read"
_TOO_MANY = f"holds over {_MOST_MESSAGES:,} values at once"
Signal = Literal["traces", "logs"]
_PATHS: dict[Signal, tuple[str, ...]] = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}
_Write = Callable[[Any, int, Iterator[int]], JsonValue]


def is_binary(head: bytes) -> bool:
    """Whether what begins with ``head`` is no text, and may be protobuf."""
    return _NO_TEXT.search(head) is not None


def request(body: bytes, signal: Signal | None = None) -> dict[str, JsonValue]:
    """The request in ``body``, of ``signal`` or of either: ids in hex, 64-bit numbers as texts.

    Every field that the protocol knows is there; those that are not set are left out.

    Raises:
        ValueError: It is none, nested too deep, or of too many parts.
    """
    found = _whichever(body) if signal is None else _parsed(body, signal)
    return _plain(found, _DEEPEST, iter(range(_MOST_MESSAGES)))


def _parsed(body: bytes, signal: Signal) -> "Message":
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - see above

    # Before anything is made of them: those that are empty are the cheapest to send.
    if sum(map(body.count, _EMPTY)) > _MOST_MESSAGES:
        raise ValueError(_TOO_MANY)
    try:
        return _kind(signal).FromString(body)
    except DecodeError:
        raise ValueError(f"is no OTLP request for {signal} in protobuf") from None


def _kind(signal: Signal) -> "type[Message]":
    if signal == "logs":
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
            ExportLogsServiceRequest,
        )

        return ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    return ExportTraceServiceRequest


def requests(document: bytes) -> list[bytes]:
    """The requests in a file: one alone, or each after its length; empty where it holds none.

    The length is a varint, as OpenTelemetry specifies for files, or four bytes, as its
    Collector writes them.
    """
    for framed in ([document], _framed(document, _varint), _framed(document, _fixed)):
        if framed and _holds_any(framed[0]):
            return framed
    return []


def _whichever(body: bytes) -> "Message":
    """The request in ``body``, of spans or of logs.

    The two have one outer form: read as the other, a span or a log has no field that is known.
    One that holds nothing is of spans.

    Raises:
        ValueError: It is neither.
    """
    problems: list[ValueError] = []
    for signal, tells in _TELLS.items():
        try:
            found = _parsed(body, signal)
        except ValueError as problem:
            problems.append(problem)
            continue
        parts = _parts(found, _PATHS[signal])
        if any(map(tells, parts)) or not (parts or signal == "logs"):
            return found
    raise (problems or [ValueError(_NEITHER)])[0]


def _is_span(part: Any) -> bool:  # noqa: ANN401 - the classes are made at run time
    return len(part.trace_id) == _TRACE_ID or bool(part.start_time_unix_nano)


def _is_log(part: Any) -> bool:  # noqa: ANN401 - as above
    return bool(part.time_unix_nano or part.observed_time_unix_nano)


_TELLS: dict[Signal, Callable[[Any], bool]] = {"traces": _is_span, "logs": _is_log}


def _parts(request: "Message", names: tuple[str, ...]) -> "list[Any]":
    found: list[Any] = [request]
    for name in names:
        found = [part for one in found for part in getattr(one, name)]
    return found


def _holds_any(body: bytes) -> bool:
    # Much else can be read as a message, but with fields that nobody knows.
    for signal in _PATHS:
        try:
            if _parsed(body, signal).ListFields():
                return True
        except ValueError:
            continue
    return False


def _framed(document: bytes, length: Callable[[bytes, int], tuple[int, int]]) -> list[bytes]:
    """The messages of ``document``; none where they do not end where it does."""
    found: list[bytes] = []
    place = 0
    while place < len(document):
        start, size = length(document, place)
        place = start + size
        if not size or place > len(document):
            return []
        found.append(document[start:place])
    return found


def _varint(document: bytes, place: int) -> tuple[int, int]:
    """Where the message begins whose length stands at ``place``, and that length; 0 if none."""
    match = _VARINT.match(document, place)
    if match is None:
        return place, 0
    return match.end(), sum((byte & 0x7F) << (7 * n) for n, byte in enumerate(match[0]))


def _fixed(document: bytes, place: int) -> tuple[int, int]:
    return place + _PREFIX, int.from_bytes(document[place : place + _PREFIX], "big")


def _plain(message: "Message", deepest: int, left: Iterator[int]) -> dict[str, JsonValue]:
    """``message`` as JSON; ``left`` has an item for each that may still come."""
    if deepest < 0:
        raise ValueError("is nested too deep")
    if next(left, None) is None:
        raise ValueError(_TOO_MANY)
    told: dict[str, JsonValue] = {}
    for field, value in message.ListFields():
        name, write = _rule(field)
        told[name] = write(value, deepest, left)
    return told


@cache
def _rule(field: "FieldDescriptor") -> tuple[str, _Write]:
    """The name of ``field`` in JSON, and how its value is written there."""
    write = _writing(field)
    if not field.is_repeated:
        return field.json_name, write
    return field.json_name, lambda items, deepest, left: [
        write(item, deepest, left) for item in items
    ]


def _writing(field: "FieldDescriptor") -> _Write:
    if field.message_type is not None:
        return lambda value, deepest, left: _plain(value, deepest - 1, left)
    if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
        return lambda value, _, __: str(value)
    if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return lambda value, _, __: value if math.isfinite(value) else None
    if field.type == field.TYPE_BYTES:
        # Of all bytes the ids alone are hex.
        hexed = field.name.endswith("_id")
        return lambda value, _, __: value.hex() if hexed else base64.b64encode(value).decode()
    return lambda value, _, __: value
