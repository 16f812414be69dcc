"""A suite as tool calls to a server: what its first run costs, and what each further one."""

import json
import time
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from measuring import Spent, environment, peak, processor, python

_SETTLED_S = 2.5


def called(folder: Path) -> tuple[Spent, Spent]:
    """Run ``orders`` of the workspace in ``folder`` twice, after ``first``: what each call took.

    CPU is of the server, from the call to its reply; memory is the most it held until then. The
    last reply is output.log.
    """
    return anyio.run(_called, folder)


async def _called(folder: Path) -> tuple[Spent, Spent]:
    server = StdioServerParameters(
        command=python(), args=["-m", "regrade_server", "--root", str(folder)], env=environment()
    )
    before = {child.pid for child in psutil.Process().children()}
    async with Client(server) as client:
        (pid,) = {child.pid for child in psutil.Process().children()} - before
        await client.call_tool("run_suite", {"suite": "first"})
        # Files that have just been written are read again, whoever has read them.
        await anyio.sleep(_SETTLED_S)
        first, counted = await _call(client, pid)
        again, told = await _call(client, pid)
    if _counts(told) != _counts(counted):
        raise RuntimeError(f"called again it counted {_counts(told)}, not {_counts(counted)}")
    (folder / "output.log").write_text(json.dumps(told), encoding="utf-8")
    return first, again


async def _call(client: Client, pid: int) -> tuple[Spent, dict[str, Any]]:
    began, spent = time.perf_counter(), processor(pid)
    reply = await client.call_tool("run_suite", {"suite": "orders", "wait_s": 600})
    wall, cpu = time.perf_counter() - began, processor(pid) - spent
    return Spent(wall, cpu, peak(pid), 0), reply.structured_content or {}


def _counts(report: dict[str, Any]) -> list[int]:
    return [report["summary"][outcome] for outcome in ("passed", "failed", "errored")]
