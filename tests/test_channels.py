"""What passes beside answers: progress, cancelling, and news of what there is to read."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from anyio import to_thread
from calling import replied
from mcp import Client, StdioServerParameters
from mcp.types import ResourceListChangedNotification

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.published import SCHEMAS
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio
Era = Literal["legacy", "2026-07-28"]
BOTH = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "evals/regrade.yaml": "targets: {slow: {python: 'bot:wait', timeout_s: 90}}",
        "evals/suites/s.yaml": "target: recorded",
        "evals/cases/s/c1.yaml": "{id: c1, input: hi, recorded: {output: hello}, "
        "assertions: [{type: contains, value: h}]}",
        "evals/cases/s/c2.yaml": "{id: c2, input: ho, recorded: {output: hello}, "
        "assertions: [{type: contains, value: h}]}",
        "bot.py": "import time\n\ndef wait(q):\n"
        "    open('asked', 'w').close()\n    time.sleep(60)\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@BOTH
async def test_a_run_tells_how_far_it_is_while_its_call_waits(root: Path, era: Era) -> None:
    told: list[tuple[float, float | None]] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        assert message
        told.append((progress, total))

    async with Client(build_server(House(Workspace(root))), mode=era) as client:
        reply = await client.call_tool(
            "run_suite", {"suite": "s", "wait_s": 60}, progress_callback=progressed
        )
    assert not reply.is_error
    assert told[-1] == (2, 2)
    assert told == sorted(told)


@BOTH
async def test_a_call_that_its_client_cancels_leaves_a_run_that_can_be_found_and_stopped(
    root: Path, era: Era
) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "regrade_server", "--root", str(root)]
    )
    os.mkfifo(root / "asked")
    async with Client(server, mode=era) as client:
        async with anyio.create_task_group() as calling:
            arguments: dict[str, Any] = {"suite": "s", "target": "slow", "wait_s": 60}
            calling.start_soon(partial(replied, client, "run_suite", **arguments))
            # It can be read from once the program is asked.
            await to_thread.run_sync((root / "asked").read_bytes)
            calling.cancel_scope.cancel()
        with anyio.fail_after(30):
            [run] = (await replied(client, "overview", name="s"))["last_runs"]
            assert run["state"] == "running"
            ended = await replied(client, "get_run", run_id=run["run_id"], cancel=True)
    assert ended["summary"]["state"] == "cancelled"


async def test_guides_schemas_and_the_newest_runs_are_listed(root: Path) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        run = (await replied(client, "run_suite", suite="s", wait_s=60))["summary"]
        listed = (await client.list_resources()).resources
        for resource in listed:
            assert (await client.read_resource(resource.uri)).contents
    named = [str(resource.uri).removeprefix("regrade://") for resource in listed]
    assert [name for name in named if name.startswith("schema/")] == [
        f"schema/{kind}" for kind in SCHEMAS
    ]
    assert named[0] == "guide/start"
    assert named[-1] == f"run/{run['run_id']}"


async def test_a_client_of_the_older_era_is_told_of_a_new_run(root: Path) -> None:
    told: list[object] = []

    async def heard(message: object) -> None:
        told.append(message)

    server = build_server(House(Workspace(root)))
    async with Client(server, mode="legacy", message_handler=heard) as client:
        capabilities = client.server_capabilities
        assert capabilities.resources
        assert capabilities.resources.list_changed
        await replied(client, "overview")
        assert told == []
        await replied(client, "run_suite", suite="s", wait_s=60)
    assert [type(message) for message in told] == [ResourceListChangedNotification]


async def test_a_client_of_the_newer_era_that_listens_is_told_of_a_new_run(root: Path) -> None:
    server = build_server(House(Workspace(root)))
    async with (
        Client(server, mode="2026-07-28") as client,
        client.listen(resources_list_changed=True) as news,
    ):
        await replied(client, "run_suite", suite="s", wait_s=60)
        with anyio.fail_after(20):
            event = await anext(news)
    assert type(event).__name__ == "ResourcesListChanged"


async def test_what_does_not_change_may_be_kept_by_its_caller_alone(root: Path) -> None:
    async with Client(build_server(House(Workspace(root))), mode="2026-07-28") as client:
        fixed = [
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resource_templates(),
        ]
        listed = await client.list_resources()
    assert {(one.ttl_ms, one.cache_scope) for one in fixed} == {(300_000, "private")}
    assert listed.ttl_ms == 0
