"""What a run would come to before it is started, and which parts of a suite it moved."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio


def case(root: Path, name: str, output: str, **more: Any) -> None:
    told = {
        "id": name, "input": name, "recorded": {"output": output, "cost_usd": 0.01},
        "assertions": [{"type": "equals", "value": "right"}], **more,
    }  # fmt: skip
    (root / "evals" / "cases" / "s" / f"{name}.yaml").write_text(json.dumps(told))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "cases" / "s").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("trials: 2\n")
    case(tmp_path, "c1", "right", feature="find", scenario="one", tags=["fast"])
    case(tmp_path, "c2", "wrong", feature="find", scenario="many", tags=["fast"])
    return tmp_path


async def called(root: Path, tool: str, **arguments: Any) -> Any:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool(tool, arguments)
    assert not reply.is_error, reply.content
    return reply.structured_content


async def test_a_run_is_estimated_by_the_last_of_its_kind_and_not_started(root: Path) -> None:
    nothing = await called(root, "run_suite", suite="s", dry_run=True)
    assert nothing["estimate"] == {"cases": 2, "trials": 2, "answers": 4, "judgements": 0}
    first = (await called(root, "run_suite", suite="s", wait_s=60))["summary"]["run_id"]
    case(root, "c3", "right")
    told = await called(root, "run_suite", suite="s", trials=1, dry_run=True)
    took = told["estimate"].pop("duration_s")
    assert took >= 0
    assert told["estimate"] == {
        "cases": 3, "trials": 1, "answers": 3, "judgements": 0, "cost_usd": 0.03, "based_on": first,
    }  # fmt: skip
    assert told["summary"]["state"] == "planned"
    assert "Nothing was run: dry_run." in told["hint"]
    assert str(await called(root, "overview")).count("'run_id'") == 1


def test_the_command_estimates_and_runs_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "s", "--estimate", "--root", str(root)]) == 0
    assert capsys.readouterr().out == (
        "s on recorded: 2 cases in 2 trials, 4 answers to ask for, nobody knows what they cost\n"
    )


async def test_a_comparison_names_the_parts_that_moved_and_no_others(root: Path) -> None:
    before = (await called(root, "run_suite", suite="s", wait_s=60))["summary"]["run_id"]
    case(root, "c1", "wrong", feature="find", scenario="one", tags=["fast"])
    after = (await called(root, "run_suite", suite="s", wait_s=60))["summary"]["run_id"]
    told = await called(root, "get_run", run_id=after, compare_to=before, show="summary")
    assert told["comparison"]["broken"] == ["c1"]
    moved = {"failed": 1, "errored": 0, "broken": 1, "passed": 0, "pass_rate": 0.0}
    assert told["slices"] == [
        {"name": "feature:find scenario:one", "baseline_rate": 1.0, "change": -1.0, **moved},
        {"name": "tag:fast", "baseline_rate": 0.5, "change": -0.5, **moved, "failed": 2},
    ]
