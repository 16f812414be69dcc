"""`regrade gate` on a repository: what it refuses, what it notices, and what it writes."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from console import spoken

SUITE = """
target: app
assertions: [{type: contains, value: good}]
features: {talk: {scenarios: {short: {}, long: {}}}}
"""
# Answers are read anew for each run; a list is gone through, one a call.
PROGRAM = """
import itertools, json
answers = json.load(open("answers.json"))
told = {k: itertools.cycle(v if isinstance(v, list) else [v]) for k, v in answers.items()}
def answer(given):
    found = next(told[given])
    if found is None:
        raise OSError("no network")
    return {"output": found, "tool_calls": [], "cost_usd": 0.5}
"""
PASSING = {"a": "good", "b": "good", "c": "good"}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of three cases on a program whose answers stand in a file; all pass."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    evals = tmp_path / "evals"
    for folder in ("suites", "cases/s"):
        (evals / folder).mkdir(parents=True)
    (evals / "regrade.yaml").write_text("targets: {app: {python: 'app:answer'}}\n")
    (evals / "suites" / "s.yaml").write_text(SUITE)
    places = {"a": "short", "b": "short", "c": "long"}
    for name, scenario in places.items():
        write(
            case_file(tmp_path, name), id=name, feature="talk", scenario=scenario, input=name,
            recorded={"output": "good"}, tags=["critical"] if name == "c" else ["easy"],
            assertions=[{"type": "not-contains", "value": "bad"}],
        )  # fmt: skip
    (tmp_path / "app.py").write_text(PROGRAM)
    answers(tmp_path)
    return tmp_path


@pytest.fixture
def regrade(repository: Path) -> Command:
    def command(*arguments: str) -> tuple[int, str, str]:
        return spoken(*arguments, "--root", str(repository))

    return command


def write(path: Path, **content: Any) -> None:
    path.write_text(json.dumps(content))


def case_file(repository: Path, name: str) -> Path:
    return repository / "evals" / "cases" / "s" / f"{name}.yaml"


def edited(repository: Path, name: str, **changes: Any) -> None:
    path = case_file(repository, name)
    write(path, **{**json.loads(path.read_text()), **changes})


def answers(repository: Path, **changed: Any) -> None:
    (repository / "answers.json").write_text(json.dumps({**PASSING, **changed}))


def gate(regrade: Command, *arguments: str) -> tuple[int, Any]:
    code, out, _ = regrade("gate", "s", "--json", *arguments)
    return code, json.loads(out)


def ran(regrade: Command, *arguments: str) -> str:
    return json.loads(regrade("run", "s", "--json", *arguments)[1])["summary"]["run_id"]


def test_a_run_that_measured_the_very_plan_decides(regrade: Command) -> None:
    run_id = ran(regrade)
    code, told = gate(regrade, "--run-id", run_id)
    assert (code, told["ruling"]["decision"], told["summary"]["run_id"]) == (0, "ship", run_id)
    assert regrade("gate", "--suite", "s", "--run-id", run_id)[0] == 0


def test_a_run_of_a_part_another_target_or_fewer_trials_is_refused(regrade: Command) -> None:
    for made, asked, why, command in (
        (("--select", "tag:easy"), (), "it selected 'tag:easy', not 'all'", "regrade run s"),
        (("--target", "recorded"), (), "it measured the target recorded, not app", "regrade run s"),
        ((), ("--trials", "2"), "it asked each case once, not 2 times", "regrade run s --trials 2"),
        ((), ("--target", "recorded"), "it measured the target app, not recorded",
         "regrade run s --target recorded"),
    ):  # fmt: skip
        code, told = gate(regrade, "--run-id", ran(regrade, *made), *asked)
        assert code == 2
        assert told["refused"].endswith(f"cannot decide on s: {why}.")
        assert told["next_step"].startswith(f"`{command}` makes a run that can; ")


def test_a_run_of_a_part_is_no_baseline(regrade: Command) -> None:
    part, whole = ran(regrade, "--select", "tag:easy"), ran(regrade)
    code, told = gate(regrade, "--baseline", part)
    assert (code, told["refused"]) == (
        2, f"{part} is no baseline: it measured only a part of what the gate asks.",
    )  # fmt: skip
    assert gate(regrade, "--baseline", whole)[0] == 0


def test_a_run_of_another_suite_is_refused(repository: Path, regrade: Command) -> None:
    (repository / "evals" / "suites" / "t.yaml").write_text(SUITE)
    shutil.copytree(repository / "evals/cases/s", repository / "evals/cases/t")
    run_id = ran(regrade)
    code, out, _ = regrade("gate", "t", "--run-id", run_id, "--json")
    told = json.loads(out)
    assert (code, told["refused"]) == (
        2, f"{run_id} cannot decide on t: it is a run of the suite s.",
    )  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"assertions": [{"type": "contains", "value": "oo"}]},
        {"input": "b"},
        {"tags": []},
        {"scenario": "long"},
    ],
)
def test_a_run_from_before_a_case_was_edited_is_refused(
    changed: dict[str, Any], repository: Path, regrade: Command
) -> None:
    run_id = ran(regrade)
    edited(repository, "a", **changed)
    code, told = gate(regrade, "--run-id", run_id)
    assert (code, told["refused"]) == (
        2,
        f"{run_id} cannot decide on s: 1 of its cases are other ones now, such as a.",
    )


def test_a_run_from_before_a_case_was_added_or_a_target_redefined_is_refused(
    repository: Path, regrade: Command
) -> None:
    run_id = ran(regrade)
    case_file(repository, "c").unlink()
    assert gate(regrade, "--run-id", run_id)[0] == 2
    run_id = ran(regrade)
    config = repository / "evals" / "regrade.yaml"
    config.write_text("targets: {app: {python: 'other:answer'}}\n")
    code, told = gate(regrade, "--run-id", run_id)
    assert (code, "the target app stood for something else" in told["refused"]) == (2, True)


def test_a_run_of_another_commit_is_refused(repository: Path, regrade: Command) -> None:
    git(repository, "init", "-q")
    git(repository, "commit", "-q", "--allow-empty", "-m", "one")
    run_id = ran(regrade)
    # What Python compiles as it runs the program is no edit.
    (repository / "__pycache__").mkdir(exist_ok=True)
    (repository / "__pycache__" / "app.cpython-399.pyc").touch()
    assert gate(regrade, "--run-id", run_id)[0] == 0
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    code, told = gate(regrade, "--run-id", run_id)
    assert (code, "it measured the commit " in told["refused"]) == (2, True)


def test_a_run_of_files_that_were_edited_without_a_commit_is_refused(
    repository: Path, regrade: Command
) -> None:
    (repository / ".gitignore").write_text(".regrade\n__pycache__\n")
    answers(repository, a="bad")
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "one")
    answers(repository)
    flattered = ran(regrade)
    answers(repository, a="bad")
    code, told = gate(regrade, "--run-id", flattered)
    why = "files of the repository that app may be made of changed since"
    assert (code, told["refused"]) == (2, f"{flattered} cannot decide on s: {why}.")
    assert gate(regrade, "--run-id", ran(regrade))[0] == 1


def test_a_python_that_was_committed_decides_nothing(repository: Path, regrade: Command) -> None:
    """It runs the program and the scorers, and nobody reviews what is in it."""
    assert regrade("run", "s", "--save-baseline")[0] == 0
    (repository / ".venv" / "bin").mkdir(parents=True)
    (repository / ".venv" / "bin" / "python").symlink_to(sys.executable)
    git(repository, "init", "-q")
    git(repository, "add", "-f", ".venv")
    code, told = gate(regrade)
    assert (code, told["refused"]) == (2, ".venv is committed, and what it holds may not decide.")


def test_what_may_fail_without_a_baseline_is_told(repository: Path, regrade: Command) -> None:
    answers(repository, a="bad")
    suite = repository / "evals" / "suites" / "s.yaml"
    suite.write_text(f"{SUITE}gate: {{min_pass_rate: 0.5}}\n")
    code, told = gate(regrade)
    lines = ["1 case fails, as a min_pass_rate of 50.0% lets some where there is no baseline: a"]
    assert (code, told["ruling"]["decision"], told["ruling"]["also"]) == (0, "ship", lines)
    assert f"  also {lines[0]}" in regrade("gate", "s")[1]


def test_a_gate_names_what_it_compares_with(regrade: Command) -> None:
    assert regrade("run", "s", "--save-baseline")[0] == 0
    own = "evals/baselines/s.json"
    for told, named in (((), f"{own} as it is here"), (("--baseline", own), own)):
        assert f"  baseline pass rate 100.0% ({named})" in regrade("gate", "s", *told)[1]


def test_what_is_not_selected_may_stand_behind_its_option(regrade: Command) -> None:
    for told in (("--select", "-tag:easy"), ("--select=-tag:easy",)):
        out = json.loads(regrade("run", "s", "--json", *told)[1])
        assert out["summary"]["cases"] == 1


def test_a_store_that_was_committed_decides_nothing(repository: Path, regrade: Command) -> None:
    """A trigger in it could turn every failure into a pass."""
    assert regrade("run", "s", "--save-baseline")[0] == 0
    git(repository, "init", "-q")
    git(repository, "add", "-f", ".regrade/store.db")
    code, told = gate(regrade)
    assert (code, told["refused"]) == (
        2,
        ".regrade is committed, and what it holds may not decide.",
    )
    git(repository, "rm", "-rq", "--cached", ".regrade")
    assert gate(regrade)[0] == 0


def test_a_file_with_the_name_of_a_branch_is_no_baseline(
    repository: Path, regrade: Command
) -> None:
    assert regrade("run", "s", "--save-baseline")[0] == 0
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "one")
    git(repository, "branch", "base")
    own = repository / "evals" / "baselines" / "s.json"
    planted = own.read_text().replace('"outcome": "passed"', '"outcome": "failed"')
    (repository / "base").write_text(planted)
    answers(repository, a="bad", b="bad")
    assert gate(regrade, "--baseline", "base")[1]["ruling"]["decision"] == "hold"


SCORED = """
target: app
assertions:
  - {type: python, ref: "evals/checks/scorers.py:fits"}
  - {type: command, run: [sh, evals/yes.sh]}
  - {type: judge, judge: polite}
"""
SCORER = """
from evals.checks.words import GOOD
def fits(output, right="good"):
    return output == GOOD == right
"""


@pytest.mark.parametrize(
    ("file", "was", "becomes", "told"),
    [
        ("checks/scorers.py", "output == GOOD == right", "True",
         "what stands behind evals/checks/scorers.py:fits changed"),
        ("checks/words.py", "good", "bad",
         "what stands behind evals/checks/scorers.py:fits changed"),
        ("yes.sh", "true", "false", "what stands behind sh evals/yes.sh changed"),
        ("judges/polite.md", "tpr: 0.9", "tpr: 0.1",
         "what stands behind the judge polite changed"),
        ("cases/s/a.yaml", '"good"', '"bad"',
         "a: what its scorers are told beside the answer changed"),
    ],
)  # fmt: skip
def test_an_edited_scorer_is_told_as_loosened(  # noqa: PLR0913 - the edit
    file: str, was: str, becomes: str, told: str, repository: Path, regrade: Command
) -> None:
    evals = repository / "evals"
    (evals / "checks").mkdir()
    (evals / "judges").mkdir()
    (evals / "suites" / "s.yaml").write_text(SCORED)
    (evals / "checks" / "scorers.py").write_text(SCORER)
    (evals / "checks" / "words.py").write_text("GOOD = 'good'")
    (evals / "yes.sh").write_text("cat >/dev/null; echo true")
    (evals / "judges" / "polite.md").write_text(
        "---\ncriterion: polite\npython: app:polite\nthresholds: {tpr: 0.9}\n---\n"
    )
    (repository / "app.py").write_text(f"{PROGRAM}\ndef polite(given):\n    return True\n")
    for name in ("a", "b", "c"):
        write(case_file(repository, name), id=name, input=name, columns={"right": "good"})
    before = ran(regrade)
    edited_file = evals / file
    edited_file.write_text(edited_file.read_text().replace(was, becomes))
    _, out, _ = regrade("run", "s", "--baseline", before, "--json")
    assert json.loads(out)["comparison"]["loosened"] == [told]


def git(folder: Path, *arguments: str) -> None:
    person = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": ""}
    subprocess.run(["git", *person, *arguments], cwd=folder, check=True, env=environment)


def loosen_answer(repository: Path) -> None:
    edited(repository, "a", recorded={"output": "good and better"})


def loosen_critical(repository: Path) -> None:
    case_file(repository, "c").unlink()


def loosen_tag(repository: Path) -> None:
    edited(repository, "c", tags=[])


def loosen_case(repository: Path) -> None:
    case_file(repository, "a").unlink()


def loosen_assertion(repository: Path) -> None:
    edited(repository, "a", assertions=[{"type": "not-contains", "value": "terrible"}])


def loosen_suite(repository: Path) -> None:
    policy = "{max_drop: 0.5, max_errored: 2, slices: {'tag:easy': {min_pass_rate: 0.1}}}"
    (repository / "evals" / "suites" / "s.yaml").write_text(
        SUITE.replace("target: app", "target: recorded") + f"gate: {policy}\n"
    )


@pytest.mark.parametrize(
    ("loosen", "told", "lines"),
    [
        (loosen_answer, "1 filed answer changed", ["a: the filed answer that is scored changed"]),
        (loosen_critical, "1 critical case gone", ["c: the critical case is gone"]),
        (loosen_tag, "1 case no longer critical", ["c: it is no longer critical"]),
        (loosen_case, "1 case gone", ["a: the case is gone"]),
        (loosen_assertion, "1 assertion changed or gone",
         [('a: 1 of its 2 assertions changed or gone; was {"type":"not-contains","value":"bad"}; '
          'now {"type":"not-contains","value":"terrible"}')]),
        (loosen_suite, "4 laxer terms of the gate",
         ["the gate's max_drop was 0.02 and is 0.5", "the gate's max_errored was 0 and is 2",
          "each case was asked 2 times and is asked once",
          "the min_pass_rate of 'tag:easy' was 0.9 and is 0.1"]),
    ],
)  # fmt: skip
def test_what_was_loosened_needs_a_review_until_a_person_accepts_it(
    loosen: Callable[[Path], None],
    told: str,
    lines: list[str],
    repository: Path,
    regrade: Command,
) -> None:
    policy = "trials: 2\ngate: {slices: {'tag:easy': {min_pass_rate: 0.9}}}\n"
    if loosen is not loosen_suite:
        policy = ""
    recorded = SUITE.replace("target: app", "target: recorded")
    (repository / "evals" / "suites" / "s.yaml").write_text(recorded + policy)
    assert regrade("run", "s", "--save-baseline")[0] == 0
    assert gate(regrade)[0] == 0
    loosen(repository)
    code, report = gate(regrade)
    assert (code, report["ruling"]["decision"], report["ruling"]["reasons"]) == (
        1, "needs_review", [f"loosened since the baseline: {told}"],
    )  # fmt: skip
    assert report["ruling"]["comparison"]["loosened"] == lines
    code, report = gate(regrade, "--accept", "agreed with Ada")
    assert (code, report["ruling"]["decision"], report["ruling"]["accepted"]) == (
        0, "ship", "agreed with Ada",
    )  # fmt: skip
    assert gate(regrade, "--strict", "--accept", "agreed with Ada")[0] == 1
    # A new baseline is the other way to accept it: it is reviewed as any file is.
    assert regrade("run", "s", "--save-baseline")[0] == 0
    assert gate(regrade)[0] == 0


def test_a_baseline_that_cannot_be_read_is_refused_with_what_to_do(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, regrade: Command
) -> None:
    assert regrade("run", "s", "--save-baseline")[0] == 0
    own = repository / "evals" / "baselines" / "s.json"
    good = own.read_bytes()
    outside = tmp_path_factory.mktemp("outside") / "s.json"
    outside.write_bytes(good)
    for name, content in (
        ("garbage", b"{]"), ("latin", b'{"suite": "\xe9"}'), ("nul", good.replace(b"run_", b"\0")),
        ("empty", b""), ("deep", b"[" * 100_000), ("[1]", b"nothing"),
    ):  # fmt: skip
        (repository / f"{name}.json").write_bytes(content)
    (repository / "out.json").symlink_to(outside)
    (repository / "b[2].json").symlink_to(outside)
    (repository / "dangling.json").symlink_to("nowhere")
    (repository / "folder.json").mkdir()
    os.mkfifo(repository / "pipe.json")
    names = ("garbage", "latin", "nul", "empty", "deep", "[1]", "out", "b[2]", "dangling",
             "folder", "pipe")  # fmt: skip
    told: dict[str, str] = {}
    for name in (*(f"{name}.json" for name in names), str(outside), "x\ny", "a" * 5_000):
        code, out, error = regrade("gate", "s", "--baseline", name)
        assert (code, out) == (2, ""), name
        assert error.startswith("regrade: ")
        assert "Traceback" not in error
        assert len(error.splitlines()) >= 2, name
        told[name] = error
    assert "is not UTF-8" in told["latin.json"]
    assert "leads out of the workspace by a link" in told["b[2].json"]
    assert "is no ordinary file" in told["pipe.json"]
    assert "is no baseline" in told["garbage.json"]
    git(repository, "init", "-q")
    own.write_bytes(b'{"suite": "\xe9"}')
    git(repository, "add", "evals")
    git(repository, "commit", "-q", "-m", "one")
    code, out, error = regrade("gate", "s", "--baseline", "git:HEAD")
    assert (code, out, "HEAD:evals/baselines/s.json is no baseline" in error) == (2, "", True)
    # The suite's own file, too: what cannot be read is not the same as none.
    for spoil in (lambda: own.symlink_to(outside), lambda: os.mkfifo(own), own.mkdir):
        own.unlink()
        spoil()
        assert regrade("gate", "s")[0] == 2
        assert regrade("gate", "s", "--min-pass-rate", "0")[0] == 2
        if own.is_dir() and not own.is_symlink():
            own.rmdir()
            own.touch()


def test_a_baseline_of_many_cases_is_read_however_large_it_became(
    repository: Path, regrade: Command
) -> None:
    assert regrade("run", "s", "--save-baseline")[0] == 0
    path = repository / "evals" / "baselines" / "s.json"
    path.write_text(path.read_text() + " " * 17_000_000)
    assert regrade("gate", "s")[0] == 0


def test_a_baseline_with_failing_cases_warns_with_their_names(
    repository: Path, regrade: Command
) -> None:
    answers(repository, a="awful", b="awful")
    code, out, _ = regrade("run", "s", "--save-baseline")
    warning = "2 of its 3 cases fail, and the gate will let them go on failing: a, b."
    assert code == 1
    assert f"Baseline written: evals/baselines/s.json\n  WARNING: {warning}\n" in out
    code, out, _ = regrade("run", "s", "--save-baseline", "--json")
    assert (code, json.loads(out)["baseline"]) == (
        1,
        {
            "path": "evals/baselines/s.json",
            "cases": 3,
            "failing": ["a", "b"],
            "warning": warning,
        },
    )


def test_errored_is_told_apart_from_failed_everywhere(repository: Path, regrade: Command) -> None:
    answers(repository, a="awful", b=None)
    code, out, _ = regrade("run", "s", "--json")
    assert (code, json.loads(out)["summary"]["by_scenario"]) == (
        1,
        {
            "talk / long": {"passed": 1, "failed": 0, "errored": 0},
            "talk / short": {"passed": 0, "failed": 1, "errored": 1},
        },
    )
    assert "  talk / short: 0 passed, 1 failed, 1 errored\n" in regrade("gate", "s")[1]


@pytest.mark.parametrize("body", ["{", '{"case_id": "a"}', "\0", ""])
def test_a_stored_result_that_cannot_be_read_leaves_the_gate_undecided(
    body: str, repository: Path, regrade: Command
) -> None:
    (repository / "evals" / "suites" / "s.yaml").write_text(f"{SUITE}gate: {{max_errored: 3}}\n")
    run_id = ran(regrade)
    with sqlite3.connect(repository / ".regrade" / "store.db") as store:
        store.execute("UPDATE result SET body = ? WHERE id = 1", (body,))
    store.close()
    code, out, error = regrade("gate", "s", "--run-id", run_id)
    assert (code, out) == (3, "")
    assert "Traceback" not in error


def test_a_profile_says_what_is_asked_and_the_command_line_has_the_last_word(
    repository: Path, regrade: Command
) -> None:
    (repository / "evals" / "regrade.yaml").write_text(
        "targets: {app: {python: 'app:answer'}}\n"
        "profiles: {smoke: {select: 'tag:easy'}, pr: {trials: 2}, cheap: {budget_usd: 0.6}}\n"
    )
    assert regrade("run", "s", "--save-baseline")[0] == 0
    answers(repository, c="awful")
    code, told = gate(regrade, "--profile", "smoke")
    assert (code, told["profile"], told["summary"]["cases"]) == (0, "smoke", 2)
    assert told["ruling"]["baseline_rate"] == 1.0
    code, told = gate(regrade, "--profile", "pr")
    assert (code, told["summary"]["answers"]) == (1, 6)
    assert told["ruling"]["reasons"][0] == "the critical case c failed"
    assert gate(regrade, "--profile", "pr", "--trials", "3")[1]["summary"]["answers"] == 9
    # A case that is tagged out of a profile has not gone unseen.
    edited(repository, "a", tags=[])
    code, told = gate(regrade, "--profile", "smoke")
    assert (code, told["ruling"]["comparison"]["loosened"]) == (
        1, ["a: the case is gone, or is not selected any more"],
    )  # fmt: skip


def test_a_run_that_spent_its_budget_is_too_little_evidence(
    repository: Path, regrade: Command
) -> None:
    (repository / "evals" / "suites" / "s.yaml").write_text(
        f"{SUITE}concurrency: 1\ngate: {{max_errored: 100}}\ntrials: 100\n"
    )
    code, told = gate(regrade, "--budget-usd", "0.6")
    assert (code, told["ruling"]["decision"]) == (3, "insufficient_evidence")
    assert told["ruling"]["reasons"][0].startswith(
        "the run is stopped: The budget of $0.6 is spent: "
    )
    assert gate(regrade, "--budget-usd", "150")[0] == 0


def test_a_run_whose_budget_is_spent_is_told_as_stopped_and_not_as_broken(
    regrade: Command,
) -> None:
    code, out, _ = regrade("run", "s", "--budget-usd", "0.6", "--trials", "100")
    first, *rest = out.splitlines()
    assert code == 3
    assert first.endswith("): s on app, stopped: its budget is spent")
    assert "  The budget of $0.6 is spent: " in "\n".join(rest)
    run_id = first.partition(" ")[0]
    _, compared, _ = regrade("compare", run_id, ran(regrade))
    assert f"({run_id}, stopped: its budget is spent)" in compared
    _, _, refused = regrade("run", "--resume", run_id)
    assert f"{run_id} is stopped: its budget is spent, and only an interrupted run is" in refused
    newest, spent = json.loads(regrade("call", "overview")[1])["last_runs"]
    assert (newest["state"], spent["state"]) == ("done", "stopped: its budget is spent")


def test_what_is_counted_once_is_told_in_the_singular(repository: Path, regrade: Command) -> None:
    called = {"type": "tool-called", "name": "look", "times": 1}
    edited(repository, "a", assertions=[called, {"type": "tool-call-count", "times": 1}])
    _, out, _ = regrade("run", "s", "--trials", "2", "--select", "id:a")
    assert "  2 trials of 1 case: 0 flaky, " in out
    assert "must come from a call of look 1 time, but there were 0 such calls (" in out
    assert "must come from 1 call of tools, but there were 0" in out


def test_a_case_that_flaps_is_not_broken_and_needs_a_review(
    repository: Path, regrade: Command
) -> None:
    (repository / "evals" / "suites" / "s.yaml").write_text(f"{SUITE}trials: 2\nconcurrency: 1\n")
    assert regrade("run", "s", "--save-baseline")[0] == 0
    answers(repository, a=["good", "awful"])
    code, told = gate(regrade, "--max-drop", "1")
    assert (code, told["ruling"]["decision"]) == (1, "needs_review")
    assert told["ruling"]["comparison"]["flaky"] == ["a"]
    assert "broken" not in str(told["ruling"]["reasons"])


def test_a_slice_that_selects_no_case_is_refused(repository: Path, regrade: Command) -> None:
    suite = repository / "evals" / "suites" / "s.yaml"
    suite.write_text(f"{SUITE}gate: {{slices: {{'tag:esay': {{min_pass_rate: 1}}}}}}\n")
    code, told = gate(regrade)
    assert (code, told["refused"]) == (
        2, "The gate has the slice 'tag:esay', which selects no case.",
    )  # fmt: skip


HOSTILE = "\x1b[31m]]><b>::error::|\ud800\x00\n::set-output name=x::y\n\n# <script>&`"


def test_every_report_tells_the_same_and_hostile_text_stays_text(
    repository: Path, regrade: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert regrade("run", "s", "--save-baseline")[0] == 0
    answers(repository, a=HOSTILE, b=None)
    edited(repository, "a", tags=["<i>|::", "easy"])
    xml, own, job = (repository / name for name in ("out.xml", "own.md", "job.md"))
    job.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repository.parent))
    code, out, error = regrade("gate", "s", "--junit", str(xml), "--summary", str(own))
    assert code == 1

    suite = ET.fromstring(xml.read_text(encoding="utf-8"))  # noqa: S314 - our own
    each = [float(test.get("time") or 0) for test in suite.findall("testcase")]
    assert float(suite.attrib.pop("time")) == pytest.approx(sum(each), abs=0.01)
    assert suite.attrib == {"name": "s", "tests": "3", "failures": "1", "errors": "1"}
    ended = {test.get("name"): [child.tag for child in test] for test in suite.findall("testcase")}
    assert ended == {"a": ["failure"], "b": ["error"], "c": []}
    # What the gate decides is no test: their number is that of the cases.
    told = [(one.get("name"), one.get("value")) for one in suite.iter("property")][2:]
    assert told[0] == ("gate", "hold")
    assert told[1][0] == "gate.reason"
    assert (suite.findtext("system-out") or "").startswith("Gate: HOLD\n")
    failure = suite.find("testcase[@name='a']/failure")
    assert failure is not None
    [before_evidence, _, shown] = (failure.text or "").partition("\ninput: a\noutput: ")
    assert "the output must contain" in before_evidence
    assert "<b>" in shown
    assert "\nsince it passed last:\n" in shown

    page = own.read_text(encoding="utf-8")
    assert job.read_text(encoding="utf-8") == f"before\n{page}"
    assert page.startswith("### Gate of s: HOLD\n\n<p>s on app: 1 passed, 1 failed, 1 errored, ")
    assert not {"<script", "<b>", "<i>", "\x1b"} & set(page)
    assert "&lt;i&gt;" in page
    assert "\ninput: a\noutput: " in page
    assert "\nsince it passed last:\n" in page
    assert "<script>" not in page

    notes = [line for line in error.splitlines() if line.startswith("::")]
    folder = repository.name
    stood = "passed in the baseline"
    assert notes[0].startswith(
        f"::error file={folder}/evals/cases/s/a.yaml,title=failed%3A a%2C {stood}::the output must"
    )
    assert notes[1].startswith(
        f"::error file={folder}/evals/cases/s/b.yaml,title=errored%3A b%2C {stood}::"
    )
    assert notes[2].startswith("::error title=Gate%3A HOLD::1 case passed in the baseline")
    assert len(notes) == 3
    # Between the two marks nothing that an answer says is taken for a command.
    lines = out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert (lines[-1], len(token)) == (f"::{token}::", 32)
    assert "\x1b" not in out


def test_reports_tell_what_failed_in_the_baseline_too_from_what_is_new(
    repository: Path, regrade: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(repository, a="bad")
    assert regrade("run", "s", "--save-baseline")[0] == 1
    answers(repository, a="bad", b="bad", d="bad")
    case = json.loads(case_file(repository, "a").read_text())
    write(case_file(repository, "d"), **{**case, "id": "d", "input": "d"})
    xml, page = repository / "out.xml", repository / "page.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _, out, error = regrade("gate", "s", "--junit", str(xml), "--summary", str(page))
    stood = {
        "a": "failed in the baseline, too",
        "b": "passed in the baseline",
        "d": "not in the baseline",
    }
    shown = [line for line in out.splitlines() if line.startswith("FAILED ")]
    assert sorted(shown) == [
        f"FAILED {name} (talk / short), {told}" for name, told in stood.items()
    ]
    suite = ET.fromstring(xml.read_text(encoding="utf-8"))  # noqa: S314 - our own
    messages = {
        test.get("name"): failure.get("message", "").partition(": ")[0]
        for test in suite.iter("testcase")
        for failure in test.iter("failure")
    }
    assert messages == stood
    # What is new comes first, where only so much is shown.
    titles = [line for line in page.read_text().splitlines() if line.startswith("<details>")]
    order = [f"<details><summary>FAILED {name}, {stood[name]}</summary>" for name in "bda"]
    assert titles == order
    notes = [line for line in error.splitlines() if line.startswith("::error file=")]
    assert [note.partition("title=failed%3A ")[2][0] for note in notes] == ["b", "d", "a"]


def test_a_report_that_cannot_be_written_is_refused(repository: Path, regrade: Command) -> None:
    code, _, error = regrade("gate", "s", "--junit", str(repository / "absent" / "x.xml"))
    assert code == 2
    assert "cannot be written" in error


def test_an_error_of_its_own_is_never_the_exit_code_of_a_decision(regrade: Command) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regrade_tools.gate.gating.rule", None)
        code, _, error = regrade("gate", "s")
    assert (code, "TypeError" in error) == (3, True)
    assert regrade("gate", "s")[0] == 0


def test_the_gate_decides_on_no_part_that_its_caller_names(regrade: Command) -> None:
    code, _, error = regrade("gate", "s", "--select", "tag:easy")
    assert code == 2
    assert "Write a profile with `select: tag:easy` in evals/regrade.yaml" in error
