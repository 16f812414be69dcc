"""TOML changed at one table only; everything else stays as it is, comments too."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

_HEADER = re.compile(r"^\s*\[", re.MULTILINE)


def read(text: str) -> dict[str, Any]:
    """The value of ``text``.

    Raises:
        ValueError: It is no TOML.
    """
    return tomllib.loads(text.removeprefix("\ufeff"))


def put(text: str, path: tuple[str, str], value: Mapping[str, JsonValue]) -> str:
    """``text`` with the keys of ``value`` in the table ``path``, which is added where it is not.

    What cannot be changed so, such as a table that is written in one line, is not noticed here:
    read the result.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{key} = {json.dumps(told, ensure_ascii=False)}" for key, told in value.items()]
    name = r"\s*\.\s*".join(rf"(?:{re.escape(part)}|\"{re.escape(part)}\")" for part in path)
    table = re.search(rf"^[ \t]*\[\s*{name}\s*\][^\n]*(?:\n|\Z)", text, re.MULTILINE)
    if table is None:
        before = f"{text.rstrip()}{newline}{newline}" if text.strip() else ""
        return before + newline.join([f"[{'.'.join(path)}]", *lines, ""])
    follows = _HEADER.search(text, table.end())
    body = text[table.end() : follows.start() if follows else len(text)]
    keys = "|".join(map(re.escape, value))
    kept = re.sub(rf"^[ \t]*(?:{keys})[ \t]*=[^\n]*(?:\n|\Z)", "", body, flags=re.MULTILINE)
    header = table[0] if table[0].endswith("\n") else table[0] + newline
    rest = text[follows.start() :] if follows else ""
    return text[: table.start()] + header + newline.join([*lines, kept]) + rest
