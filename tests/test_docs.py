"""What docs/ shows is done: its files are written, its commands are run."""

import json
import re
from pathlib import Path

import pytest
from console import spoken
from pages import blocks, walked

from regrade_server.cli.main import parser
from regrade_tools.assertions import parse_all
from regrade_tools.documents import load
from regrade_tools.formats import FORMATS
from regrade_tools.models import Suite

DOCS = Path(__file__).parents[1] / "docs"
if not DOCS.is_dir():
    pytest.skip("docs/ is part of a checkout", allow_module_level=True)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def told(name: str, root: Path) -> None:
    """Run the commands of a page in ``root`` and compare what they print."""
    (root / "evals").mkdir(exist_ok=True)
    (root / "bin").mkdir(exist_ok=True)
    walked(page(name), root, root / "bin")


def test_the_page_on_datasets_prints_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "data").mkdir()
    suite, _, scorers, code = blocks("yaml", page("datasets.md"))
    (tmp_path / "evals" / "suites" / "support.yaml").write_text(suite)
    (tmp_path / "evals" / "data" / "questions.csv").write_text(
        blocks("csv", page("datasets.md"))[0]
    )
    told("datasets.md", tmp_path)
    (tmp_path / "evals" / "scorers.py").write_text(blocks("python", page("datasets.md"))[0])
    program = tmp_path / "evals" / "score.sh"
    program.write_text("#!/bin/sh\necho true\n")
    program.chmod(0o755)
    asked = suite.replace("assertions:\n  - {type: not-contains, value: As an AI}\n", scorers)
    (tmp_path / "evals" / "suites" / "scored.yaml").write_text(asked)
    _, out, error = spoken("run", "scored", "--root", str(tmp_path))
    assert "1 passed, 1 failed, 0 errored" in out, out + error
    parse_all(Suite.model_validate(load(code)).assertions, programs=True)


def test_the_page_on_importing_prints_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "pf").mkdir()
    (tmp_path / "pf" / "promptfooconfig.yaml").write_text(blocks("yaml", page("importing.md"))[0])
    told("importing.md", tmp_path)


def test_the_page_on_formats_prints_what_it_shows_and_names_each_format(tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text(blocks("json", page("formats.md"))[0])
    told("formats.md", tmp_path)
    named = re.findall(r"^\| `([a-z-]+)` \|", page("formats.md"), re.MULTILINE)
    assert sorted(named) == sorted(FORMATS)


def test_the_page_on_live_traces_prints_what_it_shows(tmp_path: Path) -> None:
    told("live.md", tmp_path)


def test_the_page_on_clients_prints_what_it_shows(tmp_path: Path) -> None:
    told("clients.md", tmp_path)
    [entry] = json.loads(blocks("json", page("clients.md"))[0])["mcpServers"].values()
    assert entry["command"] == "regrade"
    assert parser().parse_args(entry["args"]).root == Path("/path/to/repository")


def test_the_page_on_traces_prints_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(blocks("json", page("traces.md"))[0])
    told("traces.md", tmp_path)


def test_the_page_on_inputs_prints_what_it_shows(tmp_path: Path) -> None:
    suites = tmp_path / "evals" / "suites"
    suites.mkdir(parents=True)
    suite, rules = blocks("yaml", page("inputs.md"))
    (suites / "crm.yaml").write_text(suite)
    (suites / "recipes.yaml").write_text("{}\n")
    (tmp_path / "made.csv").write_text(blocks("csv", page("inputs.md"))[0])
    told("inputs.md", tmp_path)
    # The rules that are shown apart belong to the same suite.
    (suites / "crm.yaml").write_text(suite + rules)
    told("inputs.md", tmp_path)
