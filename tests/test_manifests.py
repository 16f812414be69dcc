"""What tells clients and registries of the server says what is true."""

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import regrade_server
from regrade_server.cli.main import parser
from regrade_server.house import House
from regrade_server.protocol.slash import COMMANDS

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "plugins" / "regrade"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def linked(start: str) -> dict[str, list[str]]:
    """The query of the README's link that begins so."""
    links: list[str] = re.findall(rf"\(({re.escape(start)}[^)]*)\)", README)
    [link] = links
    return parse_qs(urlsplit(link).query)


def starts_the_server(entry: dict[str, Any]) -> bool:
    parser().parse_args(entry["args"])
    return entry["command"] in PROJECT["scripts"]


def test_the_links_of_the_readme_hold_the_configuration_that_it_shows() -> None:
    cursor = linked("cursor://anysphere.cursor-deeplink/mcp/install")
    code = linked("https://insiders.vscode.dev/redirect/mcp/install")
    assert cursor["name"] == code["name"] == ["regrade"]
    shown = {"command": "regrade", "args": ["--root", "${workspaceFolder}"]}
    assert json.loads(base64.b64decode(cursor["config"][0], validate=True)) == shown
    assert json.loads(code["config"][0]) == shown
    assert starts_the_server(shown)


def test_the_manifest_for_registries_names_this_package_in_its_version() -> None:
    told = read(ROOT / "server.json")
    [package] = told["packages"]
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", told["name"])
    assert len(told["description"]) <= 100
    assert (package["identifier"], package["version"], told["version"]) == (
        PROJECT["name"], PROJECT["version"], PROJECT["version"],
    )  # fmt: skip
    assert package["transport"] == {"type": "stdio"}
    assert f"<!-- mcp-name: {told['name']} -->" in README


def test_the_plugin_starts_the_server_and_its_skill_names_what_is_there() -> None:
    plugin = read(PLUGIN / ".claude-plugin" / "plugin.json")
    [listed] = read(ROOT / ".claude-plugin" / "marketplace.json")["plugins"]
    assert (ROOT / listed["source"]).resolve() == PLUGIN
    assert (plugin["name"], plugin["version"]) == (listed["name"], PROJECT["version"])
    assert starts_the_server(plugin["mcpServers"]["regrade"])
    skill = (PLUGIN / "skills" / "regrade" / "SKILL.md").read_text(encoding="utf-8")
    assert skill.startswith("---\nname: regrade\ndescription: Use when")
    known = {tool.name for tool in House(None).catalog} | {command.name for command in COMMANDS}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", skill))
    assert named - {"dry_run", "compare_to"} <= known
    assert {command.name for command in COMMANDS} <= named


def test_the_bundle_starts_the_server_in_the_folder_that_a_person_chose() -> None:
    told = read(ROOT / "plugins" / "mcpb" / "manifest.json")
    server = told["server"]
    assert (told["name"], told["version"]) == (PROJECT["name"], PROJECT["version"])
    root, entry_point = server["entry_point"].split("/", maxsplit=1)
    assert f"{root}/{Path(entry_point).parent}" in PACKAGES
    assert (Path(regrade_server.__file__).parents[1] / entry_point).is_file()
    command, *arguments = server["mcp_config"]["args"][3:]
    assert command in PROJECT["scripts"]
    assert parser().parse_args(arguments).root == Path("${user_config.root}")
    assert told["user_config"]["root"]["required"]
