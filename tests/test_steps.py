"""A case of one step of the product: given what the step was given, and nothing before it."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio

PROGRAM = """
def answer(input, at_span=None):
    if at_span == "rank":
        return {"order": sorted(input["ids"])}
    return "the whole answer"

def whole_only(input):
    return "the whole answer"
"""
TARGETS = {"app": {"python": "bot:answer"}, "old": {"python": "bot:whole_only"}}
RIGHT = {"type": "path", "at": "order", "sorted": "ascending"}


def span(number: int, name: str, parent: int, given: Any = None, said: Any = None) -> Any:
    told = {"openinference.span.kind": "TOOL" if name == "look_up" else "CHAIN"}
    told |= (
        {"input.value": json.dumps(given), "input.mime_type": "application/json"} if given else {}
    )
    told |= (
        {"output.value": json.dumps(said), "output.mime_type": "application/json"} if said else {}
    )
    return {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{number:016x}", "name": name,
        "parentSpanId": f"{parent:016x}" if parent else "",
        "startTimeUnixNano": f"{1_700_000_000 + number}000000000",
        "endTimeUnixNano": f"{1_700_000_001 + number}000000000",
        "attributes": [{"key": key, "value": {"stringValue": one}} for key, one in told.items()],
    }  # fmt: skip


LOG = {"resourceSpans": [{"scopeSpans": [{"spans": [
    span(1, "bot", 0, {"question": "cheapest first"}, {"text": "the wrong order"}),
    span(2, "rank", 1, {"ids": [2, 1]}, {"order": [2, 1]}),
    span(3, "look_up", 2, {"id": 2}, {"price": 7}),
    span(4, "silent", 1),
]}]}]}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("target: app\n")
    (tmp_path / "evals" / "regrade.yaml").write_text(json.dumps({"targets": TARGETS}))
    (tmp_path / "bot.py").write_text(PROGRAM)
    (tmp_path / "log.json").write_text(json.dumps(LOG))
    return tmp_path


async def filed(client: Client, number: int, **more: Any) -> Any:
    await client.call_tool("import_traces", {"path": "log.json"})
    found = (await client.call_tool("search_traces", {})).structured_content
    assert found is not None
    asked = {
        "suite": "s", "trace_id": found["traces"][0]["id"], "span_id": f"{number:016x}",
        "reason": "it ranks nothing", "assertions": [RIGHT],
    }  # fmt: skip
    return await client.call_tool("file_case", {**asked, **more})


async def outcome(client: Client, target: str) -> tuple[str, str]:
    asked = {"suite": "s", "target": target, "wait_s": 60}
    told = (await client.call_tool("run_suite", asked)).structured_content
    assert told is not None
    (ended,) = [name for name in ("passed", "failed", "errored") if told["summary"][name]]
    return ended, " ".join(card["reasons"][0] for card in told.get("cards", []))


async def test_a_case_is_filed_at_a_span_and_asks_that_step_alone(root: Path) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = (await filed(client, 2)).structured_content
        case = Workspace(root).cases("s")[0]
        assert (reply["created"], reply["failed"]) == (
            True, ["the output must have order sorted ascending, but it is [2,1]"],
        )  # fmt: skip
        assert (case.at_span, case.input) == ("rank", {"ids": [2, 1]})
        assert case.recorded is not None
        assert [call.name for call in case.recorded.tool_calls] == ["look_up"]
        assert case.provenance is not None
        assert case.provenance.span == f"{2:016x}"
        assert await outcome(client, "recorded") == (
            "failed", "the output must have order sorted ascending, but it is [2,1]",
        )  # fmt: skip
        assert await outcome(client, "app") == ("passed", "")


async def test_a_program_that_cannot_be_asked_for_a_step_is_errored(root: Path) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        await filed(client, 2)
        ended, why = await outcome(client, "old")
        assert ended == "errored"
        assert "it takes no at_span, so it cannot be asked for one step" in why
        ended, why = await outcome(client, "latest")
        assert (ended, why) == (
            "errored", "the answers of a step are not looked up; run a target that answers",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "more", "problem"),
    [
        (9, {}, "no span '0000000000000009'"),
        (4, {}, "was logged without its input or its output"),
        (2, {"step": 1}, "A step and a span are two answers."),
        (3, {}, "Not proven red: "),
    ],
)
async def test_a_span_that_proves_nothing_is_refused(
    root: Path, number: int, more: dict[str, Any], problem: str
) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await filed(client, number, **more)
        assert reply.is_error
        (told,) = reply.content
        assert isinstance(told, TextContent)
        assert problem in told.text
