"""A small MCP server whose tools answer, fail, hang and die: a target of tests."""

import os
import subprocess
import sys
import time
from typing import Any

from mcp.server import MCPServer

server = MCPServer("peer")


@server.tool()
def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


@server.tool()
def find(city: str, most: int = 3) -> dict[str, Any]:
    """Listings of a city."""
    return {"listings": [f"{city} {n}" for n in range(most)]}


@server.tool()
def trouble(kind: str) -> str:
    """Do something that a tool should not."""
    if kind == "raise":
        raise ValueError("no such city; my key is sk-proj-" + "a1B2" * 8)
    if kind == "hang":
        time.sleep(600)
    if kind == "die":
        os._exit(3)
    if kind == "noise":
        os.write(1, b"this is no JSON\n")
    if kind == "daemon":
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)", os.environ["DAEMON"]],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return f"{os.getpid()}" if kind == "who" else kind


server.run()
