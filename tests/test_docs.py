"""What docs/ shows is done: its files are written, its commands are run."""

import json
import re
from pathlib import Path

import pytest
from console import spoken
from pages import blocks, walked

from regrade_server.cli.main import parser
from regrade_tools.assertions import KINDS, fields_of, parse, parse_all
from regrade_tools.files.documents import load
from regrade_tools.files.workspace import Workspace
from regrade_tools.formats import FORMATS
from regrade_tools.models import Case, Suite
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import redaction_of

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


def test_the_patterns_of_the_docs_redact_what_the_docs_say(tmp_path: Path) -> None:
    text = page("formats.md")
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "regrade.yaml").write_text(blocks("yaml", text)[0])
    clean = redaction_of(Workspace(tmp_path)).text("Ask for C-12345678")
    assert clean == "Ask for [redacted:customer_number]"
    assert clean in text


def test_the_page_on_live_traces_prints_what_it_shows(tmp_path: Path) -> None:
    told("live.md", tmp_path)


def test_the_page_on_clients_prints_what_it_shows(tmp_path: Path) -> None:
    told("clients.md", tmp_path)
    [entry] = json.loads(blocks("json", page("clients.md"))[0])["mcpServers"].values()
    assert entry["command"] == "regrade"
    assert parser().parse_args(entry["args"]).root == Path("/path/to/repository")


def test_the_page_on_traces_prints_what_it_shows(tmp_path: Path) -> None:
    log, said = blocks("json", page("traces.md"))
    (tmp_path / "log.jsonl").write_text(log)
    (tmp_path / "said.jsonl").write_text(said)
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


def test_the_fields_of_every_assertion_stand_in_the_docs_as_they_are() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", page("assertions.md"), re.MULTILINE)
    told = {name: fields.replace("`", "").strip() for name, fields in listed}
    assert told == {name: fields_of(name) for name in KINDS}


def test_what_the_docs_say_of_expressions_is_what_can_be_said() -> None:
    functions, methods = re.findall(
        r"^- .*the (?:functions|methods) (.*)$", page("assertions.md"), re.MULTILINE
    )
    with pytest.raises(Refusal) as refused:
        parse({"type": "expr", "value": "made(1)"})
    assert f"only these can be called: {functions.replace('`', '')}" in str(refused.value)
    with pytest.raises(Refusal) as refused:
        parse({"type": "expr", "value": "text.made()"})
    assert f"of a value: {methods.replace('`', '')}" in str(refused.value)
    shown = re.findall(r"such as `(len\(.*?)`", page("assertions.md"))
    assert len(shown) == 1
    parse({"type": "expr", "value": shown[0]})


def test_the_case_that_the_docs_show_is_one_with_every_field_that_people_write() -> None:
    written = next(one for one in blocks("yaml", page("suites.md")) if one.startswith("id:"))
    case = Case.model_validate(load(written))
    parse_all(case.assertions)
    theirs = {"candidate", "at_span", "provenance"}
    assert case.model_fields_set == set(Case.model_fields) - theirs


def test_a_person_reads_the_guides_that_agents_read() -> None:
    code, out, _ = spoken("guide", "assertions")
    assert code == 0
    assert '{"type": "latency", "threshold": 2000}` ' in out
    assert "(fields: value, at?)" in out
    assert spoken("guide")[1].startswith("# ")
    assert "(did you mean 'gate'?)" in spoken("guide", "gates")[2]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ({"type": "path", "at": "a", "in": [1]}, "unknown field 'in' (did you mean 'one_of'?)"),
        ({"type": "latency", "max": "2s"}, "unknown field 'max' (did you mean 'threshold'?)"),
        ({"type": "contains-any", "values": []}, "unknown field 'values' (did you mean 'value'?)"),
        ({"type": "expr", "value": "text | length > 0"}, "call a function, as in len("),
    ],
)
def test_a_field_that_people_guess_is_answered_with_what_it_is(wrong: Spec, meant: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(wrong)
    assert meant in str(refused.value)


def test_what_a_case_expects_is_its_corrected_output(tmp_path: Path) -> None:
    (tmp_path / "evals" / "cases" / "s").mkdir(parents=True)
    (tmp_path / "evals" / "suites").mkdir()
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("{}")
    (tmp_path / "evals" / "cases" / "s" / "a.yaml").write_text("{id: a, expected: b}")
    error = spoken("run", "s", "--root", str(tmp_path))[2]
    assert "unknown field 'expected' (did you mean 'corrected_output'?)" in error
