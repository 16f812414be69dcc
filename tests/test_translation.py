"""What a person is advised at a terminal: commands where an agent is told of tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken

from regrade_server.cli.translation import for_person


@pytest.mark.parametrize(
    ("to_an_agent", "to_a_person"),
    [
        ('get_run("run_a1") shows it', "`regrade show run_a1` shows it"),
        ('get_run("run_a1", wait_s=3)', "`regrade call get_run run_id=run_a1 wait_s=3`"),
        ('align_judge("tone") shows', "`regrade align tone` shows"),
        ('align_judge("tone", split="test")', "`regrade align tone --split test`"),
        ('align_judge("tone", split=...)', "`regrade align tone --split ...`"),
        ('run_suite("bot", resume="run_a1")', "`regrade run --resume run_a1`"),
        ("`overview` tells the same", "`regrade call overview` tells the same"),
        ('overview("assertions") lists', "`regrade guide assertions` lists"),
        ("import_traces reads logs (a person: regrade import).", "`regrade import` reads logs."),
        ("next_cursor looks further back", "--cursor looks further back"),
        ("without dry_run", "without --dry-run"),
        # What is a command, or a word that only holds the name of a tool, stays.
        ("`regrade call overview` names runs", "`regrade call overview` names runs"),
        ("an overviewer of my_run_suite_x", "an overviewer of my_run_suite_x"),
        # And so does a part of what somebody has named.
        ("mend bot:run_suite in it", "mend bot:run_suite in it"),
        ("evals/cases/overview/one.yaml", "evals/cases/overview/one.yaml"),
        ("evals/judges/run_judge.md", "evals/judges/run_judge.md"),
    ],
)  # fmt: skip
def test_a_tool_is_told_as_its_command(to_an_agent: str, to_a_person: str) -> None:
    assert for_person(to_an_agent) == to_a_person


def test_a_person_is_told_commands_and_a_program_and_a_caller_of_tools_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "regrade.yaml").write_text("{}\n")
    root = ("--root", str(tmp_path))
    assert spoken("show", "tr_aaaaaaaaaaaaa", *root)[2].endswith(
        "Ids look like tr_bhkyre6x44caa; `regrade search` finds them.\n"
    )
    _, told = answered("show", "tr_aaaaaaaaaaaaa", *root)
    assert told["next_step"] == "Ids look like tr_bhkyre6x44caa; search_traces finds them."
    called = spoken("call", "get_trace", "trace_id=tr_aaaaaaaaaaaaa", *root)[2]
    assert "search_traces finds them" in called
    assert spoken("search", "word", *root)[1].endswith(
        "No trace is stored yet: `regrade import` reads logs.\n"
    )


def test_a_person_is_told_how_to_read_and_answer_what_is_to_be_written(tmp_path: Path) -> None:
    suite = tmp_path / "evals" / "suites" / "orders.yaml"
    suite.parent.mkdir(parents=True)
    suite.write_text("target: recorded\ninputs: {dimensions: {form: [polite, blunt]}}\n")
    root = ("--root", str(tmp_path))
    _, told, _ = spoken("generate", "orders", "--n", "2", *root)
    words = [word.strip("'") for word in _command(told)]
    code, out, _ = spoken(*words, *root)
    work: dict[str, Any] = json.loads(out)["work"]
    assert (code, work["of"], work["left"]) == (0, 2, 2)
    assert work["answer_schema"]["required"] == ["n", "input"]


def _command(told: str) -> list[str]:
    """The words of the command between backticks in which a packet is named."""
    (found,) = [part for part in told.split("`") if "packet_id=" in part]
    return found.removeprefix("regrade ").split()
