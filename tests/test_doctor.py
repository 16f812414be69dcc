"""What the doctor finds."""

import json
import os
from pathlib import Path

import anyio
import pytest

from regrade_server.cli import main
from regrade_server.doctor import Doctor
from regrade_server.findings import Finding
from regrade_server.sqlite import SqliteStore
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Trace


def examined(root: Path, **environment: str) -> list[Finding]:
    """What is found beside Python itself."""
    found = Doctor(Workspace(root), environment, root / "home", (root / "packages",)).findings()
    return [finding for finding in found if finding.about != "python"]


def written(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def told(root: Path, about: str, **environment: str) -> list[tuple[str, str]]:
    found = examined(root, **environment)
    return [(finding.level, finding.told) for finding in found if finding.about == about]


def test_a_fresh_folder_has_nothing_wrong_and_is_told_how_to_begin(tmp_path: Path) -> None:
    assert examined(tmp_path) == [
        Finding("workspace", "good", f"{tmp_path} (--root)"),
        Finding("evals", "note", "There is no evals/ yet.", "Run `regrade init`."),
        Finding("store", "note", "There is none yet.", "Run `regrade import PATH`."),
    ]


def test_keys_are_named_and_never_shown(tmp_path: Path) -> None:
    project = (
        "models: {m: {model: openai/gpt-4o, api_key_env: M_KEY}}\n"
        "targets: {t: {http: {url: 'http://a', headers: {Authorization: 'B ${T_KEY}'}}}}\n"
    )
    written(tmp_path, **{"evals__regrade.yaml": project})
    assert told(tmp_path, "key", M_KEY="sk-secret") == [
        ("good", "M_KEY is set, for model m"),
        ("wrong", "T_KEY is not set; target t needs it."),
    ]


def test_an_interpreter_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    target = "targets: {t: {python: 'a:b', interpreter: venv/bin/python}}"
    written(tmp_path, **{"evals__regrade.yaml": target})
    assert told(tmp_path, "target") == [
        ("wrong", "t: The interpreter 'venv/bin/python' is not there.")
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def answer(given): return given", ("good", "t: bot:answer, ")),
        ("async def answer(given): ...", ("good", "t: bot:answer, ")),
        ("from other import reply as answer", ("good", "t: bot:answer, ")),
        ("answer, other = make()", ("good", "t: bot:answer, ")),
        (
            "try:\n    import x\nexcept ImportError:\n    def answer(given): ...",
            ("good", "t: bot:answer, "),
        ),
        ("with a() as answer: pass", ("good", "t: bot:answer, ")),
        (
            "def answers(given): ...",
            ("wrong", "t: bot.py has no answer (did you mean 'answers'?)."),
        ),
        ("def outer():\n    def answer(given): ...", ("wrong", "t: bot.py has no answer.")),
        ("from other import *", ("note", "t: bot.py does not say whether it has answer; ")),
        ("def (", ("note", "t: bot.py cannot be read as Python: ")),
        (None, ("note", "t: bot is no file of the workspace: a run shows")),
        # Whoever imported it would be told.
        ("raise SystemExit('imported')\ndef answer(given): ...", ("good", "t: bot:answer, ")),
    ],
)
def test_the_function_of_a_target_is_looked_for_in_the_text_of_its_module(
    text: str | None, found: tuple[str, str], tmp_path: Path
) -> None:
    written(tmp_path, **{"evals__regrade.yaml": "targets: {t: {python: 'bot:answer'}}"})
    if text is not None:
        written(tmp_path, **{"bot.py": text})
    [(level, words)] = told(tmp_path, "target")
    assert (level, words[: len(found[1])]) == found


def test_a_module_that_a_package_lacks_and_a_missing_preprocess_are_wrong(tmp_path: Path) -> None:
    project = "targets: {t: {python: 'app.bot:answer', preprocess: 'app:trim'}}"
    written(tmp_path, **{"evals__regrade.yaml": project})
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    assert told(tmp_path, "target") == [
        ("wrong", f"t: there is no module app.bot in {tmp_path}."),
        ("wrong", "t: app/__init__.py has no trim."),
    ]


def test_the_program_of_a_target_is_looked_for_as_it_would_be_started(tmp_path: Path) -> None:
    for name, mode in (("own/bot", 0o755), ("bot.sh", 0o755), ("plain.sh", 0o644)):
        written(tmp_path, **{name: "#!/bin/sh"})
        (tmp_path / name).chmod(mode)
    project = (
        "targets:\n"
        "  gone: {command: [nosuchprog, a]}\n"
        "  tool: {mcp: {command: [nosuchserver], tool: search}}\n"
        "  plain: {command: [./plain.sh]}\n"
        "  here: {command: [./bot.sh]}\n"
        f"  path: {{command: [bot], env: {{PATH: {tmp_path}/own}}}}\n"
        "  shell: {mcp: {command: [sh], tool: search}}\n"
    )
    written(tmp_path, **{"evals__regrade.yaml": project})
    found = told(tmp_path, "target", PATH="/bin")
    assert found == [
        ("wrong", "gone: nosuchprog is not found."),
        ("wrong", "tool: nosuchserver is not found."),
        ("wrong", f"plain: {tmp_path / 'plain.sh'} is no program."),
        ("good", f"here: {tmp_path / 'bot.sh'}"),
        ("good", f"path: {tmp_path}/own/bot"),
        ("good", "shell: /bin/sh"),
    ]


def test_a_configuration_that_cannot_be_read_is_mended_before_it_is_installed(
    tmp_path: Path,
) -> None:
    written(tmp_path, **{".mcp.json": "[", ".cursor/mcp.json": "{}"})
    mends = [finding.mend for finding in examined(tmp_path) if finding.about == "client"]
    assert mends == [
        "Mend the file, then run `regrade install claude-code`.",
        "Run `regrade install cursor`.",
    ]


def test_a_package_that_steals_keys_is_damage(tmp_path: Path) -> None:
    written(tmp_path, **{"packages__litellm_init.pth": "import os"})
    [(level, line)] = told(tmp_path, "packages")
    assert (level, line.partition(" is there")[0]) == (
        "damaged", str(tmp_path / "packages" / "litellm_init.pth"),
    )  # fmt: skip


def test_a_store_is_sound_or_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, **{"log.jsonl": '{"input": "a", "output": "b"}\n'})
    root = ["--root", str(tmp_path)]
    assert main([*root, "import", str(tmp_path / "log.jsonl")]) == 0
    assert main([*root, "doctor"]) == 0
    (tmp_path / ".regrade" / "store.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000)
    capsys.readouterr()
    assert main([*root, "doctor", "--json"]) == 3
    found = {one["about"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["store"]["level"] == "damaged"
    assert "is damaged, cut short or not a store" in found["store"]["told"]
    assert "import the logs again" in found["store"]["mend"]


def test_a_damage_that_is_no_text_is_a_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, **{"log.jsonl": '{"input": "a", "output": "b"}\n'})
    root = ["--root", str(tmp_path)]
    assert main([*root, "import", str(tmp_path / "log.jsonl")]) == 0
    store = tmp_path / ".regrade" / "store.db"
    content = bytearray(store.read_bytes())
    content[content.index(b"CREATE") + 3] = 0xF4
    store.write_bytes(content)
    for told in (["doctor"], ["search", "a"], ["call", "search_traces"]):
        capsys.readouterr()
        assert main([*root, *told]) == 3
        said = capsys.readouterr()
        assert "is damaged, cut short or not a store" in said.out + said.err


def test_what_sqlite_has_yet_to_take_into_the_store_counts_to_its_size(tmp_path: Path) -> None:
    written(tmp_path)
    store = SqliteStore(tmp_path / ".regrade" / "store.db")

    async def kept() -> None:
        said = os.urandom(1_500_000).hex()
        await store.append([Trace("tr_aaaaaaaaaaaaa", "x:1", "exchange", output=said)])

    anyio.run(kept)
    [(level, line)] = told(tmp_path, "store")
    store.close()
    size = float(line.rpartition(" MB")[0].rpartition(" ")[2])
    assert (level, size > 1) == ("good", True)


def test_a_store_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / ".regrade" / "store.db").mkdir(parents=True)
    [(_, line)] = told(tmp_path, "store")
    assert line.startswith("The disk failed under the store")


def test_a_file_that_is_wrong_is_named_and_the_exit_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, **{"evals__suites__s.yaml": "targt: x"})
    assert main(["--root", str(tmp_path), "doctor"]) == 2
    assert (
        "wrong    evals: evals/suites/s.yaml:1 is wrong: unknown field 'targt'"
        in capsys.readouterr().out
    )


def test_every_mistake_of_every_file_is_told_at_once_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = (
        "target: bott\n"
        "assertions:\n"
        "  - {type: contains, value: a}\n"
        "  - {type: path, at: intent, in: [x]}\n"
        "features:\n"
        "  find:\n"
        "    scenarios:\n"
        "      one:\n"
        "        assertions: [{type: latency, max: 2}]\n"
    )
    written(
        tmp_path,
        **{
            "evals__suites__s.yaml": suite,
            "evals__cases__s__a.yaml": "id: a\nassertions:\n  - {type: typo, value: b}\n",
            "evals__cases__s__b.yaml": "id: b\nexpectd: 1\n",
            "evals__cases__s__c.yaml": "id: c\nfeature: fnd\nassertions: [{type: judge, judge: j}]",
            "evals__suites__t.yaml": "{}",
            "evals__cases__t__d.yaml": "id: d\n",
        },
    )
    wrong = [
        "evals/suites/s.yaml:1: There is no target 'bott'",
        "evals/suites/s.yaml:4: assertion 2: The assertion 'path' is wrong: unknown field 'in'",
        "evals/suites/s.yaml:9: scenario find/one: assertion 1: The assertion 'latency' is wrong",
        "evals/cases/s/a.yaml:3: assertion 1: There is no assertion type 'typo'",
        "evals/cases/s/b.yaml:2 is wrong: unknown field 'expectd'",
        "evals/cases/s/c.yaml:3: assertion 1: There is no judge 'j'",
        "evals/cases/s/c.yaml: There is no feature 'fnd' (did you mean 'find'?)",
    ]
    rest = ["evals/cases/t/d.yaml: The case d has no assertion, so nothing of it could fail."]
    root = ("--root", str(tmp_path))

    assert main([*root, "doctor"]) == 2
    told = [line for line in capsys.readouterr().out.split("\n") if "evals: " in line]
    assert [begun for begun in (*wrong, *rest) if any(begun in line for line in told)] == [
        *wrong,
        *rest,
    ]
    main([*root, "call", "overview"])
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [line[: len(begun)] for line, begun in zip(found, (*wrong, *rest), strict=True)] == [
        *wrong,
        *rest,
    ]
    assert main([*root, "run", "s"]) == 2
    refused = capsys.readouterr().err
    assert refused.startswith("regrade: The files of 's' hold 7 mistakes:\n- evals/suites/s.yaml:1")
    assert [begun for begun in wrong if f"\n- {begun}" in refused] == wrong


def test_a_mistake_of_a_target_is_told_once_with_its_line_and_with_the_place_as_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = '{"assertions": [{"type": "contains", "value": "a"}]}'
    case = '{"id": "c", "input": "a", "recorded": {"output": "a"}}'
    project = "targets:\n  fine: {command: [cat]}\n  odd:\n    command: [echo, -n, null]\n"
    written(
        tmp_path,
        **{
            "evals__regrade.yaml": project,
            "evals__suites__s.yaml": asks,
            "evals__suites__t.yaml": asks,
            "evals__cases__s__c.yaml": case,
        },
    )
    wrong = (
        "evals/regrade.yaml:4 is wrong: targets.odd.command.2: Input should be a valid string "
        "(a plain `null`, `true` or number is no text in YAML: put it in quotes)."
    )
    assert told(tmp_path, "evals") == [("wrong", wrong)]
    root = ("--root", str(tmp_path))
    main([*root, "call", "overview"])
    assert json.loads(capsys.readouterr().out)["problems"] == [wrong]
    assert main([*root, "run", "s"]) == 2
    assert capsys.readouterr().err.startswith(f"regrade: {wrong}\n  `regrade schema project` says")


@pytest.mark.parametrize(
    ("name", "text", "level", "line"),
    [
        (".mcp.json", '{"mcpServers": {"r": {"command": "regrade-absent/regrade"}}}', "note",
         "starts 'regrade-absent/regrade', which is not found: give its whole path"),
        (".mcp.json", '{"mcpServers": {"r": {"command": "sh", "args": ["-m", "regrade_server"]}}}',
         "good", "starts this server"),
        (".vscode/mcp.json", '{"servers": {"r": {"command": "sh", "args": ["regrade"]}}}', "good",
         "starts this server"),
        (".vscode/mcp.json", '{"mcpServers": {"r": {"command": "sh", "args": ["regrade"]}}}',
         "note", "names no server of Regrade"),
        (".cursor/mcp.json", ('{"mcpServers": {"r": {"command": "sh", "args": ["regrade", '
         '"--root", "/other"]}}}'), "note", "serves another workspace: /other"),
        (".cursor/mcp.json", ('{"mcpServers": {"r": {"command": "sh", "args": ["regrade", '
         '"--root", "${workspaceFolder}"]}}}'), "good", "starts this server"),
        ("home/.codex/config.toml", '[mcp_servers.r]\ncommand = "sh"\nargs = ["regrade"]', "good",
         "starts this server"),
        (".mcp.json", "[", "note", "cannot be read: Expecting value: line 1 column 2 (char 1)"),
    ],
)  # fmt: skip
def test_the_configuration_of_a_client_is_read(
    name: str, text: str, level: str, line: str, tmp_path: Path
) -> None:
    written(tmp_path, **{name: text})
    assert told(tmp_path, "client") == [(level, f"{tmp_path / name} {line}")]
