"""Judges on a language model, through litellm and a real socket."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from endpoint import completion, serving, verdict
from labelled import judge_file
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio
OUTPUTS = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(8)]


def project(root: Path, url: str, **more: Any) -> None:
    (root / "evals").mkdir(exist_ok=True)
    model = {"model": "openai/tiny", "api_base": url, "timeout_s": 30, **more}
    (root / "evals" / "regrade.yaml").write_text(json.dumps({"models": {"tiny": model}}))
    judge_file(root, "diet", "model: tiny")


async def judged(root: Path, **arguments: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool(
            "run_judge", {"judge": "diet", "outputs": OUTPUTS, **arguments}
        )
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


def number(question: dict[str, Any]) -> int:
    found = re.search(r"answer (\d)", question["messages"][-1]["content"])
    assert found
    return int(found[1])


async def test_a_judge_asks_its_model_once_for_each_item_and_replays_what_it_said(
    tmp_path: Path,
) -> None:
    def answer(question: dict[str, Any], _: int) -> tuple[int, Any]:
        return 200, verdict("FAIL" if number(question) < 2 else "PASS")

    with serving(answer) as endpoint:
        project(tmp_path, endpoint.url)
        first = await judged(tmp_path)
        second = await judged(tmp_path)
    assert (first["passed"], first["failed"], first.get("replayed", 0)) == (6, 2, 0)
    assert (second["passed"], second["failed"], second["replayed"]) == (6, 2, 8)
    assert len(endpoint.questions) == 8
    asked = endpoint.questions[0]
    assert (asked["model"], asked["temperature"]) == ("tiny", 0)
    assert asked["response_format"]["json_schema"]["strict"] is True
    # What is judged stands between marks that it cannot close.
    body = asked["messages"][-1]["content"]
    assert re.search(r"<output ([0-9a-f]{12})>\nanswer \d\n</output \1>", body)


def misbehaving(question: dict[str, Any], time: int) -> tuple[int, Any]:
    """Each answer goes wrong in a way of its own."""
    bad = {
        0: (200, verdict("PASS")),
        1: (500, {"error": {"message": "broken"}}) if time < 2 else (200, verdict("FAIL")),
        2: (429, {"error": {"message": "slow down"}}) if time < 2 else (200, verdict("PASS")),
        3: (200, completion("")),
        4: (200, completion('{"reasoning": "cut', finish="length")),
        5: (200, completion("I would rather not say.")),
        6: (400, {"error": {"message": "too odd"}}),
        7: (200, completion("", finish="content_filter")),
    }
    return bad[number(question)]


async def test_whatever_a_model_does_a_verdict_is_right_or_none(tmp_path: Path) -> None:
    with serving(misbehaving) as endpoint:
        project(tmp_path, endpoint.url)
        found = await judged(tmp_path)
        counts = [found.get(kind, 0) for kind in ("passed", "failed", "unknown", "errored")]
        assert counts == [2, 1, 4, 1]
        problems = {card["place"]: card.get("problem", "") for card in found["verdicts"]}
        assert "no verdict" in problems["output 4"]
        assert problems["output 5"] == "the answer was cut at max_tokens"
        assert "no verdict" in problems["output 6"]
        assert "does not take this question" in problems["output 7"]
        assert problems["output 8"] == "the model refused to answer"
        before = len(endpoint.questions)
        again = await judged(tmp_path)
        # What was decided is replayed; what was not is asked anew, for nothing of it was kept.
        assert again["replayed"] == 3
        assert {number(question) for question in endpoint.questions[before:]} == {3, 4, 5, 6, 7}


@pytest.mark.parametrize(
    ("status", "told"), [(401, "wants a key that is good"), (404, "there is no openai/tiny")]
)
async def test_what_can_only_repeat_is_asked_once(status: int, told: str, tmp_path: Path) -> None:
    with serving(lambda _q, _t: (status, {"error": {"message": "no"}})) as endpoint:
        project(tmp_path, endpoint.url, concurrency=1)
        found = await judged(tmp_path)
    assert (found["errored"], len(endpoint.questions)) == (8, 1)
    assert all(told in card["problem"] for card in found["verdicts"])


async def test_a_budget_is_held_before_the_question(tmp_path: Path) -> None:
    prices = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.001}
    with serving(lambda _q, _t: (200, verdict("PASS"))) as endpoint:
        project(tmp_path, endpoint.url, concurrency=1, max_tokens=20, **prices)
        found = await judged(tmp_path, budget_usd=0.1)
        spent = len(endpoint.questions) * (100 * 0.00001 + 10 * 0.001)
        assert 0 < len(endpoint.questions) < 8
        assert spent <= 0.1
        assert found["errored"] == 8 - len(endpoint.questions)
        assert found["cost_usd"] == pytest.approx(spent)
        nothing = await judged(tmp_path, budget_usd=0)
        assert nothing["replayed"] == found["judged"] - found["errored"]
    assert "the budget of $0.1 is used up" in found["verdicts"][0]["problem"]


async def test_a_run_and_its_judges_share_one_budget(tmp_path: Path) -> None:
    prices = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.001}
    with serving(lambda _q, _t: (200, verdict("PASS"))) as endpoint:
        project(tmp_path, endpoint.url, concurrency=1, max_tokens=20, **prices)
        suites, cases = (tmp_path / "evals" / name for name in ("suites", "cases/diets"))
        suites.mkdir()
        cases.mkdir(parents=True)
        (suites / "diets.yaml").write_text("assertions: [{type: judge, judge: diet}]\n")
        for given in OUTPUTS:
            output = given["output"]
            case = {"id": output.replace(" ", "_"), "input": given["input"]}
            recorded = {**case, "recorded": {"output": output}}
            (cases / f"{case['id']}.yaml").write_text(json.dumps(recorded))
        async with Client(build_server(House(Workspace(tmp_path)))) as client:
            reply = await client.call_tool("run_suite", {"suite": "diets", "budget_usd": 0.1})
        found: dict[str, Any] = reply.structured_content or {}
        asked = len(endpoint.questions)
        assert 0 < asked < 8
        assert asked * (100 * 0.00001 + 10 * 0.001) <= 0.1
        summary = found["summary"]
        assert (summary["passed"], summary["errored"]) == (asked, 8 - asked)
        assert "the budget of $0.1 is used up" in str(found)


async def test_a_budget_without_a_known_price_spends_nothing(tmp_path: Path) -> None:
    with serving(lambda _q, _t: (200, verdict("PASS"))) as endpoint:
        project(tmp_path, endpoint.url)
        found = await judged(tmp_path, budget_usd=1)
        free = await judged(tmp_path)
    assert (found["errored"], len(endpoint.questions)) == (8, 8)
    assert "nobody knows the price of this model" in found["verdicts"][0]["problem"]
    assert (free["passed"], free.get("cost_usd")) == (8, None)


async def test_a_key_that_is_not_set_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    with serving(lambda _q, _t: (200, verdict("PASS"))) as endpoint:
        project(tmp_path, endpoint.url, api_key_env="NO_SUCH_KEY_HERE")
        found = await judged(tmp_path)
    assert (found["errored"], len(endpoint.questions)) == (8, 0)
    assert found["verdicts"][0]["problem"].startswith("set NO_SUCH_KEY_HERE")


def test_a_model_is_only_loaded_when_it_is_asked(tmp_path: Path) -> None:
    code = (
        "import sys; from regrade_server.cli import main\n"
        f"main(['search', '--root', {str(tmp_path)!r}, 'x']); print('litellm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


async def test_all_who_ask_a_model_in_a_run_share_how_many_questions_are_under_way(
    tmp_path: Path,
) -> None:
    def answer(question: dict[str, Any], _: int) -> tuple[int, Any]:
        return 200, verdict("PASS") if "response_format" in question else completion("said")

    with serving(answer, patience_s=0.05) as endpoint:
        cases = {f"c{n}": {"question": str(n), "who": "Bob"} for n in range(6)}
        prompt_suite(tmp_path, endpoint.url, cases, concurrency=2)
        checks: list[dict[str, Any]] = []
        for judge in ("kind", "brief"):
            judge_file(tmp_path, judge, f"model: tiny\nmax_characters: {90_000 + len(judge)}")
            checks.append({"type": "judge", "judge": judge})
        suite = {"target": "bot", "concurrency": 6, "assertions": checks}
        (tmp_path / "evals" / "suites" / "s.yaml").write_text(json.dumps(suite))
        told = await prompted(tmp_path)
    # The target is asked of six cases at once, and two judges of what it says.
    assert (len(endpoint.questions), endpoint.most) == (18, 2)
    assert told["summary"].get("errored", 0) == 0


async def test_a_judge_is_asked_as_much_at_once_as_its_file_says(tmp_path: Path) -> None:
    with serving(lambda _q, _t: (200, verdict("PASS")), patience_s=0.05) as endpoint:
        project(tmp_path, endpoint.url)
        judge_file(tmp_path, "diet", "model: tiny\nconcurrency: 3")
        found = await judged(tmp_path)
    assert (found["passed"], endpoint.most) == (8, 3)


async def test_to_wait_for_the_questions_a_minute_is_no_timeout(tmp_path: Path) -> None:
    with serving(lambda _q, _t: (200, verdict("PASS"))) as endpoint:
        # The last of eight waits 1.4 seconds for its place, longer than an answer may take.
        project(tmp_path, endpoint.url, timeout_s=1, requests_per_minute=300)
        found = await judged(tmp_path)
    assert (found["passed"], found.get("errored", 0)) == (8, 0)


def prompt_suite(root: Path, url: str, cases: dict[str, Any], **model: Any) -> None:
    """A suite whose target is a prompt; each case asks that the model says what it is told to."""
    evals = root / "evals"
    for folder in ("suites", "cases/s", "prompts"):
        (evals / folder).mkdir(parents=True)
    (evals / "prompts" / "bot.md").write_text("Answer {{ question }} of {{ input.who }} briefly.")
    (evals / "prompts" / "tone.md").write_text("Be kind.")
    declared = {
        "models": {"tiny": {"model": "openai/tiny", "api_base": url, "timeout_s": 30, **model}},
        "targets": {"bot": {"prompt": "evals/prompts/bot.md", "system": "evals/prompts/tone.md",
                            "model": "tiny"},
                    "talk": {"prompt": "evals/prompts/tone.md", "model": "tiny"}},
    }  # fmt: skip
    (evals / "regrade.yaml").write_text(json.dumps(declared))
    (evals / "suites" / "s.yaml").write_text('{"target": "bot"}')
    for name, given in cases.items():
        check = [{"type": "equals", "value": f"said {name}"}, {"type": "tokens", "threshold": 110}]
        case = {"id": name, "input": given, "assertions": check}
        (evals / "cases" / "s" / f"{name}.yaml").write_text(json.dumps(case))


async def prompted(root: Path, **arguments: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60, **arguments})
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def test_a_prompt_is_a_target_and_its_cost_counts(tmp_path: Path) -> None:
    def answer(question: dict[str, Any], _: int) -> tuple[int, Any]:
        asked = question["messages"][-1]["content"]
        if "cut" in asked:
            return 200, completion("half of", "length")
        return 200, completion("said a" if "one" in asked else "something else")

    with serving(answer) as endpoint:
        cases = {
            "a": {"question": "one", "who": "Ada {{ 7 * 7 }}"},
            "b": {"question": "two", "who": "Bob"},
            "c": {"question": "cut", "who": "Cy"},
            "d": {"question": "no name"},
        }
        prices = {"input_cost_per_token": 1e-3, "output_cost_per_token": 1e-2}
        prompt_suite(tmp_path, endpoint.url, cases, **prices)
        told = await prompted(tmp_path)
        dear = await prompted(tmp_path, budget_usd=0.01)
    summary = told["summary"]
    assert (summary["passed"], summary["failed"], summary["errored"]) == (1, 1, 2)
    reasons = {card["case_id"]: card["reasons"][0] for card in told["cards"]}
    assert "'something else'" in reasons["b"]
    assert "was cut at max_tokens" in reasons["c"]
    assert "the prompt cannot be filled in: 'dict object' has no attribute 'who'" in reasons["d"]
    # What a case gives is data: it is filled in, and not filled in again.
    first = next(q for q in endpoint.questions if "one" in q["messages"][-1]["content"])
    assert first["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Answer one of Ada {{ 7 * 7 }} briefly."},
    ]
    assert "response_format" not in first
    # The budget is held before a question is asked.
    assert len(endpoint.questions) == 3
    assert dear["summary"]["errored"] == 4
    assert "the budget of $0.01 is used up" in dear["cards"][0]["reasons"][0]


async def test_a_conversation_is_given_to_a_prompt_as_it_is(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "say it"},
    ]
    with serving(lambda _question, _time: (200, completion("said a"))) as endpoint:
        prompt_suite(tmp_path, endpoint.url, {"a": turns})
        told = await prompted(tmp_path, target="talk")
    assert told["summary"]["passed"] == 1
    system = {"role": "system", "content": "Be kind."}
    assert [question["messages"] for question in endpoint.questions] == [[system, *turns]]
