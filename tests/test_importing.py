"""Suites of other tools become suites and cases, and what cannot be said is reported."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from regrade_server.cli import main
from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.models import Judge, JudgeSpec, PromptTarget
from regrade_tools.suites.soundness import problems


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals").mkdir()
    return tmp_path


def imported(
    root: Path, capsys: pytest.CaptureFixture[str], path: Path, *arguments: str
) -> dict[str, Any]:
    code = main(["import-suite", str(path), *arguments, "--root", str(root), "--json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)


def config(root: Path, **told: Any) -> Path:
    path = root / "pf" / "suite.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"prompts": ["{{q}}"], "providers": ["echo"], **told}))
    return path


def asserted(root: Path, capsys: pytest.CaptureFixture[str], *assertions: Any, **test: Any) -> Any:
    """The assertions of the one case, and the reasons of what was left out."""
    path = config(
        root, tests=[{"vars": {"q": "a", "n": 3, "yes": True}, "assert": assertions, **test}]
    )
    report = imported(root, capsys, path)
    left = [one["why"] for one in report["left_out"] if one["where"] != "the configuration"]
    (case,) = Workspace(root).cases("suite")
    return list(case.assertions), left


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("promptfoo/examples/getting-started.yaml", (2, 2, 0)),
        ("promptfoo/examples/json-output.yaml", (2, 2, 0)),
        ("promptfoo/examples/rag-eval.yaml", (2, 1, 1)),
        ("promptfoo/examples/simple-test.yaml", (5, 4, 1)),
        ("promptfoo/anthropic_courses/05_prompt_foo_code_graded_animals", (12, 12, 0)),
        ("promptfoo/anthropic_courses/06_prompt_foo_code_graded_classification", (20, 20, 0)),
        ("promptfoo/anthropic_courses/07_prompt_foo_custom_graders", (5, 0, 5)),
        ("promptfoo/anthropic_courses/08_prompt_foo_model_graded", (5, 10, 0)),
        ("promptfoo/anthropic_courses/09_custom_model_graded_prompt_foo", (8, 0, 8)),
        ("pydantic_evals/time_range_v1.yaml", (10, 0, 10)),
    ],
)
def test_a_real_suite_is_imported_and_what_is_left_out_is_counted(
    path: str,
    counted: tuple[int, int, int],
    data: Path,
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases, assertions, unasserted = counted
    report = imported(root, capsys, data / path, "--as", "real")
    assert (report["cases"], report["assertions"]) == (cases, assertions)
    assert len(report["unasserted"]) == unasserted
    found_in = Workspace(root)
    found = found_in.cases("real")
    filed = [name for name in report["written"] if name.startswith("evals/cases/")]
    assert len(found) == cases == len(filed)
    # Whatever was written, targets and judges too, is right as it stands, but that no run
    # could fail where nothing is asked.
    wrong = [told.partition(" has no assertion")[0].split()[-1] for told in problems(found_in)]
    assert wrong == sorted(report["unasserted"])
    shared = len(found_in.suite("real").assertions)
    assert sum(shared + len(case.assertions) for case in found) == assertions
    assert {case.id for case in found if "unasserted" in case.tags} == set(report["unasserted"])
    texts = [(root / name).read_text() for name in report["written"]]
    assert sum(text.count("# Not imported:") for text in texts) == len(report["left_out"])


def test_a_plain_yes_of_a_real_suite_stays_a_text(
    data: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(root, capsys, data / "promptfoo" / "examples" / "simple-test.yaml")
    inputs = [case.input for case in Workspace(root).cases("simple-test")]
    assert {"body": "Yes"} in inputs
    rubric = [
        case for case in Workspace(root).cases("simple-test") if case.reason.startswith("Use LLM")
    ]
    # Its other assertion stands behind a $ref.
    assert rubric[0].assertions == ({"type": "icontains", "value": "arrr"},)


def test_what_an_imported_suite_asserts_is_run(
    data: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data / "promptfoo" / "anthropic_courses" / "06_prompt_foo_code_graded_classification"
    imported(root, capsys, folder, "--as", "complaints")
    (root / "bot.py").write_text(
        "def answer(given):\n    return 'Software Bug: ' + given['complaint']\n"
    )
    (root / "evals" / "regrade.yaml").write_text("targets: {bot: {python: 'bot:answer'}}\n")
    assert main(["run", "complaints", "--target", "bot", "--root", str(root), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["summary"]
    assert (told["passed"], told["failed"], told["errored"]) == (4, 16, 0)


def test_files_that_are_there_are_kept_and_a_dry_run_writes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(root, tests=[{"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}])
    assert imported(root, capsys, path, "--dry-run")["written"] != []
    assert list((root / "evals").iterdir()) == []
    first = imported(root, capsys, path)
    edited = root / first["written"][1]
    edited.write_text(edited.read_text() + "# mine\n")
    again = imported(root, capsys, path)
    assert (again["written"], again["kept"]) == ([], first["written"])
    assert edited.read_text().endswith("# mine\n")


RUBRIC = {"type": "llm-rubric", "value": "Is {{tone}}", "provider": "openai:chat:gpt-4o"}


def test_prompts_become_targets_and_rubrics_judges_that_are_drafts(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [{"vars": {"input": "Hi", "tone": tone}, "assert": [RUBRIC]} for tone in ("dry", "odd")]
    path = config(
        root,
        prompts=["Say {{input}} in a {{ tone }} way", {"raw": "Echo {{ input }}", "label": "e"}],
        providers=["openai:gpt-4.1", {"id": "anthropic:messages:claude-x"}, "own:model"],
        tests=tests,
    )
    report = imported(root, capsys, path, "--as", "tones")
    (judge,) = report["judges"]
    assert report["targets"] == ["tones-1", "tones-2", "tones-3", "tones-4"]
    assert report["left_out"] == [
        {"where": "the configuration", "what": "provider own:model",
         "why": "it is no model that litellm has by this name; name one under a target"}
    ]  # fmt: skip
    workspace = Workspace(root)
    assert workspace.project().targets["tones-4"] == PromptTarget(
        prompt="evals/prompts/tones-2.md", model="anthropic/claude-x"
    )
    # There ``input`` is a variable, here all of them.
    prompts = [(root / "evals/prompts" / f"tones-{n}.md").read_text() for n in (1, 2)]
    assert prompts == ["Say {{input.input}} in a {{ tone }} way\n", "Echo {{ input.input }}\n"]
    assert JudgeFiles(workspace).judge(judge) == Judge(
        judge,
        JudgeSpec(criterion=judge, passes="Is [tone of the input]", model="openai/gpt-4o"),
        "{{ input }}\n\n{{ output }}",
    )
    assert [case.assertions for case in workspace.cases("tones")] == [
        ({"type": "judge", "judge": judge},)
    ] * 2
    assert workspace.suite("tones").target == "tones-1"


def test_a_project_that_is_there_is_left_alone_and_told_what_to_add(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = root / "evals" / "regrade.yaml"
    project.write_text("targets: {}  # mine\n")
    path = config(
        root,
        prompts="Answer {{q}}",
        providers="openai:gpt-4.1",
        tests=[{"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}],
    )
    report = imported(root, capsys, path, "--as", "asked")
    assert project.read_text() == "targets: {}  # mine\n"
    assert report["hint"].startswith(
        "Nobody is asked yet: add the lines to evals/regrade.yaml and "
    )
    assert report["declare"] == (
        "targets:\n  asked:\n    prompt: evals/prompts/asked.md\n    model: openai/gpt-4.1\n"
    )
    assert "evals/regrade.yaml" not in report["written"]
    assert Workspace(root).suite("asked").target == "recorded"
    # Once it is declared, nothing is left to add.
    project.write_text(report["declare"])
    assert "declare" not in imported(root, capsys, path, "--as", "asked")


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ("file://prompts.py:ask", "it is code"),
        ("exec.js", "it is code"),
        ("exec:./ask.sh --short", "it is a program"),
        ('[{"role": "system", "content": "Be kind"}]', "it is a list of messages"),
        ("{{ q", "it is no template of Jinja2"),
        ("{{ env.KEY }}", "it names variables of the environment"),
        ("none.txt", "there is no file"),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_left_out(
    prompt: str, why: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [{"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}]
    path = config(root, prompts=[prompt], providers=["openai:gpt-4.1"], tests=tests)
    report = imported(root, capsys, path)
    assert report["targets"] == []
    assert why in report["left_out"][0]["why"]
    assert report["left_out"][1]["why"] == "no prompt is left to ask it with"


@pytest.mark.parametrize(
    ("told", "spec"),
    [
        ({"type": "equals", "value": 2}, {"type": "equals", "value": "2"}),
        ({"type": "equals", "value": True}, {"type": "equals", "value": "true"}),
        ({"type": "equals", "value": {"a": 1}}, {"type": "equals", "value": {"a": 1}}),
        ({"type": "equals", "value": "{{q}} {{n}} {{yes}}"},
         {"type": "equals", "value": "a 3 true"}),
        ({"type": "equals", "value": "{{ q | upper }}"}, {"type": "equals", "value": "A"}),
        ({"type": "not-contains", "value": 7}, {"type": "not-contains", "value": "7"}),
        ({"type": "contains-all", "value": 'a, "b, c",, d '},
         {"type": "contains-all", "value": ["a", "b, c", "d"]}),
        ({"type": "contains-any", "value": ["{{q}}", 1]},
         {"type": "contains-any", "value": ["a", "1"]}),
        ({"type": "regex", "value": "^\\d+\\w[\\d-]$"},
         {"type": "regex", "value": "^[0-9]+[A-Za-z0-9_][0-9-]\\Z"}),
        ({"type": "regex", "value": "\\$[$\\]]\\/[^]"},
         {"type": "regex", "value": "\\$[$\\]]/[\\s\\S]"}),
        ({"type": "is-json", "value": "type: object"},
         {"type": "is-json", "value": {"type": "object"}}),
        ({"type": "is-json"}, {"type": "is-json"}),
        ({"type": "latency", "threshold": 5, "metric": "speed"},
         {"type": "latency", "threshold": 5}),
        ({"type": "word-count", "value": {"max": 5}}, {"type": "count", "of": "words", "max": 5}),
        ({"type": "not-word-count", "value": "5"},
         {"type": "not-count", "of": "words", "min": 5, "max": 5}),
        ({"type": "assert-set", "assert": [{"type": "is-json"}]}, {"type": "is-json"}),
        ({"type": "assert-set", "threshold": 1, "assert": [{"type": "is-json"}]},
         {"type": "is-json"}),
    ],
)  # fmt: skip
def test_an_assertion_keeps_its_meaning(
    told: dict[str, Any], spec: dict[str, Any], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asserted(root, capsys, told) == ([spec], [])


@pytest.mark.parametrize(
    ("kind", "value", "specs"),
    [
        ("tool-used", "{{q}}", [{"type": "tool-called", "name": "a"}]),
        ("tool-used", ["a", "b"], [{"type": "tools-called", "names": ["a", "b"]}]),
        ("tool-used", {"name": "a", "min": 2},
         [{"type": "tool-called", "name": "a", "times": ">= 2"}]),
        ("tool-used", {"name": "a", "max": 3},
         [{"type": "tool-called", "name": "a", "times": "1..3"}]),
        ("tool-sequence", ["a", {"name": "b"}],
         [{"type": "tools-called", "names": ["a", "b"], "order": "in-order"}]),
        ("tool-sequence", {"mode": "exact", "steps": ["a"]},
         [{"type": "tools-called", "names": ["a"], "order": "exact"}]),
        ("tool-args-match", {"name": "a", "args": {"city": "{{q}}"}},
         [{"type": "tool-called", "name": "a", "arguments": {"city": "a"}}]),
        ("step-count", {"type": "tool", "max": 4}, [{"type": "tool-call-count", "times": "<= 4"}]),
        ("step-count", {"type": "tool", "pattern": "a", "min": 1, "max": 2},
         [{"type": "tool-called", "name": "a", "times": "1..2"}]),
    ],
)  # fmt: skip
def test_a_trajectory_of_tools_is_asserted_as_calls_of_tools(
    kind: str, value: Any, specs: list[Any], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asserted(root, capsys, {"type": f"trajectory:{kind}", "value": value}) == (specs, [])


def test_of_tools_that_must_not_be_used_none_may_be(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = {"type": "not-trajectory:tool-used", "value": ["a", "b"]}
    order = {"type": "not-trajectory:tool-sequence", "value": ["a", "b"]}
    assert asserted(root, capsys, none, order) == (
        [
            {"type": "not-tool-called", "name": "a"},
            {"type": "not-tool-called", "name": "b"},
            {"type": "not-tools-called", "names": ["a", "b"], "order": "in-order"},
        ],
        [],
    )


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        ("file://provider.py", "`python: module:function`"),
        ("python:provider.py:ask", "`python: module:function`"),
        ("exec: node bot.js", "`command: [program, argument]`"),
        ({"id": "https://x.example/a", "config": {"method": "POST"}}, "`http: {url: ..., body:"),
        ("file://bot.mjs", "`command` or `http`"),
        ("echo", "it asks nobody"),
        ("unheard:of", "it is no model that litellm has"),
    ],
)
def test_a_provider_that_is_no_model_is_told_as_what_it_is(
    provider: Any, kind: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [{"vars": {"q": "a"}, "assert": [{"type": "is-json"}]}]
    report = imported(root, capsys, config(root, providers=[provider], tests=tests))
    (told,) = [one for one in report["left_out"] if one["what"].startswith("provider ")]
    assert kind in told["why"]
    assert not [one for one in report["left_out"] if one["what"].startswith("config ")]


def test_variables_are_what_promptfoo_makes_of_them(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "lang": "file://lang.txt",
        "block": "two\nlines\n",
        "both": "{{ lang }} and {{block}}",
        "home": "{{ env.TOWN }}",
        "braces": "{{ absent }} and {{",
        "asked": "Is it {{absent}}?",
        "list": [{"of": "{{ env.USER }}"}],
        "user": "{{ env.USER }}",
    }
    path = config(
        root,
        env={"TOWN": "Bern"},
        tests=[{"vars": told, "assert": [{"type": "icontains", "value": "{{lang}}"}]}],
    )
    (path.parent / "lang.txt").write_text("\n French\u00a0\n\n")
    report = imported(root, capsys, path)
    (case,) = Workspace(root).cases("suite")
    assert case.input == {
        **told,
        "lang": "French",
        "block": "two\nlines",
        "both": "French and two\nlines",
        "home": "Bern",
    }
    assert case.assertions == ({"type": "icontains", "value": "French"},)
    assert case.tags == ("todo",)
    lost = [one for one in report["left_out"] if one["where"] == "test 1"]
    assert [one["what"].partition(":")[0] for one in lost] == ["list", "user"]
    assert {one["why"] for one in lost} == {
        "it names a variable of the environment, which an import does not read: write it in"
    }


def test_what_a_rubric_is_judged_with_beside_its_words_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = {"type": "llm-rubric", "value": "kind", "provider": "openai:gpt-4o"}
    specs, left = asserted(
        root, capsys, kind | {"threshold": 0.8}, options={"rubricPrompt": "Grade it: {{output}}"}
    )
    assert [spec["type"] for spec in specs] == ["judge"]
    assert ["words of its own" in why for why in left] == [True, False]
    assert "has no score" in left[1]


IS_JSON = {"type": "is-json"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"type": "javascript", "value": "true"}, "it is code"),
        ({"type": "python", "value": "True"}, "it is code"),
        ({"type": "not-llm-rubric", "value": "kind"}, "is a draft of its judge"),
        ({"type": "similar", "value": "x"}, "a model measures it"),
        ({"type": "factuality", "value": "x"}, "a model compares it with a reference"),
        ({"type": "trajectory:tool-used", "value": "a*"}, "its name is a pattern"),
        ({"type": "trajectory:tool-used", "value": {"name": "a", "max": 0}}, "let nothing pass"),
        ({"type": "trajectory:step-count", "value": {"max": 3}}, "it counts spans of every kind"),
        ({"type": "trajectory:tool-args-match", "value": {"name": "a", "args": {"x": {"y": 1}}}},
         "must be equal as a whole"),
        ({"type": "trajectory:tool-args-match", "value": {"name": "a", "args": {}, "ignore": "x"}},
         "`ignore` changes what it means"),
        ({"type": "trajectory:goal-success", "value": "x"}, "a model judges it"),
        ({"type": "webhook", "value": "x"}, "it sends the output to an address"),
        ({"type": "path", "at": "a"}, "no type of promptfoo"),
        ({"value": "x"}, "it has no type"),
        ("is-json", "it has no type"),
        ({"type": "contains", "value": "x", "transform": "output.a"}, "`transform` changes"),
        ({"type": "contains", "value": "x", "weight": 0}, "it never fails"),
        ({"type": "contains", "value": ""}, "neither a text nor a number"),
        ({"type": "contains-any", "value": ["a", ""]}, "it decides nothing"),
        ({"type": "equals", "value": "{{absent}}"}, "'absent' is undefined"),
        ({"type": "equals", "value": "{% if q %}x{% endif %}"}, "if is no part of a template"),
        ({"type": "equals", "value": "{{ q.__class__ }}"}, "cannot be filled in"),
        ({"type": "equals", "value": "file://x.js"}, "it is code"),
        ({"type": "equals", "value": "file://absent.txt"}, "there is no file 'absent.txt'"),
        ({"type": "equals", "value": "file:///etc/hostname"}, "there is no file"),
        ({"type": "not-equals", "value": {"a": 1}}, "no JSON fails it"),
        ({"type": "regex", "value": "(?i)x"}, "no pattern of JavaScript"),
        ({"type": "regex", "value": "[\\D]"}, "ASCII in JavaScript alone"),
        ({"type": "regex", "value": "("}, "not a regular expression"),
        ({"type": "latency"}, "it has no threshold"),
        ({"type": "assert-set", "threshold": 0.5, "assert": [IS_JSON, IS_JSON]}, "a part of"),
        ({"type": "assert-set", "threshold": 0, "assert": [IS_JSON]}, "it never fails"),
        ({"type": "assert-set", "assert": [IS_JSON, {"type": "python"}]}, "it is code"),
    ],
)  # fmt: skip
def test_what_would_mean_something_else_is_left_out_with_the_reason(
    told: Any, why: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specs, left = asserted(root, capsys, told, IS_JSON)
    assert specs == [IS_JSON]
    assert len(left) == 1
    assert why in left[0]


def test_a_test_with_a_threshold_is_imported_only_where_every_assertion_must_hold(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = [{"type": "contains", "value": "a"}, {"type": "contains", "value": "b"}]
    assert asserted(root, capsys, *two, threshold=1) == (two, [])
    for case in (root / "evals" / "cases" / "suite").iterdir():
        case.unlink()
    specs, left = asserted(root, capsys, *two, threshold=0.5)
    assert specs == []
    assert len(left) == 2


def test_a_table_is_read_with_its_shorthand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(root, tests="file://rows.csv")
    (path.parent / "rows.csv").write_text(
        "q,__expected,__expected2,__description,__providerOutput\n"
        'a,"contains-all:x, y",not-icontains:z,first,x y\n'
        "b,{{q}},,,b\n"
        "c,levenshtein(3):abc,grade:is kind,,\n"
        "d,,,,\n"
    )
    report = imported(root, capsys, path)
    cases = {case.input["q"]: case for case in Workspace(root).cases("suite")}  # type: ignore[call-overload, index]
    assert cases["a"].assertions == (
        {"type": "contains-all", "value": ["x", "y"]},
        {"type": "not-icontains", "value": "z"},
    )
    assert cases["a"].reason == "first"
    assert cases["b"].assertions == ({"type": "equals", "value": "b"},)
    assert cases["d"].tags == ("todo", "unasserted")
    assert cases["d"].id in report["unasserted"]
    assert main(["run", "suite", "--select", "id:first-*", "--root", str(root)]) == 0


def test_a_whole_number_of_a_table_or_of_yaml_stays_whole(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    distant: list[Any] = [{"type": "levenshtein", "value": "ab", "threshold": 5.0}]
    path = config(root, tests=["file://rows.csv", {"vars": {"q": "b"}, "assert": distant}])
    (path.parent / "rows.csv").write_text(
        "q,__expected,__expected2\na,levenshtein(5):ab,latency(1500)\nc,rouge-n(0.5):ab,\n"
    )
    report = imported(root, capsys, path)
    specs = {str(case.input): case.assertions for case in Workspace(root).cases("suite")}
    distance = {"type": "levenshtein", "value": "ab", "threshold": 5}
    assert (report["unasserted"], specs) == (
        [],
        {
            "{'q': 'a'}": (distance, {"type": "latency", "threshold": 1500}),
            "{'q': 'b'}": (distance,),
            "{'q': 'c'}": ({"type": "rouge-n", "value": "ab", "threshold": 0.5},),
        },
    )
    assert ".0" not in "".join((root / name).read_text() for name in report["written"])


def test_the_metadata_of_a_test_are_the_columns_of_its_case(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(
        root,
        defaultTest={"metadata": {"team": "shop"}, "assert": [IS_JSON]},
        tests=["file://rows.csv", {"vars": {"q": "b"}, "metadata": {"topic": "refunds"}}],
    )
    (path.parent / "rows.csv").write_text(
        'q,__metadata:topic,__metadata:words[]\na,late,"x, y\\, z"\nc,,\n'
    )
    report = imported(root, capsys, path)
    assert {str(case.input): case.columns for case in Workspace(root).cases("suite")} == {
        "{'q': 'a'}": {"team": "shop", "topic": "late", "words": ["x", "y, z"]},
        "{'q': 'b'}": {"team": "shop", "topic": "refunds"},
        "{'q': 'c'}": {"team": "shop"},
    }
    assert [one["what"] for one in report["left_out"]] == ["provider echo", "prompt {{q}}"]


def test_how_the_tests_are_asked_is_taken_over_or_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"maxConcurrency": 8, "repeat": 200, "timeoutMs": 5, "showProgressBar": False}
    path = config(
        root,
        evaluateOptions=options,
        tests=[
            {"vars": {"q": "a"}, "assert": [IS_JSON | {"metric": "form"}]},
            {"vars": {"q": "b"}, "provider": "openai:gpt-4.1-mini", "odd": 1, "assert": [
                {"type": "assert-set", "assert": [{"type": "contains", "value": "x",
                                                   "metric": "words"}]}]},
            "file://rows.csv",
        ],
    )  # fmt: skip
    (path.parent / "rows.csv").write_text("q,__expected,__metric\nc,x,form\nd,y,same\n")
    report = imported(root, capsys, path)
    suite = Workspace(root).suite("suite")
    assert (suite.trials, suite.concurrency) == (100, 8)
    left = [(one["where"], one["what"], one["why"]) for one in report["left_out"]]
    assert left[2:] == [
        ("the configuration", "evaluateOptions.repeat 200", "at most 100 here"),
        ("the configuration", "evaluateOptions.timeoutMs 5", "say `timeout_s` in the target"),
        ("the configuration", "metric form, words, same",
         "a run counts by feature, scenario and case, not by assertion"),
        ("test 2", "provider openai:gpt-4.1-mini",
         "a suite asks one target for all its cases: give such tests a suite of their own"),
        ("test 2", "odd 1", "it has no counterpart here"),
    ]  # fmt: skip
    tags = {str(case.input): case.tags for case in Workspace(root).cases("suite")}
    assert (tags["{'q': 'a'}"], tags["{'q': 'b'}"]) == ((), ("todo",))


def test_tests_between_which_to_wait_are_asked_one_after_the_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(
        root,
        evaluateOptions={"maxConcurrency": 8, "delay": 500},
        tests=[{"vars": {"q": "a"}, "assert": [IS_JSON]}],
    )
    report = imported(root, capsys, path)
    assert Workspace(root).suite("suite").concurrency == 1
    assert [one["what"] for one in report["left_out"]][2:] == ["evaluateOptions.delay 500"]


def test_a_case_that_is_not_in_the_source_any_more_is_named_and_kept(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = {"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}
    first = imported(root, capsys, config(root, tests=[test]))
    edited = {**test, "assert": [{"type": "equals", "value": "c"}]}
    path = config(root, tests=[edited, {**test, "vars": {"q": "z"}}])
    before = Path(next(name for name in first["written"] if "/cases/" in name))
    assert imported(root, capsys, path, "--dry-run")["not_in_source"] == [before.stem]
    assert main(["import-suite", str(path), "--root", str(root)]) == 0
    assert (
        f"\n1 case of evals/cases/suite/ is not in the source: {before.stem}\n"
        in capsys.readouterr().out
    )
    assert len(Workspace(root).cases("suite")) == 3


def test_a_suite_that_asks_a_target_already_is_not_told_to_name_one(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [{"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}]
    path = config(root, providers=["openai:gpt-4.1"], tests=tests)
    (root / "evals" / "regrade.yaml").write_text("targets: {app: {command: [cat]}}\n")
    told = imported(root, capsys, path)
    assert (told["hint"].startswith("Nobody is asked yet"), "declare" in told) == (True, True)
    (root / "evals" / "suites" / "suite.yaml").write_text("target: app\n")
    again = imported(root, capsys, path)
    assert (again["hint"], "declare" in again) == ("regrade run suite asks app.", False)
    # One that is named and not there is still to be declared.
    (root / "evals" / "suites" / "suite.yaml").write_text("target: suite\n")
    assert "declare" in imported(root, capsys, path)


def test_tests_inherit_defaults_scenarios_and_values_that_stand_for_several(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(
        root,
        defaultTest={"vars": {"lang": "en"}, "assert": [{"type": "contains", "value": "{{lang}}"}]},
        tests=["more.yaml", "rows.jsonl", {"vars": {"q": ["x", "y"], "lang": "fr"}}],
        scenarios=[{"config": [{"vars": {"who": "a"}}, {"vars": {"who": "b"}}],
                    "tests": [{"vars": {"q": "{{who}}"},
                               "assert": [{"type": "equals", "value": "{{who}}"}],
                               "options": {"disableDefaultAsserts": True}}]}],
        evaluateOptions={"repeat": 3},
    )  # fmt: skip
    (path.parent / "more.yaml").write_text(
        "- &one {vars: {q: file://long.txt}, assert: [{type: is-json}]}\n"
        "- {<<: *one, vars: {q: No, lang: 'off'}}\n"
    )
    (path.parent / "long.txt").write_text("a long text\n")
    (path.parent / "rows.jsonl").write_text('{"vars": {"q": 1}}\n')
    imported(root, capsys, path)
    found = [(case.input, [spec.get("value") for spec in case.assertions])
             for case in Workspace(root).cases("suite")]  # fmt: skip
    expected = [
        ({"lang": "en", "q": "a long text"}, ["en", None]),
        ({"lang": "off", "q": "No"}, ["off", None]),
        ({"lang": "en", "q": 1}, ["en"]),
        ({"lang": "fr", "q": "x"}, ["fr"]),
        ({"lang": "fr", "q": "y"}, ["fr"]),
        ({"lang": "en", "who": "a", "q": "a"}, ["a"]),
        ({"lang": "en", "who": "b", "q": "b"}, ["b"]),
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert Workspace(root).suite("suite").trials == 3


def test_what_every_test_inherits_becomes_the_suites_own_assertions(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    polite, filled = {"type": "not-icontains", "value": "as an ai"}, "{{q}}"
    told: dict[str, Any] = {
        "defaultTest": {"assert": [polite, {"type": "contains", "value": filled}]},
        "tests": [{"vars": {"q": "one"}}, {"vars": {"q": "two"}, "assert": [{"type": "is-json"}]}],
    }
    report = imported(root, capsys, config(root, **told))
    found = Workspace(root)

    def asked() -> list[list[object]]:
        return sorted(
            [spec.get("value") for spec in one.assertions] for one in found.cases("suite")
        )

    assert found.suite("suite").assertions == (polite,)
    assert (asked(), report["assertions"], report["unasserted"]) == (
        [["one"], ["two", None]],
        5,
        [],
    )
    # A suite that is there may ask something else: what comes to it brings its own.
    (root / "evals" / "suites" / "suite.yaml").write_text("description: ours\n")
    told["tests"].append({"vars": {"q": "three"}})
    imported(root, capsys, config(root, **told))
    assert asked() == [["as an ai", "three"], ["one"], ["two", None]]


def test_a_suite_that_is_a_link_to_nothing_is_there_and_its_cases_ask_all(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = root / "evals" / "suites" / "suite.yaml"
    suite.parent.mkdir()
    suite.symlink_to("nowhere.yaml")
    polite = {"type": "not-icontains", "value": "as an ai"}
    path = config(root, defaultTest={"assert": [polite]}, tests=[{"vars": {"q": "one"}}])
    report = imported(root, capsys, path)
    assert (report["kept"], suite.is_symlink()) == (["evals/suites/suite.yaml"], True)
    [case] = (root / "evals" / "cases" / "suite").iterdir()
    assert "as an ai" in case.read_text()


def test_what_is_left_out_is_told_without_its_secrets(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    path = config(
        root,
        apiKey=key,
        webhook=f"https://example.org/?key={key}",
        providers=[{"id": "https://example.org", "config": {"headers": {"password": "hunter2"}}}],
        tests=[{"vars": {"q": "one"}, "assert": [{"type": "webhook", "value": f"x?k={key}"}]}],
    )
    report = imported(root, capsys, path)
    written = [(root / name).read_text() for name in report["written"]]
    told = "\n".join([json.dumps(report), *written])
    assert ("sk-proj" in told, "hunter2" in told, "[redacted:" in told) == (False, False, True)


def test_what_one_test_does_not_inherit_stays_with_the_others(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(
        root,
        defaultTest={"assert": [{"type": "contains", "value": "x"}]},
        tests=[
            {"vars": {"q": "one"}},
            {"vars": {"q": "two"}, "assert": [{"type": "is-json"}],
             "options": {"disableDefaultAsserts": True}},
        ],
    )  # fmt: skip
    imported(root, capsys, path)
    found = Workspace(root)
    assert found.suite("suite").assertions == ()
    assert sorted(str(case.assertions[0]["type"]) for case in found.cases("suite")) == [
        "contains",
        "is-json",
    ]


def test_files_beside_a_configuration_are_found_from_whatever_folder_it_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = {"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}
    path = config(root, tests=["file://tests/*.json"])
    (path.parent / "tests").mkdir()
    (path.parent / "tests" / "one.json").write_text(json.dumps([test]))
    monkeypatch.chdir(root)
    assert imported(root, capsys, path.relative_to(root))["assertions"] == 1


def test_a_pattern_looks_through_no_folder_outside_of_the_workspace(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = root / "workspace"
    (workspace / "evals").mkdir(parents=True)
    (root / "elsewhere").mkdir()
    prompts = ["file://../../**/*.txt", f"file://{root}/*/*.txt", "file://*/../../../elsewhere/*"]
    path = config(workspace, prompts=prompts, tests=[{"vars": {"q": "a"}, "assert": []}])
    (path.parent / "folder").mkdir()
    seen = list[Path]()
    looked = os.scandir

    def looking(folder: str) -> Any:
        seen.append(Path(folder).resolve())
        return looked(folder)

    monkeypatch.setattr(os, "scandir", looking)
    told = imported(workspace, capsys, path)["left_out"]
    assert sum("there is no file" in one["why"] for one in told) == 3
    assert [folder for folder in seen if folder in (root, root / "elsewhere")] == []


def test_a_scenario_that_stands_for_more_tests_than_anybody_wrote_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"vars": {"q": str(number)}} for number in range(101)]
    path = config(root, scenarios=[{"config": rows, "tests": rows}])
    assert main(["import-suite", str(path), "--root", str(root)]) == 2
    assert "scenario 1 stands for over 10,000 tests" in capsys.readouterr().err


def test_evaluators_of_pydantic_evals_become_assertions(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "capitals.yaml"
    path.write_text(
        "cases:\n- name: France\n  inputs: capital of France?\n  expected_output: Paris\n"
        "  metadata: {level: easy}\n  evaluators:\n"
        "  - Contains: {value: PARIS, case_sensitive: false}\n"
        "  - Contains: [x]\n  - MaxDuration: 1.5\n  - Polite\n"
        "evaluators: [EqualsExpected]\n"
    )
    report = imported(root, capsys, path)
    (case,) = Workspace(root).cases("capitals")
    assert case.assertions == (
        {"type": "equals", "value": "Paris"},
        {"type": "icontains", "value": "PARIS"},
        {"type": "latency", "threshold": 1500.0},
    )
    assert (case.corrected_output, case.columns) == ("Paris", {"level": "easy"})
    assert [one["what"] for one in report["left_out"]] == ['{"Contains":["x"]}', "Polite"]


def test_a_judge_of_pydantic_evals_becomes_a_draft_that_is_asked(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "capitals.yaml"
    path.write_text(
        "cases: [{name: one, inputs: x, expected_output: y}]\n"
        "evaluators:\n"
        "  - LLMJudge: {rubric: Names a city., model: 'openai:gpt-4o'}\n"
        "  - LLMJudge: {rubric: Is right., model: 'openai:gpt-4o', include_expected_output: true}\n"
        "  - LLMJudge: {rubric: Is short., model: 'openai:gpt-4o', assertion: false}\n"
    )
    report = imported(root, capsys, path)
    (judge,) = report["judges"]
    (case,) = Workspace(root).cases("capitals")
    assert case.assertions == ({"type": "judge", "judge": judge},)
    told = JudgeFiles(Workspace(root)).judge(judge).spec
    assert (told.passes, told.model) == ("Names a city.", "openai/gpt-4o")
    assert list(problems(Workspace(root))) == []
    assert ["is shown what is expected" in one["why"] for one in report["left_out"]] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "is not YAML"),
        ("a: 1", "neither a configuration of promptfoo nor a dataset of pydantic-evals"),
        ("prompts: []", "it has no test"),
        ("tests: tests.py", "it is code"),
        ("tests: https://docs.google.com/x", "it is fetched from elsewhere"),
        ("tests: ../../x.csv", "there is no file"),
    ],
)
def test_what_is_no_suite_is_refused(
    text: str, problem: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "x.yaml"
    path.write_text(text)
    assert main(["import-suite", str(path), "--root", str(root)]) == 2
    assert problem in capsys.readouterr().err


def test_the_report_for_a_person_tells_one_reason_once(
    data: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data / "promptfoo" / "anthropic_courses" / "07_prompt_foo_custom_graders"
    assert main(["import-suite", str(folder), "--root", str(root)]) == 0
    told = capsys.readouterr().out
    assert told.count('{"type":"python","value":"file://count.py"}') == 1
    assert "[test 1, test 2, test 3 and 2 more]" in told
    assert "Without any assertion: 5 cases" in told
    # A run says so, too, instead of passing cases that nothing could fail.
    assert main(["run", "07-prompt-foo-custom-graders", "--root", str(root)]) == 2
    assert "has no assertion, so nothing of it could fail" in capsys.readouterr().err


def test_a_gate_leaves_out_what_asserts_nothing_in_the_way_that_its_refusal_tells(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [
        {"vars": {"q": "a"}, "assert": [{"type": "contains", "value": "a"}], "providerOutput": "a"},
        {"vars": {"q": "b"}, "assert": [{"type": "similar", "value": "b"}], "providerOutput": "b"},
    ]
    imported(root, capsys, config(root, tests=tests))
    gate = ["gate", "suite", "--target", "recorded", "--root", str(root)]
    assert main(gate) == 2
    told = capsys.readouterr().err
    assert "`profiles: {pr: {select: -tag:unasserted}}` in evals/regrade.yaml" in told
    (root / "evals" / "regrade.yaml").write_text("profiles: {pr: {select: -tag:unasserted}}\n")
    assert main([*gate, "--profile", "pr"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out


def test_a_test_of_which_much_is_left_out_is_named_once_for_each_reason(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alike = [{"type": "similar", "value": "x"}] * 4
    test = {"description": "lists", "vars": {"q": "a"}, "assert": alike}
    path = config(root, tests=[test, {**test, "vars": {"q": "b"}, "description": "more"}])
    assert main(["import-suite", str(path), "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert out.count("[test 1 (lists), test 2 (more)]") == 1
