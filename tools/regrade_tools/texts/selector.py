"""``listings[0].price``, ``items.0.id``, ``items[*].id``, ``["odd key"]``: a place in JSON."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import JsonValue, PlainSerializer, PlainValidator, WithJsonSchema

from regrade_tools.texts.clipping import clip_list

_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(-?\d{1,9})\]|\[(\*)\]|\["((?:[^"\\]|\\.)*)"\]')
# ``choices.0.text`` is as common a way as ``choices[0].text``.
_POSITION = re.compile(r"[0-9]{1,9}")
_SHOWN, _KEYS = 8, 300
# Deeper than data can be; with more, each step of a long way would copy the rest of it.
_MOST_STEPS = 100


class MissingError(Exception):
    """Nothing stands at the selected place; the message says where the way ends."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A way into a value: keys, positions, and ``[*]`` for every item of a list."""

    text: str
    steps: tuple[str | int | None, ...]

    def find(self, value: JsonValue) -> JsonValue:
        """What stands there; a list of all the finds where the way has a ``[*]``.

        Raises:
            MissingError: Nothing does.
        """
        return _walk(value, self.steps, "output")


def _walk(value: JsonValue, steps: tuple[str | int | None, ...], way: str) -> JsonValue:
    for index, step in enumerate(steps):
        if step is None:
            if not isinstance(value, list):
                raise MissingError(f"{way} is {kind(value)}, not a list")
            rest = steps[index + 1 :]
            return [_walk(item, rest, f"{way}[{place}]") for place, item in enumerate(value)]
        value, way = _enter(value, step, way)
    return value


def _enter(value: JsonValue, step: str | int, way: str) -> tuple[JsonValue, str]:
    if isinstance(step, str) and isinstance(value, list) and _POSITION.fullmatch(step):
        step = int(step)
    if isinstance(step, int):
        if not isinstance(value, list):
            raise MissingError(f"{way} is {kind(value)}, not a list")
        if not -len(value) <= step < len(value):
            raise MissingError(f"{way} has {len(value)} items, so no [{step}]")
        return value[step], f"{way}[{step}]"
    if not isinstance(value, dict):
        raise MissingError(f"{way} is {kind(value)}, not an object with {step!r}")
    if step not in value:
        raise MissingError(f"{way} has no {step!r} ({keys(value)})")
    return value[step], f"{way}.{step}"


def keys(value: dict[str, JsonValue]) -> str:
    """The first keys of an object, as a message names them."""
    return f"its keys: {', '.join(clip_list(list(value)[:_SHOWN], _KEYS)) or 'none'}"


def kind(value: JsonValue) -> str:
    """What JSON calls a value, as a message names it."""
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def selector(value: object) -> Selector:
    """Read a selector; the empty text selects the whole output.

    Raises:
        ValueError: ``value`` is not a selector.
    """
    if not isinstance(value, str):
        raise ValueError('write a text such as "listings[0].price"')  # noqa: TRY004 - pydantic reads ValueError
    steps: list[str | int | None] = []
    place = 0
    while place < len(value):
        match = _STEP.match(value, place)
        if match is None or (place == 0 and value.startswith(".")):
            raise ValueError(
                f"cannot read {value[place:][:40]!r}; write listings[0].price, items[*].id "
                'or ["odd key"]'
            )
        key, position, _, quoted = match.groups()
        if key is not None:
            steps.append(key)
        elif position is not None:
            steps.append(int(position))
        else:
            steps.append(None if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        place = match.end()
        if len(steps) > _MOST_STEPS:
            raise ValueError(f"it has over {_MOST_STEPS} steps")
    return Selector(value, tuple(steps))


def _written(value: Selector) -> Any:  # noqa: ANN401 - pydantic wants a plain value
    return value.text


Place = Annotated[
    Selector,
    PlainValidator(selector),
    PlainSerializer(_written),
    WithJsonSchema({"type": "string", "description": "A place, such as listings[0].price."}),
]
