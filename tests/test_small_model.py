"""A real small language model, which is a bad judge and a worse writer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file
from mcp import Client
from small_model import served

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.documents import load
from regrade_tools.files.workspace import Workspace

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ASKED, BUDGET = 8, 0.9


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(request) as url:
        yield url


def project(root: Path, url: str) -> None:
    (root / "evals").mkdir()
    # Its price is made up, so that there is something to hold.
    price = {"input_cost_per_token": 0, "output_cost_per_token": 0.001}
    limits = {"timeout_s": 120, "max_tokens": 100, "concurrency": 1}
    model = {"model": "openai/smollm2-135m", "api_base": url, **limits, **price}
    (root / "evals" / "regrade.yaml").write_text(json.dumps({"models": {"tiny": model}}))


async def replied(root: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool(tool, arguments)
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def test_it_judges_and_is_not_trusted(address: str, tmp_path: Path) -> None:
    project(tmp_path, address)
    judge_file(tmp_path, "diet", "model: tiny")
    outputs = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(6)]
    found = await replied(tmp_path, "run_judge", judge="diet", outputs=outputs)
    passed, failed, unknown = (found.get(kind, 0) for kind in ("passed", "failed", "unknown"))
    assert passed + failed + unknown == found["judged"] == len(outputs)
    assert passed + failed > 0
    assert found["state"] == "draft"


async def test_what_it_writes_is_kept_once_and_the_reply_says_how_many_could_be_made(
    address: str, tmp_path: Path
) -> None:
    project(tmp_path, address)
    dimensions = {"persona": ["recruiter", "founder"], "form": ["question", "command", "mail"]}
    inputs = {"task": "Short messages to a CRM assistant.", "model": "tiny"}
    (tmp_path / "evals" / "suites").mkdir()
    (tmp_path / "evals" / "suites" / "crm.yaml").write_text(
        json.dumps({"inputs": {**inputs, "dimensions": dimensions}})
    )
    found = await replied(tmp_path, "generate_inputs", suite="crm", n=ASKED, budget_usd=BUDGET)
    paths = sorted((tmp_path / "evals" / "cases" / "crm").glob("*.yaml"))
    cases: list[Any] = [load(path.read_text()) for path in paths]
    texts = {" ".join(str(case["input"]).lower().split()) for case in cases}
    kept, left = len(paths), len(found.get("unfilled", []))
    assert len(texts) == kept
    assert kept + left == ASKED
    assert found["told"].startswith(f"{ASKED} asked, {kept} distinct kept, {found['written']} writ")
    assert ("could not be made: " in found["told"]) == (left > 0)
    assert kept > 0
    assert sum(found.get("rejected", {}).values()) + kept >= found["written"] >= kept
    # Four times each at most, and never beyond the budget.
    assert found["written"] <= 4 * ASKED
    assert found["cost_usd"] <= BUDGET
