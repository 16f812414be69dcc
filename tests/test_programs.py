"""Programs under test that crash, hang, print garbage or are not there."""

import json
import os
import re
import select
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from console import spoken
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio

ECHO = "import sys, json\nfor line in sys.stdin:\n    "


def suite(root: Path, target: dict[str, Any], inputs: list[Any], **options: Any) -> None:
    """A suite whose cases ask that the answer is the input."""
    evals = root / "evals"
    (evals / "suites").mkdir(parents=True)
    (evals / "cases" / "s").mkdir(parents=True)
    (evals / "regrade.yaml").write_text(json.dumps({"targets": {"app": target}}))
    (evals / "suites" / "s.yaml").write_text(json.dumps({"target": "app", **options}))
    for number, given in enumerate(inputs):
        case = {
            "id": f"c{number}",
            "input": given,
            "assertions": [{"type": "equals", "value": given}],
        }
        (evals / "cases" / "s" / f"c{number}.yaml").write_text(json.dumps(case))


def command(code: str) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", code], "timeout_s": 5}


async def ran(root: Path, **arguments: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60, **arguments})
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def refusal(root: Path) -> str:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60})
    assert reply.is_error
    return " ".join(getattr(part, "text", "") for part in reply.content)


async def test_a_command_answers_json_lines_and_its_tool_calls_can_be_asserted(
    tmp_path: Path,
) -> None:
    code = ECHO + (
        "q = json.loads(line); print(json.dumps({'output': q['input'], 'cost_usd': 0.5,"
        " 'tool_calls': [{'name': 'look', 'arguments': {'at': q['id']}}]}), flush=True)"
    )
    suite(tmp_path, command(code), ["a", {"b": [1, None]}], assertions=[
        {"type": "tool-called", "name": "look"}, {"type": "cost", "threshold": 1},
        {"type": "latency", "threshold": 5000}])  # fmt: skip
    report = await ran(tmp_path)
    assert report["summary"]["passed"] == 2
    assert report["summary"]["pass_rate"] == 1.0


@pytest.mark.parametrize("own", ["", "team=search"])
async def test_a_program_is_told_that_it_is_evaluated_as_its_instrumentation_reads_it(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", own)
    code = ECHO + "import os; print(json.dumps({'output': os.environ['OTEL_RESOURCE_ATTRIBUTES']}),"
    told = f"{own}{',' if own else ''}regrade.evaluated=true"
    suite(tmp_path, command(f"{code} flush=True)"), [told])
    assert (await ran(tmp_path))["summary"]["passed"] == 1


async def test_one_error_of_many_cases_is_told_once_with_all_of_their_names(
    tmp_path: Path,
) -> None:
    suite(
        tmp_path, command(ECHO + "print(json.dumps({'error': 'it is down'}), flush=True)"), [*"abc"]
    )
    (card,) = (await ran(tmp_path))["cards"]
    assert (card["case_id"], card["also"]) == ("c0", ["c1", "c2"])
    shown = (await to_thread.run_sync(spoken, "run", "s", "--root", str(tmp_path)))[1]
    assert "ERRORED c0\n" in shown
    assert "    and so did: c1, c2\n" in shown


async def test_a_program_that_ends_after_each_answer_is_started_anew(tmp_path: Path) -> None:
    code = "import json; print(json.dumps({'output': json.loads(input())['input']}))"
    suite(tmp_path, command(code), ["a", "b", "c", "d", "e", "f"], concurrency=2)
    assert (await ran(tmp_path))["summary"]["passed"] == 6


async def test_a_crash_is_errored_with_what_it_last_said_and_the_other_cases_go_on(
    tmp_path: Path,
) -> None:
    code = ECHO + (
        "q = json.loads(line)['input']\n"
        "    if q == 'boom': sys.stderr.write('out of cheese'); sys.exit(3)\n"
        "    print(json.dumps({'output': q}), flush=True)"
    )
    suite(tmp_path, command(code), ["a", "boom", "b"], concurrency=1)
    report = await ran(tmp_path)
    assert (report["summary"]["passed"], report["summary"]["errored"]) == (2, 1)
    assert report["summary"]["pass_rate"] == 1.0
    assert report["cards"][0]["reasons"] == [
        "the target ended with code 3 before it answered; it last said: out of cheese"
    ]


async def test_a_hang_is_stopped_with_its_children_and_errored(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(sleep)\n"
        "daemon = subprocess.Popen(sleep, start_new_session=True)\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} {{daemon.pid}}')\n"
        "time.sleep(600)"
    )
    suite(tmp_path, {**command(code), "timeout_s": 1}, ["a"])
    report = await ran(tmp_path)
    reason = report["cards"][0]["reasons"][0]
    assert reason.startswith("the target gave no answer within 1 s and was stopped; mend it")
    for pid in pids.read_text().split():
        assert not alive(int(pid))


def reasons(report: dict[str, Any]) -> list[str]:
    return [reason for card in report["cards"] for reason in card["reasons"]]


TWO = "print(json.dumps({'output': q}) + '\\n' + json.dumps({'output': 'x'}), flush=True)"
UNASKED = 'import time; print(\'{"output": "a"}\', flush=True); time.sleep(600)'


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (ECHO + f"q = json.loads(line)['input']; {TWO}", "after its answer"),
        (UNASKED, "before it read the question|without being asked"),
        (ECHO + "print(json.dumps({'output': 'a', 'id': 'c9'}), flush=True)", 'the id "c9" when'),
        (ECHO + "print(json.dumps({'output': 'a', 'id': None}), flush=True)", "the id null when"),
    ],
)
async def test_what_may_be_the_answer_to_something_else_is_errored(
    code: str, why: str, tmp_path: Path
) -> None:
    suite(tmp_path, command(code), ["a"])
    report = await ran(tmp_path)
    assert report["summary"]["errored"] == 1
    assert re.search(why, reasons(report)[0])


async def test_a_line_that_nobody_asked_for_is_never_the_answer_of_the_next_case(
    tmp_path: Path,
) -> None:
    # Whenever the stray line comes, `b` would be right by it; only the id tells.
    code = ECHO + (
        "q = json.loads(line)\n"
        "    print(json.dumps({'output': q['input'], 'id': q['id']}), flush=True)\n"
        "    if q['input'] == 'a': print(json.dumps({'output': 'b', 'id': q['id']}), flush=True)"
    )
    suite(tmp_path, command(code), ["a", "b", "c"], concurrency=1)
    report = await ran(tmp_path)
    assert report["summary"]["errored"] == 1
    assert report["summary"]["failed"] == 0


async def test_a_reply_that_is_refused_ends_the_process_and_a_fresh_one_is_asked(
    tmp_path: Path,
) -> None:
    code = (
        "asked = 0\n" + ECHO + "asked += 1; q = json.loads(line)['input']\n"
        "    print('garbage' if q == 'bad' else json.dumps({'output': asked}), flush=True)"
    )
    suite(tmp_path, command(code), [1, "bad", 1], concurrency=1)
    summary = (await ran(tmp_path))["summary"]
    assert (summary["passed"], summary["errored"]) == (2, 1)


async def test_the_targets_own_error_leaves_its_process_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(
        "asked = []\n"
        "def answer(q):\n"
        "    asked.append(q)\n"
        "    if q == 'bad':\n"
        "        raise ValueError(q)\n"
        "    return len(asked)\n"
    )
    suite(tmp_path, {"python": "bot:answer"}, [1, "bad", 3], concurrency=1)
    summary = (await ran(tmp_path))["summary"]
    assert (summary["passed"], summary["errored"]) == (2, 1)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("sys.exit(0)", "ended with code 0 before it answered; it last said: asked; print one"),
        ("sys.exit(3)", "ended with code 3"),
        ("import time; time.sleep(600)", "no answer within 2 s"),
        ('print(\'{"error": "rate limit"}\', flush=True)', "the target said: rate limit"),
        ("print('garbage', flush=True)", "printed 'garbage'"),
    ],
)
@pytest.mark.parametrize("before", [[], ["a"]], ids=["fresh", "used"])
async def test_whatever_goes_wrong_a_case_is_asked_once(
    before: list[str], broken: str, why: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    code = ECHO + (
        "q = json.loads(line)['input']\n"
        f"    with open({str(log)!r}, 'a') as file: file.write(q)\n"
        "    if q == 'b':\n"
        "        sys.stderr.write('asked'); sys.stderr.flush()\n"
        f"        {broken}\n"
        "    else: print(json.dumps({'output': q}), flush=True)"
    )
    suite(tmp_path, {**command(code), "timeout_s": 2}, [*before, "b"], concurrency=1)
    report = await ran(tmp_path)
    assert report["summary"]["errored"] == 1
    assert why in reasons(report)[0]
    assert log.read_text() == "".join([*before, "b"])


async def test_a_program_that_ends_without_reading_is_started_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"open({str(log)!r}, 'a').write('x')"
    suite(tmp_path, command(code), ["a"], concurrency=1)
    report = await ran(tmp_path)
    assert "ended with code 0" in reasons(report)[0]
    assert "print one line of JSON" in reasons(report)[0]
    assert log.read_text() == "x"


async def test_a_question_larger_than_a_pipe_reaches_a_program_that_ends_each_time(
    tmp_path: Path,
) -> None:
    code = "import json; print(json.dumps({'output': json.loads(input())['input']}))"
    suite(tmp_path, command(code), ["a" * 300_000, "b" * 300_000], concurrency=1)
    assert (await ran(tmp_path))["summary"]["passed"] == 2


@pytest.mark.parametrize(
    "told",
    [
        {"latency_ms": 10**400},
        {"latency_ms": -1},
        {"latency_ms": "12"},
        {"latency_ms": float("nan")},
        {"cost_usd": float("inf")},
        {"cost_usd": True},
        {"cost_usd": 1e300},
        {"cost_usd": -0.1},
        {"tool_calls": "look"},
        {"tool_calls": [{"name": 1}]},
    ],
    ids=lambda told: json.dumps(told)[:40],
)
async def test_a_reply_with_an_impossible_figure_is_errored_with_the_reason(
    told: dict[str, Any], tmp_path: Path
) -> None:
    code = ECHO + f"print({json.dumps({'output': 'a', **told})!r}, flush=True)"
    suite(tmp_path, command(code), ["a"])
    report = await ran(tmp_path)
    assert report["summary"]["errored"] == 1
    assert next(iter(told)).removesuffix("s").replace("_", " ") in reasons(report)[0].replace(
        "_", " "
    )


async def test_figures_that_are_null_are_not_told(tmp_path: Path) -> None:
    reply = {"output": "a", "latency_ms": None, "cost_usd": None, "tool_calls": None}
    suite(tmp_path, command(ECHO + f"print({json.dumps(reply)!r}, flush=True)"), ["a"])
    assert (await ran(tmp_path))["summary"]["passed"] == 1


async def test_a_line_without_end_is_errored_and_not_held(tmp_path: Path) -> None:
    code = ECHO + "\n    while True: sys.stdout.write('x' * 1_000_000)"
    suite(tmp_path, command(code), ["a"])
    assert reasons(await ran(tmp_path)) == ["the target printed a line of over 16 MB"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
async def test_a_program_that_holds_too_much_memory_is_stopped_with_its_children(
    tmp_path: Path,
) -> None:
    code = (
        "import subprocess, sys, time\n"
        "eat = 'import time; held = b\"x\" * 150_000_000; time.sleep(600)'\n"
        "for _ in range(3): subprocess.Popen([sys.executable, '-c', eat])\n"
        "time.sleep(600)"
    )
    suite(tmp_path, {**command(code), "timeout_s": 60, "memory_mb": 300}, ["a"])
    assert reasons(await ran(tmp_path)) == [
        (
            "the target held more than 300 MB of memory and was stopped; "
            "mend it, or raise memory_mb of the target"
        )
    ]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"command": ["a\0b"]}, "NUL character"),
        ({"command": ["a\ud800b"]}, "invalid Unicode"),
        ({"command": ["true"], "env": {"A": "\0"}}, "NUL character"),
        ({"command": ["true"], "env": {"A=B": "c"}}, "no name of a variable"),
        ({"command": ["true"], "env": {"A": "\udc00"}}, "invalid Unicode"),
        ({"python": "bot:answer", "interpreter": "a\0"}, "NUL character"),
        ({"command": ["./bot.py"]}, "Mend `command`"),
        ({"command": ["."]}, "Mend `command`"),
        ({"command": ["./no.py"]}, "Mend `command`"),
        ({"python": "bot:answer", "interpreter": "bot.py"}, "Mend `interpreter`"),
        ({"python": "bot:answer", "interpreter": "."}, "Mend `interpreter`"),
        ({"python": "bot:answer", "interpreter": "/bin/true"}, "set `interpreter`"),
        ({"python": "bot:answer", "preprocess": "bot:absent"}, "no attribute 'absent'"),
        ({"http": {"url": "ftp://localhost"}}, "is no address such as"),
        ({"http": {"url": "http://"}}, "is no address such as"),
        ({"http": {"url": "http://["}}, "Invalid IPv6"),
        ({"http": {"url": "http://localhost:99999"}}, "Port out of range"),
        ({"http": {"url": "http://me:secret@localhost"}}, "holds a user"),
        ({"http": {"url": "http://localhost", "headers": {"A": "${NOT_SET_HERE}"}}}, "not set"),
        ({"http": {"url": "http://localhost", "headers": {"A": "a\nb"}}}, "no header may hold"),
        ({"http": {"url": "http://localhost", "headers": {"A b": "c"}}}, "headers"),
    ],
    ids=json.dumps,
)
async def test_what_cannot_be_started_is_refused_with_what_to_mend(
    target: dict[str, Any], why: str, tmp_path: Path
) -> None:
    (tmp_path / "bot.py").write_text("def answer(q): return q\n")
    suite(tmp_path, target, ["a"])
    told = await refusal(tmp_path)
    assert why in told
    assert "evals/regrade.yaml" in told or "where the server is started" in told
    assert "Traceback" not in told


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        # A zombie has been killed; only its parent has not been told yet.
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("printed", ["hello", "[1]", "{}", '{"output": ', '{"outptu": 1}', "\\x00"])
async def test_garbage_is_errored_and_the_reason_says_what_to_print(
    printed: str, tmp_path: Path
) -> None:
    suite(tmp_path, command(ECHO + f"print({printed!r}, flush=True)"), ["a"])
    report = await ran(tmp_path)
    assert report["summary"]["errored"] == 1
    reason = report["cards"][0]["reasons"][0]
    assert "output" in reason
    assert reason.startswith(("the target printed", "the answer has neither output nor error"))


async def test_an_error_that_the_target_tells_is_errored_never_failed(tmp_path: Path) -> None:
    suite(tmp_path, command(ECHO + 'print(\'{"error": "rate limit"}\', flush=True)'), ["a"])
    report = await ran(tmp_path)
    assert report["cards"][0]["reasons"] == ["the target said: rate limit"]
    assert "pass_rate" not in report["summary"]


async def test_a_program_that_says_much_on_stderr_does_not_stop(tmp_path: Path) -> None:
    code = ECHO + (
        "sys.stderr.write('x' * 3_000_000); print(json.dumps({'output': 'a'}), flush=True)"
    )
    suite(tmp_path, command(code), ["a"])
    assert (await ran(tmp_path))["summary"]["passed"] == 1


async def test_a_program_that_is_not_there_is_refused_before_a_run_is_made(tmp_path: Path) -> None:
    suite(tmp_path, {"command": ["no-such-program"]}, ["a"])
    told = await refusal(tmp_path)
    assert told.startswith("The target's program 'no-such-program' cannot be started")
    assert "evals/regrade.yaml" in told


@pytest.mark.parametrize(
    ("python", "why"),
    [
        ("absent:answer", "No module named 'absent'"),
        ("bot:absent", "has no attribute 'absent'"),
        ("broken:answer", "SyntaxError"),
    ],
)
async def test_a_function_that_cannot_be_imported_is_refused_with_the_reason(
    python: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "bot.py").write_text("def answer(q): return q\n")
    (tmp_path / "broken.py").write_text("def (\n")
    suite(tmp_path, {"python": python}, ["a"])
    told = await refusal(tmp_path)
    assert why in told
    assert "interpreter" in told


async def test_a_function_is_imported_for_each_run_so_that_edits_count(
    tmp_path: Path,
) -> None:
    bot = tmp_path / "bot.py"
    bot.write_text("def answer(q):\n    return 'wrong'\n")
    suite(tmp_path, {"python": "bot:answer"}, ["a"])
    assert (await ran(tmp_path))["summary"]["failed"] == 1
    bot.write_text("async def answer(question):\n    return question\n")
    assert (await ran(tmp_path))["summary"]["passed"] == 1


async def test_an_exception_of_a_function_is_errored_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("def answer(q):\n    return 1 / 0\n")
    suite(tmp_path, {"python": "bot:answer"}, ["a"])
    assert (await ran(tmp_path))["cards"][0]["reasons"] == [
        "the target said: ZeroDivisionError: division by zero (at bot.py:2)"
    ]


async def test_an_exception_inside_a_library_is_errored_with_the_place_that_called_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "bot.py").write_text("import json\ndef answer(q):\n    return json.loads('{')\n")
    suite(tmp_path, {"python": "bot:answer"}, ["a"])
    assert reasons(await ran(tmp_path))[0].endswith("(at bot.py:3)")


WHOLE = {
    "output": "a", "tool_calls": [{"name": "look"}], "tokens": 42, "cost_usd": 0.01,
    "latency_ms": 7, "ttft_ms": 3, "steps": 2, "errors": [],
}  # fmt: skip
TOLD = [
    {"type": "tokens", "threshold": 50}, {"type": "cost", "threshold": 0.02},
    {"type": "steps", "threshold": 2}, {"type": "no-errors"}, {"type": "latency", "threshold": 7},
    {"type": "time-to-first-token", "threshold": 3}, {"type": "tool-called", "name": "look"},
]  # fmt: skip


async def test_a_function_tells_beside_its_output_all_that_a_command_can_tell(
    tmp_path: Path,
) -> None:
    (tmp_path / "bot.py").write_text(f"def answer(q): return {WHOLE!r}\n")
    suite(tmp_path, {"python": "bot:answer"}, ["a"], assertions=TOLD)
    assert (await ran(tmp_path))["summary"]["passed"] == 1
    # And so much of it as it likes.
    (tmp_path / "bot.py").write_text("def answer(q): return {'output': q, 'tokens': 42}\n")
    (tmp_path / "evals" / "suites" / "s.yaml").write_text(
        json.dumps({"target": "app", "assertions": TOLD[:1]})
    )
    assert (await ran(tmp_path))["summary"]["passed"] == 1


@pytest.mark.parametrize(
    ("target", "returned"),
    [
        ({}, {"output": "a"}),
        ({}, {"output": "a", "tokens": 1, "sources": []}),
        ({}, {"tokens": 1}),
        ({"returns": "output"}, {"output": "a", "tokens": 1}),
        ({"returns": "output"}, WHOLE),
    ],
)
async def test_a_dictionary_that_is_no_reply_is_the_output(
    tmp_path: Path, target: dict[str, Any], returned: dict[str, Any]
) -> None:
    (tmp_path / "bot.py").write_text("def answer(q): return q\n")
    suite(tmp_path, {"python": "bot:answer", **target}, [returned])
    assert (await ran(tmp_path))["summary"]["passed"] == 1


async def test_a_function_that_returns_replies_is_refused_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("def answer(q): return q['it']\n")
    returned = [{"output": 1, "token": 42}, "a", {"output": {"b": 2}}]
    suite(tmp_path, {"python": "bot:answer", "returns": "reply"}, [{"it": it} for it in returned])
    rest = "context, cost_usd, errors, latency_ms, steps, tokens, tool_calls, ttft_ms"
    asks = (
        f"`returns: reply` of the target asks for a dictionary of output and, if it likes, {rest}"
    )
    assert reasons(await ran(tmp_path)) == [
        """the output must equal {"it": {"output": {"b": 2}}}, but it says '{"b":2}'""",
        f"the target said: it returned a dictionary of output, token; {asks}",
        f"the target said: it returned an instance of str; {asks}",
    ]


@pytest.mark.parametrize(
    ("returned", "advice"),
    [
        ("Told()", "it returned an instance of Told, which JSON cannot say; return dataclasses."),
        ("[{'a': Told()}]", "of Told, which JSON cannot say; return dataclasses.asdict(...) of it"),
        ("Model()", 'of Model, which JSON cannot say; return its model_dump(mode="json")'),
        ("{1}", "of set, which JSON cannot say; return dictionaries, lists, texts, numbers, "),
        ("float('nan')", "NaN or infinity, which JSON cannot say; return None, or a text"),
        ("[{'a': float('inf')}]", "it returned NaN or infinity, which JSON cannot say"),
        ("{(1, 2): 3}", "it returned what JSON cannot say: keys must be str, int, float, bool"),
    ],
)
async def test_a_function_that_returns_what_json_cannot_say_is_told_what_to_return(
    tmp_path: Path, returned: str, advice: str
) -> None:
    (tmp_path / "bot.py").write_text(
        "import dataclasses\n@dataclasses.dataclass\nclass Told: text: str = 'x'\n"
        f"class Model:\n    def model_dump(self): pass\ndef answer(q): return {returned}\n"
    )
    suite(tmp_path, {"python": "bot:answer"}, ["a"])
    reason = reasons(await ran(tmp_path))[0]
    assert advice in reason
    assert "encoder.py" not in reason


@pytest.mark.parametrize(
    "answer",
    [
        '{"output": NaN}',
        '{"output": {"a": [1, -Infinity]}}',
        '{"output": 1e999}',
        '{"output": "a", "tool_calls": [{"name": "look", "arguments": {"at": Infinity}}]}',
        '{"output": "a", "context": [NaN]}',
    ],
)
async def test_an_answer_with_a_number_that_json_cannot_say_is_errored_and_not_judged_as_null(
    answer: str, tmp_path: Path
) -> None:
    good = '{"output": "1", "context": ["1e999", "NaN"]}'
    code = (
        "asked = 0\n"
        + ECHO
        + f"asked += 1; print({answer!r} if 'bad' in line else {good!r}.replace('1', str(asked)))\n"
        + "    sys.stdout.flush()"
    )
    # It answered in form, so the same process is asked on.
    suite(tmp_path, command(code), ["1", "bad", "3"], concurrency=1)
    report = await ran(tmp_path)
    assert (report["summary"]["passed"], report["summary"]["errored"]) == (2, 1)
    (card,) = report["cards"]
    assert (card["case_id"], card["reasons"]) == (
        "c1",
        ["the answer holds NaN or infinity, which JSON cannot say; give null, or a text"],
    )


async def test_a_function_that_ends_its_process_is_told_what_functions_do(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(
        "import os, sys\n"
        "def answer(question):\n"
        "    if question == 'exit': sys.exit(0)\n"
        "    if question == 'end': os._exit(0)\n"
        "    return question\n"
    )
    suite(tmp_path, {"python": "bot:answer"}, ["exit", "end", "a"], concurrency=1)
    told = reasons(await ran(tmp_path))
    assert told[0].startswith("the target said: it called sys.exit(0) (at bot.py:3); return an ")
    assert told[1] == (
        "the target ended with code 0 before it answered; the function ended its process; let it "
        "return an answer, or raise an error"
    )


async def test_a_target_is_named_never_given_so_a_tool_argument_starts_nothing(
    tmp_path: Path,
) -> None:
    suite(tmp_path, {"command": ["true"]}, ["a"])
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "target": "touch /tmp/x"})
    assert reply.is_error
    assert "There is no target" in getattr(reply.content[0], "text", "")


async def test_a_long_run_answers_with_a_handle_and_can_be_waited_for_and_cancelled(
    tmp_path: Path,
) -> None:
    go = tmp_path / "go"
    code = ECHO + (
        f"import os, time\n    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        "    print(json.dumps({'output': json.loads(line)['input']}), flush=True)"
    )
    suite(tmp_path, {**command(code), "timeout_s": 60}, ["a", "b"])
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        begun = await client.call_tool("run_suite", {"suite": "s", "wait_s": 0})
        assert begun.structured_content is not None
        summary = begun.structured_content["summary"]
        assert (summary["state"], summary["answers"]) == ("running", 0)
        go.touch()
        ended = await client.call_tool("get_run", {"run_id": summary["run_id"], "wait_s": 60})
        assert ended.structured_content is not None
        assert ended.structured_content["summary"]["passed"] == 2
        go.unlink()
        second = await client.call_tool("run_suite", {"suite": "s", "wait_s": 0})
        assert second.structured_content is not None
        run_id = second.structured_content["summary"]["run_id"]
        cancelled = await client.call_tool("get_run", {"run_id": run_id, "cancel": True})
        assert cancelled.structured_content is not None
        assert cancelled.structured_content["summary"]["state"] == "cancelled"
        refused = await client.call_tool("run_suite", {"suite": "s", "resume": run_id})
        assert "is cancelled, and only an interrupted run is resumed" in str(refused.content)
        left = await client.call_tool("run_suite", {"suite": "s", "wait_s": 0})
        assert left.structured_content is not None
        run_id = left.structured_content["summary"]["run_id"]
    # Nobody has cancelled this one: its server was shut down.
    go.touch()
    async with Client(build_server(House(Workspace(tmp_path)))) as client:
        again = {"suite": "s", "resume": run_id, "wait_s": 60}
        resumed = await client.call_tool("run_suite", again)
    assert resumed.structured_content is not None, resumed.content
    summary = resumed.structured_content["summary"]
    assert (summary["state"], summary["passed"]) == ("done", 2)


def test_a_run_whose_process_is_killed_keeps_its_results_and_is_interrupted(tmp_path: Path) -> None:
    store = tmp_path / ".regrade" / "store.db"
    # The program kills the run that asks it, once three results have been committed.
    code = """
import json, os, sqlite3, sys
for line in sys.stdin:
    question = json.loads(line)["input"]
    if question == "stop":
        kept = sqlite3.connect(sys.argv[1])
        while kept.execute("SELECT count(*) FROM result").fetchone()[0] < 3:
            pass
        os.kill(os.getppid(), 9)
    print(json.dumps({"output": question}), flush=True)
"""
    program = {"command": [sys.executable, "-c", code, str(store)]}
    suite(tmp_path, program, ["a", "b", "c", "stop"], concurrency=1)
    regrade = [sys.executable, "-m", "regrade_server", "run", "s", "--root", str(tmp_path)]
    assert subprocess.run(regrade, check=False).returncode == -9
    _, told, _ = spoken("call", "overview", "--root", str(tmp_path))
    run = json.loads(told)["last_runs"][0]
    assert (run["state"], run["passed"]) == ("interrupted", 3)
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.skipif(sys.platform != "linux", reason="it waits by pidfd, and daemons need /proc")
def test_a_server_that_is_killed_leaves_no_program_and_no_daemon_behind(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    # It never reads, so that the end of its input is nothing to it.
    code = (
        "import os, subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(sleep)\n"
        "daemon = subprocess.Popen(sleep, start_new_session=True)\n"
        f"open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} {{daemon.pid}}')\n"
        "time.sleep(600)"
    )
    suite(tmp_path, {**command(code), "timeout_s": 600}, ["a"])
    regrade = [sys.executable, "-m", "regrade_server", "run", "s", "--root", str(tmp_path)]
    with subprocess.Popen(regrade) as server:
        handles = [os.pidfd_open(int(pid)) for pid in told.read_text().split()]
        server.kill()
    for handle in handles:
        assert select.select([handle], [], [], 60)[0], "it outlived the server"
        os.close(handle)


async def test_a_run_answers_within_wait_s_while_its_target_is_still_being_imported(
    tmp_path: Path,
) -> None:
    go = tmp_path / "go"
    (tmp_path / "bot.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        "raise OSError('no model')\n"
    )
    suite(tmp_path, {"python": "bot:answer"}, ["a"])
    async with Client(build_server(House(Workspace(tmp_path)))) as client:

        async def called(tool: str, **arguments: Any) -> dict[str, Any]:
            reply = await client.call_tool(tool, arguments)
            assert not reply.is_error, reply.content
            assert reply.structured_content is not None
            return reply.structured_content["summary"]

        first = await called("run_suite", suite="s", wait_s=0)
        assert (first["state"], first["answers"]) == ("running", 0)
        cancelled = await called("get_run", run_id=first["run_id"], cancel=True)
        assert cancelled["state"] == "cancelled"
        second = await called("run_suite", suite="s", wait_s=0.1)
        assert (second["state"], second["answers"]) == ("running", 0)
        go.touch()
        ended = await called("get_run", run_id=second["run_id"], wait_s=60)
    assert ended["state"] == "broken"
    assert "OSError: no model" in ended["problem"]


@pytest.mark.parametrize("kind", ["python", "command"])
async def test_preprocess_changes_what_the_target_is_given_and_not_what_is_checked(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "bot.py").write_text(
        "def shout(q): return {'text': q.upper()}\ndef answer(q): return q\n"
    )
    code = ECHO + "print(json.dumps({'output': json.loads(line)['input']}), flush=True)"
    target: dict[str, Any] = {"python": "bot:answer"} if kind == "python" else command(code)
    suite(tmp_path, {**target, "preprocess": "bot:shout"}, ["a"], assertions=[
        {"type": "expr", "value": "input == 'a' and output.text == 'A'"}])  # fmt: skip
    report = await ran(tmp_path)
    # The case's own assertion wants the input back, and that is the one it was filed with.
    assert reasons(report) == ["the output must equal 'a', but it says '{\"text\":\"A\"}'"]


async def test_an_exception_of_preprocess_is_errored_and_named(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("def shout(q): return q.up\ndef answer(q): return q\n")
    suite(tmp_path, {"python": "bot:answer", "preprocess": "bot:shout"}, ["a"])
    assert reasons(await ran(tmp_path)) == [
        (
            "preprocess: the target said: AttributeError: 'str' object has no attribute 'up' "
            "(at bot.py:1)"
        )
    ]


LEAK = "sk-proj-" + "a1B2" * 8


async def test_an_answer_is_checked_with_its_secret_and_kept_and_told_without(
    tmp_path: Path,
) -> None:
    code = (
        f"import functools\nprint = functools.partial(print, flush=True)\n{ECHO}"
        "q = json.loads(line)['input']\n"
        f"    if q == 'crash': sys.stderr.write('x' * 290 + ' {LEAK}'); sys.exit(3)\n"
        f"    if q == 'error': print(json.dumps({{'error': 'x' * 590 + ' {LEAK}'}})); continue\n"
        f"    if q == 'garbage': print('x' * 290 + ' {LEAK} of EMP-1234'); continue\n"
        f"    print(json.dumps({{'output': {{'{LEAK}': 'x' * 104 + ' {LEAK} of EMP-1234'}}}}), "
        "flush=True)"
    )
    suite(tmp_path, command(code), ["leak", "crash", "error", "garbage"], concurrency=1,
          assertions=[{"type": "not-regex", "value": "sk-[A-Za-z0-9_-]{20}"}])  # fmt: skip
    written = json.loads((tmp_path / "evals" / "regrade.yaml").read_text())
    written["redact"] = {"staff": "EMP-[0-9]+"}
    (tmp_path / "evals" / "regrade.yaml").write_text(json.dumps(written))
    report = await ran(tmp_path)
    assert (report["summary"]["failed"], report["summary"]["errored"]) == (1, 3)
    leak = report["cards"][0]
    assert leak["reasons"][0].endswith("{20}', but it does; what shows it is redacted")
    assert leak["output"] == {
        "[redacted:openai_key]": "x" * 104 + " [redacted:openai_key] of [redacted:staff]"
    }
    with closing(sqlite3.connect(tmp_path / ".regrade" / "store.db")) as store:
        kept = str(store.execute("SELECT body FROM result").fetchall())
    for said in (kept, json.dumps(report)):
        for part in ("sk-proj-", LEAK[-12:], "EMP-1234"):
            assert part not in said


async def test_an_answer_that_cannot_be_redacted_is_errored_and_nothing_of_it_is_kept(
    tmp_path: Path,
) -> None:
    code = ECHO + "print(json.dumps({'output': 'a' * 99 + '!'}), flush=True)"
    suite(tmp_path, command(code), ["x"])
    written = json.loads((tmp_path / "evals" / "regrade.yaml").read_text())
    written["redact"] = {"slow": "(?:(?:a|a)|(?:a|a))+$"}
    (tmp_path / "evals" / "regrade.yaml").write_text(json.dumps(written))
    (card,) = (await ran(tmp_path))["cards"]
    assert card["outcome"] == "errored"
    assert card["reasons"][0].startswith("the answer cannot be redacted: the pattern '(?:(?:a|a)")
    assert "output" not in card
