"""The variables of a test of promptfoo -> what a case is given: files read, templates filled in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from pydantic import JsonValue

from regrade_tools.files.filling import has_fields, text
from regrade_tools.files.templates import named_in
from regrade_tools.suites.importing.conversion import UnsupportedError
from regrade_tools.suites.importing.source import Source
from regrade_tools.texts.jsontext import texts

Object = dict[str, JsonValue]

_FILE = "file://"
_ENVIRONMENT = re.compile(r"\{\{[^}]*\benv\b\s*[.\[]")
_NOT_READ = "it names a variable of the environment, which an import does not read: write it in"
# promptfoo looks no further, either, where variables name each other.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Given:
    """The values of variables, and why one could not be made: its name and the reason."""

    values: Object
    lost: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def filled(template: str, fields: Mapping[str, JsonValue]) -> str:
    """``template`` with its fields filled in.

    Raises:
        UnsupportedError: It cannot be.
    """
    try:
        return text(template, fields)
    except ValueError as problem:
        if _ENVIRONMENT.search(template):
            raise UnsupportedError(_NOT_READ) from None
        raise UnsupportedError(f"its value cannot be filled in: {problem}") from None


def environment(config: Object) -> Object:
    """What the configuration itself says of ``env``, as templates name it."""
    told = config.get("env")
    held = {name: value for name, value in told.items() if not has_fields(value)} if isinstance(
        told, dict
    ) else {}  # fmt: skip
    return {"env": held} if held else {}


def read(variables: Object, source: Source) -> Given:
    """``variables`` with the files that they name."""
    found = Given({})
    for name, value in variables.items():
        try:
            is_file = isinstance(value, str) and value.startswith(_FILE)
            found.values[name] = source.variable(str(value)) if is_file else value
        except UnsupportedError as problem:
            found.values[name] = value
            found.lost.append((name, str(problem)))
    return found


def combinations(variables: Object) -> Iterator[Object]:
    """A list of texts stands for one test each."""
    options = [
        value if isinstance(value, list) and value and isinstance(value[0], str) else [value]
        for value in variables.values()
    ]
    return (dict(zip(variables, values, strict=True)) for values in product(*options))


def resolved(variables: Object, env: Object) -> Given:
    """``variables`` where one may name another: what names an unknown one stays as it is."""
    known: Object = {name: _unended(value) for name, value in variables.items()}
    lost: dict[str, str] = {}
    for _ in range(_ROUNDS):
        before = dict(known)
        for name, value in known.items():
            if not isinstance(value, str):
                if any(_ENVIRONMENT.search(item) for item in texts(value)):
                    lost[name] = _NOT_READ
            elif name not in lost and _names(value) <= {*known, "env"}:
                try:
                    known[name] = filled(value, {**known, **env})
                except UnsupportedError as problem:
                    lost[name] = str(problem)
        if known == before:
            break
    return Given(known, list(lost.items()))


def _names(value: str) -> frozenset[str]:
    try:
        return named_in(value) if has_fields(value) else frozenset()
    except ValueError:
        # No template at all: a text that holds braces.
        return frozenset({""})


def _unended(value: JsonValue) -> JsonValue:
    # The line feed that a block of YAML ends with is no part of what is asked.
    return value.removesuffix("\n") if isinstance(value, str) else value
