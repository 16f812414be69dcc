"""What processes hold: a server that only lists, one that has searched, an import, a run."""

import os
from pathlib import Path

import anyio
import suite
import traces
from corpus import NEEDLE
from mcp import Client, StdioServerParameters
from measuring import Options, Table, environment, family, measured, python, resident


def held(options: Options) -> Table:
    """Megabytes of each, the peak where a process ends."""
    number, cases = (300, 500) if options.quick else (20_000, 5_000)
    folder = options.folder / "memory"
    folder.mkdir()
    log = folder / "log.jsonl"
    traces.exported(log, number)
    importing = measured(_regrade(folder, "import", str(log)), folder)
    if importing.code:
        raise RuntimeError((folder / "output.log").read_text(errors="replace"))
    listing, searching = anyio.run(_server, folder)
    running = options.folder / "memory-suite"
    running.mkdir()
    rows = running / "rows.jsonl"
    suite.write_rows(rows, cases)
    suite.prepare(running, rows, files=False)
    ran = measured(_regrade(running, "run", "orders", "--json"), running)
    return Table(
        "memory",
        "Memory",
        ("process", "MB"),
        (
            ("a server that has listed its tools", listing),
            (f"a server that has searched {number:,} traces", searching),
            (f"an import of {number:,} traces (its peak)", importing.rss_mb),
            (f"a run of {cases:,} cases (its peak)", ran.rss_mb),
        ),
    )


def _regrade(folder: Path, *words: str) -> list[str]:
    return [python(), "-m", "regrade_server", "--root", str(folder), *words]


async def _server(folder: Path) -> tuple[float, float]:
    """What a server holds when its tools are listed, and after searches."""
    command, *words = _regrade(folder)
    known = {process.pid for process in family(os.getpid())}
    parameters = StdioServerParameters(command=command, args=words, env=environment())
    async with Client(parameters) as client:
        await client.list_tools()
        (pid,) = {process.pid for process in family(os.getpid())} - known
        listing = resident(pid)
        for query in ("", NEEDLE, f'"{NEEDLE}" status:ok', "na*", "since:7d -status:error"):
            reply = await client.call_tool("search_traces", {"query": query, "limit": 100})
            if reply.is_error:
                raise RuntimeError(str(reply.content))
        return listing, resident(pid)
