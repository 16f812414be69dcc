"""What is wrong with a file, an assertion or the arguments of a tool, told in one way."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from regrade_tools.refusal import guess
from regrade_tools.texts.clipping import clip, clip_list

_SHOWN = 5
# What people write first, from other tools or by sense, and what it may mean here.
_MEANT = {
    "expected": ("corrected_output", "value"),
    "expected_output": ("corrected_output",),
    "in": ("one_of",),
    "max": ("threshold",),
    "min": ("threshold",),
    "regex": ("value",),
    "text": ("value",),
}
_PLACE, _MESSAGE, _VALID = 80, 300, 400

Schema = Mapping[str, Any]


def mistakes_in(problem: ValidationError, kind: type[BaseModel]) -> str:
    """``mistakes`` in what was to be a ``kind``."""
    return mistakes(problem, _schema(kind))


@cache
def _schema(kind: type[BaseModel]) -> Schema:
    return kind.model_json_schema()


def mistakes(problem: ValidationError, schema: Schema, *, what: str = "field") -> str:
    """The first mistakes, each with its place; of an unknown name what it may have meant.

    Args:
        problem: What pydantic found.
        schema: The JSON Schema of what was read.
        what: What a name in it is called: a field, or an argument.
    """
    errors = problem.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        dict.fromkeys(_told(error["type"], error["loc"], error["msg"], schema, what)
                      for error in errors[:_SHOWN])
    )  # fmt: skip


def first_place(problem: ValidationError, kind: type[BaseModel]) -> tuple[int | str, ...]:
    """Where the first mistake stands in what was to be a ``kind``, as it was written.

    Of what is missing that is where it should stand; of an unknown name, the name.
    """
    error = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    place = _steps(_schema(kind), error["loc"])[0]
    return place[:-1] if error["type"] == "missing" else place


def unquoted(problem: ValidationError) -> bool:
    """Whether a plain word of YAML that is no text, such as null or 8080, stands for one."""
    errors = problem.errors(include_url=False, include_context=False)[:_SHOWN]
    return any(
        error["type"] == "string_type" and not isinstance(error["input"], list | dict)
        for error in errors
    )


def _told(kind: str, place: Sequence[int | str], message: str, schema: Schema, what: str) -> str:
    written, _ = _steps(schema, place)
    if kind in ("extra_forbidden", "missing") and place:
        outer, name = _shown(written[:-1]), clip(str(place[-1]), _PLACE)
        where = f"{outer}: " if outer else ""
        if kind == "missing":
            return f"{where}{name!r} is missing"
        valid = sorted(_names(schema, place[:-1]))
        listed = f" (valid: {', '.join(clip_list(valid, _VALID))})" if valid else ""
        return f"{where}unknown {what} {name!r}{_guess(name, valid) or listed}"
    said = clip(message.removeprefix("Value error, "), _MESSAGE)
    return f"{_shown(written)}: {said}" if written else said


def _guess(name: str, valid: Sequence[str]) -> str:
    meant = next((one for one in _MEANT.get(name, ()) if one in valid), name)
    return guess(meant, valid)


def _shown(place: Sequence[int | str]) -> str:
    return clip(".".join(str(part) for part in place), _PLACE)


def _names(schema: Schema, place: Sequence[int | str]) -> set[str]:
    """What may stand at ``place`` of what ``schema`` describes."""
    return {name for node in _steps(schema, place)[1] for name in node.get("properties", {})}


def _steps(
    schema: Schema, place: Sequence[int | str]
) -> tuple[tuple[int | str, ...], list[Schema]]:
    """``place`` as it was written, and what may stand there."""
    written: list[int | str] = []
    nodes = [*_options(schema, schema)]
    for part in place:
        if len(nodes) > 1:
            # pydantic names the member of a union that it took: by the key that told it, or by
            # its kind, which says nothing of what may stand in it.
            nodes = [node for node in nodes if part in node.get("properties", {})]
        else:
            written.append(part)
            inner = (_inside(node, part) for node in nodes)
            nodes = [option for node in inner for option in _options(node, schema)]
    return tuple(written), nodes


def _inside(node: Schema, part: int | str) -> Schema:
    properties = cast("Schema", node.get("properties", {}))
    # A map whose keys are names has one pattern for all of them.
    named = cast("Schema", node.get("patternProperties", {})).values()
    every = node.get("additionalProperties") or node.get("items")
    found = properties.get(str(part)) or next(iter(named), every)
    return cast("Schema", found) if isinstance(found, dict) else {}


def _options(node: Schema, schema: Schema) -> Iterator[Schema]:
    """What ``node`` may be: itself, or the members of a union, without references."""
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        yield from _options(cast("Schema", schema["$defs"][name]), schema)
        return
    members = cast("list[Schema]", node.get("anyOf") or node.get("oneOf") or [])
    if not members:
        yield node
    for member in members:
        if member != {"type": "null"}:
            yield from _options(member, schema)
