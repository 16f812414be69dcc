"""This server, added to the file of a client."""

import json
import stat
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import JsonValue

from regrade_server.clients import jsonc, toml
from regrade_server.clients.client import Client
from regrade_tools.files.temporary import temporary
from regrade_tools.refusal import Refusal, why

NAME = "regrade"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to become of the file at ``path``; ``before`` is empty where there is none yet."""

    path: Path
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """The change, as `diff -u` tells it."""
        old, new = (text.splitlines() for text in (self.before, self.after))
        lines = unified_diff(old, new, str(self.path), str(self.path), lineterm="")
        return "\n".join(lines)

    def write(self) -> None:
        """Replace the file as one, with its permissions.

        Raises:
            Refusal: It cannot be written, or was changed since it was read.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with temporary(self.path.parent, self.after) as file:
                if self.path.exists():
                    file.chmod(stat.S_IMODE(self.path.stat().st_mode))
                if _text(self.path) != self.before:
                    raise Refusal(f"{self.path} was changed meanwhile.", next_step="Try again.")
                file.replace(self.path)
        except OSError as problem:
            raise Refusal(f"{self.path} cannot be written: {why(problem)}.") from None


def installation(client: Client, path: Path, entry: dict[str, JsonValue]) -> Installation:
    """``entry`` in the file of ``client`` at ``path``; what the entry has beside it stays.

    Raises:
        Refusal: The file cannot be read or changed without harm; it is as it was.
    """
    # A file that is kept elsewhere and linked to is changed there, and the link stays.
    path = path.resolve()
    before = _text(path)
    try:
        after = _changed(before, toml if path.suffix == ".toml" else jsonc, client.key, entry)
    except ValueError as problem:
        raise Refusal(
            f"{path} cannot be changed without harm: {problem}.",
            next_step=f"Mend it, or add under {client.key}: {json.dumps({NAME: entry})}",
        ) from None
    return Installation(path, before, after)


def _changed(before: str, form: ModuleType, key: str, entry: dict[str, JsonValue]) -> str:
    held = _object(form.read(before), "it")
    servers = _object(held.get(key, {}), f"its {key}")
    known = _object(servers.get(NAME, {}), f"its {key}.{NAME}")
    expected = {**known, **entry}
    if known == expected:
        return before
    after = before
    if form is jsonc and known:
        for name, value in entry.items():
            after = jsonc.put(after, (key, NAME, name), value)
    else:
        after = form.put(before, (key, NAME), entry)
    # Whatever way the file is written in, it says afterwards what it is to say, or it is left.
    if form.read(after) != {**held, key: {**servers, NAME: expected}}:
        raise ValueError("it is written in a way that is not understood here")
    return after


def _object(value: Any, what: str) -> dict[str, Any]:  # noqa: ANN401 - of any document
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")  # noqa: TRY004 - it came from a file
    return cast("dict[str, Any]", value)


def _text(path: Path) -> str:
    """What a file holds, its line ends as they are; nothing where there is none.

    Raises:
        Refusal: It is there and cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as problem:
        raise Refusal(f"{path} cannot be read: {why(problem)}.") from None
