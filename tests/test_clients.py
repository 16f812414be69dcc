"""What is installed is started by the clients themselves, and bundles are what their makers say."""

import json
import os
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import anyio
import pytest
from mcp import Client, StdioServerParameters
from node import installed

from regrade_server.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
ROOT = Path(__file__).parents[1]
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody who has `regrade` on the PATH."""
    command = tmp_path / "bin" / "regrade"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m regrade_server "$@"\n')
    command.chmod(0o755)
    (tmp_path / "repository" / "evals").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    return tmp_path


def test_claude_code_connects_to_what_was_installed(
    home: Path, request: pytest.FixtureRequest
) -> None:
    claude = installed(request, "@anthropic-ai/claude-code@2.1.197")
    assert main(["--root", str(home / "repository"), "install", "claude-code", "--user"]) == 0
    done = claude.run("claude", "mcp", "list", cwd=home / "repository", **QUIET)
    assert f"regrade: {home}/bin/regrade  - \u2714 Connected" in done.stdout, done.stdout


def test_claude_code_takes_the_plugin_and_its_marketplace(
    home: Path, request: pytest.FixtureRequest
) -> None:
    claude = installed(request, "@anthropic-ai/claude-code@2.1.197")
    for folder in (ROOT, ROOT / "plugins" / "regrade"):
        done = claude.run("claude", "plugin", "validate", str(folder), cwd=home, **QUIET)
        assert (done.returncode, "warning" in done.stdout) == (0, False), done.stdout


def test_codex_reads_what_was_installed(home: Path, request: pytest.FixtureRequest) -> None:
    codex = installed(request, "@openai/codex@0.171.0")
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text('# mine\nmodel = "m"\n')
    assert main(["--root", str(home / "repository"), "install", "codex", "--user"]) == 0
    done = codex.run("codex", "mcp", "get", "regrade", "--json", cwd=home)
    found = json.loads(done.stdout)
    assert (found["enabled"], found["tool_timeout_sec"]) == (True, 600)
    assert found["transport"]["command"] == f"{home}/bin/regrade"


async def test_the_bundle_is_valid_and_holds_a_server_that_starts(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("a bundle is made of a checkout")
    mcpb = installed(request, "@anthropic-ai/mcpb@2.1.2")
    done = mcpb.run("mcpb", "validate", str(ROOT / "plugins" / "mcpb" / "manifest.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = tmp_path / "regrade.mcpb"
    await anyio.run_process([str(ROOT / "plugins" / "mcpb" / "build.sh"), str(bundle)])
    ZipFile(bundle).extractall(tmp_path / "bundle")
    sources = [str(tmp_path / "bundle" / part) for part in ("server", "tools", "prompts")]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "regrade_server", "--root", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
    )
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        guide = await client.read_resource("regrade://guide/start")
    assert tools[0].name == "overview"
    assert getattr(guide.contents[0], "text", "").startswith("# Start")
