"""JSON Schemas without the noise that costs an agent tokens."""

from collections.abc import Mapping
from typing import Any, cast

_PYDANTIC_JSON = "#/$defs/JsonValue"


def lean(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An input schema without titles, without nulls and with "anything" written as {}."""
    return cast("dict[str, Any]", _lean(dict(schema)))


def _lean(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(node, list):
        return [_lean(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    found = cast("dict[str, Any]", node)
    if found.get("$ref") == _PYDANTIC_JSON:
        return {}
    options = cast("list[Any]", found.get("anyOf", []))
    chosen = [option for option in options if option != {"type": "null"}]
    if len(options) > len(chosen) == 1:
        rest = {key: value for key, value in found.items() if key not in ("anyOf", "default")}
        return _lean({**chosen[0], **rest})
    return {
        key: _properties(value) if key in ("properties", "$defs") else _lean(value)
        for key, value in found.items()
        if not (key == "title" or (key == "default" and value is None))
    }


def _properties(named: dict[str, Any]) -> dict[str, Any]:
    """Here the keys are names, so that one called ``title`` stays."""
    return {name: _lean(inner) for name, inner in named.items() if name != "JsonValue"}


def shallow(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An output schema one level deep: which fields there are, and of what type.

    What lies inside a field is shown by every reply; its schema would cost more than all inputs.
    """
    fields: dict[str, Any] = {}
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    for name, inner in properties.items():
        plain = cast("dict[str, Any]", _lean(inner))
        kept = {key: plain[key] for key in ("type", "enum") if key in plain}
        if "$ref" in plain:
            kept = {"type": "object"}
        elif "anyOf" in plain:
            types = [option["type"] for option in plain["anyOf"] if "type" in option]
            kept = {"type": types} if len(types) == len(plain["anyOf"]) else {}
        fields[name] = kept
    # A field without a value is left out of a reply, so none that may be null is required.
    required = [name for name in schema.get("required", []) if not _nullable(properties[name])]
    return {"type": "object", "properties": fields, "required": required}


def _nullable(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", [])
