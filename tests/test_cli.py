import ctypes
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from console import answered, spoken

from regrade_server.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """A copy of the example, as a user's repository."""
    folder = tmp_path / "finder"
    shutil.copytree(ROOT / "examples" / "listing_finder", folder)
    return folder


def test_an_import_by_a_mapping_tells_which_fields_it_does_not_use_once_and_counted(
    finder: Path,
) -> None:
    rows = [
        {"q": "a", "reply": "b", "tools": ["x"], "ms": 5, "model": "m"},
        {"q": "c", "reply": "d", "ms": 7},
    ]
    for name in ("one.jsonl", "two.jsonl"):
        told = [json.dumps({**row, "file": name}) for row in rows]
        (finder / name).write_text("\n".join(told))
    words = ("import", str(finder / "*.jsonl"), "input=q", "output=reply", "--root", str(finder))
    code, out, _ = spoken(*words)
    assert code == 0
    notes = [line for line in out.splitlines() if "does not use" in line]
    assert "\n".join(notes) == (
        "  note: the mapping does not use file (4), ms (4), tools (2); a field may be mapped to "
        "input, output, id, name, session, model, timestamp, latency_ms, ttft_ms, cost_usd, "
        "input_tokens, output_tokens, tags, error, tool_calls, feedback, "
        "user, metadata"
    )
    code, out, _ = spoken("import", "latency_ms=ms", *words[1:])
    assert "does not use file (4), tools (2); " in out


def test_json_may_be_asked_for_before_a_command_as_well_as_behind_it(finder: Path) -> None:
    root = ("--root", str(finder))
    asked = [("--json", *root, "search"), ("search", *root, "--json"), (*root, "--json", "search")]
    assert len({spoken(*words) for words in asked}) == 1
    code, out, _ = spoken("--json", "guide", "query")
    assert (code, json.loads(out)["topic"]) == (0, "query")


def test_a_dry_run_of_an_import_reads_and_reports_and_stores_nothing(finder: Path) -> None:
    log = finder / "log.jsonl"
    log.write_text('{"input": "a", "output": "b"}\n{broken\n{"input": "a", "output": "b"}')
    words = ("import", str(log), "--root", str(finder))
    code, out, _ = spoken(*words, "--dry-run")
    assert code == 0
    assert out.startswith("2 traces would be stored, 0 known already, 1 skipped\n  skipped log")
    assert out.endswith("Nothing was stored: this was a dry run.\n")
    assert not (finder / ".regrade").exists()
    assert answered(*words)[1]["stored"] == 2
    log.write_text(log.read_text() + '\n{"input": "c", "output": "d"}')
    again = answered(*words, "--dry-run")[1]
    assert (again["stored"], again["already_known"]) == (1, 2)
    assert answered("search", "--root", str(finder))[1]["total"] == 2


def test_an_import_tells_what_it_stored_what_it_knew_and_what_it_skipped(finder: Path) -> None:
    log = finder / "log.jsonl.gz"
    lines = [
        '{"input": "a", "output": "b"}',
        "{broken",
        '{"neither": 1}',
        '{"input": "c", "output": 1}',
    ]
    log.write_bytes(gzip.compress("\n".join(lines).encode()))
    code, out, _ = spoken("import", str(log), "--root", str(finder))
    assert code == 0
    assert out == (
        "2 traces stored, 0 known already, 2 skipped\n"
        "  skipped log.jsonl.gz:2 is not JSON: Expecting property name enclosed in double quotes "
        "at column 2\n"
        "  skipped log.jsonl.gz:3 is in no known format (its fields: neither); name the fields, "
        "such as input=question output=answer\n"
        "  note: 2 traces without a time of their own: newest and since: go by when they were "
        "imported; where a field holds it, remove them (`regrade prune --query source:FILE "
        "--no-keep-labelled --no-keep-cases`) and import them with timestamp=FIELD: they have the "
        "same ids\n"
    )
    code, again = answered("import", str(log), "--root", str(finder))
    assert (code, again["stored"], again["already_known"]) == (0, 0, 2)


def test_an_import_takes_other_names_of_fields_and_tags(finder: Path) -> None:
    (finder / "log.csv").write_text("question,reply\nwhere is it,over there\n")
    root = ("--root", str(finder))
    code, done = answered(
        "import", str(finder / "log.csv"), "input=question", "output=reply",
        "--tag", "prod", *root,
    )  # fmt: skip
    assert (code, done["stored"]) == (0, 1)
    code, page = answered("search", "tag:prod", "over", *root)
    assert (code, page["total"], page["traces"][0]["preview"]) == (0, 1, "where is it")


def test_standard_input_is_imported(finder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.BytesIO(b'{"input": "a", "output": "b"}\n')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped))
    code, done = answered("import", "-", "--root", str(finder))
    assert (code, done["stored"]) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("import", "absent.jsonl"), "There is no log at 'absent.jsonl'."),
        (("search", "statsu:error"), "There is no qualifier 'statsu' (did you mean 'status'?)"),
        (("search", "--limit", "0"), "limit is 0; it is 1 to 100."),
        (("search", "--cursor", "x"), "The cursor 'x' is not one that a search gave."),
        (("run", "fnder"), "There is no suite 'fnder' (did you mean 'finder'?)"),
        (("run", "finder", "--target", "ap"), "There is no target 'ap' (did you mean 'app'?)"),
        (("run", "finder", "--select", "tag:x"), "None of the 3 cases is selected by 'tag:x'."),
        (("run", "finder", "--trials", "0"), "trials is 0; it is 1 to 100."),
        (("run", "finder", "--baseline", "run_x"), "There is no run 'run_x' of the suite"),
        (("gate", "finder", "--baseline", "main"), "'main' is neither a run, nor a"),
        (("gate", "finder", "--max-drop", "2"), "--max-drop is 2; it is 0 to 1."),
        (("gate", "finder", "--max-broken", "-1"), "--max-broken is -1; it is 0 or more."),
        (("gate", "finder", "--trials", "101"), "--trials is 101; it is 1 to 100."),
        (("gate", "finder", "--budget-usd", "nan"), "--budget-usd is nan; it is more than 0."),
        (("gate", "finder", "--accept", " "), "--accept says nothing."),
        (("gate", "finder", "--profile", "prr"), "There is no profile 'prr' (did you mean 'pr'?)"),
        (("gate", "finder", "--profile", "smoke"), "None of the 3 cases is selected by 'tag:smoke"),
        (("gate", "finder", "--run-id", "run_x"), "There is no run 'run_x'"),
        (("gate", "finder", "--suite", "other"), "Name one suite."),
        (("schema", "siute"), "There is no schema 'siute' (did you mean 'suite'?)"),
        (("call", "overview", "{"), "The arguments are not JSON"),
        (("call", "overview", "[]"), "The arguments are a JSON object."),
        (("call", "search_traces", "limit=2", "red"), "'red' names no argument."),
        (("call", "search_traces", "limit=few"), "Invalid arguments for search_traces: limit"),
        (("call", "overveiw"), "There is no tool 'overveiw' (did you mean 'overview'?)"),
    ],
)
def test_a_mistake_is_a_refusal_with_exit_code_two(
    arguments: tuple[str, ...], problem: str, finder: Path
) -> None:
    code, out, error = spoken(*arguments, "--root", str(finder))
    assert code == 2
    assert out == ""
    assert error.startswith(f"regrade: {problem}")


def test_the_only_suite_needs_no_name_and_one_of_several_does(finder: Path) -> None:
    code, told = answered("run", "--target", "recorded", "--root", str(finder))
    assert (code, told["summary"]["suite"]) == (3, "finder")
    suites = finder / "evals" / "suites"
    (suites / "other.yaml").write_text("target: recorded\n")
    # One that asks nothing yet, such as `init` writes, is in nobody's way.
    assert ": finder on app, done" in spoken("gate", "--root", str(finder))[1]
    (suites / "other.yaml").write_text("target: recorded\ndataset: {path: rows.jsonl}\n")
    code, _, error = spoken("gate", "--root", str(finder))
    assert (code, error) == (2, "regrade: Name one suite.\n  There are: finder, other.\n")


def test_a_tool_is_called_with_named_arguments_and_all_are_listed(finder: Path) -> None:
    (finder / "log.jsonl").write_text('{"input": "5", "output": "b"}\n')
    root = ("--root", str(finder))
    assert spoken("import", str(finder / "log.jsonl"), *root)[0] == 0
    words = ("query=5", "limit=1", 'fields=["id", "preview"]')
    code, out, _ = spoken("call", "search_traces", *words, *root)
    [row] = json.loads(out)["traces"]
    assert (code, sorted(row), row["preview"]) == (0, ["id", "preview"], "5")
    code, out, _ = spoken("call", *root)
    assert code == 0
    assert out.startswith("overview ")
    assert "\nrun_suite " in out


def test_a_checked_output_that_fails_ends_a_call_as_cases_that_fail_do(finder: Path) -> None:
    def checked(output: str, *more: str) -> int:
        words = (f"output={output}", *more, "--root", str(finder))
        return spoken("call", "check_output", *words)[0]

    slow = 'assertions=[{"type": "regex", "value": "(?:(?:a|a)|(?:a|a))+$"}]'
    asked = 'assertions=[{"type": "no-secrets"}]'
    assert (checked("fine", asked), checked("AKIAIOSFODNN7EXAMPLE", asked)) == (0, 1)
    assert checked("a" * 99 + "!", slow) == 3


def test_a_call_says_by_its_code_whether_there_is_something_to_mend(tmp_path: Path) -> None:
    root = ("--root", str(tmp_path))
    assert main(["init", *root]) == 0
    assert spoken("call", "search_traces", "query=nosuch:", *root)[0] == 2
    (tmp_path / ".regrade").mkdir(exist_ok=True)
    (tmp_path / ".regrade" / "store.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000)
    for words in (("call", "search_traces"), ("search", "x")):
        code, _, error = spoken(*words, *root)
        assert (code, "is damaged, cut short or not a store" in error) == (3, True)


def test_one_word_is_a_list_of_one(finder: Path) -> None:
    (finder / "log.jsonl").write_text('{"input": "5", "output": "b"}\n')
    root = ("--root", str(finder))
    assert spoken("import", str(finder / "log.jsonl"), *root)[0] == 0
    _, out, _ = spoken("call", "search_traces", "fields=preview", *root)
    [row] = json.loads(out)["traces"]
    assert (sorted(row), row["preview"]) == (["id", "preview"], "5")


def test_words_are_taken_before_and_behind_options(finder: Path) -> None:
    tool = ["call", "overview", "--root", str(finder), "name=assertions"]
    assert answered(*tool)[0] == 0
    code, _, told = spoken("label", "taste", "--status", "tag:prod", "--root", str(finder))
    assert (code, "There is no criterion 'taste'" in told) == (2, True), told
    assert answered("search", "--limit", "1", "San", "-Jose", "--root", str(finder))[0] == 0


def test_a_server_that_a_person_starts_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def ended(_: object) -> None: ...

    monkeypatch.setattr("anyio.run", ended)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert main(["--root", str(tmp_path)]) == 0
    assert "as a client starts it" in capsys.readouterr().err


def test_a_refusal_is_also_told_to_a_program(finder: Path) -> None:
    code, told = answered("run", "absent", "--root", str(finder))
    assert (code, told["refused"]) == (2, "There is no suite 'absent'; valid: finder.")


def test_a_run_exits_with_one_where_cases_fail_and_three_where_they_are_errored(
    finder: Path,
) -> None:
    root = ("--root", str(finder))
    assert spoken("run", "finder", *root)[0] == 0
    program = finder / "finder.py"
    right = program.read_text()
    program.write_text(right.replace("cheapest first", "").replace("[0]['id']", "[1]['id']"))
    code, _, _ = spoken("run", "finder", *root)
    assert code == 3
    program.write_text(right.replace("I found one", "There is one"))
    code, out, _ = spoken("run", "finder", *root)
    assert code == 1
    assert "FAILED case_two-beds-san-jose (find_listings / one)" in out


def test_a_gate_compares_with_the_baseline_of_a_git_reference(finder: Path) -> None:
    root = ("--root", str(finder))
    git(finder, "init", "-q", "-b", "main")
    assert spoken("run", "finder", "--save-baseline", *root)[0] == 0
    git(finder, "add", ".")
    git(finder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first")
    (finder / "evals" / "baselines" / "finder.json").unlink()
    (finder / "evals" / "cases" / "finder" / "case_one-bed-oakland.yaml").unlink()
    code, told = answered("gate", "finder", "--baseline", "git:main", *root)
    assert (code, told["ruling"]["decision"], told["ruling"]["baseline_rate"]) == (
        1,
        "needs_review",
        1.0,
    )
    assert told["ruling"]["comparison"]["loosened"] == [
        "case_one-bed-oakland: the case is gone",
        "the file of the baseline is gone",
    ]
    bare = answered("gate", "finder", "--baseline", "main", *root)[1]
    for one in (bare, told):
        # No two runs take the same time.
        del one["ruling"]["comparison"]["took"]
    assert bare["ruling"] == told["ruling"]
    for reference in ("--output=x", "git:--output=x", "git:", "git:absent", "git:a\tb"):
        code, out, error = spoken("gate", "finder", f"--baseline={reference}", *root)
        assert (code, out) == (2, "")
        assert "is neither a run, nor a file, nor a git reference here." in error


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": ""}
    )


def test_a_gate_holds_what_broke_and_lacks_evidence_when_the_target_breaks(finder: Path) -> None:
    root = ("--root", str(finder))
    spoken("run", "finder", "--save-baseline", *root)
    program = finder / "finder.py"
    right = program.read_text()
    program.write_text(right.replace("I found one", "There is one"))
    code, told = answered("gate", "--suite", "finder", *root)
    assert (code, told["ruling"]["comparison"]["broken"]) == (1, ["case_two-beds-san-jose"])
    assert told["ruling"]["reasons"] == [
        "1 case passed in the baseline and now fails: case_two-beds-san-jose",
        "the pass rate fell from 100.0% to 66.7%, by more than 2 points",
    ]
    lax = ("--max-drop", "0.5", "--max-broken", "1")
    code, out, _ = spoken("gate", "finder", *lax, *root)
    assert code == 1
    assert "because loosened since the baseline: 2 laxer terms of the gate" in out
    assert spoken("gate", "finder", *lax, "--accept", "it is known", *root)[0] == 0
    program.write_text(right.replace("wish = understand(question)", "raise OSError('no network')"))
    code, told = answered("gate", "--suite", "finder", *root)
    assert (code, told["ruling"]["decision"]) == (3, "insufficient_evidence")


def test_a_failing_critical_case_holds_whatever_the_rate(finder: Path) -> None:
    case = finder / "evals" / "cases" / "finder" / "case_two-beds-san-jose.yaml"
    case.write_text(case.read_text().replace("equals: L103", "equals: L104") + "tags: [critical]\n")
    code, told = answered(
        "gate", "--suite", "finder", "--min-pass-rate", "0.1", "--root", str(finder)
    )
    assert code == 1
    assert told["ruling"]["reasons"] == ["the critical case case_two-beds-san-jose failed"]


def test_a_first_evals_folder_is_written_and_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    root = ("--root", str(tmp_path))
    code, told = answered("init", *root)
    assert (code, told["written"]) == (0, ["evals/regrade.yaml", "evals/suites/main.yaml"])
    (tmp_path / "evals" / "regrade.yaml").write_text("# mine\n")
    assert answered("init", *root)[1]["written"] == []
    assert (tmp_path / "evals" / "regrade.yaml").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("regrade.yaml", "targets: {app: {shell: rm}}", "a target has one of the keys python, com"),
        ("regrade.yaml", "targets: [", "evals/regrade.yaml is not YAML"),
        ("suites/s.yaml", "trails: 3", "unknown field 'trails' (did you mean 'trials'?)."),
        (
            "suites/s.yaml",
            "features: {f: {scenarois: {}}}",
            "features.f: unknown field 'scenarois' (did you mean 'scenarios'?).",
        ),
        (
            "regrade.yaml",
            "targets: {app: {python: 'a:b', timeout: 1}}",
            "targets.app: unknown field 'timeout' (did you mean 'timeout_s'?).",
        ),
        ("cases/finder/x.yaml", "{zzz: 1}", "'id' is missing; unknown field 'zzz' (valid: assert"),
        ("suites/s.yaml", "[1]", "evals/suites/s.yaml is wrong"),
        ("cases/finder/x.yaml", "{id: y}", "holds the id 'y', which is not its name"),
        ("cases/absent/x.yaml", "{id: x}", "evals/cases/absent holds cases of no suite."),
        ("cases/finder/x.yaml", "{id: ../x}", "evals/cases/finder/x.yaml:1 is wrong: id: String"),
    ],
)
def test_what_is_wrong_in_evals_is_told_by_the_overview(
    path: str, text: str, problem: str, finder: Path
) -> None:
    file = finder / "evals" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    code, out, _ = spoken("call", "overview", "--root", str(finder))
    assert code == 0
    assert any(problem in told for told in json.loads(out)["problems"])


def test_an_unknown_kind_of_assertion_in_a_suite_is_one_clear_refusal(finder: Path) -> None:
    file = finder / "evals" / "suites" / "finder.yaml"
    file.write_text(file.read_text().replace("type: latency", "type: latencey"))
    code, _, error = spoken("run", "finder", "--root", str(finder))
    assert code == 2
    assert error.startswith(
        "regrade: evals/suites/finder.yaml:5: assertion 2: There is no assertion type 'latencey' "
        "(did you mean 'latency'?)"
    )


def test_the_terminal_shows_no_control_characters_of_a_trace(finder: Path) -> None:
    (finder / "log.jsonl").write_text('{"input": "\\u001b]0;owned\\u0007", "output": "x"}\n')
    root = ("--root", str(finder))
    spoken("import", str(finder / "log.jsonl"), *root)
    _, out, _ = spoken("search", *root)
    assert "\x1b" not in out
    assert "]0;owned" in out


def test_the_demo_goes_through_the_whole_loop(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    code, told = answered("demo", "--keep", str(folder))
    assert (code, told) == (
        0,
        {"folder": str(folder), "first_gate": "hold", "gate_after_mending": "ship"},
    )
    assert spoken("demo", "--keep", str(folder))[0] == 2
    _, out, _ = spoken("demo")
    assert [line for line in out.splitlines() if "| Gate:" in line] == [
        "   | Gate: HOLD", "   | Gate: SHIP", "   | Gate: NEEDS REVIEW",
    ]  # fmt: skip


# A process that may write nothing cannot write what it covered, and would say so.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def program(
    root: Path, *arguments: str, before: str = "", env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """What a fresh process of the command line says, after the statements ``before``."""
    code = (
        f"import os, resource, sys\n{before}\nos.execv(sys.executable, "
        "[sys.executable, '-m', 'regrade_server', *sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=root, capture_output=True, text=True,
        check=False, env={**UNMEASURED, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@contextmanager
def unprivileged() -> Generator[None]:
    """Root may read and write everything; without these two rights it is a user like any other."""
    if os.getuid() != 0:
        yield
        return
    kernel = ctypes.CDLL(None)
    header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert kernel.capget(header, held) == 0
    effective, *others = held
    # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, of this thread and of those that it starts.
    assert kernel.capset(header, (ctypes.c_uint32 * 6)(effective & ~0b110, *others)) == 0
    try:
        yield
    finally:
        assert kernel.capset(header, held) == 0


def refusal(said: tuple[int, str, str]) -> str:
    """What a command said that refused, without a traceback."""
    code, _, told = said
    assert code == 2, told
    assert told.startswith("regrade: ")
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("~nouser-at-all", "'~nouser-at-all' is no folder."),
        ("loop/inside", "'loop/inside' cannot be looked for: Symlink loop from "),
        ("x" * 300, "cannot be looked for: File name too long."),
        ("x" * 5_000, "The workspace 'xxx"),
        ("absent\udcff", "is no folder."),
    ],
)
def test_a_workspace_that_cannot_be_is_refused(
    told: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    by_option = refusal(spoken("--root", told, "search"))
    monkeypatch.setenv("REGRADE_ROOT", told)
    by_name = refusal(spoken("search"))
    assert problem in by_option
    assert "Mend --root" in by_option
    assert "Mend REGRADE_ROOT" in by_name


def test_in_a_folder_that_was_removed_there_is_no_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "There is no workspace here." in refusal(spoken("run", "s"))
    told = refusal(spoken("--root", "relative", "search"))
    assert "The workspace 'relative' cannot be looked for: No such file or directory." in told


def test_a_log_with_the_name_of_nobody_s_home_is_not_there(tmp_path: Path) -> None:
    told = refusal(spoken("--root", str(tmp_path), "import", "~nouser-at-all/log.jsonl"))
    assert "There is no log at '~nouser-at-all/log.jsonl'." in told


def test_a_terminal_that_knows_ascii_only_gets_escapes_and_a_program_still_gets_json(
    tmp_path: Path,
) -> None:
    (tmp_path / "log.jsonl").write_text('{"input": "é 听 🙂", "output": "x"}\n')
    ascii_only = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    root = ("--root", str(tmp_path))
    spoken("import", str(tmp_path / "log.jsonl"), *root)
    _, told, _ = program(tmp_path, "search", *root, env=ascii_only)
    _, read, _ = program(tmp_path, "search", "--json", *root, env=ascii_only)
    refused = program(tmp_path, "run", "听", *root, env=ascii_only)
    assert r"\xe9 \u542c \U0001f642" in told
    assert json.loads(read)["traces"][0]["preview"] == "é 听 🙂"
    assert r"There is no suite '\u542c'" in refusal(refused)


def test_names_of_files_that_are_no_text_are_told_with_a_mark(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "evals" / "cases") + b"/\xff"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    Path(os.fsdecode(folder + b"/\xfe.yaml")).write_text("{id: x}")
    _, told, _ = spoken("call", "overview", "--root", str(tmp_path))
    assert json.loads(told)["problems"] == [
        "evals/cases/\ufffd holds cases of no suite.",
        "evals/cases/\ufffd/\ufffd.yaml holds the id 'x', which is not its name.",
    ]


@pytest.mark.parametrize("closed", ["evals", "evals/suites", "evals/cases", "evals/baselines"])
def test_a_folder_that_may_not_be_read_is_told_as_such(closed: str, finder: Path) -> None:
    (finder / "evals" / "baselines").mkdir()
    (finder / closed).chmod(0)
    root = ("--root", str(finder))
    with unprivileged():
        first, *rest = [
            spoken(*arguments, *root)
            for arguments in (("call", "overview"), ("run", "finder"), ("init",))
        ]
    (finder / closed).chmod(0o755)
    assert "cannot be read: Permission denied" in first[1] + first[2]
    for said in (first, *rest):
        assert "Traceback" not in said[2]
        if said[0] == 2:
            assert "cannot be read: Permission denied." in refusal(said)


def test_what_is_no_text_is_looked_for_as_one(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    root = ("--root", str(tmp_path))
    code, _, error = spoken("import", str(tmp_path / "log.jsonl"), "--tag", "\ufffd", *root)
    assert code == 0, error
    _, found = answered("search", "tag:\udcff", *root)
    assert found["traces"][0]["tags"] == ["\ufffd"]


def test_where_nothing_can_be_written_nothing_is_left_behind(tmp_path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))"
    full = program(tmp_path, "init", "--root", str(tmp_path), before=limit)
    assert "evals/regrade.yaml cannot be written: File too large." in refusal(full)
    assert list((tmp_path / "evals").iterdir()) == []
    (tmp_path / "evals").chmod(0o555)
    with unprivileged():
        closed = spoken("init", "--root", str(tmp_path))
    (tmp_path / "evals").chmod(0o755)
    assert "evals/regrade.yaml cannot be written: Permission denied." in refusal(closed)
    assert list((tmp_path / "evals").iterdir()) == []


def test_a_call_with_json_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    deep = f'{{"query": {"[" * 100_000}{"]" * 100_000}}}'
    code, _, error = spoken("call", "search_traces", deep, "--root", str(tmp_path))
    assert code == 2
    assert error.startswith("regrade: The arguments are not JSON: it is nested too deep.\n")


def test_no_message_steers_the_terminal(finder: Path) -> None:
    sly = "\x1b]0;owned\x07\x9b2J\u202e"
    (finder / "finder.py").write_text(
        f"def answer(question):\n    return {{'listings': [], 'message': {sly!r}}}\n"
    )
    target = finder / "evals" / "regrade.yaml"
    target.write_text("targets: {app: {python: 'finder:answer'}}\n")
    (finder / "log.jsonl").write_text(json.dumps({"input": sly, "output": "x"}))
    root = ("--root", str(finder))
    spoken("import", str(finder / "log.jsonl"), *root)
    for arguments in (("run", "finder"), ("run", sly), ("gate", "--suite", "finder"),
                      ("search",), ("search", "--json"), ("call", "search_traces"),
                      ("call", "overview", json.dumps({"name": sly}))):  # fmt: skip
        _, out, error = spoken(*arguments, *root)
        assert not set("\x1b\x07\x9b\u202e") & set(out + error)
        assert "]0;owned" in out + error


def test_the_words_of_an_operator_are_refused_and_in_quotes_they_are_words(finder: Path) -> None:
    (finder / "log.jsonl").write_text('{"input": "this OR that", "output": "x"}\n')
    root = ("--root", str(finder))
    spoken("import", str(finder / "log.jsonl"), *root)
    code, _, error = spoken("search", "this OR that", *root)
    assert code == 2
    assert error.startswith("regrade: OR is no operator here: all terms must match.")
    _, page = answered("search", 'this "OR" that', *root)
    assert page["total"] == 1


def test_every_field_of_every_assertion_says_what_it_is_and_a_project_has_none() -> None:
    kinds = json.loads(spoken("schema", "assertion")[1])["oneOf"]
    fields = {
        f"{kind['title']}.{name}": field
        for kind in kinds
        for name, field in kind["properties"].items()
        if name != "type"
    }
    assert [name for name, field in fields.items() if not field.get("description")] == []
    project = json.loads(spoken("schema", "project")[1])
    assert "Assertion" not in project["$defs"]
    assert "Assertion" in json.loads(spoken("schema", "case")[1])["$defs"]


def test_a_first_suite_is_whole_and_the_next_step_is_printed(tmp_path: Path) -> None:
    root = ("--root", str(tmp_path))
    _, out, _ = spoken("init", *root)
    assert "Next: `regrade import PATH`" in out
    _, told, _ = spoken("call", "overview", *root)
    assert json.loads(told)["suites"] == [
        {"suite": "main", "cases": 0, "target": "recorded", "description": "The first suite.",
         "baseline": False},
    ]  # fmt: skip
    assert "problems" not in json.loads(told)
    # What is only shown in comments is valid, too.
    suite = tmp_path / "evals" / "suites" / "main.yaml"
    head, mark, rest = suite.read_text().partition("#features:")
    suite.write_text(head + "\n".join(line.removeprefix("#") for line in (mark + rest).split("\n")))
    _, told, _ = spoken("call", "overview", '{"name": "main"}', *root)
    assert [line["scenario"] for line in json.loads(told)["details"]] == ["answers / unknown"]


@pytest.mark.parametrize("command", [("demo",), ("gate", "finder"), ("schema", "case")])
def test_a_reader_that_leaves_is_no_error_and_no_decision(
    command: tuple[str, ...], finder: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "regrade_server", *command],
        cwd=finder,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_empty_suite_of_init_stands_in_the_way_of_no_other(finder: Path) -> None:
    root = ("--root", str(finder))
    (finder / "evals" / "suites" / "main.yaml").write_text("description: The first suite.\n")
    assert "finder on " in spoken("run", *root)[1]
    assert "main" not in json.loads(spoken("call", "overview", *root)[1])["next_step"]
