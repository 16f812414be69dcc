"""Runs and gates that ask no judge: for a fork without keys, and before a push."""

import json
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken

JUDGE = "---\ncriterion: polite\npython: bot:polite\n---\n"
BOT = """
import os


def answer(question):
    return os.environ.get("SAYS", "") + question


def polite(given):
    if "hear" in given["input"]:
        raise ValueError("no key")
    return given["output"] != "rude"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A suite with a judge that nobody has aligned, and a case that only the judge decides."""
    evals = tmp_path / "evals"
    for folder in ("suites", "judges", "cases/s"):
        (evals / folder).mkdir(parents=True)
    (tmp_path / "bot.py").write_text(BOT)
    (evals / "judges" / "polite.md").write_text(JUDGE)
    (evals / "regrade.yaml").write_text(
        "targets: {bot: {python: 'bot:answer'}}\nprofiles: {quick: {judges: false}}\n"
    )
    (evals / "suites" / "s.yaml").write_text(
        "target: bot\nassertions: [{type: judge, judge: polite}]\n"
    )
    words = {"plain": "hello", "rude": "rude", "alone": "hello"}
    for name, said in words.items():
        own = [] if name == "alone" else [{"type": "equals", "value": said}]
        case = {"id": name, "input": said, "assertions": own}
        (evals / "cases" / "s" / f"{name}.yaml").write_text(json.dumps(case))
    return tmp_path


def ruling(root: Path, *words: str) -> Any:
    return answered("gate", "s", *words, "--root", str(root))[1]["ruling"]


def test_a_profile_without_judges_decides_by_all_else_that_is_asked(root: Path) -> None:
    code, _, error = spoken("gate", "s", "--root", str(root))
    assert (code, "The judge polite may not gate" in error) == (2, True)
    told = ruling(root, "--profile", "quick")
    assert (told["decision"], told["passed"], told["failed"]) == ("ship", 2, [])
    assert ruling(root, "--no-judges")["passed"] == 2


def test_a_run_without_judges_leaves_out_what_only_they_decide(root: Path) -> None:
    at = ("--root", str(root))
    asked = answered("run", "s", *at)[1]["summary"]
    assert (asked["cases"], asked["passed"], asked["failed"]) == (3, 2, 1)
    told = answered("run", "s", "--no-judges", *at)[1]["summary"]
    assert (told["cases"], told["passed"], told["failed"]) == (2, 2, 0)
    for name in ("plain", "rude"):
        (root / "evals" / "cases" / "s" / f"{name}.yaml").unlink()
    code, _, error = spoken("run", "s", "--no-judges", *at)
    assert (code, "Without judges nothing is asked of any case" in error) == (2, True)


def test_a_baseline_with_judges_is_compared_with_by_what_is_asked_in_both(root: Path) -> None:
    at = ("--root", str(root))
    assert spoken("run", "s", "--no-judges", "--save-baseline", *at)[0] == 2
    spoken("run", "s", "--save-baseline", *at)
    told = ruling(root, "--profile", "quick")
    comparison = told["comparison"]
    # What a judge alone had failed is neither fixed nor loosened by not asking.
    assert (told["decision"], told["baseline_rate"]) == ("ship", 1.0)
    assert (comparison["fixed"], comparison["broken"], comparison["loosened"]) == ([], [], [])
    case = root / "evals" / "cases" / "s" / "rude.yaml"
    case.write_text(case.read_text().replace('"value": "rude"', '"value": "kind"'))
    told = ruling(root, "--profile", "quick")
    assert (told["decision"], told["comparison"]["broken"]) == ("hold", ["rude"])
    project = root / "evals" / "regrade.yaml"
    project.write_text(project.read_text().replace("quick: {judges: false}", "quick: {}"))
    spoken("run", "s", "--save-baseline", *at)
    project.write_text(project.read_text().replace("quick: {}", "quick: {judges: false}"))
    assert (
        "judges were asked and are not"
        in ruling(root, "--profile", "quick")["comparison"]["loosened"]
    )


def test_a_gate_decides_by_no_run_that_asked_otherwise(root: Path) -> None:
    at = ("--root", str(root))
    asked = answered("run", "s", *at)[1]["summary"]["run_id"]
    code, _, error = spoken("gate", "s", "--profile", "quick", "--run-id", asked, *at)
    assert (code, "it asked the judges" in error, "--no-judges" in error) == (2, True, True)
    unasked = answered("run", "s", "--no-judges", *at)[1]["summary"]["run_id"]
    assert ruling(root, "--profile", "quick", "--run-id", unasked)["decision"] == "ship"


def test_what_a_judge_says_that_nobody_can_read_makes_its_case_errored(root: Path) -> None:
    bot = root / "bot.py"
    bot.write_text(bot.read_text().replace('return given["output"] != "rude"', "return 'so so'"))
    told = answered("run", "s", "--root", str(root))[1]
    assert (told["summary"]["failed"], told["summary"]["errored"]) == (0, 3)
    assert "there is no verdict in what the judge returned" in told["cards"][0]["reasons"][0]
