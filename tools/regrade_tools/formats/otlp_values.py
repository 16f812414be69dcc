"""Values as OTLP/JSON writes them: typed, ids in hex or base64, 64-bit numbers as texts."""

import base64
import binascii
import re
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats.fields import Fields, objects

_HEX_DIGITS = (16, 32)
_HEX = re.compile("[0-9a-f]{16}(?:[0-9a-f]{16})?")


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
            return integer(value)
        return value
    return None


def integer(value: JsonValue) -> JsonValue:
    """The integer in a text or in the two halves that JavaScript writes; what is none as it is."""
    if isinstance(value, dict) and isinstance(value.get("low"), int):
        high, low = value.get("high"), cast("int", value["low"])
        return ((high if isinstance(high, int) else 0) << 32) | (low & 0xFFFFFFFF)
    try:
        return int(cast("str", value))
    except (TypeError, ValueError, OverflowError):
        return value


def seconds(value: JsonValue) -> float | None:
    """Nanoseconds since 1970 as seconds; None where there are none."""
    found = integer(value)
    return found / 1e9 if isinstance(found, int) and 0 < found < 2**63 else None


def identifier(value: JsonValue) -> str:
    """An id as lower-case hex, whether it was logged as hex or as base64; empty if absent."""
    if isinstance(value, dict):
        return _buffer(value)
    if not isinstance(value, str) or not value:
        return ""
    lower = value.lower()
    if _HEX.fullmatch(lower):
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
