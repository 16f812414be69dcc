"""`regrade gate --all`: every suite of a repository at once, and no one hides another."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from console import answered, spoken

GIVEN = ("-c", "user.name=a", "-c", "user.email=a@b.c")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a folder of a repository, with three suites, of which the first two pass."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository" / "apps" / "bot"
    (root / "evals").mkdir(parents=True)
    (root / "evals" / "regrade.yaml").write_text("profiles: {quick: {select: 'tag:quick'}}\n")
    for suite, output in (("greets", "hello"), ("parts", "bye"), ("sells", "hello")):
        declare(root, suite, {"one": output, "two": output})
    git(root.parents[1], "init", "-q", "-b", "main")
    return root


def declare(root: Path, suite: str, outputs: dict[str, str], **more: Any) -> None:
    """A suite of recorded answers; `parts` wants them to say bye."""
    word = "bye" if suite == "parts" else "hello"
    held = [{"type": "contains", "value": word}]
    for folder in ("suites", f"cases/{suite}"):
        (root / "evals" / folder).mkdir(parents=True, exist_ok=True)
    path = root / "evals" / "suites" / f"{suite}.yaml"
    path.write_text(json.dumps({"assertions": held, **more}))
    for name, output in outputs.items():
        case = {"id": name, "input": name, "recorded": {"output": output}, "tags": ["quick"]}
        case_file(root, suite, name).write_text(json.dumps(case))


def case_file(root: Path, suite: str, name: str) -> Path:
    return root / "evals" / "cases" / suite / f"{name}.yaml"


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": ""}
    subprocess.run(["git", *arguments], cwd=folder, check=True, env=environment)


def committed(root: Path) -> None:
    """The baselines of all suites and everything else, on main."""
    for suite in ("greets", "parts", "sells"):
        assert spoken("run", suite, "--save-baseline", "--root", str(root))[0] == 0
    git(root, "add", ".")
    git(root, *GIVEN, "commit", "-qm", "all")


def gated(root: Path, *words: str) -> tuple[int, dict[str, tuple[int, str]]]:
    """The exit code, and of each suite its own and how it ended."""
    code, told = answered("gate", "--all", *words, "--root", str(root))
    return code, {one["suite"]: (one["exit_code"], ended(one)) for one in told}


def ended(one: dict[str, Any]) -> str:
    told: Any = next(one[key] for key in ("ruling", "refused", "left_out") if key in one)
    return str(told["decision"] if "ruling" in one else told)


SHIPS = (0, "ship")


def test_every_suite_is_gated_and_all_must_ship(root: Path) -> None:
    assert gated(root) == (0, {"greets": SHIPS, "parts": SHIPS, "sells": SHIPS})
    declare(root, "parts", {"one": "hello"})
    assert gated(root) == (1, {"greets": SHIPS, "parts": (1, "hold"), "sells": SHIPS})


def test_a_suite_that_cannot_be_read_hides_no_other(root: Path) -> None:
    (root / "evals" / "suites" / "parts.yaml").write_text("asertions: []\n")
    code, found = gated(root)
    assert (code, found["greets"], found["sells"]) == (2, SHIPS, SHIPS)
    assert found["parts"][0] == 2
    assert "parts.yaml" in found["parts"][1]
    declare(root, "sells", {"one": "no"})
    code, found = gated(root)
    # What fails is known to fail, whatever else could not be read.
    assert (code, found["sells"]) == (1, (1, "hold"))


def test_what_could_not_be_measured_leaves_all_undecided(root: Path) -> None:
    case = {"id": "three", "input": "three"}
    case_file(root, "sells", "three").write_text(json.dumps(case))
    assert gated(root)[0] == 3


def test_a_suite_that_is_gone_since_the_reference_needs_a_review(root: Path) -> None:
    committed(root)
    assert gated(root, "--baseline", "git:main")[0] == 0
    (root / "evals" / "suites" / "parts.yaml").unlink()
    for path in (root / "evals" / "cases" / "sells").iterdir():
        path.unlink()
    code, found = gated(root, "--baseline", "git:main")
    review = (1, "needs_review")
    assert (code, found) == (1, {"greets": SHIPS, "parts": review, "sells": review})
    _, told = answered("gate", "--all", "--baseline", "git:main", "--root", str(root))
    assert [one["ruling"]["reasons"] for one in told[1:]] == [
        ["the suite is gone, with 2 cases"],
        ["nothing is asked any more: The suite has no case yet, with 2 cases"],
    ]
    assert gated(root, "--baseline", "git:main", "--accept", "we part no more")[0] == 0
    assert gated(root, "--baseline", "git:main", "--accept", "so be it", "--strict")[0] == 1
    # Without a reference it is the file of its baseline that misses it.
    assert gated(root)[1] == {"greets": SHIPS, "parts": review, "sells": review}


def test_a_strict_suite_that_is_gone_is_held_for_good(root: Path) -> None:
    declare(root, "parts", {"one": "bye", "two": "bye"}, gate={"strict": True})
    committed(root)
    (root / "evals" / "suites" / "parts.yaml").unlink()
    assert gated(root, "--baseline", "git:main", "--accept", "so be it")[1]["parts"] == (1, "hold")


def test_a_suite_of_which_nothing_was_asked_is_left_out_and_said(root: Path) -> None:
    (root / "evals" / "suites" / "new.yaml").write_text("{}\n")
    committed(root)
    code, found = gated(root, "--baseline", "git:main")
    assert (code, found["new"]) == (0, (0, "The suite has no case yet."))


def test_a_profile_that_selects_nothing_of_a_suite_leaves_it_out_unless_it_did(root: Path) -> None:
    for name in ("one", "two"):
        path = case_file(root, "parts", name)
        path.write_text(path.read_text().replace('"tags": ["quick"]', '"tags": []'))
    committed(root)
    asked = ("--baseline", "git:main", "--profile", "quick")
    code, found = gated(root, *asked)
    assert (code, found["parts"]) == (0, (0, "None of the 2 cases is selected by 'tag:quick'."))
    for name in ("one", "two"):
        path = case_file(root, "sells", name)
        path.write_text(path.read_text().replace('"tags": ["quick"]', '"tags": []'))
    assert gated(root, *asked)[1]["sells"] == (1, "needs_review")


def test_what_is_wrong_for_all_is_refused_once(root: Path) -> None:
    baseline = str(root / "evals" / "baselines" / "greets.json")
    committed(root)
    for words, why in (
        (("--profile", "prr"), "There is no profile 'prr'"),
        (("--baseline", baseline), "is the baseline of one suite"),
        (("--baseline", "git:nowhere"), "nor a git reference here"),
        (("--run-id", "run_k3v9t2ma"), "--all gates every suite by a run of its own"),
        (("greets",), "--all gates every suite by a run of its own"),
        (("--select", "tag:quick"), "The gate takes no --select"),
    ):
        code, out, error = spoken("gate", "--all", *words, "--root", str(root))
        assert (code, out, why in error) == (2, "", True), error
    shutil.rmtree(root / "evals")
    assert spoken("gate", "--all", "--root", str(root))[0] == 2


def test_a_file_that_was_meant_as_a_suite_is_told(root: Path) -> None:
    suites = root / "evals" / "suites"
    (suites / "parts.yaml").rename(suites / "parts.yml")
    (suites / "-own.yaml").write_text("{}\n")
    (suites / "old").mkdir()
    (suites / "old" / "greets.yaml").write_text("{}\n")
    code, found = gated(root)
    assert (code, found["greets"]) == (2, SHIPS)
    assert "evals/suites/parts.yml is not read" in found["parts"][1]
    assert "it has no name that a suite may have" in found["-own"][1]
    assert "it lies in a folder of evals/suites" in found["old/greets"][1]


def test_one_report_of_each_kind_tells_of_all_by_their_place_in_the_repository(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(root)
    (root / "evals" / "suites" / "sells.yaml").write_text("asertions: []\n")
    declare(root, "parts", {"one": "hello"})
    (root / "evals" / "suites" / "was.yaml").write_text("{}\n")
    xml, page = root / "out.xml", root / "page.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    # A checkout in a folder of its own: a path is told from the repository's root all the same.
    monkeypatch.setenv("GITHUB_WORKSPACE", str(root.parents[2]))
    asked = ("gate", "--all", "--junit", str(xml), "--summary", str(page), "--root", str(root))
    code, out, error = spoken(*asked)
    assert code == 1

    suites = ET.fromstring(xml.read_text(encoding="utf-8"))  # noqa: S314 - our own
    ends = ("name", "tests", "failures", "errors")
    totals = {name: suites.get(name) for name in ends[1:]}
    assert totals == {"tests": "5", "failures": "1", "errors": "1"}
    assert float(suites.get("time", "")) == pytest.approx(
        sum(float(one.get("time", "")) for one in suites), abs=0.001
    )
    assert [tuple(one.get(it) for it in ends) for one in suites] == [
        ("greets", "2", "0", "0"), ("parts", "2", "1", "0"), ("sells", "1", "0", "1"),
        ("was", "0", "0", "0"),
    ]  # fmt: skip
    files = [test.get("file") for test in suites.iter("testcase")]
    assert files[0] == "apps/bot/evals/cases/greets/one.yaml"

    told = page.read_text()
    assert told.startswith("## Gate of 4 suites: HOLD\n\n<table>")
    assert [line for line in told.splitlines() if line.startswith("### ")] == [
        "### Gate of greets: SHIP", "### Gate of parts: HOLD",
    ]  # fmt: skip
    assert "<td>sells</td><td>refused</td>" in told

    notes = [line.partition(",title=")[0] for line in error.splitlines() if line[:2] == "::"]
    assert notes[0] == "::error file=apps/bot/evals/cases/parts/one.yaml"
    assert [note.split("::")[1] for note in notes[1:]] == [
        "error title=parts%3A Gate%3A HOLD", "error title=sells%3A no gate",
    ]  # fmt: skip
    assert out.splitlines()[-6:-1] == [
        "Gate of 4 suites: HOLD",
        "  parts: HOLD",
        "  sells: REFUSED",
        "  greets: SHIP",
        "  was: LEFT OUT",
    ]
