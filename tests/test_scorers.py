"""Scorers of the repository: functions and commands, asked beside a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio

SCORER = "evals/scorers.py:check"
LEAK = "sk-proj-" + "a1B2" * 8
ROWS = [
    {"question": "hi", "answer": "hello, please", "tone": "polite"},
    {"question": "go", "answer": "no", "tone": "rude"},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "evals" / "rows.jsonl").write_text(text)
    return tmp_path


def suite(root: Path, *assertions: dict[str, Any]) -> None:
    dataset = {"file": "evals/rows.jsonl", "input": "question", "output": "answer"}
    text = json.dumps({"dataset": dataset, "assertions": assertions})
    (root / "evals" / "suites" / "s.yaml").write_text(text)


def scorer(root: Path, code: str, **more: Any) -> None:
    (root / "evals" / "scorers.py").write_text(code)
    suite(root, {"type": "python", "ref": "evals/scorers.py:check", **more})


async def called(root: Path, tool: str, **arguments: Any) -> Any:
    async with Client(build_server(House(Workspace(root)))) as client:
        return await client.call_tool(tool, arguments)


async def ran(root: Path) -> tuple[tuple[int, int, int], list[list[str]]]:
    """Passed, failed and errored cases, and the reasons of those that did not pass."""
    reply = await called(root, "run_suite", suite="s", wait_s=60)
    assert not reply.is_error, reply.content
    told = reply.structured_content["summary"]
    cards = reply.structured_content.get("cards", [])
    figures = (told["passed"], told["failed"], told["errored"])
    return figures, [card["reasons"] for card in cards]


async def refused(root: Path, tool: str = "run_suite", **arguments: Any) -> str:
    reply = await called(root, tool, **{"suite": "s", **arguments})
    assert reply.is_error, reply.structured_content
    return reply.content[0].text


async def test_a_function_is_given_the_output_and_only_the_columns_that_it_names(
    root: Path,
) -> None:
    scorer(
        root,
        "def check(output, tone, input, unheard=7):\n"
        "    assert unheard == 7 and input in ('hi', 'go')\n"
        "    return ('please' in output) == (tone == 'polite')\n",
    )
    assert await ran(root) == ((2, 0, 0), [])


@pytest.mark.parametrize(
    ("returned", "more", "figures", "reason"),
    [
        ("True", {}, (2, 0, 0), ""),
        ("False", {}, (0, 2, 0), "must pass evals/scorers.py:check, but it does not"),
        ("{'pass': False, 'reason': 'too rude'}", {}, (0, 2, 0), "but too rude"),
        ("{'pass': True, 'score': 0}", {"threshold": 0.5}, (2, 0, 0), ""),
        ("0.75", {"threshold": 0.75}, (2, 0, 0), ""),
        ("0.5", {"threshold": 0.75}, (0, 2, 0), "a score of 0.75 or more, but its score is 0.5"),
        ("{'score': 0.5}", {"threshold": 0.75}, (0, 2, 0), "but its score is 0.5"),
        ("0.5", {}, (0, 0, 2), "it returned 0.5; a scorer returns a boolean"),
        ("None", {}, (0, 0, 2), "it returned null; a scorer returns"),
        ("'yes'", {}, (0, 0, 2), 'it returned "yes"; a scorer returns'),
        ("float('nan')", {"threshold": 1}, (0, 0, 2), "NaN or infinity, which JSON cannot say"),
        ("object()", {}, (0, 0, 2), "it returned an instance of object, which JSON cannot say"),
        ("1 / 0", {}, (0, 0, 2), "ZeroDivisionError: division by zero (at scorers.py:2)"),
        ("__import__('os')._exit(3)", {}, (0, 0, 2), "it ended with code 3 before it answered"),
        ("__import__('sys').exit(3)", {}, (0, 0, 2), "SystemExit: 3"),
        ("print('hello') or True", {}, (2, 0, 0), ""),
        ("True", {"type": "not-python"}, (0, 2, 0), "not pass evals/scorers.py:check, but it does"),
    ],
)  # fmt: skip
async def test_what_a_function_returns_is_passed_failed_or_errored(
    returned: str, more: dict[str, Any], figures: tuple[int, ...], reason: str, root: Path
) -> None:
    scorer(root, f"def check(output):\n    return {returned}\n", **more)
    found, reasons = await ran(root)
    assert found == figures
    assert all(reason in told for told in reasons for told in told)


async def test_a_function_that_hangs_is_errored(root: Path) -> None:
    scorer(root, "import time\ndef check(output):\n    time.sleep(600 if output == 'no' else 0)\n"
                 "    return True\n", timeout_s=2)  # fmt: skip
    figures, reasons = await ran(root)
    assert figures == (1, 0, 1)
    assert "gave no answer within 2 s and was stopped" in reasons[0][0]


async def test_an_asynchronous_function_and_one_of_any_keywords_are_asked(root: Path) -> None:
    scorer(root, "async def check(**row):\n"
                 "    return row['question'] == row['input'] != row['output']\n")  # fmt: skip
    assert await ran(root) == ((2, 0, 0), [])


async def test_a_file_in_the_root_takes_the_place_of_no_module_of_python(root: Path) -> None:
    scorer(root, "import difflib\n"
                 "import ours\n"
                 "def check(output):\n"
                 "    return difflib.get_close_matches(output, ours.A) == [output]\n")  # fmt: skip
    (root / "ours.py").write_text("A = ['a']\n")
    # It is not reviewed with the scorer, and would decide in its place.
    (root / "difflib.py").write_text("def get_close_matches(word, _): return [word]\n")
    assert (await ran(root))[0] == (0, 2, 0)


async def test_other_assertions_stand_beside_a_scorer(root: Path) -> None:
    (root / "evals" / "scorers.py").write_text("def check(output): return True\n")
    suite(root, {"type": "contains", "value": "please"},
          {"type": "python", "ref": "evals/scorers.py:check"})  # fmt: skip
    assert (await ran(root))[0] == (1, 1, 0)


@pytest.mark.parametrize(
    ("code", "ref", "problem"),
    [
        ("def check(output, mood): return True", SCORER, "asks for 'mood', which the case row-"),
        ("def check(output): return True", "evals/scorers.py:chekc", "has no attribute 'chekc'"),
        ("import absent_one", SCORER, "No module named 'absent_one' (at scorers.py:1)"),
        ("def (", SCORER, "SyntaxError"),
        ("", "evals/absent.py:check", "evals/absent.py:check is no file of the workspace"),
        ("", "../scorers.py:check", "../scorers.py:check is no file of the workspace"),
        ("", "scorers:check", "ref: String should match pattern"),
    ],
)  # fmt: skip
async def test_a_scorer_that_cannot_be_asked_is_refused_before_the_run(
    code: str, ref: str, problem: str, root: Path
) -> None:
    scorer(root, code, ref=ref)
    (root.parent / "scorers.py").write_text("def check(output): return True")
    assert problem in await refused(root)


async def test_a_scorer_behind_a_link_out_of_the_workspace_is_refused(root: Path) -> None:
    outside = root.parent / f"{root.name}-outside.py"
    outside.write_text("def check(output): return True")
    (root / "evals" / "scorers.py").symlink_to(outside)
    suite(root, {"type": "python", "ref": "evals/scorers.py:check"})
    assert "is no file of the workspace" in await refused(root)


async def test_a_command_reads_the_case_as_json_and_prints_its_verdict(root: Path) -> None:
    program = root / "evals" / "score.sh"
    program.write_text(
        '#!/bin/sh\nif grep -q \'"tone": "polite"\'; then echo \'{"pass": true}\'\n'
        'else echo \'{"pass": false, "reason": "the tone is rude"}\'; fi\n'
    )
    program.chmod(0o755)
    suite(root, {"type": "command", "run": ["./evals/score.sh"]})
    assert await ran(root) == (
        (1, 1, 0),
        [["the output must pass ./evals/score.sh, but the tone is rude"]],
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("echo out of cheese >&2; exit 3", "it ended with code 3; it said: out of cheese"),
        ("echo hello", "it printed 'hello' instead of JSON"),
        ("cat", "it returned {"),
        ("sleep 600", "gave no answer within 2 s and was stopped"),
    ],
)
async def test_a_command_that_breaks_is_errored(code: str, reason: str, root: Path) -> None:
    suite(root, {"type": "command", "run": ["sh", "-c", code], "timeout_s": 2})
    figures, reasons = await ran(root)
    assert figures == (0, 0, 2)
    assert reason in reasons[0][0]


async def test_a_command_that_is_not_there_is_refused(root: Path) -> None:
    suite(root, {"type": "command", "run": ["./absent.sh"]})
    assert "there is no program './absent.sh' that can be started" in await refused(root)


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "python", "ref": "evals/scorers.py:check"},
        {"type": "not-python", "ref": "evals/scorers.py:check"},
        {"type": "command", "run": ["touch", "owned"]},
    ],
)
async def test_no_argument_of_a_tool_starts_a_scorer(assertion: dict[str, Any], root: Path) -> None:
    scorer(root, "open('owned', 'w')\ndef check(output): return False\n")
    filed = {"input": "a", "output": "b", "reason": "r", "assertions": [assertion]}
    assert "must stand in a file of a suite" in await refused(root, "file_case", **filed)
    told = await refused(root, "check_output", output="x", suite=None, assertions=[assertion])
    assert "must stand in a file of a suite" in told
    assert not (root / "owned").exists()


async def test_a_guardrail_tells_that_a_scorer_of_the_suite_was_not_asked(root: Path) -> None:
    scorer(root, "open('owned', 'w')\ndef check(output): return False\n")
    suite(
        root,
        {"type": "contains", "value": "x"},
        {"type": "python", "ref": "evals/scorers.py:check"},
    )
    reply = await called(root, "check_output", output="x", suite="s")
    assert (reply.structured_content["passed"], reply.structured_content["not_asked"]) == (
        True,
        ["python"],
    )
    assert not (root / "owned").exists()


@pytest.mark.parametrize(
    ("code", "figures", "told"),
    [
        # It sees the answer as it came, and its words are those for the answer as it is kept.
        (f"{{'pass': output == 'it is {LEAK}', 'reason': 'wrong'}}", (2, 0, 0), ""),
        ("{'pass': 'EMP-' not in row['mood'], 'reason': output[6:20] + row['mood'][:4]}",
         (0, 2, 0), "that does not hold; what shows it is redacted"),
        ("{'pass': False, 'reason': 'x' * 590 + output + row['mood']}",
         (0, 2, 0), "but xxxxx"),
        ("{'pass': False, 'reason': output[:20]}", (0, 2, 0), "but it is [redacted:"),
        ("output + row['mood']", (0, 0, 2), 'it returned "it is [redacted:openai_key][redacted:'),
        ("1 / 0 if 'EMP-' in row['mood'] else True", (0, 0, 2), "what shows why is redacted"),
        ("[][0] if print(output, file=__import__('sys').stderr) else exit(output)",
         (0, 0, 2), "SystemExit: it is [redacted:openai_key]"),
    ],
)  # fmt: skip
async def test_no_secret_of_an_answer_or_a_column_is_in_what_a_scorer_says(
    code: str, figures: tuple[int, ...], told: str, root: Path
) -> None:
    rows = [{"question": q, "answer": f"it is {LEAK}", "mood": "EMP-1234"} for q in "ab"]
    (root / "evals" / "regrade.yaml").write_text('redact: {staff: "EMP-[0-9]+"}\n')
    scorer(root, f"def check(output, **row):\n    return {code}\n")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "evals" / "rows.jsonl").write_text(text)
    found, reasons = await ran(root)
    assert found == figures
    assert all(told in reason for (reason,) in reasons)
    for part in (LEAK[:12], LEAK[-12:], "EMP-"):
        assert part not in str(reasons)


async def test_no_secret_is_in_what_a_command_says_that_breaks(root: Path) -> None:
    code = "import sys; sys.exit('x' * 9000 + ' sk-proj-' + 'a1B2' * 8 + ' ' + 'x' * 290)"
    suite(root, {"type": "command", "run": ["python3", "-c", code]})
    figures, reasons = await ran(root)
    assert figures == (0, 0, 2)
    assert LEAK[-8:] not in str(reasons)
