"""Targets and runs side by side."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken

EXAMPLE = Path(__file__).parents[1] / "examples" / "listing_finder"
CASE = "case_two-beds-san-jose"


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """The example with a second target, which answers one question in other words."""
    folder = tmp_path / "finder"
    shutil.copytree(EXAMPLE, folder)
    program = (folder / "finder.py").read_text()
    (folder / "blunt.py").write_text(program.replace("I found one", "There is one"))
    project = folder / "evals" / "regrade.yaml"
    project.write_text(f"{project.read_text()}  blunt:\n    python: blunt:answer\n")
    return folder


def test_targets_are_run_in_turn_and_held_against_the_first(finder: Path) -> None:
    code, told = answered("compare", "finder", "app", "blunt", "--root", str(finder))
    assert (code, told["suite"], told["alike"]) == (0, "finder", 2)
    app, blunt = told["columns"]
    assert _figures(app) == ("app", "done", 3, 0, 0, 1.0)
    assert _figures(blunt) == ("blunt", "done", 2, 1, 0, 0.6667)
    assert "against" not in app
    assert (blunt["against"]["cases"], blunt["against"]["broken"], blunt["against"]["p_value"]) == (
        3, 1, 1.0,
    )  # fmt: skip
    assert blunt["interval"]["low"] < blunt["pass_rate"] < blunt["interval"]["high"]
    assert blunt["took"]["latency_p50_ms"] > 0
    (row,) = told["rows"]
    assert (row["case_id"], row["place"]) == (CASE, "find_listings / one")
    assert [(one["state"], one["output"]["message"][:9]) for one in row["endings"]] == [
        ("passed", "I found o"), ("failed", "There is "),
    ]  # fmt: skip
    assert "containing 'I found one'" in row["endings"][1]["reason"]


def _figures(column: dict[str, Any]) -> tuple[str, str, int, int, int, float]:
    return (
        column["target"], column["state"], column["passed"], column["failed"], column["errored"],
        round(column["pass_rate"], 4),
    )  # fmt: skip


def test_a_person_reads_what_each_target_answered_where_they_differ(finder: Path) -> None:
    code, out, _ = spoken("compare", "finder", "app", "blunt", "--root", str(finder))
    assert code == 0
    assert "blunt: pass rate 66.7% (95 % from 20.8% to 93.9%)" in out
    assert "  against app: -33.3 points" in out
    told = out[out.index("1 case did not end alike:") :].splitlines()
    assert told[1] == f"  {CASE} (find_listings / one)"
    assert told[2].startswith('    PASSED on app: {"listings": ')
    assert told[3].startswith('    FAILED on blunt: {"listings": ')
    assert told[4].startswith("      the output must have message containing")


def test_a_target_is_told_apart_from_how_a_case_ended_on_it(tmp_path: Path) -> None:
    evals = tmp_path / "evals"
    for folder in ("suites", "cases/s"):
        (evals / folder).mkdir(parents=True)
    (evals / "regrade.yaml").write_text(
        "targets: {flaky: {python: 'app:flaky'}, good: {python: 'app:good'}}\n"
    )
    (evals / "suites" / "s.yaml").write_text("target: good\ntrials: 2\nconcurrency: 1\n")
    (evals / "cases" / "s" / "a.yaml").write_text(
        "{id: a, input: hi, assertions: [{type: contains, value: good}]}\n"
    )
    (tmp_path / "app.py").write_text(
        "import itertools\nturns = itertools.cycle(['Hmm.', 'good'])\n"
        "def flaky(given): return next(turns)\ndef good(given): return 'good'\n"
    )
    _, out, _ = spoken("compare", "s", "flaky", "good", "--root", str(tmp_path))
    assert "    FLAKY on flaky: Hmm.\n" in out
    assert "    PASSED on good: good\n" in out


def test_runs_that_are_there_are_not_measured_again_and_two_of_a_target_go_by_their_ids(
    finder: Path,
) -> None:
    root = ("--root", str(finder))
    ids = [answered("run", "finder", *root)[1]["summary"]["run_id"] for _ in range(2)]
    code, out, _ = spoken("compare", *ids, *root)
    assert code == 0
    assert f"app {ids[1]}: pass rate 100.0%" in out
    assert f"  against app {ids[0]}: +0.0 points" in out
    assert out.endswith("Every case ended alike in all of them.\n")
    told = answered("compare", "finder", ids[0], "blunt", *root)[1]
    assert [column["run_id"] == ids[0] for column in told["columns"]] == [True, False]


def test_a_case_that_only_one_run_was_asked_sets_nobody_apart(finder: Path) -> None:
    root = ("--root", str(finder))
    whole = answered("run", "finder", *root)[1]["summary"]["run_id"]
    part = answered("run", "finder", "--select", "scenario:one", *root)[1]["summary"]["run_id"]
    told = answered("compare", whole, part, *root)[1]
    assert (told["rows"], told["alike"]) == ([], 3)
    assert told["columns"][1]["against"]["cases"] == 1


def test_what_cannot_be_held_side_by_side_is_refused_before_anything_is_asked(finder: Path) -> None:
    root = ("--root", str(finder))
    for words, why in (
        (("finder", "app", "absent"), "There is no target 'absent'"),
        (("finder", "app"), "at least two targets"),
        (("finder", "app", "app"), "at least two targets"),
        (("run_aaaaaaaa", "app"), "at least two targets"),
        (("finder", "run_aaaaaaaa", "app"), "There is no run 'run_aaaaaaaa'"),
        (("absent", "app", "blunt"), "There is no suite 'absent'"),
    ):
        code, out, error = spoken("compare", *words, *root)
        assert (code, out) == (2, ""), words
        assert why in error
    assert not answered("call", "overview", *root)[1].get("last_runs")


def test_runs_of_different_suites_are_not_held_side_by_side(finder: Path) -> None:
    root = ("--root", str(finder))
    suites = finder / "evals" / "suites"
    shutil.copy(suites / "finder.yaml", suites / "other.yaml")
    shutil.copytree(finder / "evals" / "cases" / "finder", finder / "evals" / "cases" / "other")
    ids = [answered("run", suite, *root)[1]["summary"]["run_id"] for suite in ("finder", "other")]
    code, _, error = spoken("compare", *ids, *root)
    assert code == 2
    assert "The runs are of different suites: finder, other." in error


def test_a_case_that_flaps_is_told_by_the_trial_that_failed(finder: Path) -> None:
    root = ("--root", str(finder))
    (finder / "coin.py").write_text(
        "import finder\nasked = 0\n\n\ndef answer(question):\n    global asked\n    asked += 1\n"
        "    told = finder.answer(question)\n"
        "    return told if asked <= 3 else {**told, 'message': 'no'}\n"
    )
    project = finder / "evals" / "regrade.yaml"
    project.write_text(f"{project.read_text()}  coin:\n    python: coin:answer\n")
    suite = finder / "evals" / "suites" / "finder.yaml"
    suite.write_text(f"{suite.read_text()}concurrency: 1\n")
    told = answered("compare", "finder", "app", "coin", "--trials", "2", *root)[1]
    assert [column["flaky"] for column in told["columns"]] == [0, 2]
    (row,) = [row for row in told["rows"] if row["case_id"] == CASE]
    assert [(one["state"], one["output"]["message"][:7]) for one in row["endings"]] == [
        ("passed", "I found"), ("flaky", "no"),
    ]  # fmt: skip
