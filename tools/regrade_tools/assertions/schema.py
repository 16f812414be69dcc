"""JSON Schema checks that fetch nothing and cannot hang."""

# jsonschema is loosely typed; this room alone speaks to it.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import jsonschema
from attrs import fields
from jsonschema import validators
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable

from regrade_tools.assertions.equality import normal, same
from regrade_tools.assertions.verdicts import UnmeasuredError
from regrade_tools.fingerprint import canonical
from regrade_tools.texts.deadline import OutOfTimeError, deadline, look
from regrade_tools.texts.patterns import compiled, found


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
            yield jsonschema.ValidationError(f"{key[:80]!r} is not allowed there")
        else:
            yield from validator.descend(value, allowed, path=key)


def _enum(
    _validator: Any,  # noqa: ANN401 - as above
    values: list[Any],
    instance: Any,  # noqa: ANN401
    _schema: Any,  # noqa: ANN401
) -> Iterator[jsonschema.ValidationError]:
    if not any(same(instance, value) for value in values):
        yield jsonschema.ValidationError(f"{_short(instance)} is not one of {_short(values)}")


def _const(
    _validator: Any,  # noqa: ANN401 - as above
    value: Any,  # noqa: ANN401
    instance: Any,  # noqa: ANN401
    _schema: Any,  # noqa: ANN401
) -> Iterator[jsonschema.ValidationError]:
    if not same(instance, value):
        yield jsonschema.ValidationError(f"{_short(value)} was expected")


def _short(value: JsonValue) -> str:
    text = canonical(value).decode(errors="replace")
    return text if len(text) <= 120 else f"{text[:120]}..."  # noqa: PLR2004 - about one line


# Keywords inside one another. Python's own limit may be met in native code, which ends in a
# panic that no `except Exception` catches.
_DEEPEST = 160
_depth: ContextVar[int] = ContextVar("_depth", default=0)


def _bounded(keyword: Any) -> Any:  # noqa: ANN401 - a keyword of jsonschema
    """The keyword with a look at the clock and at the depth: schemas can multiply the work."""

    def bounded(
        validator: Any,  # noqa: ANN401 - as above
        value: Any,  # noqa: ANN401
        instance: Any,  # noqa: ANN401
        schema: Any,  # noqa: ANN401
    ) -> Iterator[jsonschema.ValidationError]:
        look()
        depth = _depth.get()
        if depth >= _DEEPEST:
            raise RecursionError("it is nested too deep")
        _depth.set(depth + 1)
        try:
            for error in keyword(validator, value, instance, schema) or ():
                look()
                yield error
        finally:
            _depth.set(depth)

    return bounded


# The stock keywords use `re`, which has no deadline, and compare items pair by pair; an empty
# registry resolves no remote $ref.
_KEYWORDS: dict[str, Any] = {
    **jsonschema.Draft202012Validator.VALIDATORS,
    "additionalProperties": _additional_properties,
    "const": _const,
    "enum": _enum,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}
_VALIDATOR: Any = validators.extend(
    jsonschema.Draft202012Validator,
    {name: _bounded(keyword) for name, keyword in _KEYWORDS.items()},
)


def _evolve(validator: Any, **changes: Any) -> Any:  # noqa: ANN401 - jsonschema's signature
    """The same validator at another place.

    The stock one reads a `$schema` that stands there, and would go on by the stock keywords.
    """
    for field in fields(type(validator)):
        if field.init:
            changes.setdefault(field.alias, getattr(validator, field.name))
    return type(validator)(**changes)


_VALIDATOR.evolve = _evolve
# The schema of schemas, bounded as well. Its formats are not asked for: the
# stock check of patterns is by `re`, which knows less than the engine that is used here.
_OF_SCHEMAS: Any = _VALIDATOR(_VALIDATOR.META_SCHEMA, registry=SPECIFICATIONS)
_NOTHING_REMOTE: Any = Registry()
# More than one slow pattern has, so that this is told as what it is.
_SECONDS = 2.0
_LARGEST = 200_000
# What stands under these is data, whatever it looks like.
_DATA = frozenset({"const", "enum", "default", "examples"})


def well_formed(schema: dict[str, JsonValue]) -> None:
    """Make sure that ``schema`` is a JSON Schema (2020-12).

    Raises:
        ValueError: It is not, or a pattern in it is not a regular expression.
    """
    _valid(schema)
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


def _valid(schema: dict[str, JsonValue]) -> None:
    if len(canonical(schema)) > _LARGEST:
        raise ValueError(f"the schema is larger than {_LARGEST:,} bytes")
    try:
        with deadline(_SECONDS):
            problem: Any = best_match(_OF_SCHEMAS.iter_errors(schema))
    except OutOfTimeError:
        raise ValueError(f"the schema could not be read within {_SECONDS:g} s") from None
    except (OverflowError, RecursionError) as error:
        raise ValueError(f"not a JSON Schema: {error}") from None
    if problem is not None:
        raise ValueError(f"not a JSON Schema: {problem.message[:300]}")


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
        UnmeasuredError: A ``$ref`` in the schema leads nowhere or round in circles, or it was
            not through in two seconds.
    """
    validator = _validator(canonical(schema))
    try:
        with deadline(_SECONDS):
            error: Any = best_match(validator.iter_errors(value))
    except OutOfTimeError:
        look()
        raise UnmeasuredError(f"the schema was not through after {_SECONDS:g} s") from None
    except (Unresolvable, AttributeError, TypeError, ValueError, ArithmeticError) as problem:
        # A $ref may lead to what is no schema at all.
        raise UnmeasuredError(f"the schema cannot be followed: {problem}") from None
    except RecursionError:
        raise UnmeasuredError(
            "the schema cannot be followed: it leads round in circles, or very deep"
        ) from None
    if error is None:
        return None
    place = error.json_path.removeprefix("$").removeprefix(".")
    return f"{place or 'the output'}: {error.message[:300]}"


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Validator:
    return _VALIDATOR(json.loads(schema), registry=_NOTHING_REMOTE)
