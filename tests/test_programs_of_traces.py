"""What a program was given, where it logs a span of its own around the calls of its models."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from calling import replied
from mcp import Client
from otlp_client import BEGAN, TRACE, Fields, said

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.documents import load
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import item_key

pytestmark = pytest.mark.anyio
SAYS = "Is my order A100 late?"
CURT = [{"type": "contains", "value": "sorry"}]


def span(number: int, about: dict[str, str], parent: int = 0, at: int = 0, **more: Any) -> Fields:
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": "POST /support",
        "startTimeUnixNano": str(BEGAN + at * 1_000_000_000 + number),
        "endTimeUnixNano": str(BEGAN + at * 1_000_000_000 + number + 5),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in about.items()],
    } | more


def logged(given: Any = SAYS, gave: Any = "No.", *, trace: str = TRACE, **more: Any) -> Fields:
    """A program around one call of a model, which is told more than the program was."""
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(
            [
                {"role": "system", "parts": [{"type": "text", "content": "Be curt."}]},
                *json.loads(said(f"Customer: {SAYS}", "user")),
            ]
        ),
        "gen_ai.output.messages": said("It says no.", "assistant"),
    }
    about = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (("input.value", given), ("output.value", gave))
        if value is not None
    }
    root = span(1, about, **more)
    spans = [one | {"traceId": trace} for one in (root, span(2, chat, 1, name="chat"))]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


@asynccontextmanager
async def holding(root: Path, *exports: Fields) -> AsyncGenerator[tuple[Client, list[str]], None]:
    """A client, and the ids of the traces in ``exports``, the oldest first."""
    (root / "evals" / "suites").mkdir(parents=True)
    (root / "evals" / "suites" / "s.yaml").write_text("target: latest\n")
    (root / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in exports))
    async with Client(build_server(House(Workspace(root)))) as client:
        await replied(client, "import_traces", path="log.jsonl")
        found = await replied(client, "search_traces", sort="oldest")
        yield client, [row["id"] for row in found["traces"]]


async def filed(client: Client, root: Path, **arguments: Any) -> tuple[Any, Any]:
    """The file of a case, and what was told of it."""
    told = await replied(client, "file_case", suite="s", reason="r", assertions=CURT, **arguments)
    return load((root / told["path"]).read_text()), told


@pytest.mark.parametrize(
    ("given", "gave", "asked", "answered"),
    [
        (SAYS, "No.", SAYS, "No."),
        ({"order": "A100"}, {"text": "No."}, {"order": "A100"}, {"text": "No."}),
        # As Traceloop and Langfuse log the arguments of a function.
        ({"args": [SAYS], "kwargs": {}}, "No.", SAYS, "No."),
        ({"args": [], "kwargs": {"order": "A100"}}, "No.", {"order": "A100"}, "No."),
        # A program that streams logs no output.
        (SAYS, None, SAYS, "It says no."),
    ],
)
async def test_a_case_has_the_input_and_the_output_of_the_program(
    given: Any, gave: Any, asked: Any, answered: Any, tmp_path: Path
) -> None:
    async with holding(tmp_path, logged(given, gave)) as (client, [trace]):
        case, _ = await filed(client, tmp_path, trace_id=trace)
    assert (case["input"], case["recorded"]["output"]) == (asked, answered)


@pytest.mark.parametrize(
    "given",
    [None, [{"role": "user", "content": SAYS}], {"messages": [{"role": "user", "content": SAYS}]}],
)
async def test_a_program_that_logs_no_input_or_a_chat_has_that_of_its_model(
    given: Any, tmp_path: Path
) -> None:
    async with holding(tmp_path, logged(given)) as (client, [trace]):
        case, _ = await filed(client, tmp_path, trace_id=trace)
    assert [message["role"] for message in case["input"]] == ["system", "user"]
    assert case["recorded"]["output"] == "It says no."


async def test_a_program_that_failed_gave_nothing_whatever_its_model_said(tmp_path: Path) -> None:
    broken = logged(SAYS, None, status={"code": 2, "message": "no database"})
    async with holding(tmp_path, broken) as (client, [trace]):
        case, _ = await filed(client, tmp_path, trace_id=trace)
    assert case["recorded"]["error"] == "no database"
    assert "output" not in case["recorded"]


async def test_the_newest_trace_is_looked_up_by_what_the_program_was_given(tmp_path: Path) -> None:
    later = logged(SAYS, "sorry", trace=f"{7:032x}", at=9)
    async with holding(tmp_path, logged(), later) as (client, [first, _]):
        await filed(client, tmp_path, trace_id=first)
        run = await replied(client, "run_suite", suite="s", wait_s=60)
        assert run["summary"] | {"passed": 1, "errored": 0} == run["summary"]
        # A case of the model's own call is answered with what the model said.
        await filed(client, tmp_path, trace_id=first, step=3)
        run = await replied(client, "run_suite", suite="s", wait_s=60)
    assert run["summary"] | {"passed": 1, "failed": 1, "errored": 0} == run["summary"]
    assert "It says no." in json.dumps(run["cards"])


async def test_a_dataset_and_a_label_take_what_the_program_was_given(tmp_path: Path) -> None:
    async with holding(tmp_path, logged()) as (client, [trace]):
        suite = json.dumps({"dataset": {"query": "", "assertions": CURT}, "target": "recorded"})
        (tmp_path / "evals" / "suites" / "s.yaml").write_text(suite)
        run = await replied(client, "run_suite", suite="s", wait_s=60)
        label = {"trace_id": trace, "verdict": "fail", "critique": "curt"}
        await replied(client, "label_traces", criterion="kind", labels=[label])
        house = House(Workspace(tmp_path))
        (kept,) = await house.store.labels(criterion="kind")
    (card,) = run["cards"]
    assert (card["input"], card["output"]) == (SAYS, "No.")
    assert kept.item == item_key(SAYS, "No.")


async def test_the_digest_shows_the_conversation_and_the_program_where_they_differ(
    tmp_path: Path,
) -> None:
    async with holding(tmp_path, logged({"order": "A100"}, "No.")) as (client, [trace]):
        digest = (await replied(client, "get_trace", trace_id=trace))["content"]
    assert (digest["input"], digest["output"]) == (f"Customer: {SAYS}", "It says no.")
    assert digest["program"] == {"input": {"order": "A100"}, "output": "No."}


async def test_an_input_unlike_those_of_the_other_cases_is_told(tmp_path: Path) -> None:
    async with holding(tmp_path, logged()) as (client, [trace]):
        _, first = await filed(client, tmp_path, trace_id=trace)
        _, same = await filed(client, tmp_path, input="Where is it?", output="No.")
        _, other = await filed(client, tmp_path, trace_id=trace, step=3)
    assert "a list of messages" not in first["hint"] + same["hint"]
    assert (
        "Its input is a list of messages, and that of the other cases of s is a text"
        in other["hint"]
    )
