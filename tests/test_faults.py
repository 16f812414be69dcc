"""A judge whose model is reached through a network that breaks: right verdicts, or none."""

import json
import os
import re
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any, get_args

import pytest
from endpoint import serving, verdict
from faults import Fault, proxying
from labelled import judge_file
from mcp import Client, StdioServerParameters

from regrade_server.house import House
from regrade_server.llm import LanguageModels
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import ModelError, ModelSpec, Prompt, Question

pytestmark = pytest.mark.anyio

KINDS: tuple[Fault, ...] = get_args(Fault)
# Of each fault an item that meets it once, and one that meets it always.
ITEMS: list[tuple[Fault, str]] = [(kind, often) for kind in KINDS for often in ("once", "always")]
OUTPUTS = [{"input": "q", "output": f"answer {n}"} for n in range(len(ITEMS))]
# What only a time limit ends is not waited for twice.
HANGS = {"hang", "hang mid-body"}
PRICES = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.001}
CALL_USD = 100 * 0.00001 + 10 * 0.001


def place(told: str) -> int:
    found = re.search(r"answer (\d+)", told)
    assert found
    return int(found[1])


def meets(told: str, time: int) -> Fault:
    kind, often = ITEMS[place(told)]
    return kind if often == "always" or time == 1 else "none"


def right(told: str) -> str:
    return "FAIL" if place(told) % 3 == 0 else "PASS"


def said(question: dict[str, Any], _time: int) -> tuple[int, Any]:
    return 200, verdict(right(str(question["messages"][-1]["content"])))


def project(root: Path, url: str, **model: Any) -> None:
    (root / "evals").mkdir(exist_ok=True)
    tiny = {"model": "openai/tiny", "api_base": url, "timeout_s": 5, "concurrency": 20, **model}
    (root / "evals" / "regrade.yaml").write_text(json.dumps({"models": {"tiny": tiny}}))
    judge_file(root, "diet", "model: tiny")


def suite(root: Path) -> None:
    """Each item as a case with its recorded answer, which the judge must pass."""
    cases = root / "evals" / "cases" / "diets"
    cases.mkdir(parents=True)
    (root / "evals" / "suites").mkdir()
    checks = "assertions: [{type: judge, judge: diet}]\nconcurrency: 20\n"
    (root / "evals" / "suites" / "diets.yaml").write_text(checks)
    for number, item in enumerate(OUTPUTS):
        case = {"id": f"c{number}", "input": "q", "recorded": {"output": item["output"]}}
        (cases / f"c{number}.yaml").write_text(json.dumps(case))


async def judged(client: Client, **more: Any) -> dict[str, Any]:
    reply = await client.call_tool("run_judge", {"judge": "diet", "outputs": OUTPUTS, **more})
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def test_whatever_the_network_does_each_verdict_is_right_or_errored_and_no_error_is_kept(
    tmp_path: Path,
) -> None:
    server = StdioServerParameters(
        # A real process: what the library prints on stdout would break the protocol.
        command=sys.executable,
        args=["-m", "regrade_server", "--root", str(tmp_path)],
        env=dict(os.environ),
    )
    with serving(said) as model, proxying(model.url, meets) as proxy:
        project(tmp_path, proxy.url)
        async with Client(server) as client:
            first = await judged(client)
            proxy.broken = False
            before = len(proxy.passed)
            second = await judged(client)
            shown, page = [*second["verdicts"]], second
            while cursor := page.get("next_cursor"):
                page = await judged(client, cursor=cursor)
                shown.extend(page["verdicts"])
    errored = {
        n
        for n, (kind, often) in enumerate(ITEMS)
        if kind != "none" and (often == "always" or kind in HANGS)
    }
    cards = {int(card["place"].split()[1]) - 1: card for card in first["verdicts"]}
    assert {n for n, card in cards.items() if card["verdict"] == "errored"} == errored
    decided = {n: card["verdict"] for n, card in cards.items() if n not in errored}
    assert decided == {n: right(f"answer {n}").lower() for n in decided}
    problems = {ITEMS[n][0]: cards[n]["problem"] for n in errored}
    assert "did not answer" in problems["hang"]
    assert "did not answer" in problems["hang mid-body"]
    assert "is rate limited" in problems["429"]
    assert "failed: " in problems["500"]
    for kind in ("half sent", "truncated", "html", "void"):
        assert "answered" in problems[kind], problems[kind]
    # Nothing of this machine is in what is told.
    assert str(Path(sys.prefix)) not in str(first)
    # Nothing wrong was kept: once the network is whole, exactly what was not decided is asked.
    assert (second["replayed"], second.get("errored", 0)) == (len(ITEMS) - len(errored), 0)
    assert {place(told) for told in proxy.passed[before:]} == errored
    assert {int(card["place"].split()[1]) - 1: card["verdict"] for card in shown} == {
        n: right(f"answer {n}").lower() for n in range(len(ITEMS))
    }


async def test_a_run_through_a_broken_network_ends_and_its_budget_holds_for_lost_answers_too(
    tmp_path: Path,
) -> None:
    budget = 0.4
    with serving(said) as model, proxying(model.url, meets) as proxy:
        project(tmp_path, proxy.url, max_tokens=20, concurrency=4, **PRICES)
        suite(tmp_path)
        async with Client(build_server(House(Workspace(tmp_path)))) as client:
            reply = await client.call_tool(
                "run_suite", {"suite": "diets", "budget_usd": budget, "wait_s": 60}
            )
    found: dict[str, Any] = reply.structured_content or {}
    summary = found["summary"]
    assert summary["passed"] + summary["failed"] + summary["errored"] == len(ITEMS)
    # Every answer that the model gave is paid, whether or not it came through.
    assert 0 < len(proxy.passed) * CALL_USD <= budget
    assert "the budget of $0.4 is used up" in str(found)


@pytest.mark.parametrize("fault", ["cut off", "half sent", "void"])
async def test_a_question_whose_answer_was_lost_is_asked_again_by_nobody_who_does_not_count_it(
    fault: Fault,
) -> None:
    with serving(said) as model, proxying(model.url, lambda _told, _time: fault) as proxy:
        tiny = ModelSpec(model="openai/tiny", api_base=proxy.url, timeout_s=5)
        question = Question(tiny, (Prompt("user", "answer 1"),), None)
        async with aclosing(LanguageModels()) as models:
            with pytest.raises(ModelError) as lost:
                await models.complete(question)
    assert (len(proxy.passed), lost.value.lost) == (1, True)
