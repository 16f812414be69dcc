"""What an agent is told first: how a suite stands, and what is weak in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Label

pytestmark = pytest.mark.anyio


def write(root: Path) -> None:
    """A suite of two scenarios and an empty one, on a program that fails at the word "bad"."""
    evals = root / "evals"
    for folder in ("suites", "cases/s"):
        (evals / folder).mkdir(parents=True)
    (root / "app.py").write_text(
        "def answer(question):\n    return 'no' if 'bad' in question else question\n"
    )
    (evals / "regrade.yaml").write_text('{"targets": {"app": {"python": "app:answer"}}}')
    suite: dict[str, Any] = {
        "target": "app",
        "assertions": [{"type": "not-contains", "value": "sorry"}],
        "features": {"talk": {"scenarios": {"one": {}, "many": {}, "none": {}}}},
    }
    (evals / "suites" / "s.yaml").write_text(json.dumps(suite))
    for number in range(8):
        asked = f"bad {number}" if number in (1, 5) else f"good {number}"
        case = {
            "id": f"c{number}",
            "feature": "talk",
            "scenario": "many" if number > 3 else "one",
            "input": asked,
            "assertions": [
                {"type": "equals", "value": asked},
                {"type": "latency", "threshold": 9e5},
            ],
        }
        (evals / "cases" / "s" / f"c{number}.yaml").write_text(json.dumps(case))


async def called(root: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool(tool, arguments)
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def test_the_grid_tells_how_each_scenario_ended_and_where_there_is_no_case(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    await called(tmp_path, "run_suite", suite="s", wait_s=60)
    told = await called(tmp_path, "overview", name="s")
    assert told["details"] == [
        {"feature": "talk", "scenario": "talk / one", "cases": 4, "pass_rate": 0.75, "failed": 1},
        {"feature": "talk", "scenario": "talk / many", "cases": 4, "pass_rate": 0.75, "failed": 1},
        {"feature": "talk", "scenario": "talk / none", "cases": 0},
    ]
    assert told["suites"][0]["scenarios_without_a_case"] == ["talk / none"]
    assert "weak" not in told


IDLE = (
    "2 assertions: each has not failed once in the last 3 runs: the output must not contain "
    "'sorry' (24 answers); the output must come within 900000 ms (21 answers)."
)


async def test_an_audit_names_checks_that_never_fail_and_cases_that_ask_little(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    path = tmp_path / "evals" / "cases" / "s" / "c7.yaml"
    case = json.loads(path.read_text())
    path.write_text(json.dumps({**case, "assertions": case["assertions"][:1]}))
    for _ in range(3):
        await called(tmp_path, "run_suite", suite="s", wait_s=60)
    told = await called(tmp_path, "overview", name="s")
    assert told["weak"] == [
        IDLE,
        "One case asks fewer than 3 things of an answer: c7.",
    ]


async def test_a_suite_that_passes_whatever_is_done_is_too_easy(tmp_path: Path) -> None:
    write(tmp_path)
    for number in (1, 5):
        (tmp_path / "evals" / "cases" / "s" / f"c{number}.yaml").unlink()
    for _ in range(5):
        await called(tmp_path, "run_suite", suite="s", wait_s=60)
    told = await called(tmp_path, "overview", name="s")
    assert told["weak"][-1].startswith("Everything passed in each of the last 5 runs")


async def test_a_case_that_fails_what_a_person_called_good_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "log.jsonl").write_text('{"input": "Is it bad?", "output": "no"}\n')
    await called(tmp_path, "import_traces", path="log.jsonl")
    [row] = (await called(tmp_path, "search_traces", query=""))["traces"]
    filed = await called(
        tmp_path, "file_case", suite="s", trace_id=row["id"], reason="it says no",
        assertions=[{"type": "contains", "value": "yes"}],
    )  # fmt: skip
    async with House(Workspace(tmp_path)).open() as house:
        label = Label("lb_1", "it_1", "tone", "pass", "human", "ada", 1.0, trace_id=row["id"])
        await house.store.add_labels([label])
    told = await called(tmp_path, "overview", name="s")
    assert told["weak"][-1] == (
        f"One case contradicts a person: {filed['case_id']} fails {row['id']}, "
        "which ada passed on tone."
    )


async def test_a_suite_that_is_not_there_is_told_with_the_suites_and_nothing_else(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        reply = await client.call_tool("overview", {"name": "shops"})
    assert getattr(reply.content[0], "text", "") == (
        "There is no suite 'shops'; valid: s. overview(\"assertions\") tells the kinds of "
        "assertions."
    )


async def test_cases_that_come_from_no_trace_are_drawn_like_others(tmp_path: Path) -> None:
    write(tmp_path)
    generated: dict[str, Any] = {"values": {}, "seed": 0, "writer": "m"}
    origins: list[dict[str, Any]] = [{"generated": generated}, {"trace": "by hand"}]
    for number, origin in enumerate(origins):
        case = {"id": f"d{number}", "feature": "talk", "scenario": "none", "provenance": origin}
        (tmp_path / "evals" / "cases" / "s" / f"d{number}.yaml").write_text(json.dumps(case))
    told = await called(tmp_path, "overview", name="s")
    assert told["details"][-1] == {"feature": "talk", "scenario": "talk / none", "cases": 2}


async def test_a_suite_that_scores_what_was_recorded_is_first_given_a_program(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    path = tmp_path / "evals" / "suites" / "s.yaml"
    path.write_text(json.dumps({"target": "recorded"}))
    (tmp_path / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    await called(tmp_path, "import_traces", path="log.jsonl")
    assert (await called(tmp_path, "overview"))["next_step"] == (
        "Suite s scores only what was recorded: name the program under `targets` in "
        "evals/regrade.yaml and as the suite's `target`. When it passes, `regrade run s "
        "--save-baseline`."
    )
    path.write_text(json.dumps({"target": "app"}))
    assert (await called(tmp_path, "overview"))["next_step"] == (
        "Suite s has no baseline: `regrade run s --save-baseline`, commit it."
    )


async def test_judges_are_told_with_their_state_and_a_broken_one_with_its_mistake(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    judge_file(tmp_path, "diet", "model: openai/gpt-4o-mini")
    (tmp_path / "evals" / "judges" / "torn.md").write_text("no front matter")
    told = (await called(tmp_path, "overview"))["judges"]
    assert told == [
        {
            "judge": "diet",
            "state": "draft",
            "because": "it was never measured on the test split",
        },
        {"judge": "torn", "problem": "evals/judges/torn.md has no front matter."},
    ]


async def test_candidates_are_no_cases_and_it_is_said_who_decides_of_them(tmp_path: Path) -> None:
    write(tmp_path)
    for number in range(8):
        path = tmp_path / "evals" / "cases" / "s" / f"c{number}.yaml"
        path.write_text(json.dumps({**json.loads(path.read_text()), "candidate": number < 6}))
    (tmp_path / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    await called(tmp_path, "import_traces", path="log.jsonl")
    for arguments in ({"name": "s"}, {}):
        found = await called(tmp_path, "overview", **arguments)
        (row,) = found["suites"]
        assert (row["cases"], row["candidates"]) == (2, 6)
        assert found["next_step"] == (
            "6 candidates of s wait for a person: generate_inputs with accept asks them at your "
            "client, or they run `regrade accept s`."
        )
    one = await called(tmp_path, "overview", name="s")
    assert sum(int(line["cases"]) for line in one["details"]) == 2
