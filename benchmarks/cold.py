"""From spawn to the answer of tools/list over stdio, as an IDE starts a server.

The floor is a server of the bare SDK with one tool, spoken to in the same way. A round that is not
counted comes first: it compiles and fills the page cache for everybody.
"""

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import (
    Options,
    Table,
    end,
    environment,
    middle,
    processor,
    python,
    resident,
    spread,
)

_FLOOR = """
from mcp.server import MCPServer
app = MCPServer("floor")

@app.tool()
def ping(text: str) -> str:
    return text

app.run(transport="stdio")
"""
_PATIENCE_S = 90


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds, CPU seconds, memory, and what was listed."""

    wall: float
    cpu: float
    rss_mb: float
    tools: int
    listed: int  # bytes of the tools' definitions


def measure(options: Options) -> Table:
    """Every contender in turn, ``rounds`` times after one that is not counted."""
    contenders = {
        "bare SDK server (floor)": [python(), "-c", _FLOOR],
        "Regrade": [python(), "-m", "regrade_server"],
    }
    contenders |= {name: command.split() for name, command in options.peers.items()}
    found: dict[str, list[Start]] = {name: [] for name in contenders}
    for turn in range(options.rounds + 1):
        for place, (name, command) in enumerate(contenders.items()):
            folder = options.folder / f"cold-{turn}-{place}"
            folder.mkdir()
            start = once(command, folder)
            if turn:
                found[name].append(start)
    least = found["bare SDK server (floor)"]
    floor_wall, floor_cpu = middle([one.wall for one in least]), middle([one.cpu for one in least])
    return Table(
        "cold",
        "Spawn to tools/list over stdio",
        ("server", "wall s", "x", "CPU s", "x", "memory MB", "tools", "tokens of definitions"),
        tuple(
            (
                name,
                spread([one.wall for one in starts]),
                middle([one.wall for one in starts]) / floor_wall,
                spread([one.cpu for one in starts]),
                middle([one.cpu for one in starts]) / floor_cpu,
                middle([one.rss_mb for one in starts]),
                float(starts[-1].tools),
                round(starts[-1].listed / 4),
            )
            for name, starts in found.items()
        ),
        note="x: the ratio to the floor of the same run. Tokens: bytes of the compact JSON by 4.",
        raw={name: [[one.wall, one.cpu, one.rss_mb] for one in s] for name, s in found.items()},
    )


class _Client:
    """Just enough of a client that its own start costs nothing."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - contenders are started on purpose
            [*command], cwd=folder, env=environment(HOME=str(folder)), bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._read = b""

    def send(self, method: str, number: int | None, **params: Any) -> None:  # noqa: ANN401 - JSON
        told: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            told["id"] = number
        assert self.process.stdin  # noqa: S101 - it is a pipe
        self.process.stdin.write(json.dumps(told).encode() + b"\n")

    def answer(self, number: int) -> dict[str, Any]:
        """The result of request ``number``; what else is said is passed over."""
        assert self.process.stdout  # noqa: S101 - as above
        until = time.perf_counter() + _PATIENCE_S
        while True:
            line, mark, rest = self._read.partition(b"\n")
            if mark:
                self._read = rest
                told: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {}
                if told.get("id") == number:
                    return dict(told["result"])
                continue
            ready, _, _ = select.select([self.process.stdout], [], [], until - time.perf_counter())
            more = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("the server said nothing more")
            self._read += more


def once(command: Sequence[str], folder: Path) -> Start:
    """Start a server in ``folder``, initialize, list its tools, and end it."""
    began = time.perf_counter()
    client = _Client(command, folder)
    try:
        about = {"name": "benchmark", "version": "1"}
        client.send("initialize", 1, protocolVersion="2025-11-25", capabilities={},
                    clientInfo=about)  # fmt: skip
        client.answer(1)
        client.send("notifications/initialized", None)
        client.send("tools/list", 2)
        tools = client.answer(2)["tools"]
        wall = time.perf_counter() - began
        pid = client.process.pid
        listed = json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode()
        return Start(wall, processor(pid), resident(pid), len(tools), len(listed))
    finally:
        end(client.process.pid)
        client.process.wait()
