"""A gate against a git reference: what is declared there counts, too."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from console import answered, spoken

EXAMPLE = Path(__file__).parents[1] / "examples" / "listing_finder"
ONE = "case_two-beds-san-jose"
NEW = "case_filed-since"


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """The example, its baseline and then one more case committed to main."""
    folder = tmp_path / "repository" / "finder"
    shutil.copytree(EXAMPLE, folder)
    git(folder.parent, "init", "-q", "-b", "main")
    spoken("run", "finder", "--save-baseline", "--root", str(folder))
    told = case(folder, ONE).read_text().replace(ONE, NEW)
    case(folder, NEW).write_text(
        told.replace("scenario: one\n", "scenario: one\ntags: [critical]\n")
        + "  - {type: path, at: message, contains: Willow Glen}\n"
    )
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": ""}
    subprocess.run(["git", *arguments], cwd=folder, check=True, env=environment)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "more")


def case(folder: Path, case_id: str) -> Path:
    return folder / "evals" / "cases" / "finder" / f"{case_id}.yaml"


def instead(folder: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """From now on whoever calls git does something else first, said in the words of a shell."""
    program = folder / "instead" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{first}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def gate(folder: Path, *words: str) -> tuple[str, Any]:
    """The decision, and the comparison behind it."""
    asked = ("gate", "finder", "--baseline", "git:main", *words, "--root", str(folder))
    ruling = answered(*asked)[1]["ruling"]
    return ruling["decision"], ruling["comparison"]


def test_what_is_as_it_is_there_ships(finder: Path) -> None:
    decision, comparison = gate(finder)
    assert (decision, comparison["added"], comparison["not_comparable"]) == ("ship", [NEW], [])


def test_a_case_that_was_filed_since_the_baseline_does_not_go_without_a_word(finder: Path) -> None:
    case(finder, NEW).unlink()
    decision, comparison = gate(finder)
    assert (decision, comparison["loosened"]) == (
        "needs_review", [f"{NEW}: the critical case is gone"],
    )  # fmt: skip
    # By the file alone nobody knows of it.
    assert answered("gate", "finder", "--root", str(finder))[1]["ruling"]["decision"] == "ship"
    reviewed = ("gate", "finder", "--baseline", "main", "--accept", "a duplicate")
    assert spoken(*reviewed, "--root", str(finder))[0] == 0


def test_neither_do_an_assertion_a_tag_and_a_threshold(finder: Path) -> None:
    told = case(finder, NEW).read_text()
    case(finder, NEW).write_text(
        told.replace("contains: Willow Glen", "contains: Glen").replace("tags: [critical]\n", "")
    )
    suite = finder / "evals" / "suites" / "finder.yaml"
    strict = suite.read_text().replace("max_drop: 0.02", "max_drop: 0.0")
    suite.write_text(strict)
    assert gate(finder)[1]["loosening"] == (
        "1 case no longer critical, 1 assertion changed or gone"
    )
    git(finder, "add", "evals/suites")
    commit_of_suite = ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "strict")
    git(finder, *commit_of_suite, "evals/suites")
    suite.write_text(strict.replace("max_drop: 0.0", "max_drop: 0.05"))
    loosened = gate(finder)[1]["loosened"]
    assert f"{NEW}: it is no longer critical" in loosened
    assert "the gate's max_drop was 0.0 and is 0.05" in loosened
    (words,) = [line for line in loosened if "changed or gone" in line]
    assert '"contains":"Willow Glen"' in words
    assert '; now {"type":"path","at":"message","contains":"Glen"}' in words


def test_what_was_loosened_and_reviewed_there_is_not_told_again(finder: Path) -> None:
    suite = finder / "evals" / "suites" / "finder.yaml"
    suite.write_text(suite.read_text().replace("contains: I found one", "contains: found one"))
    case(finder, "case_one-bed-oakland").unlink()
    assert gate(finder)[0] == "needs_review"
    commit(finder)
    decision, comparison = gate(finder)
    assert (decision, comparison["loosened"]) == ("ship", [])


def test_a_case_that_is_only_called_otherwise_is_the_same_case(finder: Path) -> None:
    told = case(finder, ONE).read_text().replace(ONE, "case_new-name")
    case(finder, ONE).unlink()
    case(finder, "case_new-name").write_text(told)
    decision, comparison = gate(finder)
    assert (decision, comparison["loosened"], comparison["added"]) == ("ship", [], [NEW])
    assert comparison["renamed"] == {ONE: "case_new-name"}
    assert (
        f"  renamed: {ONE} is case_new-name"
        in spoken("gate", "finder", "--baseline", "main", "--root", str(finder))[1]
    )
    # It breaks under its new name as it would have under its old one.
    program = finder / "finder.py"
    program.write_text(program.read_text().replace("I found one", "There is one"))
    assert "case_new-name" in gate(finder)[1]["broken"]
    # What is asked less of is another case, whatever it is called.
    program.write_text(program.read_text().replace("There is one", "I found one"))
    case(finder, "case_new-name").write_text(told.replace("equals: L103", "exists: true"))
    assert gate(finder)[1]["loosened"] == [f"{ONE}: the case is gone"]


def test_a_candidate_is_no_case_yet_and_may_go(finder: Path) -> None:
    case(finder, NEW).write_text(f"{case(finder, NEW).read_text()}candidate: true\n")
    commit(finder)
    case(finder, NEW).unlink()
    assert gate(finder)[0] == "ship"


def test_rows_of_a_dataset_are_read_as_they_are_there(finder: Path) -> None:
    rows = finder / "rows.csv"
    rows.write_text(
        "id,question,words\nrow-a,2 bed in San Jose,Willow Glen\nrow-b,2 bed in San Jose,L103\n"
    )
    suite = finder / "evals" / "suites" / "finder.yaml"
    suite.write_text(
        f"{suite.read_text()}dataset:\n  file: rows.csv\n  id: id\n  input: question\n"
        '  assertions: [{type: path, at: message, contains: "{{words}}"}]\n'
    )
    commit(finder)
    rows.write_text("id,question,words\nrow-a,2 bed in San Jose,one\n")
    comparison = gate(finder)[1]
    assert comparison["loosening"] == "1 case gone, 1 assertion changed or gone"


def test_a_part_of_the_suite_misses_only_what_is_of_that_part(finder: Path) -> None:
    project = finder / "evals" / "regrade.yaml"
    project.write_text(f"{project.read_text()}profiles:\n  few: {{select: 'scenario:many'}}\n")
    commit(finder)
    case(finder, NEW).unlink()
    assert gate(finder, "--profile", "few")[1]["loosened"] == []


def test_what_cannot_be_read_there_is_told_and_the_baseline_compared_alone(finder: Path) -> None:
    suite = finder / "evals" / "suites" / "finder.yaml"
    right = suite.read_text()
    suite.write_text(f"{right}unknown: 1\n")
    commit(finder)
    suite.write_text(right)
    case(finder, NEW).unlink()
    decision, comparison = gate(finder)
    # Nobody can tell what went since: a person looks.
    assert decision == "needs_review"
    (doubt,) = comparison["not_comparable"]
    assert doubt.startswith("what finder asks at main cannot be read: evals/suites/finder.yaml:")


def fresh(finder: Path) -> Path:
    """The cases of a second suite like the first, which has no baseline."""
    evals = finder / "evals"
    shutil.copy(evals / "suites" / "finder.yaml", evals / "suites" / "fresh.yaml")
    return Path(shutil.copytree(evals / "cases" / "finder", evals / "cases" / "fresh"))


def test_a_suite_that_is_new_has_no_baseline_there_and_each_of_its_cases_must_pass(
    finder: Path,
) -> None:
    fresh(finder)
    words = ("gate", "fresh", "--baseline", "git:main", "--root", str(finder))
    assert answered(*words)[1]["ruling"]["decision"] == "ship"
    program = finder / "finder.py"
    program.write_text(program.read_text().replace("I found one", "There is one"))
    code, out, _ = spoken(*words)
    assert (code, "below 100.0% (there is no baseline)" in out) == (1, True)


def test_a_suite_that_is_there_without_a_baseline_is_held_to_what_it_asks_there(
    finder: Path,
) -> None:
    cases = fresh(finder)
    commit(finder)
    words = ("gate", "fresh", "--baseline", "git:main", "--root", str(finder))
    # Were it refused, the change that brings the baseline could not be merged either.
    ruling = answered(*words)[1]["ruling"]
    assert (ruling["decision"], ruling["also"], ruling["comparison"]["not_comparable"]) == (
        "ship",
        [],
        ["how its cases ended before is not known: a baseline has to be saved there"],
    )
    (cases / f"{NEW}.yaml").unlink()
    code, out, _ = spoken(*words)
    assert (code, f"{NEW}: the critical case is gone" in out) == (1, True)
    program = finder / "finder.py"
    program.write_text(program.read_text().replace("I found one", "There is one"))
    code, out, _ = spoken(*words)
    assert (code, "below 100.0% (there is no baseline)" in out) == (1, True)


def scored(suite: Path) -> None:
    """From now on a scorer is asked of every answer."""
    asked = "assertions: # of every answer\n"
    ours = "  - {type: python, ref: 'evals/ok.py:check'}\n"
    suite.write_text(suite.read_text().replace(asked, asked + ours))


@pytest.mark.parametrize(
    ("path", "was", "now", "reason"),
    [
        ("suites/fresh.yaml", "  max_drop", "  min_pass_rate: 0\n  max_drop", "1 laxer term"),
        ("suites/fresh.yaml", "target: app", "target: other", "1 other target"),
        ("regrade.yaml", "finder:answer", "finder:another", "1 other target"),
        ("ok.py", "bool(output)", "True", "evals/ok.py"),
        ("judges/said.txt", "was", "now", "evals/judges/said.txt"),
    ],
)
def test_a_suite_that_was_never_measured_is_loosened_in_no_other_way_either(
    finder: Path, path: str, was: str, now: str, reason: str
) -> None:
    fresh(finder)
    evals = finder / "evals"
    (evals / "judges").mkdir()
    (evals / "judges" / "said.txt").write_text("was\n")
    (evals / "ok.py").write_text("def check(output): return bool(output)\n")
    (evals / "regrade.yaml").write_text(
        "targets:\n  app: {python: 'finder:answer'}\n  other: {python: 'finder:answer'}\n"
    )
    scored(evals / "suites" / "fresh.yaml")
    program = finder / "finder.py"
    program.write_text(f"{program.read_text()}\n\nanother = answer\n")
    commit(finder)
    words = ("gate", "fresh", "--baseline", "git:main", "--root", str(finder))
    assert answered(*words)[1]["ruling"]["decision"] == "ship"
    changed = evals / path
    changed.write_text(changed.read_text().replace(was, now))
    ruling = answered(*words)[1]["ruling"]
    assert (ruling["decision"], reason in " ".join(ruling["reasons"])) == ("needs_review", True), (
        ruling
    )


def test_of_a_suite_of_traces_that_was_never_measured_nobody_knows_what_it_asked(
    finder: Path,
) -> None:
    (finder / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    assert spoken("import", str(finder / "log.jsonl"), "--root", str(finder))[0] == 0
    (finder / "evals" / "suites" / "traced.yaml").write_text(
        "target: recorded\ndataset: {query: b}\nassertions: [{type: contains, value: b}]\n"
    )
    commit(finder)
    words = ("gate", "traced", "--baseline", "git:main", "--root", str(finder))
    told = "its cases are stored traces, and what was asked of them before is not known"
    assert answered(*words)[1]["ruling"]["reasons"] == [told]


def test_a_file_that_a_scorer_may_read_is_told_where_it_changed(finder: Path) -> None:
    evals = finder / "evals"
    (evals / "ok.py").write_text(
        "import json, pathlib\n"
        "def check(output):\n"
        "    return bool(json.loads(pathlib.Path('evals/words.json').read_text()))\n"
    )
    words = evals / "words.json"
    words.write_text("[1]\n")
    scored(evals / "suites" / "finder.yaml")
    spoken("run", "finder", "--save-baseline", "--root", str(finder))
    commit(finder)
    asked = ("gate", "finder", "--baseline", "git:main", "--root", str(finder))
    assert answered(*asked)[1]["ruling"]["also"] == []
    words.write_text("[2]\n")
    ruling = answered(*asked)[1]["ruling"]
    assert (ruling["decision"], ruling["also"]) == (
        "ship",
        ["changed since main, and a scorer may read it: evals/words.json"],
    )


def test_a_baseline_that_is_taken_away_is_missed(finder: Path) -> None:
    (finder / "evals" / "baselines" / "finder.json").unlink()
    assert gate(finder)[1]["loosened"] == ["the file of the baseline is gone"]


def test_links_there_are_not_followed_and_what_is_behind_them_is_not_taken_for_gone(
    finder: Path,
) -> None:
    link = case(finder, "case_link")
    link.symlink_to("/etc/hostname")
    commit(finder)
    link.unlink()
    decision, comparison = gate(finder)
    assert (decision, json.dumps(comparison).count("hostname")) == ("needs_review", 0)
    (doubt,) = comparison["not_comparable"]
    assert doubt.endswith("evals/cases/finder/case_link.yaml is a link, which is not followed")


def test_evaluations_behind_a_link_are_not_taken_for_a_suite_that_is_new(finder: Path) -> None:
    (finder / "evals").rename(finder / "ours")
    (finder / "evals").symlink_to("ours")
    commit(finder)
    case(finder, NEW).unlink()
    code, _, error = spoken("gate", "finder", "--baseline", "git:main", "--root", str(finder))
    assert (code, "at 'main' evals is a link, which is not followed" in error) == (2, True)


@pytest.mark.parametrize("verb", ["ls-tree", "cat-file"])
def test_a_git_that_does_not_answer_is_not_taken_for_one_that_has_nothing(
    finder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    case(finder, NEW).unlink()
    instead(tmp_path, monkeypatch, f'case " $* " in *" {verb} "*) exit 1;; esac')
    code, _, error = spoken("gate", "finder", "--baseline", "git:main", "--root", str(finder))
    assert (code, "git did not tell what is at 'main'" in error) == (3, True)


def test_a_reference_that_moves_while_it_is_read_is_read_as_it_was(
    finder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case(finder, NEW).unlink()
    git(finder, "checkout", "-qb", "weaker")
    commit(finder)
    moved = f"{shutil.which('git')} update-ref refs/heads/main refs/heads/weaker"
    instead(tmp_path, monkeypatch, f'case " $* " in *" ls-tree "*) {moved};; esac')
    assert gate(finder)[1]["loosened"] == [f"{NEW}: the critical case is gone"]
    assert gate(finder)[0] == "ship"


@pytest.mark.parametrize("old", [False, True])
def test_files_that_look_like_a_repository_are_none(
    finder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    case(finder, NEW).unlink()
    # Whoever may add files to a folder could bring a main of his own.
    for name in ("HEAD", "config", "objects", "refs"):
        found = finder.parent / ".git" / name
        (shutil.copytree if found.is_dir() else shutil.copy)(found, finder / name)
    ours = {**os.environ, "GIT_DIR": str(finder), "GIT_WORK_TREE": str(finder)}
    subprocess.run(["git", "checkout", "-q", "--orphan", "other"], cwd=finder, env=ours, check=True)
    subprocess.run(["git", "add", "evals"], cwd=finder, env=ours, check=True)
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *author, "commit", "-qm", "less"], cwd=finder, env=ours, check=True)
    subprocess.run(["git", "branch", "-qf", "main"], cwd=finder, env=ours, check=True)
    if old:
        # As one from before 2.38, which does not know the word for it.
        instead(tmp_path, monkeypatch, '[ "$2" = safe.bareRepository=explicit ] && shift 2')
    code, _, error = spoken("gate", "finder", "--baseline", "git:main", "--root", str(finder))
    assert (code, "nor a git reference here" in error) == (2, True)


def test_what_is_too_large_there_to_be_held_is_not_read(
    finder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = case(finder, ONE).stat().st_size + 10_000
    monkeypatch.setattr("regrade_server.host.MOST_BYTES", large)
    path = case(finder, "case_large")
    path.write_text(f"{case(finder, ONE).read_text().replace(ONE, path.stem)}# {'x' * large}\n")
    commit(finder)
    decision, comparison = gate(finder)
    assert decision == "needs_review"
    assert "what is at 'main' is larger than 0 MB" in comparison["not_comparable"][0]
    assert "case_large.yaml the largest of it" in comparison["not_comparable"][0]


def test_the_words_of_a_path_are_no_patterns_there(finder: Path) -> None:
    rows = finder / ":(top)rows.csv"
    rows.write_text("id,question\nrow-a,2 bed in San Jose\nrow-b,2 bed in San Jose\n")
    suite = finder / "evals" / "suites" / "finder.yaml"
    suite.write_text(
        f"{suite.read_text()}dataset:\n  file: ':(top)rows.csv'\n  id: id\n  input: question\n"
        "  assertions: [{type: path, at: message, contains: one}]\n"
    )
    commit(finder)
    rows.write_text("id,question\nrow-a,2 bed in San Jose\n")
    assert gate(finder)[1]["loosened"] == ["row-b: the case is gone"]
