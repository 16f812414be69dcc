"""When two JSON values are the same: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""

from collections.abc import Hashable

from pydantic import JsonValue


def same(left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are equal as JSON, at any depth."""
    return normal(left) == normal(right)


def normal(value: JsonValue) -> Hashable:
    """A hashable form that is equal where the values are."""
    if isinstance(value, bool):
        # Python takes True for 1.
        return ("boolean", value)
    if isinstance(value, list):
        return ("list", tuple(normal(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((key, normal(item)) for key, item in value.items()))
    return value
