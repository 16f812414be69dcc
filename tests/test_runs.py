"""Runs that are interrupted and go on, and what several trials of a case say."""

import gzip
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from math import comb
from pathlib import Path
from typing import Any

import anyio
import pytest
from console import answered, spoken
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.runs.trials import pass_at, pass_hat

REGRADE = [sys.executable, "-m", "regrade_server"]
# Answers what it is asked and notes it; at "stop" it sends whom it is told to a signal, the first
# time, and is silent.
ECHO = """
import json, os, pathlib, signal, sqlite3, sys
store, noted, whom, number = sys.argv[1:]
for line in sys.stdin:
    asked = json.loads(line)
    with open(noted, "a") as note:
        note.write(asked["id"] + "\\n")
    if asked["input"] == "stop" and not os.path.exists(noted + ".killed"):
        kept = sqlite3.connect(store)
        while kept.execute("SELECT count(*) FROM result").fetchone()[0] < 2:
            pass
        pathlib.Path(noted + ".killed").touch()
        os.kill(os.getppid() if whom == "regrade" else os.getpid(), int(number))
        signal.pause()
    print(json.dumps({"output": asked["input"], "id": asked["id"]}), flush=True)
"""


def suite(root: Path, target: dict[str, Any], inputs: list[Any], **options: Any) -> None:
    """A suite whose cases ask that the answer is the input."""
    evals = root / "evals"
    for folder in (evals / "suites", evals / "cases" / "s"):
        folder.mkdir(parents=True)
    (evals / "regrade.yaml").write_text(json.dumps({"targets": {"app": target}}))
    (evals / "suites" / "s.yaml").write_text(json.dumps({"target": "app", **options}))
    for number, asked in enumerate(inputs):
        check = {"type": "equals", "value": asked}
        case = {"id": f"c{number}", "input": asked, "assertions": [check]}
        (evals / "cases" / "s" / f"c{number}.yaml").write_text(json.dumps(case))


def stopping(root: Path, whom: str, number: int, **options: Any) -> None:
    """A suite of five cases, at the third of which a signal is sent."""
    told = [str(root / ".regrade/store.db"), str(root / "n"), whom, str(int(number))]
    program = [sys.executable, "-c", ECHO, *told]
    suite(root, {"command": program}, ["a", "b", "stop", "d", "e"], concurrency=1, **options)


def interrupted(
    root: Path, whom: str = "regrade", begun: Sequence[str] = ("run", "s"), **options: Any
) -> str:
    """A run of five cases that was killed at its third; its id."""
    stopping(root, whom, signal.SIGKILL, **options)
    if whom == "regrade":
        assert subprocess.run([*REGRADE, *begun, "--root", str(root)], check=False).returncode == -9
    else:
        assert spoken(*begun, "--root", str(root))[0] == 3
    return last_run(root)["run_id"]


def last_run(root: Path) -> dict[str, Any]:
    code, told, _ = spoken("call", "overview", "--root", str(root))
    assert code == 0
    return json.loads(told)["last_runs"][0]


def resumed(root: Path, run_id: str) -> dict[str, Any]:
    """The summary of a run that went on, by the command line."""
    code, told = answered("run", "--resume", run_id, "--root", str(root))
    assert code == 0
    return told["summary"]


def kept(root: Path) -> list[tuple[str, int, str]]:
    """Every result in the store: its case, trial and outcome."""
    with closing(sqlite3.connect(root / ".regrade" / "store.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = [json.loads(body) for (body,) in store.execute("SELECT body FROM result")]
    return sorted((row["case_id"], row["trial"], row["outcome"]) for row in rows)


def called(root: Path, **arguments: Any) -> Any:
    """What the tool of a server in this process answers."""

    async def call() -> Any:
        async with Client(build_server(House(Workspace(root)))) as client:
            reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60, **arguments})
        return reply.structured_content or " ".join(getattr(p, "text", "") for p in reply.content)

    return anyio.run(call)


def test_a_run_whose_process_was_killed_goes_on_and_asks_each_case_once(
    tmp_path: Path,
) -> None:
    run_id = interrupted(tmp_path, trials=2)
    before = last_run(tmp_path)
    assert (before["state"], before["passed"]) == ("interrupted", 0)
    told = resumed(tmp_path, run_id)
    assert (told["run_id"], told["state"], told["passed"], told["answers"]) == (
        run_id, "done", 5, 10,
    )  # fmt: skip
    assert kept(tmp_path) == [(f"c{n}", trial, "passed") for n in range(5) for trial in (1, 2)]
    # Only what was under way when it was killed has been asked a second time.
    asked = (tmp_path / "n").read_text().split()
    assert {name: asked.count(name) for name in asked} == {
        "c0": 2, "c1": 2, "c2": 3, "c3": 2, "c4": 2,
    }  # fmt: skip
    assert "is done, and only an interrupted run is resumed" in called(tmp_path, resume=run_id)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["run", "gate"])
def test_a_run_that_a_signal_stops_says_what_it_keeps_and_goes_on_when_it_is_asked_to(
    tmp_path: Path, number: int, command: str
) -> None:
    stopping(tmp_path, "regrade", number)
    stopped = subprocess.run(
        [*REGRADE, command, "s", "--root", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        # Whoever tests in the background of a shell has it ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    run = last_run(tmp_path)
    assert (stopped.returncode, stopped.stderr) == (128 + number, "")
    assert stopped.stdout.splitlines()[-2:] == [
        "  2 answers kept. It goes on with:",
        f"    regrade run --resume {run['run_id']}",
    ]
    # What was never asked has not erred.
    assert "  2 passed, 0 failed, 0 errored, 3 not asked: pass rate 100.0%" in stopped.stdout
    counted = (run["state"], run["passed"], run["errored"], run["not_asked"])
    assert counted == ("interrupted", 2, 0, 3)
    told = resumed(tmp_path, run["run_id"])
    assert (told["state"], told["passed"], told["answers"]) == ("done", 5, 5)
    assert kept(tmp_path) == [(f"c{n}", 1, "passed") for n in range(5)]


def test_a_program_that_is_killed_costs_one_answer_and_not_the_run(tmp_path: Path) -> None:
    interrupted(tmp_path, whom="itself")
    outcomes = {case: outcome for case, _, outcome in kept(tmp_path)}
    assert outcomes == {
        "c0": "passed", "c1": "passed", "c2": "errored", "c3": "passed", "c4": "passed",
    }  # fmt: skip


WORKER = """
import os, pathlib
def answer(text):
    if text == "stop" and not os.path.exists("killed"):
        pathlib.Path("killed").touch()
        os.kill(os.getpid(), 9)
    return text
"""


def test_a_worker_that_is_killed_costs_one_answer_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(WORKER)
    suite(tmp_path, {"python": "bot:answer"}, ["a", "stop", "b"], concurrency=1)
    assert spoken("run", "s", "--root", str(tmp_path))[0] == 3
    assert kept(tmp_path) == [("c0", 1, "passed"), ("c1", 1, "errored"), ("c2", 1, "passed")]


def test_a_run_of_a_server_that_was_killed_goes_on_in_another(tmp_path: Path) -> None:
    # As an agent calls it: the tool of a server, which the program kills.
    asked = ["call", "run_suite", json.dumps({"suite": "s", "wait_s": 60})]
    run_id = interrupted(tmp_path, begun=asked)
    told = resumed(tmp_path, run_id)
    assert (told["state"], told["passed"], told["answers"]) == ("done", 5, 5)
    assert kept(tmp_path) == [(f"c{n}", 1, "passed") for n in range(5)]


def test_a_run_is_not_resumed_as_something_else(tmp_path: Path) -> None:
    run_id = interrupted(tmp_path)
    assert "with its own target, select, trials and budget" in called(
        tmp_path, resume=run_id, trials=3
    )
    case = tmp_path / "evals" / "cases" / "s" / "c4.yaml"
    text = case.read_text()
    case.write_text(text.replace('"e"', '"f"'))
    told = called(tmp_path, resume=run_id)
    assert f"1 case changed since {run_id} began, such as c4." in told
    case.write_text(text)
    project = tmp_path / "evals" / "regrade.yaml"
    declared = project.read_text()
    project.write_text(declared.replace('"command"', '"env": {"A": "b"}, "command"'))
    assert f"The target app has changed since {run_id} began." in called(tmp_path, resume=run_id)
    project.write_text(declared)
    assert called(tmp_path, resume=run_id)["summary"]["state"] == "done"


def test_two_processes_do_not_resume_the_same_run(tmp_path: Path) -> None:
    run_id = interrupted(tmp_path)
    command = [*REGRADE, "run", "--resume", run_id, "--root", str(tmp_path)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    refused = next(err for _, err in said if err)
    assert "resumed by another process" in refused or "only an interrupted run" in refused
    assert [case for case, _, _ in kept(tmp_path)] == ["c0", "c1", "c2", "c3", "c4"]


def test_an_adaptive_run_asks_a_case_no_more_once_it_is_flaky(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "asked = {}\n"
        "def answer(question):\n"
        "    asked[question] = asked.get(question, 0) + 1\n"
        "    wrong = question == 'bad' or (question == 'flaps' and asked[question] == 2)\n"
        "    return 'no' if wrong else question\n"
    )
    target = {"python": "app:answer"}
    suite(tmp_path, target, ["good", "flaps", "bad"], concurrency=1, trials=5, adaptive=True)
    told = called(tmp_path)["summary"]
    assert (told["passed"], told["failed"], told["errored"]) == (1, 2, 0)
    seen = [case for case, _, _ in kept(tmp_path)]
    assert (seen.count("c0"), seen.count("c2")) == (5, 5)
    assert seen.count("c1") == 2


def test_the_trials_of_tau_bench_give_its_published_rates(tmp_path: Path, data: Path) -> None:
    with gzip.open(data / "taubench" / "gpt-4o-airline.json.gz") as file:
        rewards = {f"{one['task_id']}/{one['trial']}": one["reward"] for one in json.load(file)}
    (tmp_path / "rewards.json").write_text(json.dumps(rewards))
    (tmp_path / "app.py").write_text(
        "import json, collections\n"
        "rewards = json.load(open('rewards.json'))\n"
        "asked = collections.Counter()\n"
        "def answer(task):\n"
        "    asked[task] += 1\n"
        "    return rewards[f'{task}/{asked[task] - 1}']\n"
    )
    evals = tmp_path / "evals"
    (evals / "suites").mkdir(parents=True)
    (evals / "tasks.jsonl").write_text("".join(f'{{"input": {n}}}\n' for n in range(50)))
    (evals / "regrade.yaml").write_text('{"targets": {"app": {"python": "app:answer"}}}')
    (evals / "suites" / "s.yaml").write_text(
        json.dumps(
            {
                "target": "app",
                "trials": 4,
                "concurrency": 1,
                "dataset": {"file": "evals/tasks.jsonl"},
                "assertions": [{"type": "equals", "value": 1.0}],
            }
        )
    )
    told = called(tmp_path)["summary"]["trials"]
    assert told["pass_hat_k"] == {"1": 0.42, "2": 0.2733, "3": 0.22, "4": 0.2}
    assert (told["each"], told["cases"]) == (4, 50)
    assert told["pass_at_k"]["1"] == told["pass_hat_k"]["1"]


def program(root: Path, text: str) -> None:
    """A program under git that notes what it is asked."""
    (root / "app.py").write_text(
        f"def answer(question):\n    open('asked', 'a').write(question)\n    return {text}\n"
    )


def asked(root: Path) -> str:
    """What the program was asked since this was asked last."""
    note = root / "asked"
    told = note.read_text() if note.exists() else ""
    note.unlink(missing_ok=True)
    return told


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)


def ran(root: Path, *words: str) -> tuple[int, Any]:
    """`regrade run s`; its exit code and what it told."""
    return answered("run", "s", *words, "--root", str(root))


def under_git(root: Path) -> None:
    (root / ".gitignore").write_text("asked\n.regrade\n__pycache__\nn\nn.killed\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")


def one_recorded(root: Path) -> Path:
    """The file of recordings of a suite of one case."""
    suite(root, {"python": "app:answer"}, ["a"])
    program(root, "question")
    under_git(root)
    ran(root, "--record")
    return root / "evals" / "recordings" / "s.jsonl"


def test_what_is_replayed_stays_recorded_as_it_was(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a", "b"])
    program(tmp_path, "{'output': question, 'cost_usd': 0.5, 'tokens': 3}")
    under_git(tmp_path)
    ran(tmp_path, "--record", "--select", "id:c0")
    path = tmp_path / "evals" / "recordings" / "s.jsonl"
    first = path.read_text()
    asked(tmp_path)
    ran(tmp_path, "--mode", "changed", "--record")
    assert asked(tmp_path) == "b"
    # Nothing was paid for it this time, and yet it has cost something.
    assert path.read_text().startswith(first)
    assert path.read_text().count('"cost_usd": 0.5') == 2


def test_recorded_answers_are_scored_again_until_the_program_changes(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a", "b", "c"], concurrency=1)
    program(tmp_path, "question if question != 'b' else 1 / 0")
    under_git(tmp_path)
    code, refused = ran(tmp_path, "--mode", "replay")
    assert (code, refused["refused"]) == (2, "There is no evals/recordings/s.jsonl.")
    code, told = ran(tmp_path, "--record")
    # What failed to answer is not recorded.
    assert (code, told["recorded"]) == (3, {"path": "evals/recordings/s.jsonl", "answers": 2})
    assert asked(tmp_path) == "abc"
    # Committing the recordings changes no program.
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "second")
    code, told = ran(tmp_path, "--mode", "replay")
    summary = told["summary"]
    assert (code, asked(tmp_path)) == (3, "")
    assert (summary["passed"], summary["errored"], summary["replayed"]) == (2, 1, 2)
    assert told["cards"][0]["reasons"] == [
        "there is no recording of what this program answers to it; run it live with --record"
    ]
    _, told = ran(tmp_path, "--mode", "changed")
    assert (asked(tmp_path), told["summary"]["replayed"]) == ("b", 2)
    # Another program: no answer of the first one stands for it.
    program(tmp_path, "question")
    code, told = ran(tmp_path, "--mode", "replay")
    assert (code, asked(tmp_path)) == (3, "")
    assert told["refused"] == (
        "The recordings in evals/recordings/s.jsonl are of another program than app is now "
        "(not as committed: app.py)."
    )
    # A file that is no part of the program is named, too, and so is what to do about it.
    git(tmp_path, "checkout", "-q", "app.py")
    (tmp_path / "junit.xml").write_text("<xml/>")
    told = ran(tmp_path, "--mode", "replay")[1]
    assert "(not as committed: junit.xml)" in told["refused"]
    assert "name its parts as `files` of the target" in told["next_step"]
    (tmp_path / "junit.xml").unlink()
    program(tmp_path, "question")
    code, told = ran(tmp_path, "--mode", "changed", "--record")
    assert (code, asked(tmp_path), told["recorded"]["answers"]) == (0, "abc", 3)
    asking = told["summary"]["run_id"]
    code, decided, _ = spoken("gate", "s", "--mode", "replay", "--root", str(tmp_path))
    assert (code, asked(tmp_path)) == (0, "")
    assert "3 of 3 answers are recordings, not asked now" in decided
    # What asking takes is told by the last run that asked.
    assert ran(tmp_path, "--estimate")[1]["estimate"]["based_on"] == asking


def replayed(root: Path) -> int:
    """How many of the answers of a replay recordings give; none where it is refused."""
    told = ran(root, "--mode", "replay")[1]
    return 0 if "of another program" in told.get("refused", "") else told["summary"]["replayed"]


def test_a_recording_may_hold_every_character_that_ends_a_line(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a"], concurrency=1)
    program(tmp_path, "question + '\\u2028\\x85\\u2029'")
    under_git(tmp_path)
    for _ in range(2):
        assert ran(tmp_path, "--record")[1]["recorded"]["answers"] == 1
    assert replayed(tmp_path) == 1


def test_recordings_stand_while_the_files_that_their_program_is_made_of_do(tmp_path: Path) -> None:
    root = tmp_path / "product"
    made_of = ["app.py", "prompts/**"]
    suite(root, {"python": "app:answer", "files": made_of}, ["a"])
    (root / "prompts" / "de").mkdir(parents=True)
    prompt = root / "prompts" / "de" / "bot.md"
    prompt.write_text("Be brief.")
    program(root, "question")
    # The workspace is a folder of the repository.
    under_git(tmp_path)
    assert ran(root, "--record")[0] == 0
    for edited in ("README.md", "NOTES.md"):
        (root / edited).write_text("New.")
    git(tmp_path, "add", "product/README.md")
    git(tmp_path, "commit", "-qm", "second")
    assert replayed(root) == 1
    # What is edited, staged, or committed as it was recorded is one program.
    prompt.write_text("Be polite.")
    assert replayed(root) == 0
    assert ran(root, "--record")[0] == 0
    git(tmp_path, "add", ".")
    assert replayed(root) == 1
    git(tmp_path, "commit", "-qm", "third")
    assert replayed(root) == 1
    prompt.chmod(0o755)
    assert replayed(root) == 0
    prompt.unlink()
    assert replayed(root) == 0


def test_a_program_is_the_same_before_and_after_it_is_committed(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a"])
    under_git(tmp_path)
    program(tmp_path, "question")
    (tmp_path / "link").symlink_to("nowhere")
    assert ran(tmp_path, "--record")[0] == 0
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "second")
    assert replayed(tmp_path) == 1
    (tmp_path / "NOTES.md").write_text("Any file may be of the program.")
    assert replayed(tmp_path) == 0


def test_a_run_goes_on_and_decides_after_a_commit_that_leaves_its_program_alone(
    tmp_path: Path,
) -> None:
    stopping(tmp_path, "regrade", signal.SIGTERM)
    declared = tmp_path / "evals" / "regrade.yaml"
    target = json.loads(declared.read_text())["targets"]["app"]
    declared.write_text(json.dumps({"targets": {"app": {**target, "files": ["app.py"]}}}))
    program(tmp_path, "question")
    under_git(tmp_path)
    subprocess.run(
        [*REGRADE, "run", "s", "--root", str(tmp_path)], check=False, capture_output=True
    )
    run_id = last_run(tmp_path)["run_id"]
    git(tmp_path, "commit", "-qm", "second", "--allow-empty")
    assert resumed(tmp_path, run_id)["passed"] == 5
    code, told, _ = spoken("gate", "s", "--run-id", run_id, "--root", str(tmp_path))
    assert (code, "Gate: SHIP" in told) == (0, True)
    program(tmp_path, "'b'")
    code, told = answered("gate", "s", "--run-id", run_id, "--root", str(tmp_path))
    assert (code, "files of the repository that app may be made of" in told["refused"]) == (2, True)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("ap/**", "The target's files: 'ap/**' matches no file of the repository."),
        ("evals/**", "The target's files: 'evals/**' matches no file of the repository."),
        (":(top)app.py", "The target's files: ':(top)app.py' matches no file of the repository."),
        ("../app.py", "leads out of the workspace; it is a path from its root"),
        ("/etc/passwd", "leads out of the workspace; it is a path from its root"),
    ],
)
def test_files_of_a_target_that_are_none_are_refused(
    tmp_path: Path, pattern: str, why: str
) -> None:
    suite(tmp_path, {"python": "app:answer", "files": ["app.py", pattern]}, ["a"])
    program(tmp_path, "question")
    under_git(tmp_path)
    code, told = ran(tmp_path)
    assert (code, why in told["refused"]) == (2, True), told


def shown(root: Path, run_id: str, **arguments: Any) -> list[Any]:
    given = json.dumps({"run_id": run_id, **arguments})
    code, told, _ = spoken("call", "get_run", given, "--root", str(root))
    assert code == 0
    return list(json.loads(told)["cards"])


REASON = (
    'the output must equal {"found": 1, "city": "San José"}, but it says '
    """'{"found":0,"city":"San José"}'"""
)


def test_a_card_tells_what_was_expected_what_came_and_what_changed_since_it_passed(
    tmp_path: Path,
) -> None:
    suite(tmp_path, {"python": "app:answer"}, [{"found": 1, "city": "San José"}])
    path = tmp_path / "evals" / "cases" / "s" / "c0.yaml"
    case = json.loads(path.read_text())
    path.write_text(json.dumps({**case, "corrected_output": case["input"]}))
    (tmp_path / "app.py").write_text("def answer(question):\n    return question\n")
    assert called(tmp_path)["summary"]["passed"] == 1
    (tmp_path / "app.py").write_text(
        "def answer(question):\n"
        "    call = {'name': 'look', 'arguments': {'city': 'San Jose'}}\n"
        "    return {'output': {**question, 'found': 0}, 'tool_calls': [call]}\n"
    )
    told = called(tmp_path)
    [card] = told["cards"]
    assert card == {
        "case_id": "c0",
        "outcome": "failed",
        "reasons": [REASON],
        "input": {"found": 1, "city": "San José"},
        "output": {"found": 0, "city": "San José"},
        "expected": {"found": 1, "city": "San José"},
        "tool_calls": ['look({"city":"San Jose"})'],
        "since_passed": '@@ -1,3 +1,3 @@\n {\n- "found": 1,\n+ "found": 0,\n  "city": "San José"',
        "latency_ms": float(f"{card['latency_ms']:.4g}"),
        "rerun": "regrade run s --target app --select id:c0",
    }
    assert shown(tmp_path, told["summary"]["run_id"], case_id="c0")[0] == card


def test_the_command_of_a_card_runs_its_case_as_the_run_did(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a"], trials=2)
    program(tmp_path, "'wrong'")
    under_git(tmp_path)
    alone = "regrade run s --target app --select id:c0"
    ran(tmp_path, "--record")
    for words, more in (
        ((), ""),
        (("--trials", "4"), " --trials 4"),
        (("--trials", "1"), " --trials 1"),
        (("--mode", "replay"), " --mode replay"),
        (("--mode", "changed", "--trials", "3"), " --trials 3 --mode changed"),
        (("--no-judges",), " --no-judges"),
    ):
        told = ran(tmp_path, *words)[1]
        (card,) = told["cards"]
        assert card["rerun"] == f"{alone}{more}"
        one = shown(tmp_path, told["summary"]["run_id"], case_id="c0")
        assert {card["rerun"] for card in one} == {f"{alone}{more}"}
        asked(tmp_path)
        again = ran(tmp_path, *card["rerun"].split()[3:])[1]
        assert again["cards"][0].get("trials") == card.get("trials")
        assert (again["summary"]["failed"], asked(tmp_path) == "") == (1, "replay" in more)


def test_a_replay_tells_once_which_trial_is_not_recorded_and_how_it_would_be(
    tmp_path: Path,
) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a", "b"])
    program(tmp_path, "question")
    under_git(tmp_path)
    ran(tmp_path, "--record")
    code, told = ran(tmp_path, "--mode", "replay", "--trials", "2")
    (card,) = told["cards"]
    assert (code, card["case_id"], card["also"], card["trial"]) == (3, "c0", ["c1"], 2)
    (reason,) = card["reasons"]
    assert reason == (
        "there is no recording of trial 2 of it, only of trial 1; run it with --mode changed "
        "--record and as many --trials, which asks what is missing"
    )
    asked(tmp_path)
    assert ran(tmp_path, "--mode", "changed", "--record", "--trials", "2")[0] == 0
    assert len(asked(tmp_path)) == 2
    assert ran(tmp_path, "--mode", "replay", "--trials", "2")[0] == 0


@pytest.mark.parametrize("target", ["recorded", "latest"])
def test_who_asks_nobody_is_not_told_to_mend_a_target(target: str, tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a"])
    hint = ran(tmp_path, "--target", target)[1]["hint"]
    assert hint == (
        "Errored is not failed: the evaluation broke. Mend what its reason names, then run again."
    )


def test_a_replay_for_a_target_that_names_its_files_advises_of_these_alone(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer", "files": ["app.py"]}, ["a"])
    program(tmp_path, "question")
    under_git(tmp_path)
    ran(tmp_path, "--record")
    program(tmp_path, "question + '!'")
    told = ran(tmp_path, "--mode", "replay")[1]
    assert told == {
        "refused": "The recordings in evals/recordings/s.jsonl are of another program than app is "
        "now (not as committed: app.py).",
        "next_step": "The declaration of app and the files that its `files` name count: take back "
        "what was changed there; `regrade run s --record` records it as it is.",
    }


def test_without_git_nobody_can_tell_whose_answer_a_recording_is(tmp_path: Path) -> None:
    suite(tmp_path, {"python": "app:answer"}, ["a"])
    program(tmp_path, "question")
    code, told = ran(tmp_path, "--mode", "changed")
    assert (code, told["refused"]) == (2, "Nothing can be replayed for the target app.")
    code, told = ran(tmp_path, "--record")
    assert code == 2
    assert "nobody can tell whose they are" in told["refused"]
    # Before it is asked and paid for.
    assert asked(tmp_path) == ""


def test_a_recording_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    path = one_recorded(tmp_path)
    path.write_text(path.read_text() + '{"case": "c1"}\n')
    before = path.read_bytes()
    asked(tmp_path)
    for words in (("--mode", "replay"), ("--record",)):
        code, told = ran(tmp_path, *words)
        assert code == 2
        assert told["refused"].startswith("evals/recordings/s.jsonl:2 is no recording: ")
    assert path.read_bytes() == before
    # Nor is a program asked whose answers could not be kept.
    assert asked(tmp_path) == ""


def test_a_recording_that_says_two_things_in_one_line_is_refused(tmp_path: Path) -> None:
    path = one_recorded(tmp_path)
    path.write_text(path.read_text().replace("}\n", ', "output": "better"}\n'))
    code, told = ran(tmp_path, "--mode", "replay")
    assert (code, told["refused"]) == (
        2,
        "evals/recordings/s.jsonl:1 is no recording: a key stands twice.",
    )


def test_an_answer_that_is_recorded_twice_is_refused(tmp_path: Path) -> None:
    path = one_recorded(tmp_path)
    path.write_text(path.read_text() * 2)
    code, told = ran(tmp_path, "--mode", "replay")
    assert (code, told["refused"]) == (
        2,
        "evals/recordings/s.jsonl:2 is recorded in line 1, too.",
    )


@given(st.integers(1, 8).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(1, n), st.lists(st.integers(0, n), min_size=1))
))  # fmt: skip
def test_the_rates_are_those_of_drawing_k_trials_at_random(
    told: tuple[int, int, list[int]],
) -> None:
    n, k, passed = told
    # By hand: of all ways to draw k of n trials, those without a failure, or without a pass.
    every = sum(comb(c, k) for c in passed) / (comb(n, k) * len(passed))
    none = sum(comb(n - c, k) for c in passed) / (comb(n, k) * len(passed))
    assert pass_hat(passed, n, k) == pytest.approx(every)
    assert pass_at(passed, n, k) == pytest.approx(1 - none)
    assert pass_hat(passed, n, k) <= pass_at(passed, n, k) + 1e-12
