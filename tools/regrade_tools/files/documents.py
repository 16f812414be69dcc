"""YAML 1.2 files, read fast and written plainly.

libyaml parses; the values are made here, by the core schema of YAML 1.2 and nothing beside it:
``Yes`` is a text, ``010`` is ten, a date is a text, and no tag makes anything but JSON. What is
JSON is read as JSON: YAML has neither its pairs of escapes nor its keys of over 1,024 characters.
"""

# PyYAML is loosely typed; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from pydantic import JsonValue

from regrade_tools.texts.jsontext import may_be_deep, unique

_LARGEST = 16 * 1024 * 1024
# Deeper than any file of ours, and far from where a stack overflows.
_DEEPEST = 150
# Aliases of aliases can stand for more values than any memory holds, in a few lines.
_MOST_VALUES = 2_000_000
_TEXT_OF_ONE = 64
_LONGEST_NUMBER = 4_000

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_BASES = {"0o": 8, "0x": 16}
# What YAML 1.2 breaks lines at or drops is written as an escape.
_ESCAPED = re.compile("[\x85\u2028\u2029\ufeff]")


class DocumentError(ValueError):
    """Not a YAML document that can be used; the message says where and why."""


def load(text: str) -> JsonValue:
    """The value of a YAML 1.2 (or JSON) document; an empty one is null.

    Raises:
        DocumentError: It is not one, or is too large or too deep to be one of ours.
    """
    if len(text) > _LARGEST:
        raise DocumentError("is larger than 16 MB")
    if text.lstrip()[:1] in ("{", "[") and text.count(",") < _MOST_VALUES:
        # What is no JSON, or none of ours, is YAML or refused with its place.
        with suppress(ValueError, RecursionError):
            return _json(text)
    try:
        return _Builder(_events(text)).document()
    except yaml.MarkedYAMLError as problem:
        place = _place(problem.problem_mark) if problem.problem_mark else ""
        raise DocumentError(f"is not YAML: {problem.problem}{place}") from None
    except (yaml.YAMLError, UnicodeEncodeError) as problem:
        raise DocumentError(f"is not YAML that can be used: {problem}") from None


def line_of(text: str, place: Iterable[str | int]) -> int | None:
    """The line, from 1, where what is at ``place`` of a document begins; None where it is not."""
    try:
        node: Any = yaml.compose(text, Loader=_loader())
    except (yaml.YAMLError, UnicodeEncodeError):
        return None
    for part in place:
        node = _under(node, part)
    return None if node is None else int(node.start_mark.line) + 1


def _under(node: Any, part: str | int) -> Any:  # noqa: ANN401 - PyYAML's nodes
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    return None


def _json(text: str) -> JsonValue:
    value: JsonValue = _decoder().decode(text)
    # Plain letters without escapes make no half of a character, and few brackets nothing deep.
    plain = text.isascii() and "\\u" not in text
    if not plain or may_be_deep(text, _DEEPEST):
        _examine(value, 0)
    return value


# Made once: json.loads would make one for every file.
@cache
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=unique,
        parse_float=_number,
        parse_int=_integer,
        parse_constant=_number,
    )


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond any number of JSON")
    return number


def _examine(value: JsonValue, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"is nested deeper than {_DEEPEST}")
    if isinstance(value, str):
        # Half a pair of escapes is no character: nothing could write it to a file.
        value.encode()
    elif isinstance(value, list):
        for item in value:
            _examine(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode()
            _examine(item, depth + 1)


def _events(text: str) -> Iterator[Any]:
    return iter(yaml.parse(text, Loader=_loader()))


def _loader() -> Any:  # noqa: ANN401 - a class of PyYAML
    # The two parsers differ in nothing but speed; some platforms have no wheel with libyaml.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _place(mark: Any) -> str:  # noqa: ANN401 - PyYAML's mark
    return f" at line {mark.line + 1} column {mark.column + 1}"


@dataclass(slots=True)
class _Builder:
    """Values from events; ``values`` counts them with every alias written out."""

    events: Iterator[Any]
    anchors: dict[str, tuple[JsonValue, int]] = field(
        default_factory=dict[str, tuple[JsonValue, int]]
    )
    values: int = 0

    def document(self) -> JsonValue:
        """The one document of the stream."""
        value: JsonValue = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error("another document begins", event)
                value = self._value(next(self.events), 0)
        return value

    def _value(self, event: Any, depth: int) -> JsonValue:  # noqa: ANN401 - PyYAML's event
        if depth > _DEEPEST:
            raise self._error(f"is nested deeper than {_DEEPEST}", event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self.values
        # A long text counts for many: it, too, can be written out by a thousand aliases.
        self._count(1 + len(getattr(event, "value", "")) // _TEXT_OF_ONE, event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._plain_tag(event, "seq")
            value = self._sequence(depth)
        else:
            self._plain_tag(event, "map")
            value = self._mapping(depth)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.values - before)
        return value

    def _alias(self, event: Any) -> JsonValue:  # noqa: ANN401
        if event.anchor not in self.anchors:
            raise self._error(f"the alias *{event.anchor} is not known here", event)
        value, size = self.anchors[event.anchor]
        self._count(size, event)
        return value

    def _count(self, more: int, event: Any) -> None:  # noqa: ANN401
        self.values += more
        if self.values > _MOST_VALUES:
            raise self._error(f"stands for more than {_MOST_VALUES:,} values", event)

    def _sequence(self, depth: int) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("a key is no plain text", event)
            # Keys are texts, as in JSON: `200:` is the key "200".
            key = str(event.value)
            if key in found:
                raise self._error(f"the key {key!r} stands twice", event)
            found[key] = self._value(next(self.events), depth + 1)
        return found

    def _scalar(self, event: Any) -> JsonValue:  # noqa: ANN401
        text = str(event.value)
        if event.tag in (None, "!"):
            return _resolved(text) if event.implicit[0] and event.tag is None else text
        if event.tag == f"{_TAG}str":
            return text
        value = _resolved(text)
        kinds = {"null": type(None), "bool": bool, "int": int, "float": float}
        kind = kinds.get(event.tag.removeprefix(_TAG))
        if kind is float and type(value) is int:
            return float(value)
        if kind is None or type(value) is not kind:
            raise self._error(f"the tag {event.tag!r} does not fit {text!r} in JSON", event)
        return value

    def _plain_tag(self, event: Any, kind: str) -> None:  # noqa: ANN401
        if event.tag not in (None, "!", f"{_TAG}{kind}"):
            raise self._error(f"the tag {event.tag!r} makes nothing that JSON has", event)

    def _error(self, problem: str, event: Any) -> DocumentError:  # noqa: ANN401
        return DocumentError(f"is not YAML that can be used: {problem}{_place(event.start_mark)}")


def _resolved(text: str) -> JsonValue:
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text[0] in "tT"
    try:
        if _INTEGER.fullmatch(text):
            return _integer(text)
        if _FLOAT.fullmatch(text):
            return _number(text)
    except ValueError as problem:
        raise DocumentError(f"is not YAML that can be used: {problem}") from None
    return text


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text[2:], _BASES[text[:2]]) if text[:2] in _BASES else int(text)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and quotes what any YAML would read otherwise."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = None
    if _ESCAPED.search(value):
        style = '"'
    elif "\n" in value and not value.startswith((" ", "\n")) and " \n" not in value:
        style = "|"
    elif any(pattern.fullmatch(value) for pattern in (_INTEGER, _FLOAT)):
        # YAML 1.1, by which PyYAML decides about quotes, knows fewer numbers.
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(value: JsonValue) -> str:
    """``value`` as YAML, in its own order of keys, readable by every version of YAML."""
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            allow_unicode=True,
            sort_keys=False,
            width=100,
            default_flow_style=False,
        )
    )
