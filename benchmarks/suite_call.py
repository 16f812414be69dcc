"""A suite as a tool call to a server that has run one before: what each further run costs."""

import json
import time
from pathlib import Path

import anyio
import psutil
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from measuring import Spent, environment, peak, processor, python


def called(folder: Path) -> Spent:
    """Run ``orders`` of the workspace in ``folder`` after ``first``; the reply is its output.log.

    CPU is of the server, from the call to its reply; memory is the most it ever held.
    """
    return anyio.run(_called, folder)


async def _called(folder: Path) -> Spent:
    server = StdioServerParameters(
        command=python(), args=["-m", "regrade_server", "--root", str(folder)], env=environment()
    )
    before = {child.pid for child in psutil.Process().children()}
    async with Client(server) as client:
        (pid,) = {child.pid for child in psutil.Process().children()} - before
        await client.call_tool("run_suite", {"suite": "first"})
        began, spent = time.perf_counter(), processor(pid)
        reply = await client.call_tool("run_suite", {"suite": "orders", "wait_s": 600})
        wall, cpu = time.perf_counter() - began, processor(pid) - spent
        most = peak(pid)
    (folder / "output.log").write_text(json.dumps(reply.structured_content), encoding="utf-8")
    return Spent(wall, cpu, most, 0)
