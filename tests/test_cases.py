"""What may be filed as a case, and what proves nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from regrade_server.app import build_server
from regrade_server.house import House
from regrade_tools.documents import load
from regrade_tools.formats import Reading, Record, traces
from regrade_tools.models import Trace
from regrade_tools.redaction import redaction
from regrade_tools.workspace import Workspace

pytestmark = pytest.mark.anyio
CALL = {"id": "c1", "function": {"name": "refund", "arguments": "{}"}}
CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Never refund."},
        {"role": "user", "content": "Refund me"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "done", "tool_call_id": "c1"},
        {"role": "assistant", "content": "I refunded you."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Bye."},
    ]
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("{}\n")
    return tmp_path


@asynccontextmanager
async def holding(root: Path, record: Any) -> AsyncGenerator[tuple[Client, str], None]:
    house = House(Workspace(root))
    found = next(iter(traces([Record("log.jsonl:1", record)], Reading(redaction()))))
    assert isinstance(found, Trace)
    async with Client(build_server(house)) as client:
        await house.store.append([found])
        yield client, found.id


async def filed(client: Client, **arguments: Any) -> tuple[bool, Any]:
    reply = await client.call_tool("file_case", {"suite": "s", "reason": "r", **arguments})
    if reply.is_error:
        return False, getattr(reply.content[0], "text", "")
    return True, reply.structured_content


async def test_the_last_turn_is_judged_with_the_calls_that_led_to_it(root: Path) -> None:
    never = [{"type": "not-tool-called", "name": "refund"}]
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(client, trace_id=trace_id, assertions=never)
        assert not done
        assert "What was judged is 'Bye.'" in told
        done, told = await filed(client, trace_id=trace_id, step=5, assertions=never)
        assert done
        case = load((root / told["path"]).read_text())
    assert isinstance(case, dict)
    assert case["input"] == [
        {"role": "system", "content": "Never refund."},
        {"role": "user", "content": "Refund me"},
    ]
    assert case["recorded"] == {
        "output": "I refunded you.",
        "tool_calls": [{"name": "refund", "arguments": {}, "id": "c1"}],
    }


@pytest.mark.parametrize("step", [0, 2, 4, 8, 99])
async def test_a_step_that_is_no_answer_is_refused(step: int, root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, step=step, assertions=[{"type": "is-json"}]
        )
    assert not done
    assert f"step {step} is no answer of the assistant" in told


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "path", "at": "actoin", "equals": "x"},
        {"type": "not-path", "at": "actoin", "equals": "x"},
        {"type": "expr", "value": "output.acton == 'x'"},
    ],
)
async def test_what_fails_only_for_a_place_that_is_not_there_may_be_misspelt(
    assertion: dict[str, Any], root: Path
) -> None:
    record = {"input": "a", "output": {"action": "buy"}}
    async with holding(root, record) as (client, trace_id):
        done, told = await filed(client, trace_id=trace_id, assertions=[assertion])
        assert not done
        assert "may be misspelt" in told
        right = {"type": "path", "at": "result", "equals": 1}
        done, _ = await filed(
            client, trace_id=trace_id, assertions=[right], corrected_output={"result": 1}
        )
        assert done


async def test_a_trace_brings_its_own_input_and_output(root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, output="y", assertions=[{"type": "equals", "value": "z"}]
        )
    assert not done
    assert told.startswith("A trace brings its own input and output.")


async def test_a_plain_record_tells_its_tool_calls(root: Path) -> None:
    record: dict[str, Any] = {
        "input": "a",
        "output": "b",
        "tool_calls": [{"name": "refund", "arguments": {}}],
    }
    async with holding(root, record) as (client, trace_id):
        found = await client.call_tool("search_traces", {"query": "tool:refund"})
        assert (found.structured_content or {})["total"] == 1
        never = [{"type": "not-tool-called", "name": "refund"}]
        assert (await filed(client, trace_id=trace_id, assertions=never))[0]


async def test_a_corrected_output_on_which_an_assertion_fails_is_refused(root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, corrected_output="Good day.",
            assertions=[{"type": "contains", "value": "Goodbye"}],
        )  # fmt: skip
    assert not done
    assert told.startswith("The corrected output fails, too: the output must contain 'Goodbye'")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"assertions": []}, "A case needs an assertion that fails on the bad output."),
        ({"assertions": [{"type": "is-json"}]}, "There is no bad output"),
        ({"assertions": [{"type": "latency", "threshold": 1}], "output": "x"},
         "An assertion could not be measured on the bad output: no latency was recorded"),
        ({"assertions": [{"type": "is-json"}], "output": "x", "suite": "t"}, "There is no suite"),
        ({"assertions": [{"type": "is-json"}], "output": "x", "feature": "../x"},
         "The case cannot be filed"),
        ({"assertions": [{"type": "is-json"}], "trace_id": "tr_x"}, "There is no trace 'tr_x'"),
    ],
)  # fmt: skip
async def test_what_cannot_be_a_case_is_refused(
    arguments: dict[str, Any], told: str, root: Path
) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        done, text = await filed(client, **arguments)
    assert not done
    assert text.startswith(told)
    assert not (root / "evals" / "cases").exists()


async def test_a_case_nearly_like_another_is_filed_and_the_other_is_named(root: Path) -> None:
    wrong = [{"type": "contains", "value": "sorry"}]
    async with Client(build_server(House(Workspace(root)))) as client:
        _, first = await filed(
            client, input="two rooms in Ulm, please", output="a", assertions=wrong
        )
        _, second = await filed(
            client, input="two rooms in Ulm please", output="b", assertions=wrong
        )
    assert second["similar"] == [{"case_id": first["case_id"], "similarity": 1.0}]


async def test_an_output_alone_is_not_asked_for_what_only_a_run_knows(root: Path) -> None:
    calls = {"type": "tool-called", "name": "refund"}
    async with Client(build_server(House(Workspace(root)))) as client:
        alone = await client.call_tool("check_output", {"output": "hi", "assertions": [calls]})
        both = await client.call_tool(
            "check_output",
            {"output": "hi", "assertions": [calls, {"type": "equals", "value": "hi"}]},
        )
    assert alone.is_error
    assert both.structured_content == {
        "passed": True, "failed": [], "errored": [], "checks": 1, "not_asked": ["tool-called"],
    }  # fmt: skip
