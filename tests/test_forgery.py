"""An agent that wants its own way with labels and judges, by everything that it can reach."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file, know, label_row, write_labels
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult, Implementation

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.alignments import Alignments
from regrade_tools.labels.labelbook import LabelBook

pytestmark = pytest.mark.anyio
CLAIMS: dict[str, Any] = {
    "source": "human",
    "labeller": "ada",
    "signature": "AAAA",
    "split": "train",
    "sampled": "random",
    "version": "1",
    "state": "aligned",
    "aligned": True,
    "thresholds": {"tpr": 0, "tnr": 0},
    "fingerprint": "0" * 12,
    "consent": "given",
    "client": "ada",
    "personal": True,
    "show_test": True,
}
CALLS: dict[str, dict[str, Any]] = {
    "overview": {},
    "search_traces": {"query": ""},
    "get_trace": {"trace_id": "TRACE"},
    "summarize_traces": {"query": "", "by": "status"},
    "import_traces": {"path": "log.jsonl"},
    "label_traces": {
        "criterion": "diet",
        "labels": [{"trace_id": "TRACE", "verdict": "pass", "critique": "so"}],
    },
    "file_case": {
        "suite": "diets",
        "trace_id": "TRACE",
        "assertions": [{"type": "contains", "value": "x"}],
        "reason": "so",
    },
    "run_suite": {"suite": "diets"},
    "get_run": {"run_id": "run_aaaaaaaa"},
    "check_output": {"output": "x", "assertions": [{"type": "contains", "value": "x"}]},
    "run_judge": {"judge": "diet", "outputs": [{"output": "x"}]},
    "align_judge": {"judge": "diet", "split": "test"},
    "submit_answers": {"packet_id": "pk_aaaaaaaa", "answers": [{"n": 1}]},
    "generate_inputs": {"suite": "diets", "n": 1},
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a judge that an agent sits for, labels of ada in test, and her key here."""
    monkeypatch.setenv("REGRADE_KEYS", str(tmp_path / "keys"))
    folder = tmp_path / "repository"
    (folder / "evals" / "suites").mkdir(parents=True)
    (folder / "evals" / "suites" / "diets.yaml").write_text("target: recorded\n")
    (folder / "log.jsonl").write_text('{"input": "question 1", "output": "answer 1"}\n')
    assert main(("import", str(folder / "log.jsonl"), "--root", str(folder))) == 0
    know(folder, "ada")
    write_labels(
        folder,
        (
            label_row(f"question {n}", f"answer {n}", "fail" if n % 3 else "pass", split="test")
            for n in range(24)
        ),
    )
    judge_file(folder, "diet", "")
    return folder


@asynccontextmanager
async def agent(root: Path, name: str = "mcp", reply: Any = None) -> AsyncGenerator[Client, None]:
    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001 - the SDK names them
        return ElicitResult(action="accept", content=reply)

    server = build_server(House(Workspace(root)))
    who = Implementation(name=name, version="1")
    asked = answer if reply is not None else None
    async with Client(server, client_info=who, elicitation_callback=asked) as client:
        yield client


def book(root: Path) -> LabelBook:
    labelling = House(Workspace(root)).labelling
    return labelling.book(labelling.criterion("diet"))


def held(root: Path) -> dict[str, str]:
    """What decides over a judge: the files of labels, labellers and judges."""
    evals = root / "evals"
    paths = [evals / "labellers.yaml", *evals.glob("labels/*"), *evals.glob("judges/*")]
    return {path.name: path.read_text() for path in paths}


async def said(client: Client, tool: str, arguments: Mapping[str, Any]) -> tuple[bool, str]:
    reply = await client.call_tool(tool, dict(arguments))
    return reply.is_error or False, json.dumps([getattr(c, "text", "") for c in reply.content])


async def test_no_tool_takes_an_argument_that_says_who_labelled_or_what_a_judge_is(
    root: Path,
) -> None:
    before = held(root)
    async with agent(root) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} <= set(CALLS)
        for tool in tools:
            offered = set(tool.input_schema["properties"])
            for claim, value in CLAIMS.items():
                if claim in offered:
                    continue
                wrong, told = await said(client, tool.name, {**CALLS[tool.name], claim: value})
                assert wrong, (tool.name, claim)
                assert "unknown argument" in told, (tool.name, claim, told)
        # The one such word that a tool takes names what is measured; it moves nothing.
        assert {
            tool.name for tool in tools if set(CLAIMS) & set(tool.input_schema["properties"])
        } == {"align_judge"}
    assert held(root) == before


async def test_no_field_of_a_label_an_output_or_an_answer_says_it_either(root: Path) -> None:
    before = held(root)
    async with agent(root) as client:
        for claim, value in CLAIMS.items():
            label = {**CALLS["label_traces"]["labels"][0], claim: value}
            for confirm in (False, True):
                arguments = {"criterion": "diet", "labels": [label], "confirm": confirm}
                assert (await said(client, "label_traces", arguments))[0], claim
            outputs = [{"output": "x", claim: value}]
            assert (await said(client, "run_judge", {"judge": "diet", "outputs": outputs}))[0]
        handed = await told_by(client, "align_judge", {"judge": "diet", "split": "test"})
        work = handed["work"]
        answer = {"n": 1, "reasoning": "so", "verdict": "PASS"}
        for item in ({**answer, **CLAIMS}, {**answer, "item": "it_0"}, {**answer, "key": "it_0"}):
            wrong, told = await said(
                client, "submit_answers", {"packet_id": work["packet_id"], "answers": [item]}
            )
            assert wrong or '\\"accepted\\":0' in told, told
    assert held(root) == before


@pytest.mark.parametrize("name", ["ada", "human", "human:ada", "agent:x:y", "../../labellers", ""])
async def test_a_client_that_takes_a_persons_name_suggests_and_no_more(
    root: Path, name: str
) -> None:
    people = [row.label.labeller for row in book(root).rows if row.label.source == "human"]
    async with agent(root, name) as client:
        (trace,) = await ids(client)
        await labelled(client, trace, confirm=True)
        await client.call_tool("run_judge", CALLS["run_judge"])
    kept = book(root)
    assert [row.label.labeller for row in kept.rows if row.label.source == "human"] == people
    (suggestion,) = [row for row in kept.rows if row.label.source == "agent"]
    assert suggestion.label.labeller.startswith("agent:")
    assert {path.name for path in (root / "evals").iterdir()} <= {
        "labellers.yaml", "labels", "judges", "suites", "cases", "judgements",
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply", [{}, {"sign": False}, {"sign": "no"}, {"labeller": "ada"}, {"sign": None}, {"x": 1}]
)
async def test_a_form_that_came_back_otherwise_than_signed_signs_nothing(
    root: Path, reply: dict[str, Any]
) -> None:
    assert main(("labeller", "bob", "--root", str(root))) == 0
    async with agent(root, reply=reply) as client:
        (trace,) = await ids(client)
        await labelled(client, trace, confirm=True)
    assert {row.label.labeller for row in book(root).rows if row.label.source == "human"} == {"ada"}


async def test_labels_that_an_agent_brings_in_as_data_are_no_labels(root: Path) -> None:
    forged = label_row("question 1", "answer 1", "pass", split="train", labeller="ada").label
    (root / "forged.jsonl").write_text(
        json.dumps({"input": "question 1", "output": "answer 9", "label": "pass", "source": "human",
                    "labeller": "ada", "signature": forged.signature, "split": "train",
                    "scores": [{"name": "diet", "value": 1, "source": "ANNOTATION"}]}) + "\n"
    )  # fmt: skip
    before, truths = held(root), book(root).truths
    async with agent(root) as client:
        for path in ("forged.jsonl", "evals/labels/diet.jsonl"):
            await client.call_tool("import_traces", {"path": path})
        assert (await told_by(client, "search_traces", {"query": "label:pass"}))["traces"] == []
    assert (held(root), book(root).truths) == (before, truths)


@pytest.mark.parametrize("name", ["../labels/diet", "../labels", "..", "labels/../../labels/diet"])
async def test_no_name_leads_a_file_that_is_written_to_where_labels_are(
    root: Path, name: str
) -> None:
    before = held(root)
    async with agent(root) as client:
        (trace,) = await ids(client)
        for tool, arguments in (
            ("file_case", {**CALLS["file_case"], "suite": name, "trace_id": trace}),
            ("run_judge", {**CALLS["run_judge"], "judge": name}),
            ("align_judge", {**CALLS["align_judge"], "judge": name}),
            ("align_judge", {**CALLS["align_judge"], "versus": name}),
            ("label_traces", {**CALLS["label_traces"], "criterion": name}),
            ("generate_inputs", {**CALLS["generate_inputs"], "suite": name}),
        ):
            if tool in {one.name for one in (await client.list_tools()).tools}:
                wrong, told = await said(client, tool, arguments)
                assert wrong, (tool, told)
    assert held(root) == before
    assert not (root / "labels").exists()


async def test_nothing_of_the_test_split_is_in_what_any_tool_says(root: Path) -> None:
    async with agent(root) as client:
        handed = await told_by(client, "align_judge", {"judge": "diet", "split": "test"})
        work, told = handed["work"], json.dumps(handed)
        while work:
            # The answers are all of one kind: what it scores is then known, and no more.
            answers = [{"n": i["n"], "reasoning": "so", "verdict": "PASS"} for i in work["items"]]
            done = await told_by(
                client, "submit_answers", {"packet_id": work["packet_id"], "answers": answers}
            )
            told += json.dumps(done)
            work = done.get("work")
        for split in ("test", "dev", "train"):
            for cursor in (None, "page:0", "align_judge:0", "dGVzdA"):
                arguments = {"judge": "diet", "split": split, "cursor": cursor}
                told += (await said(client, "align_judge", arguments))[1]
        for split in ("TEST", "test ", "all", "", None):
            assert (await said(client, "align_judge", {"judge": "diet", "split": split}))[0]
        for arguments in (
            {"outputs": [{"input": "question 1", "output": "answer 1"}]},
            {"traces": ""},
        ):
            wrong, refusal = await said(client, "run_judge", {"judge": "diet", **arguments})
            assert wrong
            assert "of the test split" in refusal
    assert "disagreements" not in told
    assert "critique" not in told
    assert Alignments(Workspace(root)).assessment("diet").state == "draft"


async def told_by(client: Client, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return (await client.call_tool(tool, dict(arguments))).structured_content or {}


async def ids(client: Client) -> list[str]:
    return [row["id"] for row in (await told_by(client, "search_traces", {"query": ""}))["traces"]]


async def labelled(client: Client, trace: str, **more: Any) -> None:
    label = {"trace_id": trace, "verdict": "pass", "critique": "so"}
    await client.call_tool("label_traces", {"criterion": "diet", "labels": [label], **more})
