"""JSON Schema checks that fetch nothing and cannot hang."""

# jsonschema is loosely typed; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable

from regrade_tools.assertions.equality import normal
from regrade_tools.assertions.verdicts import UnmeasuredError
from regrade_tools.fingerprint import canonical
from regrade_tools.patterns import compiled, found


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
        distinct = {normal(item) for item in instance}
        if len(distinct) < len(instance):
            yield jsonschema.ValidationError("it has items that are equal")


def _additional_properties(
    validator: Any,  # noqa: ANN401 - as above
    allowed: Any,  # noqa: ANN401
    instance: Any,  # noqa: ANN401
    schema: dict[str, Any],
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    for key, value in instance.items():
        if key in schema.get("properties", {}) or any(found(p, key) for p in patterns):
            continue
        if allowed is False:
            yield jsonschema.ValidationError(f"{key!r} is not allowed there")
        else:
            yield from validator.descend(value, allowed, path=key)


def _referring(keyword: str) -> Any:  # noqa: ANN401 - a keyword of jsonschema
    """The stock keyword, with a look at the clock: references can double the work at each step."""
    stock: Any = jsonschema.Draft202012Validator.VALIDATORS[keyword]

    def refer(
        validator: Any,  # noqa: ANN401 - as above
        reference: str,
        instance: Any,  # noqa: ANN401
        schema: Any,  # noqa: ANN401
    ) -> Iterator[jsonschema.ValidationError]:
        if time.monotonic() > _deadline.get():
            raise UnmeasuredError(f"the schema was not through after {_SECONDS:g} s")
        yield from stock(validator, reference, instance, schema)

    return refer


# The stock keywords use `re`, which has no deadline, and compare items pair by pair; an empty
# registry resolves no remote $ref.
_VALIDATOR: Any = extend(
    jsonschema.Draft202012Validator,
    {
        "$ref": _referring("$ref"),
        "$dynamicRef": _referring("$dynamicRef"),
        "additionalProperties": _additional_properties,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items,
    },
)
_NOTHING_REMOTE: Any = Registry()
# The stock check of patterns is by `re`, which knows less than the engine that is used here.
_NO_FORMATS = jsonschema.FormatChecker(formats=())
_SECONDS = 1.0
_REFERENCES = ("$ref", "$dynamicRef")
_deadline: ContextVar[float] = ContextVar("deadline")
# What stands under these is data, whatever it looks like.
_DATA = frozenset({"const", "enum", "default", "examples"})


def well_formed(schema: dict[str, JsonValue]) -> None:
    """Make sure that ``schema`` is a JSON Schema (2020-12).

    Raises:
        ValueError: It is not, or a pattern in it is not a regular expression.
    """
    try:
        _VALIDATOR.check_schema(schema, format_checker=_NO_FORMATS)
    except jsonschema.SchemaError as problem:
        raise ValueError(f"not a JSON Schema: {problem.message}") from None
    except (OverflowError, RecursionError) as problem:
        raise ValueError(f"not a JSON Schema: {problem}") from None
    keywords = list(_keywords(schema))
    if {"patternProperties", "unevaluatedProperties"} <= {key for key, _ in keywords}:
        raise ValueError("unevaluatedProperties cannot stand beside patternProperties")
    for key, value in keywords:
        if key == "pattern" and isinstance(value, str):
            compiled(value)
        elif key == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                compiled(pattern)
        elif (
            key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#")
        ):
            raise ValueError(f"{key} {value!r} leads outside the schema; nothing is ever fetched")


def _keywords(schema: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key, value
            if key not in _DATA:
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
    before = _deadline.set(time.monotonic() + _SECONDS)
    try:
        error: Any = best_match(validator.iter_errors(value))
    except (Unresolvable, AttributeError, TypeError, ValueError, ArithmeticError) as problem:
        # A $ref may lead to what is no schema at all.
        raise UnmeasuredError(f"the schema cannot be followed: {problem}") from None
    except RecursionError:
        raise UnmeasuredError("the schema cannot be followed: it leads round in circles") from None
    finally:
        _deadline.reset(before)
    if error is None:
        return None
    place = error.json_path.removeprefix("$").removeprefix(".")
    return f"{place or 'the output'}: {error.message[:300]}"


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Validator:
    return _VALIDATOR(json.loads(schema), registry=_NOTHING_REMOTE)
