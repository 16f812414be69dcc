"""The rules of the house that no linter holds."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import regrade_prompts
import regrade_server
import regrade_tools

# As installed: the rules hold for the wheel as they do for a checkout.
ROOMS = [Path(room.__path__[0]) for room in (regrade_prompts, regrade_server, regrade_tools)]
MODULES = sorted(path for room in ROOMS for path in room.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_is_short_enough_to_be_read_in_five_minutes(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node)
            lines = (node.end_lineno or 0) - node.lineno + 1
            lines -= len(documented.splitlines()) if documented else 0
            assert lines <= 45, f"{node.name} has {lines} lines"


def test_half_of_the_modules_have_at_most_170_lines() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in MODULES)
    assert lengths[len(lengths) // 2] <= 170


def test_a_server_that_lists_its_tools_has_loaded_neither_a_model_client_nor_the_house() -> None:
    code = (
        "import sys, anyio\n"
        "from mcp import Client\n"
        "from regrade_server.protocol.app import build_server\n"
        "from regrade_server.protocol.entrance import Entrance\n"
        "async def main():\n"
        "    async with Client(build_server(Entrance(None))) as client:\n"
        "        await client.list_tools()\n"
        "anyio.run(main)\n"
        "heavy = {'litellm', 'numpy', 'jinja2', 'jsonschema', 'yaml', 'sqlglot', 'regex',\n"
        "    'rapidfuzz', 'openai', 'httpx', 'aiohttp', 'pyarrow', 'openpyxl',\n"
        "    'google.protobuf', 'regrade_server.house'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
