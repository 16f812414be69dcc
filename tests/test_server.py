import json
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp.types import Tool

from regrade_server.house import House
from regrade_server.memory import MemoryStore
from regrade_server.protocol.app import build_server
from regrade_server.protocol.contract import FILE as CONTRACT
from regrade_server.protocol.registration import listed
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client_of(root: Path | None, era: str = "auto") -> AsyncGenerator[Client, None]:
    house = House(None if root is None else Workspace(root))
    async with Client(build_server(house), mode=era) as client:  # type: ignore[arg-type]
        yield client


def stdio(root: Path) -> StdioServerParameters:
    # The folder of the test is the workspace, and a fresh process the server.
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "regrade_server", "--root", str(root)],
        env=dict(os.environ),
    )


async def told(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a refusal."""
    reply = await client.call_tool(tool, arguments)
    assert reply.is_error
    return " ".join(getattr(part, "text", "") for part in reply.content)


async def test_the_wire_surface_is_the_committed_one_and_what_the_tools_say_of_themselves() -> None:
    """Run with UPDATE=1 to write it; then the diff is the review."""
    tools = [written(listed(tool)) for tool in House(None).catalog]
    if os.environ.get("UPDATE"):
        CONTRACT.write_text(json.dumps(tools, indent=1, ensure_ascii=False) + "\n")
    async with client_of(None) as client:
        told = [written(tool) for tool in (await client.list_tools()).tools]
    assert told == json.loads(CONTRACT.read_text()) == tools


def written(tool: Tool) -> dict[str, Any]:
    return tool.model_dump(by_alias=True, exclude_none=True)


async def test_the_definitions_of_all_tools_fit_a_small_part_of_a_context() -> None:
    """A token is four bytes of what goes over the wire."""
    async with client_of(None) as client:
        listed = await client.list_tools()
        tools = listed.tools
    sizes = {
        tool.name: len(tool.model_dump_json(by_alias=True, exclude_none=True).encode()) / 4
        for tool in tools
    }
    assert sum(sizes.values()) <= 3_000, sizes
    assert {name: size for name, size in sizes.items() if size > 340} == {}
    for tool in tools:
        assert tool.title
        assert tool.output_schema
        assert tool.annotations
        assert 80 < len(tool.description or "") < 900


async def test_the_instructions_are_never_cut_by_a_client() -> None:
    async with client_of(None) as client:
        assert 500 < len((client.instructions or "").encode()) < 2_000


async def test_a_schema_gives_everything_one_type_as_the_strictest_clients_want_it() -> None:
    async with client_of(None) as client:
        tools = (await client.list_tools()).tools
    untyped = [
        f"{tool.name}: {path}"
        for tool in tools
        for schema in (tool.input_schema, tool.output_schema)
        for path, node in nodes(schema)
        if not ({"anyOf", "not"} & set(node) or isinstance(node.get("type"), str))
    ]
    assert untyped == []


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}/{name}")
    for inner in schema.get("anyOf", []):
        yield from nodes(inner, f"{path}/anyOf")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}/items")


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_one_server_object_answers_clients_of_both_protocol_eras(
    era: Literal["legacy", "2026-07-28"], tmp_path: Path
) -> None:
    (tmp_path / "logs.jsonl").write_text('{"input": "hi", "output": "hello", "ts": 1790812800}\n')
    server = build_server(House(Workspace(tmp_path)))
    async with Client(server, mode=era) as client:
        imported = await client.call_tool("import_traces", {"path": "logs.jsonl"})
        found = await client.call_tool("search_traces", {"query": "hello"})
    assert imported.structured_content == {
        "stored": 1,
        "already_known": 0,
        "skipped": 0,
        "files": 1,
    }
    assert found.structured_content is not None
    assert found.structured_content["total"] == 1


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_a_real_process_answers_on_stdio_in_both_eras(
    era: Literal["legacy", "2026-07-28"], tmp_path: Path
) -> None:
    (tmp_path / "evals").mkdir()
    async with Client(stdio(tmp_path), mode=era) as client:
        overview = await client.call_tool("overview", {})
    assert overview.structured_content == {
        "workspace": f"{tmp_path} (--root)",
        "traces": 0,
        "targets": ["recorded", "corrected", "latest"],
        "next_step": "Import logs: import_traces, or `regrade import PATH` for a person.",
    }


async def test_the_text_of_a_reply_is_its_structured_content_in_one_line() -> None:
    async with client_of(None) as client:
        reply = await client.call_tool("check_output", {"output": "x", "assertions": [
            {"type": "contains", "value": "x"}]})  # fmt: skip
    text = getattr(reply.content[0], "text", "")
    assert "\n" not in text
    assert json.loads(text) == reply.structured_content == {
        "passed": True, "failed": [], "errored": [], "checks": 1,
    }  # fmt: skip


async def test_an_unknown_argument_is_refused_with_the_nearest_and_all_valid_ones() -> None:
    async with client_of(None) as client:
        text = await told(client, "search_traces", limt=3)
    assert text == (
        "Invalid arguments for search_traces: unknown argument 'limt' (did you mean 'limit'?). "
        "Valid: query, sort, limit, cursor, fields."
    )


async def test_an_unknown_tool_is_refused_with_the_nearest_and_all_valid_ones() -> None:
    async with client_of(None) as client:
        text = await told(client, "run_suit")
    assert text.startswith("There is no tool 'run_suit' (did you mean 'run_suite'?); valid: align")


async def test_a_wrong_type_is_refused_without_a_traceback_or_an_address() -> None:
    async with client_of(None) as client:
        text = await told(client, "search_traces", query=["a"], limit="many")
    assert text.startswith(
        "Invalid arguments for search_traces: query: Input should be a valid str"
    )
    assert "http" not in text


async def test_a_tool_that_breaks_says_whose_bug_it_is_and_the_log_says_where(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: MemoryStore) -> int:
        raise ZeroDivisionError("told to no agent")

    monkeypatch.setattr(MemoryStore, "count", broken)
    async with Client(build_server(House(None))) as client:
        reply = await client.call_tool("overview", {})
    [said] = [getattr(part, "text", "") for part in reply.content]
    assert (reply.is_error, said.partition(",")[0]) == (True, "overview broke")
    assert "bug of Regrade" in said
    assert "ZeroDivisionError: told to no agent" in caplog.text


async def test_lists_that_come_as_a_json_text_are_read_and_texts_stay_texts() -> None:
    async with client_of(None) as client:
        reply = await client.call_tool(
            "check_output",
            {"output": '{"a": 1}', "assertions": '[{"type": "contains", "value": ": 1"}]'},
        )
    # Had the output been read as JSON, its text would have lost the blank.
    assert reply.structured_content is not None
    assert reply.structured_content["passed"] is True


async def test_without_a_workspace_what_needs_none_works_and_the_rest_says_what_to_configure() -> (
    None
):
    async with client_of(None) as client:
        overview = await client.call_tool("overview", {})
        refused = await told(client, "run_suite", suite="main")
    assert overview.structured_content is not None
    assert "--root" in overview.structured_content["next_step"]
    assert "--root" in refused


async def test_an_import_by_an_agent_stays_inside_the_workspace(tmp_path: Path) -> None:
    outside, inside = tmp_path / "secret.jsonl", tmp_path / "repo"
    outside.write_text('{"input": "a", "output": "b"}\n')
    inside.mkdir()
    (inside / "link.jsonl").symlink_to(outside)
    async with client_of(inside) as client:
        for path in ("../secret.jsonl", str(outside), "link.jsonl", "/etc/passwd"):
            assert "lies outside the workspace" in await told(client, "import_traces", path=path)
    (inside / "evals").mkdir()
    (inside / "evals" / "regrade.yaml").write_text(f"import_from: ['{tmp_path}']\n")
    async with client_of(inside) as client:
        reply = await client.call_tool("import_traces", {"path": str(outside)})
    assert not reply.is_error


async def test_what_prints_while_serving_does_not_reach_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "evals" / "cases" / "s").mkdir(parents=True)
    (tmp_path / "evals" / "suites").mkdir()
    (tmp_path / "bot.py").write_text("print('noise')\ndef answer(q):\n    print(q)\n    return q\n")
    (tmp_path / "evals" / "regrade.yaml").write_text("targets: {app: {python: 'bot:answer'}}\n")
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("target: app\n")
    (tmp_path / "evals" / "cases" / "s" / "c.yaml").write_text(
        "{id: c, input: hi, assertions: [{type: equals, value: hi}]}"
    )
    async with Client(stdio(tmp_path)) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60})
    assert reply.structured_content is not None
    assert reply.structured_content["summary"]["passed"] == 1


async def said(root: Path, lines: list[bytes], number: int) -> list[dict[str, Any]]:
    """The first ``number`` messages that a fresh server answers to ``lines``."""
    command = [sys.executable, "-m", "regrade_server", "--root", str(root)]
    answers: list[dict[str, Any]] = []
    with anyio.fail_after(120):
        async with await anyio.open_process(command, stderr=None) as server:
            assert server.stdin
            assert server.stdout
            reading = BufferedByteReceiveStream(server.stdout)
            for line in lines:
                await server.stdin.send(line + b"\n")
            while len(answers) < number:
                answers.append(json.loads(await reading.receive_until(b"\n", 1 << 20)))
            await server.stdin.aclose()
            assert await server.wait() == 0
    return answers


def asked(number: int, method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}' % (
        number, method.encode(), params,
    )  # fmt: skip


async def test_a_line_that_is_no_message_is_answered_and_the_server_lives_on(
    tmp_path: Path,
) -> None:
    call = b'{"name":"search_traces","arguments":{"query":%s}}'
    deep = b"[" * 100_000 + b"]" * 100_000
    opening = (
        b'{"protocolVersion":"2025-11-25","capabilities":{},'
        b'"clientInfo":{"name":"a","version":"1"}}'
    )
    lines = [
        b"hello",
        b"",
        asked(1, "initialize", opening),
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        asked(2, "tools/call", call % rb'"\ud800"'),
        asked(3, "tools/call", call % deep),
        b'{"method":"ping","id":"four","jsonrpc":"2.0"',
        b'{"id":5,"method":1}',
        b'[{"jsonrpc":"2.0","id":6,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1e999}}',
        asked(8, "ping", b'{"a":"%s"}' % (b"x" * (64 << 20))),
        b'{"jsonrpc":"2.0","id":9,"method":"ping","params":{"a":"\xff\xfe"}}',
    ]
    answers = await said(tmp_path, lines, 10)
    assert [(answer["id"], answer.get("error", {}).get("code")) for answer in answers] == [
        (None, -32700),
        (1, None),
        (2, -32700),
        (3, -32700),
        ("four", -32700),
        (5, -32600),
        (None, -32600),
        (7, None),
        (8, None),
        (9, None),
    ]
    assert all(len(json.dumps(answer)) < 4_000 for answer in answers)


NEWER = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "a", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
OLDER = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "a", "version": "1"},
}


@pytest.mark.parametrize("opening", [("initialize", OLDER), ("tools/list", NEWER)])
async def test_a_client_may_look_first_and_then_speak_either_era(
    opening: tuple[str, Any], tmp_path: Path
) -> None:
    method, params = opening
    unknown = {"_meta": {**NEWER["_meta"], "io.modelcontextprotocol/protocolVersion": "2030-01-01"}}
    lines = [
        asked(1, "server/discover", json.dumps(unknown).encode()),
        asked(2, "server/discover", json.dumps(NEWER).encode()),
        asked(3, method, json.dumps(params).encode()),
        asked(4, "tools/list", json.dumps({} if params is OLDER else NEWER).encode()),
    ]
    refused, looked, opened, listed = await said(tmp_path, lines, 4)
    assert refused["error"]["code"] == -32022
    assert looked["result"]["supportedVersions"] == ["2026-07-28"]
    assert looked["result"]["instructions"].startswith("Regrade")
    assert ("serverInfo" in opened["result"]) == (method == "initialize")
    assert listed["result"]["tools"][0]["name"] == "overview"
