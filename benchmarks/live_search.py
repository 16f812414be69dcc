"""Searches as tool calls over stdio: FOLDER ASKED.json OUT.json; see live.py."""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from corpus import BEGIN, DAYS, NEEDLE
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from measuring import environment, python

_TIMES = 20


async def found(folder: str, word: dict[str, str]) -> dict[str, tuple[int, float]]:
    """How many each search found, with the median of its milliseconds."""
    week = time.strftime("%Y-%m-%d", time.gmtime(BEGIN + (DAYS - 7) * 86_400))
    queries = {
        "newest": "",
        "rare word": NEEDLE,
        "tail word": word["tail"],
        "word + model + time": f"{word['middling']} model:gpt-4o-mini since:{week}",
    }
    server = StdioServerParameters(
        command=python(), args=["-m", "regrade_server", "--root", folder], env=environment()
    )
    told: dict[str, tuple[int, float]] = {}
    async with Client(server) as client:
        for name, query in queries.items():
            times: list[float] = []
            total = 0
            for _ in range(_TIMES):
                began = time.perf_counter()
                reply = await client.call_tool("search_traces", {"query": query, "limit": 20})
                times.append((time.perf_counter() - began) * 1_000)
                content: dict[str, Any] = reply.structured_content or {}
                total = len(content["traces"])
            told[name] = (total, statistics.median(times))
    return told


if __name__ == "__main__":
    folder, asked, out = sys.argv[1:]
    told = anyio.run(found, folder, json.loads(Path(asked).read_text()))
    Path(out).write_text(json.dumps(told))
