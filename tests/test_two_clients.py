"""An IDE and a CI job, each with a server of its own, on one workspace at the same time."""

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from calling import replied
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.anyio
EXAMPLE = Path(__file__).parents[1] / "examples" / "listing_finder"
Era = Literal["legacy", "2026-07-28"]
CHECK = {"type": "path", "at": "listings", "len": "> 0"}


def server(root: Path) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "regrade_server", "--root", str(root)]
    )


async def looking(root: Path, era: Era, until: float) -> int:
    """An agent in an IDE: it looks, labels and files."""
    async with Client(server(root), mode=era) as client:
        for turn in count(1):
            await replied(client, "overview")
            found = await replied(client, "search_traces", query="bed", limit=5)
            for row in found["traces"][:2]:
                read = await replied(client, "get_trace", trace_id=row["id"])
                label = {"trace_id": row["id"], "verdict": "fail", "critique": f"turn {turn}"}
                await replied(client, "label_traces", labels=[label], criterion="found")
                case = {"suite": "finder", "trace_id": row["id"], "assertions": [CHECK]}
                filed = await replied(
                    client, "file_case", reason=f"none found {turn}", dry_run=True, **case
                )
                assert (read["id"], filed["failed"] != []) == (row["id"], True)
            if anyio.current_time() > until:
                return turn
    raise AssertionError


async def deciding(root: Path, era: Era, until: float) -> int:
    """A CI job: it imports the newest logs and runs the suite."""
    async with Client(server(root), mode=era) as client:
        for turn in count(1):
            lines = [
                json.dumps({"input": f"{turn} bed in {number}", "output": {"listings": []}})
                for number in range(20)
            ]
            (root / "log.jsonl").write_text("\n".join(lines))
            imported = await replied(client, "import_traces", path="log.jsonl")
            assert imported["stored"] == len(lines)
            run = await replied(client, "run_suite", suite="finder", wait_s=0)
            while run["summary"]["state"] == "running":
                run = await replied(client, "get_run", run_id=run["summary"]["run_id"], wait_s=20)
            assert (run["summary"]["passed"], run["summary"]["errored"]) == (3, 0)
            if anyio.current_time() > until:
                return turn
    raise AssertionError


async def together(root: Path, seconds: float) -> None:
    repository = root / "repository"
    shutil.copytree(EXAMPLE, repository)
    until = anyio.current_time() + seconds
    turns: dict[str, int] = {}

    async def work(name: str, turning: Any, era: Era) -> None:
        turns[name] = await turning(repository, era, until)

    async with anyio.create_task_group() as group:
        group.start_soon(work, "ide", looking, "legacy")
        group.start_soon(work, "ci", deciding, "2026-07-28")
    with closing(sqlite3.connect(repository / ".regrade" / "store.db")) as store:
        [whole] = store.execute("PRAGMA integrity_check").fetchone()
    async with Client(server(repository)) as client:
        overview = await replied(client, "overview")
        runs = await replied(client, "overview", name="finder")
    assert whole == "ok"
    assert overview["traces"] == 20 * turns["ci"]
    assert all(run["state"] == "done" for run in runs["last_runs"])


async def test_an_ide_and_a_ci_job_share_a_store(tmp_path: Path) -> None:
    await together(tmp_path, 3)


@pytest.mark.slow
async def test_an_ide_and_a_ci_job_share_a_store_for_a_minute(tmp_path: Path) -> None:
    await together(tmp_path, 60)
