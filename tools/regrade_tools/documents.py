"""YAML 1.2 files, read fast and written plainly.

The parser is PyYAML's libyaml; its YAML 1.1 reading of plain words is replaced by the core
schema of YAML 1.2, in which ``Yes`` is a text, ``010`` is ten and a date is a text.
"""

# PyYAML is loosely typed; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import re
from typing import Any, cast

import yaml
from pydantic import JsonValue

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
)
_LARGEST = 16 * 1024 * 1024
# Aliases of aliases can stand for more values than any memory holds, in a few lines.
_MOST_VALUES = 2_000_000


class DocumentError(ValueError):
    """Not a YAML document that can be used; the message says where and why."""


class _Loader(_BASE):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML's own registry


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and quotes what any YAML would read otherwise."""


for _tag, _pattern, _first in _CORE:
    _compiled = re.compile(rf"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(_tag, _compiled, [sign.strip("\0") for sign in _first])
    if _tag.endswith("int"):
        _Dumper.add_implicit_resolver(_tag, _compiled, list(_first))


def _integer(_loader: Any, node: Any) -> int:  # noqa: ANN401 - PyYAML's signature
    text = str(node.value)
    bases = {"0o": 8, "0x": 16}
    return int(text[2:], bases[text[:2]]) if text[:2] in bases else int(text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    block = "\n" in value and not value.startswith((" ", "\n")) and " \n" not in value
    style = "|" if block else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Dumper.add_representer(str, _text)


def load(text: str) -> JsonValue:
    """The value of a YAML 1.2 (or JSON) document.

    Raises:
        DocumentError: It is not one, or is too large or too deep to be one of ours.
    """
    if len(text) > _LARGEST:
        raise DocumentError("is larger than 16 MB")
    try:
        value: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - built on the safe loader
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise DocumentError(f"is not YAML: {problem.problem}{place}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise DocumentError(f"is not YAML that can be used: {problem}") from None
    if _values(value, {}) > _MOST_VALUES:
        raise DocumentError(f"stands for more than {_MOST_VALUES:,} values, or for itself")
    return cast("JsonValue", _plain(value))


def _values(value: Any, counted: dict[int, int]) -> int:  # noqa: ANN401 - whatever YAML can hold
    """How many values there are when every alias is written out; each is counted once."""
    if not isinstance(value, dict | list):
        return 1
    inner = cast("list[Any]", list(value.values()) if isinstance(value, dict) else value)
    if id(value) not in counted:
        # Until it is known: a value that holds itself would never be.
        counted[id(value)] = _MOST_VALUES + 1
        counted[id(value)] = 1 + sum(_values(item, counted) for item in inner)
    return counted[id(value)]


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Keys are texts, as in JSON: ``200:`` is the key "200"."""
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in items}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value


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
