"""JSON Schemas without the noise that costs an agent tokens."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

_PYDANTIC_JSON = "#/$defs/JsonValue"
_NULL = {"type": "null"}
_JSON_TYPES: Mapping[Any, str] = {
    NoneType: "null",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    tuple: "array",
}


def lean(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without titles and nulls, and without what goes without saying."""
    return cast("dict[str, Any]", _lean(dict(schema)))


def inputs(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments: lean, and each argument with a type or a condition."""
    told = lean(schema)
    # That no others are allowed is said by the refusal, to those who try.
    told.pop("additionalProperties", None)
    for name, inner in told["properties"].items():
        # Some clients take no schema that allows anything; null is the same as not given.
        told["properties"][name] = inner or {"not": _NULL}
    return told


def _lean(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(node, list):
        return [_lean(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    found = cast("dict[str, Any]", node)
    if found.get("$ref") == _PYDANTIC_JSON:
        return {}
    options = cast("list[Any]", found.get("anyOf", []))
    chosen = [option for option in options if option != _NULL]
    if len(options) > len(chosen) == 1:
        rest = {key: value for key, value in found.items() if key not in ("anyOf", "default")}
        return _lean({**chosen[0], **rest})
    kept = {
        key: _properties(value) if key in ("properties", "$defs") else _lean(value)
        for key, value in found.items()
        if not (key == "title" or (key == "default" and value in (None, "", False)))
    }
    # Without it anything is allowed, and without definitions there are none.
    return {
        key: value
        for key, value in kept.items()
        if not (key in ("additionalProperties", "$defs") and value == {})
    }


def _properties(named: dict[str, Any]) -> dict[str, Any]:
    """Here the keys are names, so that one called ``title`` stays."""
    return {name: _lean(inner) for name, inner in named.items() if name != "JsonValue"}


def outline(reply: type[Any]) -> dict[str, Any]:
    """What a reply holds: the fields that each has, or where none is sure the lists there may be.

    Whatever else may be there and what lies inside is shown by every reply: it would cost more
    than all inputs. Each field has one type or a choice of them, as the strictest clients want it.
    Read off the dataclass: to let pydantic make a schema of it takes as long as ten imports.
    """
    types = get_type_hints(reply)
    told = {field.name: _kinds(types[field.name]) for field in fields(reply)}
    # A field without a value is left out of a reply, so each has only these.
    each = {
        field.name
        for field in fields(reply)
        if field.default is field.default_factory is MISSING and "null" not in told[field.name]
    }
    lists = {name for name, kinds in told.items() if {*kinds} - {"null"} == {"array"}}
    shown = each or lists
    return {
        "type": "object",
        "properties": {name: _choice(kinds) for name, kinds in told.items() if name in shown},
    }


def _choice(kinds: list[str]) -> dict[str, Any]:
    options = [{"type": kind} for kind in kinds if kind != "null"]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _kinds(told: Any) -> list[str]:  # noqa: ANN401 - a type
    """The JSON types of a Python one."""
    if get_origin(told) in (Union, UnionType):
        return list(dict.fromkeys(kind for one in get_args(told) for kind in _kinds(one)))
    if get_origin(told) is Literal:
        return _kinds(type(get_args(told)[0]))
    return [_JSON_TYPES.get(get_origin(told) or told, "object")]
