"""When two JSON values are the same: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""

import json

from pydantic import JsonValue


def same(left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are equal as JSON, at any depth."""
    if isinstance(left, bool) or isinstance(right, bool):
        # Python takes True for 1.
        return left is right
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(value, right[key]) for key, value in left.items())
        )
    return left == right


def normal(value: JsonValue) -> str:
    """A text that is equal where the values are.

    A text and not a tuple: the hashes of numbers can be made to collide, those of texts not.
    """
    return json.dumps(_whole(value), sort_keys=True, separators=(",", ":"))


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value
