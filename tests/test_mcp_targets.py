"""A tool of another MCP server as the program under test."""

import json
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio

PEER = Path(__file__).with_name("mcp_peer.py")
CITY = "{{ town | upper }} ({{ input.state }})"
LEAK = "sk-proj-" + "a1B2" * 8

Ended = dict[str, tuple[str, str]]


async def ran(root: Path, tool: dict[str, Any], cases: list[tuple[Any, Any]]) -> Ended:
    """How each case ends whose input is given and whose output must be what is wanted."""
    evals = root / "evals"
    (evals / "suites").mkdir(parents=True)
    (evals / "cases" / "s").mkdir(parents=True)
    target = {"mcp": {"command": [sys.executable, str(PEER)], **tool}}
    (evals / "regrade.yaml").write_text(json.dumps({"targets": {"app": target}}))
    (evals / "suites" / "s.yaml").write_text(json.dumps({"target": "app", "concurrency": 1}))
    for number, (given, wanted) in enumerate(cases):
        spec = {"type": "equals", "value": wanted}
        case = {"id": f"c{number}", "input": given, "assertions": [spec]}
        (evals / "cases" / "s" / f"c{number}.yaml").write_text(json.dumps(case))
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60})
        if reply.is_error:
            return {"": ("refused", text(reply))}
        assert reply.structured_content is not None
        asked = {"run_id": reply.structured_content["summary"]["run_id"], "show": "all"}
        told = (await client.call_tool("get_run", asked)).structured_content
    assert told is not None
    return {
        card["case_id"]: (card["outcome"], " ".join(card.get("reasons") or [card.get("error", "")]))
        for card in told["cards"]
    }


def text(reply: CallToolResult) -> str:
    (told,) = reply.content
    assert isinstance(told, TextContent)
    return told.text


async def test_a_tool_is_called_with_the_input_and_its_answer_is_checked(tmp_path: Path) -> None:
    cases: list[tuple[Any, Any]] = [
        ({"city": "Ulm", "most": 1}, {"listings": ["Ulm 0"]}),
        ({"city": "Ulm"}, {"listings": ["Ulm 0", "Ulm 1", "Ulm 2"]}),
        ({"city": "Ulm", "most": 1}, {"listings": []}),
    ]
    told = await ran(tmp_path, {"tool": "find"}, cases)
    assert [outcome for outcome, _ in sorted(told.values())] == ["failed", "passed", "passed"]


async def test_arguments_are_filled_in_and_keep_their_types(tmp_path: Path) -> None:
    told = await ran(
        tmp_path,
        {"tool": "find", "arguments": {"city": CITY, "most": "{{ wants.most }}"}},
        [({"town": "Ulm", "state": "BW", "wants": {"most": 1}}, {"listings": ["ULM (BW) 0"]}),
         ({"town": "Ulm"}, None)],
    )  # fmt: skip
    assert told["c0"] == ("passed", "")
    assert told["c1"][0] == "errored"
    assert "the arguments cannot be filled in: 'dict object' has no attribute" in told["c1"][1]


async def test_an_answer_that_is_no_object_is_unwrapped(tmp_path: Path) -> None:
    told = await ran(tmp_path, {"tool": "double"}, [({"number": 4}, 8)])
    assert told == {"c0": ("passed", "")}


async def test_what_a_tool_does_wrong_is_errored_and_the_next_case_is_asked(tmp_path: Path) -> None:
    kinds = ("raise", "die", "hang", "noise", "fine")
    told = await ran(
        tmp_path, {"tool": "trouble", "timeout_s": 6}, [({"kind": kind}, kind) for kind in kinds]
    )
    outcomes = [told[f"c{number}"][0] for number in range(len(kinds))]
    assert outcomes == ["errored", "errored", "errored", "passed", "passed"]
    assert "the tool trouble said: " in told["c0"][1]
    assert LEAK not in str(told)
    assert "the server of trouble broke off" in told["c1"][1]
    assert "gave no answer within 6 s" in told["c2"][1]


async def test_one_server_answers_a_run_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    told = await ran(
        tmp_path,
        {"tool": "trouble", "env": {"DAEMON": str(tmp_path)}},
        [({"kind": kind}, "x") for kind in ("who", "who", "daemon")],
    )
    assert {outcome for outcome, _ in told.values()} == {"failed"}
    assert told["c0"] == told["c1"]
    commands: list[list[str]] = [
        one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])
    ]
    left = [command for command in commands if str(tmp_path) in command]
    assert left == [] or sys.platform != "linux"


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        ({"tool": "dubble"}, "no tool of the MCP server 'dubble' (did you mean 'double'?)"),
        ({"tool": "double", "command": ["no-such-program"]}, "cannot be asked: "),
        ({"tool": "double", "command": [sys.executable, "-c", "1"]}, "cannot be asked: "),
        ({"tool": "double", "comand": []}, "unknown field 'comand' (did you mean 'command'?)"),
    ],
)
async def test_a_server_that_cannot_be_asked_is_refused_before_the_run(
    tmp_path: Path, tool: dict[str, Any], problem: str
) -> None:
    told = await ran(tmp_path, tool, [({"number": 4}, 8)])
    assert told[""][0] == "refused"
    assert problem in told[""][1]
