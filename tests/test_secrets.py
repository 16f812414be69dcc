"""A key that somebody gives where none belongs is neither kept nor said back."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio
KEY = "sk-proj-" + "a1B2" * 9
MARK = "[redacted:openai_key]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("{}\n")
    return tmp_path


async def said(client: Client, tool: str, **arguments: Any) -> str:
    reply = await client.call_tool(tool, arguments)
    return json.dumps([getattr(part, "text", "") for part in reply.content])


async def test_a_key_in_the_name_of_a_log_or_in_its_tags_is_not_kept(root: Path) -> None:
    log = root / f"{KEY}.csv"
    log.write_text("input,output\na,b\nc\n")
    (root / "password=Hunter2.jsonl").write_text('{"input": "d", "output": "e"}\n[]\n{}\n')
    house = House(Workspace(root))
    async with Client(build_server(house)) as client:
        replies = [
            await said(client, "import_traces", path=log.name, tags=[f"of {KEY}"]),
            await said(client, "import_traces", path="password=Hunter2.jsonl"),
            await said(client, "search_traces", query=""),
        ]
        assert not [reply for reply in replies if KEY in reply or "Hunter2" in reply]
        found = json.loads(json.loads(replies[2])[0])["traces"]
    assert sorted((one["source"], one.get("tags")) for one in found) == [
        (f"{MARK}.csv", [f"of {MARK}"]),
        ("password=[redacted:named_secret]", None),
    ]
    stored = b"".join(file.read_bytes() for file in (root / ".regrade").iterdir())
    assert KEY.encode() not in stored
    assert b"Hunter2" not in stored


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (
            "check_output",
            {"output": f"it is {KEY}", "assertions": [{"type": "equals", "value": "x"}]},
        ),
        ("check_output", {"output": 1, "assertions": [{"type": "contains", "value": KEY}]}),
        ("check_output", {"output": 1, "assertions": [{"type": KEY}]}),
        ("run_suite", {"suite": KEY}),
        ("run_suite", {"suite": "s", "target": KEY}),
        ("run_suite", {"suite": "s", "baseline": KEY}),
        ("run_suite", {"suite": "s", KEY: 1}),
        ("run_suite", {"suite": "s", "mode": KEY}),
        ("get_run", {"run_id": KEY}),
        ("get_trace", {"trace_id": KEY}),
        ("search_traces", {"query": f"of:{KEY}"}),
        ("import_traces", {"path": f"{KEY}.csv"}),
        ("submit_answers", {"packet_id": KEY, "answers": []}),
        (KEY, {}),
    ],
    ids=range(14),
)
async def test_a_key_that_is_given_as_an_argument_is_not_said_back(
    tool: str, arguments: dict[str, Any], root: Path
) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await said(client, tool, **arguments)
    assert KEY not in reply
