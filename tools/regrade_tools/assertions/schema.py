"""JSON Schema checks that fetch nothing and cannot hang."""

# jsonschema is loosely typed; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable

from regrade_tools.assertions.pattern import compiled, found
from regrade_tools.assertions.verdicts import UnmeasuredError
from regrade_tools.fingerprint import canonical


def _pattern(
    _validator: Any,  # noqa: ANN401 - jsonschema's signature
    pattern: str,
    instance: Any,  # noqa: ANN401
    _schema: Any,  # noqa: ANN401
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not found(pattern, instance):
        yield jsonschema.ValidationError(f"{instance[:80]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any,  # noqa: ANN401 - as above
    properties: dict[str, Any],
    instance: Any,  # noqa: ANN401
    _schema: Any,  # noqa: ANN401
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in properties.items():
        for key, value in instance.items():
            if found(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _unique_items(
    _validator: Any,  # noqa: ANN401 - as above
    wanted: bool,  # noqa: FBT001
    instance: Any,  # noqa: ANN401
    _schema: Any,  # noqa: ANN401
) -> Iterator[jsonschema.ValidationError]:
    if wanted and isinstance(instance, list):
        distinct = {canonical(item) for item in instance}
        if len(distinct) < len(instance):
            yield jsonschema.ValidationError("it has items that are equal")


# The stock keywords use `re`, which has no deadline, and compare items pair by pair; an empty
# registry resolves no remote $ref.
_VALIDATOR: Any = extend(
    jsonschema.Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items,
    },
)
_NOTHING_REMOTE: Any = Registry()


def well_formed(schema: dict[str, JsonValue]) -> None:
    """Make sure that ``schema`` is a JSON Schema (2020-12).

    Raises:
        ValueError: It is not, or a pattern in it is not a regular expression.
    """
    try:
        _VALIDATOR.check_schema(schema)
    except jsonschema.SchemaError as problem:
        raise ValueError(f"not a JSON Schema: {problem.message}") from None
    for key, value in _keywords(schema):
        if key == "pattern" and isinstance(value, str):
            compiled(value)
        elif key == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                compiled(pattern)
        elif key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            raise ValueError(f"$ref {value!r} leads outside the schema; nothing is ever fetched")


def _keywords(schema: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keywords(value)


def violation(schema: dict[str, JsonValue], value: JsonValue) -> str | None:
    """The most telling way in which ``value`` breaks ``schema``, or None where it is valid.

    Raises:
        UnmeasuredError: A ``$ref`` in the schema leads nowhere or round in circles.
    """
    validator = _validator(canonical(schema))
    try:
        error: Any = best_match(validator.iter_errors(value))
    except (Unresolvable, RecursionError) as problem:
        raise UnmeasuredError(f"the schema cannot be followed: {problem}") from None
    if error is None:
        return None
    place = error.json_path.removeprefix("$").removeprefix(".")
    return f"{place or 'the output'}: {error.message[:300]}"


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Validator:
    return _VALIDATOR(json.loads(schema), registry=_NOTHING_REMOTE)
