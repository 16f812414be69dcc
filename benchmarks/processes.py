"""Four processes that write one store and two that search it.

    python benchmarks/processes.py [SECONDS]

Ends with 1 where a call was refused, where what was acknowledged is not there, or where the file
is not whole; prints what each process did.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio

from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Trace
from regrade_tools.traces.query import parse

WRITERS, READERS, BATCH = 4, 2, 200
QUERIES = ("", "status:ok", "word7 word8", "wor*", '"word1 word2"', "name:writer-1 since:1h")


def made(writer: str, number: int) -> Trace:
    """One trace of a writer."""
    words = " ".join(f"word{(number * step) % 997}" for step in range(1, 120))
    name = f"{writer}/{number}"
    return Trace(trace_id(name, 0, None), name, "exchange", name=writer, input=words, output="yes")


async def write(store: SqliteStore, name: str, until: float) -> dict[str, float]:
    """Append until the time is up; the longest call in seconds and how many were kept."""
    kept, longest = 0, 0.0
    while time.time() < until:
        began = time.perf_counter()
        appended = await store.append([made(name, kept + place) for place in range(BATCH)])
        longest = max(longest, time.perf_counter() - began)
        kept += appended.stored
    return {"kept": kept, "longest_s": round(longest, 2)}


async def search(store: SqliteStore, until: float) -> dict[str, float]:
    """Search until the time is up."""
    asked, longest = 0, 0.0
    while time.time() < until:
        began = time.perf_counter()
        query = parse(QUERIES[asked % len(QUERIES)], now=time.time())
        page = await store.search(query, limit=20)
        for row in page.rows[:2]:
            if await store.trace(row.id) is None:
                raise LookupError(row.id)
        longest = max(longest, time.perf_counter() - began)
        asked += 1
    return {"searches": asked, "longest_s": round(longest, 2)}


async def work(path: str, name: str, seconds: str) -> None:
    """What one process does, from when it has begun."""
    store = SqliteStore(Path(path))
    end = time.time() + float(seconds)
    done = write(store, name, end) if name.startswith("writer") else search(store, end)
    print(json.dumps({"process": name, **(await done)}))
    store.close()


async def missing(path: Path, kept: dict[str, int]) -> int:
    """How many of the acknowledged traces are not there."""
    store = SqliteStore(path)
    gone = 0
    for name, number in kept.items():
        for place in range(number):
            gone += await store.trace(made(name, place).id) is None
    gone += abs(await store.count() - sum(kept.values()))
    store.close()
    return gone


def main(seconds: float) -> int:
    """Start them all and look at what they left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        names = [f"writer-{n}" for n in range(WRITERS)] + [f"reader-{n}" for n in range(READERS)]
        started = [
            subprocess.Popen(  # noqa: S603 - this file
                [sys.executable, __file__, str(path), name, str(seconds)], stdout=subprocess.PIPE
            )
            for name in names
        ]
        outputs = [process.communicate()[0].decode() for process in started]
        print("".join(outputs), end="")
        failed = [process.returncode for process in started if process.returncode]
        told = [json.loads(output) for output in outputs if output]
        kept = {found["process"]: found["kept"] for found in told if "kept" in found}
        gone = anyio.run(missing, path, kept)
        with sqlite3.connect(path) as connection:
            (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        print(
            f"failed {len(failed)}, lost {gone}, integrity {whole}, load {os.getloadavg()[0]:.0f}"
        )
        return 1 if failed or gone or whole != "ok" or not all(kept.values()) else 0


if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 - a path, a name and seconds: one of the processes
        anyio.run(work, sys.argv[1], sys.argv[2], sys.argv[3])
    else:
        sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
