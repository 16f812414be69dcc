"""`regrade align`, with what people say of each other beside it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file, know, label_row, write_labels
from mcp import Client

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

ITEMS = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(24)]
# Every third answer fails.
RIGHT = ["FAIL" if n % 3 == 0 else "PASS" for n in range(24)]


def said(root: Path, verdicts: list[str]) -> None:
    """What the judge said elsewhere, in the order of the items."""
    rows = [
        {**item, "verdict": verdict, "reasoning": f"so {n}"}
        for n, (item, verdict) in enumerate(zip(ITEMS, verdicts, strict=False))
    ]
    (root / "evals" / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A judge that was recorded, and labels of dev and test by one person."""
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    labels(tmp_path, {"ada": RIGHT})
    said(tmp_path, RIGHT)
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl\nthresholds: {tpr: 0.6, tnr: 0.4}")
    return tmp_path


def labels(root: Path, people: dict[str, list[str]]) -> None:
    write_labels(
        root,
        (
            label_row(item["input"], item["output"], verdict.lower(), labeller=name,
                      split="test" if n % 2 else "dev", critique=f"because {n}")
            for name, verdicts in people.items()
            for n, (item, verdict) in enumerate(zip(ITEMS, verdicts, strict=True))
            if verdict
        ),
    )  # fmt: skip


def align(
    root: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    code = main(["align", *arguments, "--json", "--root", str(root)])
    return code, json.loads(capsys.readouterr().out)


def aligned(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["align", *arguments, "--root", str(root)])
    return code, capsys.readouterr().out


def test_the_exit_code_is_0_where_test_shows_it_aligned_and_1_where_not(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = align(root, capsys, "diet", "--split", "test")
    assert (code, found["state"], found["split"], found["comparable"]) == (0, "aligned", "test", 12)
    said(root, ["PASS"] * 24)
    code, found = align(root, capsys, "diet", "--split", "test")
    assert (code, found["state"], found["tnr"]["of"]) == (1, "draft", "0 of 4")
    # It errs on four of them, and of none is anything shown.
    assert found["disagreements"] == []
    # dev decides nothing: it is 0 whatever it shows.
    code, told = aligned(root, capsys, "diet")
    assert code == 0
    assert told.splitlines()[0] == (
        "diet is draft. On dev: 12 of 12 labels compared, 0 unknown, 0 errored"
    )
    assert "  TPR 1.000 (8 of 8, 95 % from 0.676 to 1.000)" in told
    assert "agreement 0.667, where always the commonest label has 0.667" in told
    assert "  needs FAIL: at 0.00 no number of labels shows 0.4" in told
    shown = told[told.index("DIFFERS") :].splitlines()
    assert shown[0].endswith(": people FAIL, the judge PASS")
    assert [line.strip().split(":")[0] for line in shown[1:4]] == ["people", "judge", "output"]


def test_the_exit_code_is_3_where_nothing_was_said_and_2_for_a_mistake(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(root, ["PASS"] * 20)
    code, found = align(root, capsys, "diet", "--split", "test")
    assert (code, found["comparable"], found["errored"]) == (3, 10, 2)
    write_labels(root, [])
    assert align(root, capsys, "diet")[0] == 3
    for mistake in (["diets"], ["diet", "--versus", "diets"], ["diet", "--history", "--versus=x"]):
        code, refusal = align(root, capsys, *mistake)
        assert (code, list(refusal)) == (2, ["refused", "next_step"])


def test_history_asks_nobody_and_counts_no_look(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "it was never measured" in aligned(root, capsys, "diet", "--history")[1]
    first = align(root, capsys, "diet", "--split", "test")[1]["fingerprint"]
    said(root, ["PASS"] * 24)
    now = align(root, capsys, "diet", "--split", "test")[1]["fingerprint"]
    before = (root / "evals" / "judgements" / "diet.jsonl").read_text()
    code, told = aligned(root, capsys, "diet", "--history")
    assert code == 0
    assert told.splitlines()[0] == "diet is draft. Looks at the test split: 2"
    assert [line.split()[2:6] for line in told.splitlines()[-2:]] == [
        [now, "(as", "it", "is"],
        [f"{first}:", "TPR", "1.000", "(8"],
    ]
    assert (root / "evals" / "judgements" / "diet.jsonl").read_text() == before


def test_another_judge_is_set_beside_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "bot.py").write_text("def classify(given):\n    return True\n")
    judge_file(root, "lax", "python: bot:classify")
    align(root, capsys, "lax")
    code, told = aligned(root, capsys, "diet", "--versus", "lax")
    assert code == 0
    assert "  versus lax on 12 rows: right alone 4, and 0 the other; agreement +33.3 points" in told
    assert "    the other: TPR 1.000 (8 of 8, " in told


def test_what_several_people_say_is_the_ceiling_and_the_majority_is_the_label(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know(root, "ada", "bob", "cem")
    other = {"PASS": "FAIL", "FAIL": "PASS"}
    # Bob differs once and is outvoted; two people without the third differ once, and nobody wins.
    bob = [other[one] if n in (0, 2) else one for n, one in enumerate(RIGHT)]
    cem = ["" if n == 2 else one for n, one in enumerate(RIGHT)]
    labels(root, {"ada": RIGHT, "bob": bob, "cem": cem})
    _, found = align(root, capsys, "diet")
    assert (found["labels"], found["confusion"]) == (11, {"tp": 7, "fn": 0, "tn": 4, "fp": 0})
    assert found["people_kappa"] == {"ada / bob": 0.8125, "ada / cem": 1.0, "bob / cem": 0.9013}
    assert found["people_fleiss"] == 0.9348
    assert found["label_problems"] == ["1 item left out, on which people disagree"]
    _, told = aligned(root, capsys, "diet")
    assert "  people, ada / bob: kappa 0.812" in told
    assert "  people, all of them: Fleiss' kappa 0.935" in told


@pytest.mark.anyio
async def test_a_mistake_in_versus_is_refused_before_any_work_is_handed_out(root: Path) -> None:
    judge_file(root, "mine", "")
    async with Client(build_server(House(Workspace(root)))) as client:
        wrong = await client.call_tool("align_judge", {"judge": "mine", "versus": "deit"})
        unmeasured = await client.call_tool("align_judge", {"judge": "mine", "versus": "diet"})
        handed = await client.call_tool("align_judge", {"judge": "mine"})
    assert wrong.is_error
    assert "no judge or version 'deit' (did you mean 'diet'?)" in str(wrong.content)
    assert unmeasured.is_error
    assert "Nothing is kept of what diet said" in str(unmeasured.content)
    assert (handed.structured_content or {})["work"]["left"] == 12


def test_a_judge_that_is_an_agent_is_told_as_that_agent_was_measured(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_file(root, "mine", "")
    code, told = aligned(root, capsys, "mine")
    assert code == 3
    assert "An agent is this judge, and nobody has asked it: it calls align_judge" in told


def test_where_nothing_was_answered_nothing_was_seen_and_the_needs_count_what_is_labelled(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    models = {"tiny": {"model": "openai/tiny", "api_key_env": "NO_SUCH_KEY"}}
    (root / "evals" / "regrade.yaml").write_text(json.dumps({"models": models}))
    judge_file(root, "keyless", "model: tiny\nthresholds: {tpr: 0.7, tnr: 0.3}")
    for split in ("test", "dev"):
        code, found = align(root, capsys, "keyless", "--split", split)
        assert (code, found["state"], found["errored"], found["looks"]) == (3, "draft", 12, 0)
    assert found["reasons"] == ["it was never measured on the test split"]
    # Of failures there are enough in the test split, for one that errs nowhere.
    assert found["needs"] == [
        {
            "verdict": "pass",
            "have": 8,
            "more": 1,
            "why": "with all judged right, 9 in test bring the lower bound to 0.7; 42.5% of new "
            "labels go there",
            "label": 3,
        }
    ]
    assert not (root / "evals" / "judgements" / "keyless.jsonl").exists()


# Is killed as it is about to write a file of this name.
KILLED = """
import os, signal, sys

def hook(event, given):
    if event == "os.rename" and str(given[1]).endswith(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from regrade_server.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("name", ["labels/diet.jsonl", "diet.history.jsonl", "ments/diet.jsonl"])
def test_a_process_that_is_killed_leaves_no_answer_of_a_look_that_nobody_counted(
    root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    def looked() -> tuple[bool, int]:
        found = align(root, capsys, "diet", "--history")[1]
        return found["state"] == "aligned", found["looks"]

    write_labels(
        root,
        (
            label_row(item["input"], item["output"], verdict.lower())
            for item, verdict in zip(ITEMS, RIGHT, strict=True)
        ),
    )
    judge_file(root, "diet", "recorded: evals/said.jsonl\nthresholds: {tpr: 0.1, tnr: 0.1}")
    command = ["align", "diet", "--split", "test", "--root", str(root)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, name, *command], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed
    counted = name == "ments/diet.jsonl"
    assert looked() == (False, int(counted))
    assert main(command) == 0
    capsys.readouterr()
    assert looked() == (True, 1 + counted)
