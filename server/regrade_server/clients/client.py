"""Which clients there are, and where each reads what to start."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from regrade_tools.refusal import Refusal

# The client fills it in: the folder that is open.
_OPEN = ("--root", "${workspaceFolder}")


@dataclass(frozen=True, slots=True)
class Client:
    """A client. ``project`` is its file in a repository, ``user`` at home, by platform or any.

    ``key`` is the name under which it lists servers, ``arguments`` are those of ours there, and
    ``more`` stands beside them. ``then`` says what a person does next.
    """

    name: str
    project: str | None
    user: Mapping[str, str]
    then: str
    key: str = "mcpServers"
    arguments: tuple[str, ...] = ()
    more: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    def path(self, root: Path | None, home: Path, platform: str = sys.platform) -> Path:
        """Its file in ``root``, or at ``home`` where there is no root.

        Raises:
            Refusal: It has none there.
        """
        told = self.user.get(platform, self.user.get("")) if root is None else self.project
        if told is None:
            raise Refusal(
                f"{self.name} has no configuration for one repository."
                if root
                else f"Where {self.name} keeps its configuration on {platform} is not known.",
                next_step="Pass --user." if root else "Add the entry by hand, as the README shows.",
            )
        return (home if root is None else root) / told

    def entry(self, command: list[str], workspace: Path | None) -> dict[str, JsonValue]:
        """What it is to start; ``workspace`` is named to a client that opens no folder."""
        named = ("--root", str(workspace)) if self.project is None and workspace else ()
        arguments: list[JsonValue] = [*command[1:], *self.arguments, *named]
        return {**self.more, "command": command[0], "args": arguments}


CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "claude-code", ".mcp.json", {"": ".claude.json"},
            "Start Claude Code in the repository and approve the server; /mcp lists it.",
        ),
        Client(
            "claude-desktop", None,
            {
                "linux": ".config/Claude/claude_desktop_config.json",
                "darwin": "Library/Application Support/Claude/claude_desktop_config.json",
                "win32": "AppData/Roaming/Claude/claude_desktop_config.json",
            },
            "Restart Claude Desktop.",
        ),
        Client(
            "cursor", ".cursor/mcp.json", {"": ".cursor/mcp.json"},
            "Enable the server in Cursor's settings, under MCP.",
            arguments=_OPEN,
        ),
        Client(
            "vscode", ".vscode/mcp.json",
            {
                "linux": ".config/Code/User/mcp.json",
                "darwin": "Library/Application Support/Code/User/mcp.json",
                "win32": "AppData/Roaming/Code/User/mcp.json",
            },
            "Start the server in VS Code: MCP: List Servers.",
            key="servers", arguments=_OPEN, more={"type": "stdio"},
        ),
        Client(
            "codex", ".codex/config.toml", {"": ".codex/config.toml"},
            "Start Codex anew; /mcp lists the server.",
            key="mcp_servers",
            # Its own patience is for servers that only look things up.
            more={"startup_timeout_sec": 30, "tool_timeout_sec": 600},
        ),
    )
}  # fmt: skip


def starting(*, shared: bool) -> list[str]:
    """The command that starts this server: by its name in a file that others share, if it can be.

    Programs with windows are often started with another PATH than a shell's: for one's own file
    it is the whole path.
    """
    found = shutil.which("regrade")
    if shared and found:
        return ["regrade"]
    beside = Path(sys.executable).with_name("regrade")
    script = found or (str(beside) if beside.is_file() else None)
    return [str(Path(script).absolute())] if script else [sys.executable, "-m", "regrade_server"]
