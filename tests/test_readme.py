"""What the documents say is run."""

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from pages import blocks, walked

from regrade_server.cli.commands import COMMANDS
from regrade_server.cli.main import parser
from regrade_server.house import House
from regrade_tools.assertions import KINDS
from regrade_tools.files.documents import load
from regrade_tools.models import Project

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def test_the_walk_through_prints_what_the_readme_shows(tmp_path: Path) -> None:
    folder, commands = tmp_path / "finder", tmp_path / "bin"
    shutil.copytree(ROOT / "examples" / "listing_finder", folder)
    commands.mkdir()
    walked(README, folder, commands)


@pytest.mark.parametrize("name", [tool.method.__name__ for tool in House(None).catalog])
def test_every_tool_is_named_in_the_readme_and_on_the_page_of_commands(name: str) -> None:
    assert f"`{name}`" in README
    assert f"`{name}`" in page("commands")


def test_every_page_is_linked_from_the_readme_and_every_link_leads_somewhere() -> None:
    pages = {path.name for path in (ROOT / "docs").iterdir()}
    assert {name for name in pages if f"(docs/{name})" not in README} == set()
    for text, folder in ((README, ROOT), *((page(name[:-3]), ROOT / "docs") for name in pages)):
        for link in re.findall(r"\]\(([^):#]+?)(?:#[\w-]*)?\)", text):
            assert (folder / link).exists(), link


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_assertion_is_named_on_the_page_of_suites(kind: str) -> None:
    assert f"`{kind}`" in page("suites")


def test_the_profiles_that_the_page_of_the_gate_shows_are_what_a_project_may_hold() -> None:
    shown = next(block for block in blocks("yaml", page("gate")) if block.startswith("profiles:"))
    told = Project.model_validate(load(shown)).profiles["pr"]
    assert (told.trials, sorted(told.gate.slices)) == (
        3, ["feature:find_listings scenario:one", "tag:safety"],
    )  # fmt: skip


def test_every_command_is_named_on_their_page() -> None:
    usage = parser().format_help()
    commands = re.findall(r"^    ([\w-]+)(?: |$)", usage, re.MULTILINE)
    assert len(commands) > 13
    for command in commands:
        assert re.search(rf"`{command}( TOOL JSON)?`", page("commands")), command


def test_a_command_says_of_itself_what_the_list_of_all_says() -> None:
    for command in COMMANDS:
        told = io.StringIO()
        with redirect_stdout(told), pytest.raises(SystemExit):
            parser(command).parse_args([command, "--help"])
        assert COMMANDS[command] in " ".join(told.getvalue().split()), command


def test_the_workflow_calls_the_gate_by_words_that_it_takes() -> None:
    steps = (ROOT / "examples" / "ci" / "gate.yml").read_text(encoding="utf-8")
    command, *words = re.findall(r"run: regrade (gate) (.*?) \$\{", steps)[0]
    told = parser(command).parse_args([command, *shlex.split(words[0])])
    assert (told.all, told.profile, told.suite) == (True, "pr", None)


def test_the_scripted_client_exits_as_the_gate_would(tmp_path: Path) -> None:
    folder = tmp_path / "finder"
    shutil.copytree(ROOT / "examples" / "listing_finder", folder)
    client = [sys.executable, str(ROOT / "examples" / "ci" / "scripted_client.py"), str(folder)]
    (folder / "log.jsonl").write_text('{"input": "hi", "output": "hello"}\n')

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*client, *arguments], capture_output=True, text=True, check=False)

    shipped = run("finder", "log.jsonl", "--", "--junit", str(tmp_path / "evals.xml"))
    assert shipped.returncode == 0, shipped.stderr
    assert json.loads(shipped.stdout.splitlines()[0])["stored"] == 1
    assert "Gate: SHIP" in shipped.stdout
    assert 'tests="3"' in (tmp_path / "evals.xml").read_text()
    refused = run("absent")
    assert (refused.returncode, "There is no suite 'absent'" in refused.stderr) == (2, True)
    case = folder / "evals" / "cases" / "finder" / "case_two-beds-san-jose.yaml"
    case.write_text(case.read_text().replace("L103", "L104"))
    held = run("finder")
    assert (held.returncode, "Gate: HOLD" in held.stdout) == (1, True)
