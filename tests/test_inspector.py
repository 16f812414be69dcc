"""Every tool, called by the protocol's own inspector: over both transports, in both eras."""

import json
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file, know, label_row, write_labels
from node import Node, installed
from served import served

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[1] / "examples" / "listing_finder"
ANSWER = {"input": "soup without meat", "output": "Leek and potato."}


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> Node:
    return installed(request, "@modelcontextprotocol/inspector@2.12.0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository in which every tool has something to do."""
    here = tmp_path / "repository"
    shutil.copytree(EXAMPLE, here)
    (here / "log.jsonl").write_text('{"input": "hi", "output": {"listings": []}}\n')
    judge_file(here, "agent", "")
    judge_file(here, "recorded", "recorded: evals/said.jsonl")
    said = {**ANSWER, "verdict": "PASS", "reasoning": "no meat in it"}
    (here / "evals" / "said.jsonl").write_text(json.dumps(said))
    know(here, "ada")
    write_labels(here, [label_row(ANSWER["input"], ANSWER["output"], "pass", split="dev")])
    return here


@dataclass
class Inspector:
    """The inspector at one server."""

    node: Node
    target: tuple[str, ...]
    era: str
    called: list[str] = field(default_factory=list[str])

    def ask(self, *arguments: str) -> dict[str, Any]:
        """What the server answers; the inspector ends well only where that is no error."""
        options = ("--protocol-era", self.era, "--format", "json", "-q")
        done = self.node.run("mcp-inspector", "--cli", *self.target, *options, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return json.loads(done.stdout)["result"]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool answers."""
        self.called.append(tool)
        told = json.dumps(arguments)
        asked = ("--method", "tools/call", "--tool-name", tool, "--tool-args-json", told)
        return self.ask(*asked)["structuredContent"]


def over_stdio(root: Path, _: ExitStack) -> tuple[str, ...]:
    return (sys.executable, "-m", "regrade_server", "--root", str(root))


def over_http(root: Path, stack: ExitStack) -> tuple[str, ...]:
    return ("--server-url", stack.enter_context(served(root)).url, "--transport", "http")


@pytest.fixture(params=[over_stdio, over_http])
def target(request: pytest.FixtureRequest, root: Path) -> Generator[tuple[str, ...], None, None]:
    reach: Callable[[Path, ExitStack], tuple[str, ...]] = request.param
    with ExitStack() as stack:
        yield reach(root, stack)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_calls_every_tool(target: tuple[str, ...], node: Node, era: str) -> None:
    inspector = Inspector(node, target, era)
    # --strict: nothing in a schema that a client may not understand.
    listed = inspector.ask("--method", "tools/list", "--strict")["tools"]
    inspector.call("overview")
    inspector.call("import_traces", path="log.jsonl")
    [trace] = inspector.call("search_traces", query="hi")["traces"]
    inspector.call("get_trace", trace_id=trace["id"])
    assert inspector.call("summarize_traces", by="status")["total"]["traces"] == 1
    label = {"trace_id": trace["id"], "verdict": "fail", "critique": "It says nothing."}
    inspector.call("label_traces", labels=[label], criterion="diet")
    check = {"type": "path", "at": "listings", "len": "> 0"}
    case = {"suite": "finder", "reason": "nothing found", "assertions": [check]}
    assert inspector.call("file_case", trace_id=trace["id"], dry_run=True, **case)["failed"]
    run = inspector.call("run_suite", suite="finder", wait_s=60)["summary"]
    assert (run["state"], run["passed"]) == ("done", 3)
    assert inspector.call("get_run", run_id=run["run_id"])["summary"] == run
    assert not inspector.call("check_output", output={"listings": []}, assertions=[check])["passed"]
    work = inspector.call("run_judge", judge="agent", outputs=[ANSWER])["work"]
    answer = {"n": 1, "reasoning": "no meat in it", "verdict": "PASS"}
    handed = inspector.call("submit_answers", packet_id=work["packet_id"], answers=[answer])
    assert handed["accepted"] == 1
    assert inspector.call("align_judge", judge="recorded", split="dev")["labels"] == 1
    people = {"who": ["a student", "a family"]}
    plan = inspector.call("generate_inputs", suite="finder", n=2, dimensions=people, dry_run=True)
    assert plan["asked"] == 2
    assert sorted(inspector.called) == sorted(tool["name"] for tool in listed)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_reads_prompts_and_resources(
    target: tuple[str, ...], node: Node, era: str
) -> None:
    inspector = Inspector(node, target, era)
    assert len(inspector.ask("--method", "prompts/list")["prompts"]) == 6
    filled = inspector.ask(
        "--method", "prompts/get", "--prompt-name", "write_assertions",
        "--prompt-args", "suite=finder",
    )  # fmt: skip
    assert "finder" in filled["messages"][0]["content"]["text"]
    assert len(inspector.ask("--method", "resources/templates/list")["resourceTemplates"]) == 5
    guide = inspector.ask("--method", "resources/read", "--uri", "regrade://guide/start")
    assert guide["contents"][0]["text"].startswith("# Start")
