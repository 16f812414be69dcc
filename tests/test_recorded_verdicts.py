"""Verdicts of judges beside recorded answers: a checkout without keys decides with them."""

import json
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken
from endpoint import Endpoint, serving, verdict
from labelled import FAILS, PASSES, know, label_row, write_labels

JUDGE = """\
---
criterion: polite
model: small
thresholds: {tpr: 0.5, tnr: 0.5}
unknown: exclude
---
Is it polite? {{ output }}
"""
PROGRAM = "def answer(question):\n    return question + ' to you'\n"
WORDS = f"passes: {PASSES}\nfails: {FAILS}\n"
INPUTS = {"kind": "good morning", "rude": "rude", "unsure": "hm"}
PATH = "evals/recordings/s.verdicts.jsonl"


def says(question: dict[str, Any], _: int) -> tuple[int, Any]:
    asked = question["messages"][-1]["content"]
    word = "FAIL" if "rude" in asked else "UNKNOWN" if "hm" in asked else "PASS"
    return 200, verdict(word, f"because {word.lower()}")


@pytest.fixture
def model() -> Generator[Endpoint, None, None]:
    with serving(says) as endpoint:
        yield endpoint


@pytest.fixture
def root(tmp_path: Path, model: Endpoint) -> Path:
    """A program in git, with a suite of three cases that a judge decides; all were recorded."""
    root = tmp_path / "recorded"
    evals = root / "evals"
    for folder in ("suites", "judges", "cases/s"):
        (evals / folder).mkdir(parents=True)
    (root / "bot.py").write_text(PROGRAM)
    (root / ".gitignore").write_text(".regrade\n__pycache__\n")
    (evals / "judges" / "polite.md").write_text(JUDGE)
    (evals / "regrade.yaml").write_text(
        "targets: {bot: {python: 'bot:answer', files: [bot.py]}}\n"
        f"models: {{small: {{model: openai/tiny, api_base: '{model.url}'}}}}\n"
    )
    (evals / "suites" / "s.yaml").write_text(
        "target: bot\nassertions: [{type: judge, judge: polite}]\n"
    )
    for name, asked in INPUTS.items():
        (evals / "cases" / "s" / f"{name}.yaml").write_text(
            json.dumps({"id": name, "input": asked})
        )
    git(root, "init", "-q")
    assert spoken("run", "s", "--record", "--root", str(root))[0] == 1
    git(root, "add", ".")
    git(root, "commit", "-qm", "recorded")
    return root


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)


def fork(root: Path) -> Path:
    """What somebody else has: what is committed, and no store."""
    made = root.parent / "fork"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(root, made, ignore=shutil.ignore_patterns(".regrade"))
    return made


def ran(root: Path, *words: str) -> tuple[int, dict[str, str], Any]:
    """The exit code, how each case ended, and the summary."""
    code, told = answered("run", "s", *words, "--root", str(root))
    ended = {card["case_id"]: card["outcome"] for card in told["cards"]}
    return code, ended, told["summary"]


def asked(model: Endpoint) -> int:
    """How often the model was asked since this was asked last."""
    number = len(model.questions)
    model.questions.clear()
    return number


def test_a_checkout_without_keys_decides_by_the_verdicts_that_are_recorded(
    root: Path, model: Endpoint
) -> None:
    assert asked(model) == 3
    there = fork(root)
    code, ended, summary = ran(there, "--mode", "replay")
    assert (code, ended, asked(model)) == (1, {"rude": "failed", "unsure": "errored"}, 0)
    assert (summary["replayed"], summary["verdicts_replayed"]) == (3, 3)
    # Who has the keys and no recording asks; where both are there, nobody is asked either.
    assert ran(there, "--mode", "changed")[2]["verdicts_replayed"] == 3
    assert asked(model) == 0
    _, out, _ = spoken("run", "s", "--mode", "replay", "--root", str(there))
    assert "3 of 3 answers are recordings, not asked now\n  3 recorded verdicts of judges" in out
    ran(there)
    assert asked(model) == 3


def test_what_a_judge_said_stands_in_lines_that_can_be_reviewed(root: Path) -> None:
    lines = [json.loads(line) for line in (root / PATH).read_text().splitlines()]
    assert [(one["case"], one["judge"], one["verdict"]) for one in lines] == [
        ("kind", "polite", "pass"), ("rude", "polite", "fail"), ("unsure", "polite", "unknown"),
    ]  # fmt: skip
    assert lines[1]["reasoning"] == "because fail"
    again = (root / PATH).read_bytes()
    spoken("run", "s", "--record", "--root", str(root))
    assert (root / PATH).read_bytes() == again


@pytest.mark.parametrize("changed", ["judge", "answer"])
def test_neither_another_judge_nor_another_answer_has_a_verdict(
    root: Path, model: Endpoint, changed: str
) -> None:
    there = fork(root)
    path = there / ("evals/judges/polite.md" if changed == "judge" else "evals/recordings/s.jsonl")
    path.write_text(path.read_text().replace("Is it polite", "Is it very polite")
                    .replace("morning to you", "evening to you"))  # fmt: skip
    asked(model)
    _, ended, _ = ran(there, "--mode", "replay")
    assert (ended["kind"], asked(model)) == ("errored", 0)
    _, told = answered("run", "s", "--mode", "replay", "--root", str(there))
    reasons = {card["case_id"]: card["reasons"][0] for card in told["cards"]}
    assert reasons["kind"].startswith("the judge polite: no recording holds what it, as it is now,")
    # Where recordings only save questions, these are asked.
    ran(there, "--mode", "changed")
    assert asked(model) == (3 if changed == "judge" else 1)


def test_what_is_recorded_anew_takes_the_place_of_what_cannot_be_replayed(root: Path) -> None:
    judge = root / "evals" / "judges" / "polite.md"
    judge.write_text(judge.read_text().replace("Is it polite", "Is it very polite"))
    before = (root / PATH).read_text()
    _, told = answered("run", "s", "--record", "--select", "id:kind", "--root", str(root))
    assert told["recorded"]["verdicts"] == 1
    now = (root / PATH).read_text()
    assert (len(now.splitlines()), now in before) == (1, False)
    # What was recorded without judges takes nothing away.
    answered("run", "s", "--record", "--no-judges", "--root", str(root))
    assert (root / PATH).read_text() == now


def test_what_a_judge_says_anew_takes_the_place_of_what_it_said_of_the_same_answer_elsewhere(
    root: Path, model: Endpoint
) -> None:
    spoken("run", "s", "--record", "--trials", "2", "--root", str(root))
    recorded = (root / PATH).read_text()
    there = fork(root)
    (there / PATH).write_text(recorded.replace('"pass"', '"fail"').replace("because", "for"))
    # The second trial of it is not run now, and its answer is the same.
    words = ("--record", "--trials", "1", "--select", "id:kind", "--root", str(there))
    code, _, error = spoken("run", "s", *words)
    assert code == 0, error
    lines = [json.loads(line) for line in (there / PATH).read_text().splitlines()]
    assert [(one["case"], one["trial"], one["verdict"], one["reasoning"]) for one in lines] == [
        ("kind", 1, "pass", "because pass"), ("kind", 2, "pass", "because pass"),
        ("rude", 1, "fail", "for fail"), ("rude", 2, "fail", "for fail"),
        ("unsure", 1, "unknown", "for unknown"), ("unsure", 2, "unknown", "for unknown"),
    ]  # fmt: skip
    asked(model)
    code, ended, summary = ran(there, "--mode", "replay", "--trials", "2")
    assert (code, ended, asked(model)) == (1, {"rude": "failed", "unsure": "errored"}, 0)
    assert summary["verdicts_replayed"] == 6


def test_a_file_of_verdicts_that_is_none_is_refused(root: Path) -> None:
    kept = (root / PATH).read_text()
    first = kept.splitlines()[0]
    for text, why in (
        (kept.replace('"fail"', '"errored"'), "s.verdicts.jsonl:2 is no verdict"),
        (kept + first.replace('"pass"', '"fail"'), "s.verdicts.jsonl:4 says fail of what another"),
    ):
        (root / PATH).write_text(text)
        code, _, error = spoken("run", "s", "--mode", "replay", "--root", str(root))
        assert (code, why in error) == (2, True), error


def test_a_verdict_that_is_recorded_never_becomes_one_that_was_given(root: Path) -> None:
    there = fork(root)
    path = there / PATH
    path.write_text(path.read_text().replace('"fail"', '"pass"'))
    assert "rude" not in ran(there, "--mode", "replay")[1]
    # Whoever asks is not answered by what somebody wrote into a file.
    assert ran(there)[1]["rude"] == "failed"


def test_only_a_judge_that_is_aligned_decides_and_what_it_thinks_of_the_test_split_is_withheld(
    root: Path, model: Endpoint
) -> None:
    code, _, error = spoken("gate", "s", "--mode", "replay", "--root", str(root))
    assert (code, "The judge polite may not gate: it is draft" in error) == (2, True)
    judge = root / "evals" / "judges" / "polite.md"
    judge.write_text(judge.read_text().replace("polite\nmodel", f"diet\n{WORDS}model"))
    know(root, "ada")
    given = {"pass": "good morning", "fail": "rude"}
    write_labels(
        root,
        (
            label_row(
                f"{given[word]} {n}" if n else given[word],
                f"{given[word]} to you",
                word,
                split="test",
                sampled="by_label",
            )
            for word in ("pass", "fail")
            for n in range(20)
        ),
    )
    assert spoken("align", "polite", "--split", "test", "--root", str(root))[0] == 0
    for name in ("rude", "unsure"):
        (root / "evals" / "cases" / "s" / f"{name}.yaml").unlink()
    assert spoken("run", "s", "--record", "--root", str(root))[0] == 0
    assert "because" not in (root / PATH).read_text()
    there = fork(root)
    asked(model)
    code, told = answered("gate", "s", "--mode", "replay", "--root", str(there))
    assert (code, told["ruling"]["decision"], asked(model)) == (0, "ship", 0)
    assert told["summary"]["verdicts_replayed"] == 1


def test_no_judge_is_sent_a_secret_and_what_it_says_of_an_answer_without_it_is_replayed(
    root: Path, model: Endpoint
) -> None:
    key = f"sk-proj-{'a1B2c3D4' * 6}"
    (root / "bot.py").write_text(PROGRAM.replace("to you", f"to you, {key}"))
    spoken("run", "s", "--record", "--root", str(root))
    shown = [question["messages"][-1]["content"] for question in model.questions[-3:]]
    assert all("[redacted:openai_key]" in one for one in shown)
    assert key not in str(model.questions)
    code, ended, summary = ran(fork(root), "--mode", "replay")
    assert (code, ended) == (1, {"rude": "failed", "unsure": "errored"})
    assert summary["verdicts_replayed"] == 3


@pytest.mark.parametrize("name", ["s.jsonl", "s.verdicts.jsonl"])
def test_a_file_that_a_merge_has_spoiled_is_mended_as_it_is_told(root: Path, name: str) -> None:
    path = root / "evals" / "recordings" / name
    whole = path.read_bytes()
    path.write_bytes(b"<<<<<<< HEAD\n" + whole)
    for how in ("--record", "--mode=replay"):
        code, _, told = spoken("run", "s", how, "--root", str(root))
        assert (code, "or take the file away and record it anew" in told) == (2, True)
    path.unlink()
    spoken("run", "s", "--record", "--root", str(root))
    assert path.read_bytes().count(b"\n") == whole.count(b"\n")
