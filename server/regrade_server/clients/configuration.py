"""The configurations of MCP clients, and whether they start this server."""

import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from regrade_server.clients import jsonc, toml
from regrade_server.clients.client import CLIENTS, Client


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """A file that is there. ``problem`` says why it starts no server of ours, where it does not."""

    client: str
    path: Path
    problem: str = ""
    readable: bool = True


def client_configs(root: Path | None, home: Path) -> Generator[ClientConfig, None, None]:
    """Every file in which a client may name us: in the repository, then at home."""
    for client in CLIENTS.values():
        if root is not None and client.project and (root / client.project).is_file():
            path = root / client.project
            yield _config(path, client, root)
    for client in CLIENTS.values():
        for name in client.user.values():
            if (home / name).is_file():
                yield _config(home / name, client, root)


def _config(path: Path, client: Client, root: Path | None) -> ClientConfig:
    try:
        text = path.read_text(encoding="utf-8")
        found = toml.read(text) if path.suffix == ".toml" else jsonc.read(text)
    except (OSError, ValueError) as problem:
        return ClientConfig(client.name, path, f"cannot be read: {problem}", readable=False)
    ours = [entry for entry in _entries(found, client.key) if _is_ours(entry)]
    if not ours:
        return ClientConfig(client.name, path, "names no server of Regrade")
    wrong = next(filter(None, (_wrong(entry, root) for entry in ours)), "")
    return ClientConfig(client.name, path, wrong)


def _entries(found: Any, key: str) -> list[dict[str, Any]]:  # noqa: ANN401 - any document
    held: Any = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
    listed = cast("dict[str, Any]", held).values() if isinstance(held, dict) else ()
    return [cast("dict[str, Any]", entry) for entry in listed if isinstance(entry, dict)]


def _words(entry: dict[str, Any]) -> list[str]:
    arguments: Any = entry.get("args")
    listed = cast("list[Any]", arguments) if isinstance(arguments, list) else []
    return [str(entry.get("command", "")), *map(str, listed)]


def _is_ours(entry: dict[str, Any]) -> bool:
    return any(Path(word).name in ("regrade", "regrade_server") for word in _words(entry))


def _wrong(entry: dict[str, Any], root: Path | None) -> str:
    command, *arguments = _words(entry)
    if shutil.which(command) is None:
        return f"starts {command!r}, which is not found: give its whole path"
    if "--root" not in arguments[:-1] or root is None:
        return ""
    told = arguments[arguments.index("--root") + 1]
    # A variable such as ${workspaceFolder} is the client's to fill in.
    if "$" in told or Path(told).expanduser().resolve() == root.resolve():
        return ""
    return f"serves another workspace: {told}"
