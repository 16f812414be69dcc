"""Slash commands, resources and completions, as a client sees them."""

import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from regrade_server.house import House
from regrade_server.protocol.addresses import SCHEMAS as ADDRESSED
from regrade_server.protocol.app import build_server
from regrade_server.protocol.surface import Surface
from regrade_tools.files.documents import load
from regrade_tools.files.published import SCHEMAS
from regrade_tools.files.workspace import Workspace
from regrade_tools.texts.clipping import REPLY

pytestmark = pytest.mark.anyio
TOOLS = {tool.name for tool in House(None).catalog}
COMMANDS: dict[str, dict[str, str]] = {
    "error_analysis": {"query": "status:error"},
    "add_regression_case": {"suite": "main", "trace_id": "tr_1", "complaint": "a comma"},
    "write_assertions": {"suite": "main", "trace_id": "tr_1"},
    "generate_test_inputs": {"suite": "main", "n": "7"},
    "align_judge": {"judge": "kind"},
    "review_run": {"run_id": "run_1"},
}
REQUIRED = {"suite", "judge"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client, None]:
    for name, text in {
        "regrade.yaml": "{}",
        "suites/main.yaml": "target: recorded",
        "suites/more.yaml": "target: recorded",
        "cases/main/c1.yaml": "{id: c1, input: hi, recorded: {output: hello}, "
        "assertions: [{type: contains, value: h}]}",
        "judges/kind.md": "---\ncriterion: kind\n---\nIs it kind?",
    }.items():
        path = tmp_path / "evals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "log.jsonl").write_text('{"input": "hi", "output": "hello"}\n')
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl"})
        yield client


async def filled(client: Client, name: str, arguments: dict[str, str]) -> str:
    message = (await client.get_prompt(name, arguments)).messages[0]
    return getattr(message.content, "text", "")


async def read(client: Client, uri: str) -> str:
    return getattr((await client.read_resource(uri)).contents[0], "text", "")


async def trace_id(client: Client) -> str:
    found = await client.call_tool("search_traces", {})
    assert found.structured_content is not None
    return found.structured_content["traces"][0]["id"]


async def a_run(client: Client) -> dict[str, Any]:
    """The summary of a run."""
    reply = await client.call_tool("run_suite", {"suite": "main", "wait_s": 60})
    assert reply.structured_content is not None, reply.content
    return reply.structured_content["summary"]


async def test_a_client_of_the_older_protocol_is_told_the_same(tmp_path: Path) -> None:
    async with Client(build_server(House(Workspace(tmp_path))), mode="legacy") as client:
        assert "rates" in await filled(client, "align_judge", {"judge": "kind"})
        assert (await read(client, "regrade://guide/gate")).startswith("# The gate")
        topic = {"name": "topic", "value": "q"}
        guide = ResourceTemplateReference(type="ref/resource", uri="regrade://guide/{topic}")
        assert (await client.complete(guide, topic)).completion.values == ["query"]


async def test_every_command_is_listed_with_its_arguments(client: Client) -> None:
    listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    assert list(listed) == list(COMMANDS)
    for name, arguments in COMMANDS.items():
        told = listed[name].arguments or []
        assert [argument.name for argument in told] == list(arguments)
        assert {argument.name for argument in told if argument.required} == REQUIRED & set(
            arguments
        )
        assert all(argument.description for argument in told)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_tells_its_arguments_and_names_only_tools_that_are_there(
    client: Client, name: str
) -> None:
    given = COMMANDS[name]
    for arguments in (given, {key: given[key] for key in REQUIRED & set(given)}):
        text = await filled(client, name, arguments)
        assert all(value in text for value in arguments.values())
        assert "{{" not in text
        named = set(re.findall(r"`([a-z]+_[a-z]+)`", text))
        assert named - {"dry_run", "corrected_output", "compare_to", "case_id"} <= TOOLS
        assert len(text) < 4_000


async def test_an_argument_that_is_missing_or_unknown_is_refused(client: Client) -> None:
    with pytest.raises(MCPError, match=r"align_judge needs the argument judge\.") as refused:
        await client.get_prompt("align_judge", {})
    assert refused.value.error.code == -32602
    with pytest.raises(MCPError, match=r"no prompt 'align' \(did you mean 'align_judge'\?\)"):
        await client.get_prompt("align", {})
    with pytest.raises(MCPError, match=r"Unknown argument 'sweet'; valid: suite, n\."):
        await client.get_prompt("generate_test_inputs", {"suite": "main", "sweet": "x"})


async def test_an_argument_that_is_a_template_is_told_as_it_is(client: Client) -> None:
    assert "{{ 7 * 7 }}" in await filled(client, "error_analysis", {"query": "{{ 7 * 7 }}"})


async def test_what_there_is_can_be_read_by_its_address(client: Client) -> None:
    trace = await trace_id(client)
    assert (
        json.loads(await read(client, f"regrade://trace/{trace}"))["content"]["output"] == "hello"
    )
    run = await a_run(client)
    told = json.loads(await read(client, f"regrade://run/{run['run_id']}"))
    assert told["summary"] == run
    assert (await read(client, "regrade://case/main/c1")).startswith("{id: c1")


async def test_a_case_that_is_a_row_of_a_dataset_can_be_read_by_its_address(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"key": "r1", "q": "hi", "a": "hello"}\n')
    (tmp_path / "evals" / "suites" / "rows.yaml").write_text(
        "dataset: {file: rows.jsonl, id: key, input: q, expected: a, assertions: "
        "[{type: equals, value: '{{a}}'}]}\n"
    )
    text = await read(client, "regrade://case/rows/r1")
    assert text.startswith("# a row of rows.jsonl\nid: r1\n")
    assert load(text) == {
        "id": "r1",
        "input": "hi",
        "assertions": [{"type": "equals", "value": "hello"}],
        "corrected_output": "hello",
        "columns": {"key": "r1", "q": "hi", "a": "hello"},
    }
    with pytest.raises(MCPError, match="no case 'r2'; valid: r1"):
        await client.read_resource("regrade://case/rows/r2")


def test_every_schema_that_is_published_has_an_address() -> None:
    assert set(ADDRESSED) == set(SCHEMAS)


@pytest.mark.parametrize("kind", SCHEMAS)
async def test_a_schema_is_read_whole(client: Client, kind: str) -> None:
    text = await read(client, f"regrade://schema/{kind}")
    assert isinstance(json.loads(text), dict)
    assert len(text) <= REPLY


@pytest.mark.parametrize("topic", ["start", "assertions", "judges", "gate", "query"])
async def test_a_guide_is_short_and_names_only_tools_that_are_there(
    client: Client, topic: str
) -> None:
    text = await read(client, f"regrade://guide/{topic}")
    assert text.startswith("# ")
    assert len(text) < (12_000 if topic == "assertions" else 3_000)
    named = set(re.findall(r"`([a-z]+_[a-z]+)`", text))
    # The words of an assertion are no tools.
    assert topic == "assertions" or named - {"max_drop", "min_pass_rate", "next_cursor"} <= TOOLS
    for address in re.findall(r"regrade://(?:guide|schema)/\w+", text):
        assert await read(client, address)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("trace/tr_none", "tr_none"),
        ("run/run_none", "run_none"),
        ("case/mian/c1", "no suite 'mian' (did you mean 'main'?)"),
        ("case/main/c2", "no case 'c2'; valid: c1"),
        ("case/main/..%2F..%2Fregrade", "nknown resource"),
        ("schema/suit", "no schema 'suit' (did you mean 'suite'?)"),
        ("guide/x", "no guide 'x'; valid: assertions, gate, judges, query, start"),
        ("nothing", "nknown resource"),
    ],
)
async def test_what_is_not_there_is_refused_with_what_is(
    client: Client, uri: str, told: str
) -> None:
    with pytest.raises(MCPError, match=re.escape(told)) as refused:
        await client.read_resource(f"regrade://{uri}")
    assert refused.value.error.code == -32602


async def test_a_large_case_is_cut(client: Client, tmp_path: Path) -> None:
    (tmp_path / "evals" / "cases" / "main" / "c2.yaml").write_text(f"id: c2\ninput: {'x' * 50_000}")
    text = await read(client, "regrade://case/main/c2")
    assert len(text) <= REPLY + 100
    assert "characters cut" in text


async def test_arguments_are_completed_from_what_there_is(client: Client) -> None:
    async def completed(at: Any, name: str, value: str = "", **given: str) -> list[str]:
        reply = await client.complete(at, {"name": name, "value": value}, given or None)
        return reply.completion.values

    def prompt(name: str) -> PromptReference:
        return PromptReference(type="ref/prompt", name=name)

    def template(path: str) -> ResourceTemplateReference:
        return ResourceTemplateReference(type="ref/resource", uri=f"regrade://{path}")

    run = await a_run(client)
    trace = await trace_id(client)
    case = template("case/{suite}/{id}")
    assert await completed(prompt("write_assertions"), "suite") == ["main", "more"]
    assert await completed(prompt("write_assertions"), "suite", "mo") == ["more"]
    assert await completed(prompt("align_judge"), "judge") == ["kind"]
    assert await completed(prompt("review_run"), "run_id") == [run["run_id"]]
    assert await completed(prompt("add_regression_case"), "trace_id", "tr_") == [trace]
    assert await completed(prompt("generate_test_inputs"), "n") == []
    assert await completed(template("trace/{id}"), "id") == [trace]
    assert await completed(template("run/{id}"), "id", "run_") == [run["run_id"]]
    assert await completed(case, "suite", "m") == ["main", "more"]
    assert await completed(case, "id", suite="main") == ["c1"]
    assert await completed(case, "id", suite="../suites") == []
    assert await completed(template("schema/{kind}"), "kind", "su") == ["suite"]
    assert await completed(template("guide/{topic}"), "topic", "g") == ["gate"]


async def test_nothing_is_named_to_whoever_has_not_the_tool_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl"})
    at = PromptReference(type="ref/prompt", name="add_regression_case")
    named: list[int] = []
    for tools in (("overview", "get_trace"), ("overview",)):
        server = build_server(House(Workspace(tmp_path)), Surface(names=tools))
        async with Client(server) as client:
            reply = await client.complete(at, {"name": "trace_id", "value": ""})
        named.append(len(reply.completion.values))
    assert named == [1, 0]


async def test_a_server_without_a_tool_has_not_its_resource_either(tmp_path: Path) -> None:
    server = build_server(House(Workspace(tmp_path)), Surface(names=("overview", "get_run")))
    async with Client(server) as client:
        templates = (await client.list_resource_templates()).resource_templates
    assert [template.name for template in templates] == ["run", "case", "schema", "guide"]
