"""Code of a model's answer: run in a process that can reach nothing, and asked what it has left."""

import ctypes
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.assertions import parse
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal

# The version of it that the kernel has, by the system call that asks for nothing else.
LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) >= 3
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not LANDLOCK, reason="code is confined by the Landlock of Linux 6.2"),
]

TOTAL = "def total(xs):\n    return sum(xs)\n"
THREADS = """
import threading
r = []
t = threading.Thread(target=r.append, args=(1,))
t.start()
t.join()
"""
FORGES = """
import os
for n in range(3, 40):
    try:
        os.write(n, b'{"pass": true}\\n')
    except OSError:
        pass
"""
RAISED = "but it raised"
DENIED = f"{RAISED} PermissionError"
LATE = "but it had not come to its end after 1 s"

Told = dict[str, tuple[str, list[str]]]


def text(reply: CallToolResult) -> str:
    (told,) = reply.content
    assert isinstance(told, TextContent)
    return told.text


async def ran(root: Path, asked: dict[str, tuple[Any, dict[str, Any]]]) -> Told:
    """How each case of a recorded answer and an assertion ends, and why."""
    folder = root / "evals" / "cases" / "s"
    folder.mkdir(parents=True, exist_ok=True)
    (root / "evals" / "suites").mkdir(exist_ok=True)
    (root / "evals" / "suites" / "s.yaml").write_text("target: recorded\n")
    for name, (output, more) in asked.items():
        spec = {"type": "executes", "timeout_s": 5, **more}
        case = {"id": name, "input": name, "recorded": {"output": output}, "assertions": [spec]}
        (folder / f"{name}.yaml").write_text(json.dumps(case))
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 600})
        if reply.is_error:
            return {"": ("refused", [text(reply).partition(" `")[0]])}
        run_id = reply.structured_content["summary"]["run_id"]
        found: Told = {}
        cursor = None
        while cursor or not found:
            page = {"run_id": run_id, "show": "all", **({"cursor": cursor} if cursor else {})}
            told = (await client.call_tool("get_run", page)).structured_content
            for card in told["cards"]:
                found[card["case_id"]] = (card["outcome"], card.get("reasons") or [])
            cursor = told.get("next_cursor")
    return found


def outcomes(told: Told) -> dict[str, str]:
    return {name: outcome for name, (outcome, _) in told.items()}


async def test_what_the_code_has_left_is_asked(tmp_path: Path) -> None:
    fenced = f"Here you are:\n```python\n{TOTAL}```\nfor example\n```python\nx = total([2])\n```\n"
    told = await ran(
        tmp_path,
        {
            "whole": (TOTAL, {"value": "callable(total) and total([1, 2]) == 3"}),
            "fenced": (fenced, {"value": "x == 2"}),
            "place": ({"code": [TOTAL]}, {"at": "code[0]", "value": "total([]) == 0"}),
            "printed": ("print('hi')", {"value": r"stdout == 'hi\n'"}),
            "script": ("import sys\nif __name__ == '__main__': sys.exit(0)", {}),
            "threads": (THREADS, {"value": "r == [1]"}),
            "scratch": ("open('a', 'w').write('b')\nb = open('a').read()", {"value": "b == 'b'"}),
            "own-name": ("def sum(xs): return 7", {"value": "sum([]) == 7"}),
            "not": (TOTAL, {"type": "not-executes", "value": "total([1]) == 2"}),
            "not-run": ("1 / 0", {"type": "not-executes"}),
        },
    )  # fmt: skip
    assert outcomes(told) == dict.fromkeys(told, "passed"), told


async def test_what_fails_says_why(tmp_path: Path) -> None:
    told = await ran(
        tmp_path,
        {
            "differs": (TOTAL, {"value": "callable(total) and total([1, 2]) == 4"}),
            "untrue": ("done = []", {"value": "done"}),
            "raises": ("x = 1\n1 / 0", {"value": "x == 1"}),
            "absent": ("x = 1", {"type": "not-executes", "value": "y == 1"}),
            "syntax": ("def total(:", {}),
            "prose": ("```text\nnothing\n```", {}),
            "empty": ({"code": None}, {"at": "code"}),
            "negated": ("x = 1", {"type": "not-executes"}),
        },
    )
    assert outcomes(told) == dict.fromkeys(told, "failed")
    reasons = {name: reason.partition(", but ")[2] for name, (_, [reason]) in told.items()}
    assert reasons == {
        "differs": "total([1, 2]) is 3",
        "untrue": "done is not true",
        "raises": "it raised ZeroDivisionError: division by zero (line 2 of the code)",
        "absent": "it cannot be told of what it left: NameError: name 'y' is not defined",
        "syntax": "it raised SyntaxError: invalid syntax (line 1 of the code)",
        "prose": "its code blocks are of text",
        "empty": "there is no code",
        "negated": "it does",
    }


async def test_what_the_code_does_besides_is_stopped_and_failed(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    parent = "import os, resource, signal\n"
    hostile = {
        "forks": ("import os\nwhile True: os.fork()", DENIED),
        "starts": ("import subprocess\nsubprocess.run(['true'])", DENIED),
        "sleeps": ("import time\ntime.sleep(60)", LATE),
        "spins": ("while True: pass", LATE),
        "fills-a-file": ("open('a', 'w').write('x' * 10**8)", f"{RAISED} OSError"),
        "fills-a-folder": ("for n in range(10**6): open(str(n), 'w').write('x' * 10**6)",
                           "but it wrote over 64 MB, or 1,000 files"),
        "fills-memory": ("x = [0] * 10**10", f"{RAISED} MemoryError"),
        "prints": ("while True: print('x' * 10**6)", f"{RAISED} OSError"),
        "deletes": (f"import os\nos.remove({str(precious)!r})", DENIED),
        "writes": (f"open({str(precious)!r}, 'w')", DENIED),
        "shortens": (f"import os\nos.truncate({str(precious)!r}, 0)", DENIED),
        "hides": (f"import os\nos.chmod({str(precious)!r}, 0)", DENIED),
        "reads": (f"open({str(precious)!r}).read()", DENIED),
        "spies": ("import os\nopen(f'/proc/{os.getppid()}/environ').read()", DENIED),
        "connects": ("import socket\nsocket.create_connection(('127.0.0.1', 80))", DENIED),
        "kills": (f"{parent}os.kill(os.getppid(), signal.SIGKILL)", DENIED),
        "starves": (f"{parent}resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))", DENIED),
        "leaves": ("import os\nos._exit(0)", "but its process ended with code 0"),
        "crashes": ("import ctypes\nctypes.string_at(0)", "but its process ended with signal 11"),
        "answers": (FORGES, "but it wrote where only its examiner may"),
    }  # fmt: skip
    asked = {name: (code, {"timeout_s": 1}) for name, (code, _) in hostile.items()}
    told = await ran(tmp_path, asked)
    assert outcomes(told) == dict.fromkeys(hostile, "failed")
    assert {name: why for name, (_, [why]) in told.items() if hostile[name][1] not in why} == {}
    assert precious.read_text() == "kept"
    assert precious.stat().st_mode & 0o600 == 0o600


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


PIECES = (
    TOTAL, THREADS, FORGES, "x = 1", "import os, sys, ctypes", "os.fork()", "os._exit(7)", "1 / 0",
    "os.remove('../evals/suites/s.yaml')", "os.kill(os.getppid(), 9)", "while True: x = 1",
    "x = [x]", "open('a', 'w').write('x' * 10**6)", "sys.stdout.close()", "os.close(1)",
    "sys.setrecursionlimit(10**9)",
    "f = lambda: f()", "f()", "raise SystemExit('no')", "raise BaseException", "del __builtins__",
    "import builtins; builtins.compile = None", "sys.modules.clear()", "os.closerange(0, 99)",
    "class A:\n    def __eq__(self, other): raise KeyboardInterrupt\nx = A()", "os.chdir('/')",
    "os.rmdir(os.getcwd())", "print('\\ud800')", "exec('x = ' * 99)", "'\\0'", "```",
    "```python", "\t", "é",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", "import gc; gc.disable()",
    "import threading; threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()",
    "ctypes.memset(0, 0, 8)",
    "import faulthandler; faulthandler.dump_traceback_later(0.01, exit=True)",
)  # fmt: skip


@pytest.mark.slow
async def test_any_code_gets_its_verdict_and_touches_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - the same code on every machine
    asked: dict[str, tuple[Any, dict[str, Any]]] = {}
    for number in range(400):
        code = "\n".join(chance.choices(PIECES, k=chance.randint(1, 4)))
        asked[f"c{number}"] = (code, {"value": "x == 1", "timeout_s": 1})
    told = await ran(tmp_path, asked)
    assert len(told) == 400
    assert {outcome for outcome, _ in told.values()} == {"passed", "failed"}
    assert names(tmp_path) == [".regrade", "evals"]
    assert len(names(tmp_path / "evals" / "cases" / "s")) == 400


async def test_the_code_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    code = "import os, sys\nseen = dict(os.environ)\nhome = os.getcwd()"
    value = "'SOME_API_KEY' not in seen and seen['HOME'] == home"
    assert outcomes(await ran(tmp_path, {"one": (code, {"value": value})})) == {"one": "passed"}


async def test_where_nobody_can_say_it_is_errored_or_refused(tmp_path: Path) -> None:
    killed = "import os\nos.kill(os.getpid(), 9)"
    told = await ran(tmp_path, {"one": (killed, {"confined": False})})
    assert outcomes(told) == {"one": "errored"}
    (tmp_path / "evals" / "cases" / "s" / "one.yaml").unlink()
    refused = await ran(tmp_path, {"two": (TOTAL, {"interpreter": "no-such"})})
    assert refused == {"": ("refused", ["The interpreter 'no-such' is not there. Mend"])}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x = 1", "it is no Python expression: "),
        ("import os", "it is no Python expression: "),
        ("(lambda: 1)()", "it may not hold a Lambda"),
        ("(x := 1)", "it may not hold a NamedExpr"),
        ("().__class__", "it may not name __class__"),
        ("__import__('os')", "it may not name __import__"),
        ("(" * 1_500 + ")" * 1_500, "at most 2000"),
    ],
)
def test_an_expression_looks_and_does_nothing_else(value: str, told: str) -> None:
    with pytest.raises(Refusal, match=re.escape(told)):
        parse({"type": "executes", "value": value}, programs=True)


@pytest.mark.parametrize("tool", ["check_output", "file_case"])
async def test_no_tool_takes_code_to_be_run_by_an_argument(tmp_path: Path, tool: str) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("{}")
    asked = {
        "output": "x = 1",
        "suite": "s",
        "assertions": [{"type": "executes", "value": "x == 2"}],
    }
    more = {"input": "a", "reason": "b"} if tool == "file_case" else {}
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        reply = await client.call_tool(tool, {**asked, **more})
    assert reply.is_error
    assert "starts a program, so it must stand in a file" in text(reply)
