"""JSON with comments and trailing commas, read, and changed at one place only."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_LAST_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])")
_BLANK = re.compile(r"\s*")
_INDENTED = re.compile(r'^([ \t]+)"', re.MULTILINE)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    key: int  # where its name begins
    start: int  # where its value begins
    end: int


def read(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value of ``text``; nothing at all is an empty object.

    Raises:
        ValueError: It is no JSON, or an object names one thing twice.
    """
    try:
        return json.loads(_plain(text) if text.strip() else "{}", object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def put(text: str, path: Sequence[str], value: JsonValue) -> str:
    """``text`` with ``value`` at ``path``: what stands beside it stays, and so do comments.

    Raises:
        ValueError: As ``read``; or what the path leads through is no object.
    """
    read(text)
    whole = text if text.strip() else "{}\n"
    plain = _plain(whole)
    start, end = _skip(plain, 0), len(plain.rstrip())
    for depth, name in enumerate(path):
        if plain[start] != "{":
            raise ValueError(f"{'.'.join(path[:depth]) or 'it'} is no object")
        found = {member.name: member for member in _members(plain, start)}
        if name not in found:
            for outer in reversed(path[depth + 1 :]):
                value = {outer: value}
            return _inserted(whole, plain, start, name, value)
        start, end = found[name].start, found[name].end
    if json.dumps(json.loads(plain[start:end])) == json.dumps(value):
        return text
    return whole[:start] + _written(whole, value, _indent(whole, start)) + whole[end:]


def _inserted(text: str, plain: str, start: int, name: str, value: JsonValue) -> str:
    """``text`` with one member more, the last, in the object that begins at ``start``."""
    members = list(_members(plain, start))
    _, end = _DECODER.raw_decode(plain, start)
    close = end - 1
    last = members[-1].end if members else start + 1
    # A comma that stands after the last one already, outside of comments, parts it from ours.
    comma = "," if members and "," not in _uncommented(text)[last:close] else ""
    if members and "\n" not in text[start:close]:
        member = json.dumps({name: value}, ensure_ascii=False)[1:-1]
        return f"{text[:last]}{comma} {member}{text[last:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indent(text, start)
    inner = outer + _unit(text)
    if members and not text[text.rfind("\n", 0, members[0].key) + 1 : members[0].key].strip():
        inner = _indent(text, members[0].key)
    before = text[last:close].rstrip()
    added = f"{inner}{json.dumps(name, ensure_ascii=False)}: {_written(text, value, inner)}"
    return f"{text[:last]}{comma}{before}{newline}{added}{newline}{outer}{text[close:]}"


def _written(text: str, value: JsonValue, indent: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    told = json.dumps(value, indent=_unit(text), ensure_ascii=False)
    return told.replace("\n", newline + indent)


def _members(plain: str, at: int) -> Iterator[_Member]:
    """The members of the object that begins at ``at``, in text that is known to be JSON."""
    at = _skip(plain, at + 1)
    while plain[at] != "}":
        name, after = cast("tuple[str, int]", _DECODER.raw_decode(plain, at))
        start = _skip(plain, _skip(plain, after) + 1)
        _, end = _DECODER.raw_decode(plain, start)
        yield _Member(name, at, start, end)
        at = _skip(plain, end)
        if plain[at] == ",":
            at = _skip(plain, at + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _indent(text: str, at: int) -> str:
    """The blanks with which the line of ``at`` begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _unit(text: str) -> str:
    found = _INDENTED.search(text)
    return found[1] if found else "  "


def _plain(text: str) -> str:
    """Strict JSON of the same length, so that a place in one is that place in the other."""
    return _LAST_COMMA.sub(lambda found: found[1] or " ", _uncommented(text))


def _uncommented(text: str) -> str:
    bare = text.replace("\ufeff", " ", 1) if text.startswith("\ufeff") else text
    return _COMMENT.sub(lambda found: found[1] or re.sub(r"[^\r\n]", " ", found[0]), bare)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names one thing twice")
    return found
