"""`regrade install` changes what it must in the file of a client, and nothing else."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrade_server.cli import main
from regrade_server.clients import jsonc, toml

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TEAM = """{
    // the servers of the team
    "servers": {
        "other": {"command": "x"}, // keep
    },
    "inputs": [] /* none */
}
"""
OURS = """{
    // the servers of the team
    "servers": {
        "other": {"command": "x"}, // keep
        "regrade": {
            "type": "stdio",
            "command": "regrade",
            "args": [
                "--root",
                "${workspaceFolder}"
            ]
        }
    },
    "inputs": [] /* none */
}
"""
CODEX = """# mine
model = "o9" # the best
[mcp_servers.other]
command = "x"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a PATH on which `regrade` is found."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "regrade").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "regrade").chmod(0o755)
    (tmp_path / "repository").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def install(home: Path, *arguments: str) -> int:
    return main(["--root", str(home / "repository"), "install", *arguments])


@pytest.mark.parametrize(("client", "name", "key", "entry"), [
    ("claude-code", ".mcp.json", "mcpServers", {"command": "regrade", "args": []}),
    ("cursor", ".cursor/mcp.json", "mcpServers",
     {"command": "regrade", "args": ["--root", "${workspaceFolder}"]}),
    ("vscode", ".vscode/mcp.json", "servers",
     {"type": "stdio", "command": "regrade", "args": ["--root", "${workspaceFolder}"]}),
    ("codex", ".codex/config.toml", "mcp_servers",
     {"command": "regrade", "args": [], "startup_timeout_sec": 30, "tool_timeout_sec": 600}),
])  # fmt: skip
def test_a_file_that_is_not_there_is_made_and_the_doctor_finds_the_server_in_it(  # noqa: PLR0913
    client: str, name: str, key: str, entry: dict[str, Any], home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert install(home, client) == 0
    text = (home / "repository" / name).read_text()
    found = tomllib.loads(text) if name.endswith(".toml") else json.loads(text)
    assert found == {key: {"regrade": entry}}
    capsys.readouterr()
    main(["--root", str(home / "repository"), "doctor"])
    assert f"{name} starts this server" in capsys.readouterr().out


def test_in_ones_own_file_the_whole_path_stands_and_a_desktop_is_told_the_repository(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert install(home, "claude-code", "--user") == 0
    assert install(home, "claude-desktop", "--user") == 0
    command = str(home / "bin" / "regrade")
    code = json.loads((home / ".claude.json").read_text())
    desktop = json.loads((home / ".config/Claude/claude_desktop_config.json").read_text())
    assert code["mcpServers"]["regrade"] == {"command": command, "args": []}
    root = str(home / "repository")
    assert desktop["mcpServers"]["regrade"] == {"command": command, "args": ["--root", root]}


def test_comments_order_permissions_and_links_stay_and_a_second_time_nothing_changes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, linked = home / "repository" / "team.json", home / "repository" / ".vscode" / "mcp.json"
    real.write_text(TEAM)
    real.chmod(0o600)
    linked.parent.mkdir()
    linked.symlink_to(real)
    assert install(home, "vscode") == 0
    assert real.read_text() == OURS
    assert (linked.is_symlink(), stat.S_IMODE(real.stat().st_mode)) == (True, 0o600)
    before = real.stat().st_ino
    capsys.readouterr()
    assert install(home, "vscode", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    assert real.stat().st_ino == before


def test_a_dry_run_shows_the_change_and_makes_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(home, "cursor", "--dry-run") == 0
    assert '+    "regrade": {' in capsys.readouterr().out
    assert not (home / "repository" / ".cursor").exists()


def test_what_stands_beside_the_command_of_an_entry_that_is_there_stays(home: Path) -> None:
    path = home / "repository" / ".mcp.json"
    entry = '{"mcpServers": {"regrade": {"command": "%s", "env": {"A": "b"}%s}}, "z": 1}\n'
    path.write_text(entry % ("old", ""))
    assert install(home, "claude-code") == 0
    assert path.read_text() == entry % ("regrade", ', "args": []')


def test_the_toml_of_codex_is_added_to_and_then_mended_at_its_table_only(home: Path) -> None:
    path = home / "repository" / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(CODEX)
    assert install(home, "codex") == 0
    ours = path.read_text()
    assert ours.startswith(CODEX + "\n[mcp_servers.regrade]\n")
    mine = '[mcp_servers.regrade.env] # mine\nA = "b"\n'
    path.write_text(ours.replace('"regrade"', '"old" # was here').replace("30", "99") + mine)
    assert install(home, "codex") == 0
    assert path.read_text() == ours + mine


@pytest.mark.parametrize(("client", "name", "text", "told"), [
    ("vscode", ".vscode/mcp.json", "{", "cannot be changed without harm: Expecting property name"),
    ("vscode", ".vscode/mcp.json", '{"servers": []}', "its servers is no object"),
    ("vscode", ".vscode/mcp.json", '{"servers": {}, "servers": {}}', "names one thing twice"),
    ("cursor", ".cursor/mcp.json", '"a"', "it is no object"),
    ("cursor", ".cursor/mcp.json", "[" * 100_000, "it is nested too deep"),
    ("codex", ".codex/config.toml", "a = ", "cannot be changed without harm: Invalid value"),
    ("codex", ".codex/config.toml", "mcp_servers = {o = {command = 'x'}}\n", "without harm"),
    ("codex", ".codex/config.toml", "[mcp_servers]\nregrade = {command = 'x'}\n", "without harm"),
    ("codex", ".codex/config.toml", "[mcp_servers.regrade]\nargs = [\n 1,\n]\n", "without harm"),
])  # fmt: skip
def test_a_file_that_is_not_understood_is_refused_and_stays_as_it_is(  # noqa: PLR0913
    client: str, name: str, text: str, told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "repository" / name
    path.parent.mkdir()
    path.write_text(text)
    assert install(home, client) == 2
    err = capsys.readouterr().err
    assert told in err
    assert '"regrade"' in err
    assert path.read_text() == text
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("arguments", "told"), [
    (["curser"], "no client 'curser' (did you mean 'cursor'?)"),
    (["claude-desktop"], "no configuration for one repository"),
    (["vscode"], "leads out of the repository"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "repository" / ".vscode").symlink_to(home / "bin")
    assert install(home, *arguments) == 2
    assert told in capsys.readouterr().err


@given(
    document=st.dictionaries(st.text(), ANY),
    servers=st.dictionaries(st.text(), ANY),
    value=ANY,
    indent=st.sampled_from([None, 0, 2, 4, "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_any_json_says_afterwards_what_it_said_and_one_thing_more(
    document: dict[str, Any], servers: dict[str, Any], value: Any, indent: Any, newline: str
) -> None:
    held = {**document, "mcpServers": servers}
    text = '// first, with a " in it\n' + json.dumps(held, indent=indent) + "/* , */"
    after = jsonc.put(text.replace("\n", newline), ("mcpServers", "regrade"), value)
    assert jsonc.read(after) == {**held, "mcpServers": {**servers, "regrade": value}}
    assert after.startswith('// first, with a " in it')
    assert after.endswith("/* , */")
    assert jsonc.put(after, ("mcpServers", "regrade"), value) == after


@given(st.text() | st.text(alphabet='{}[]",:/* \n\\a1#=.'))
def test_whatever_a_file_holds_is_read_or_refused(text: str) -> None:
    for form in (jsonc, toml):
        try:
            form.read(text)
        except ValueError:
            continue
    try:
        after = jsonc.put(text, ("a", "b"), 1)
    except ValueError:
        return
    assert jsonc.read(after)["a"]["b"] == 1
