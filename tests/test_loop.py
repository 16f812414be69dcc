"""The whole loop on real trajectories, through a real process that speaks MCP on stdio."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from calling import refused, replied
from console import answered
from mcp import Client, StdioServerParameters
from person import client_of

SUITE = """\
description: The airline agent.
target: recorded
features:
  bookings:
    scenarios:
      cancel: {description: A customer wants to cancel.}
"""
pytestmark = pytest.mark.anyio


@pytest.fixture
def airline(tmp_path: Path, data: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "airline.yaml").write_text(SUITE)
    (tmp_path / "logs").mkdir()
    shutil.copy(data / "taubench" / "gpt-4o-airline.json.gz", tmp_path / "logs")
    return tmp_path


async def gate(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    words = ("gate", "--root", str(root), "--suite", "airline", *more)
    return await to_thread.run_sync(answered, *words)


def stdio(root: Path) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "regrade_server", "--root", str(root)]
    )


async def test_a_failure_in_a_log_becomes_a_case_that_holds_the_gate_until_it_is_mended(
    airline: Path,
) -> None:
    async with Client(stdio(airline)) as client:
        imported = await replied(client, "import_traces", path="logs", tags=["trial"])
        assert (imported["stored"], imported["already_known"]) == (200, 0)
        again = await replied(client, "import_traces", path="logs", tags=["trial"])
        assert (again["stored"], again["already_known"]) == (0, 200)

        found = await replied(
            client, "search_traces", query='"cancel my flight" tool:cancel_reservation tag:trial'
        )
        assert 0 < found["total"] < 200
        assert all("cancel my flight" in row["excerpt"].lower() for row in found["traces"])

        trace_id = found["traces"][0]["id"]
        digest = await replied(client, "get_trace", trace_id=trace_id)
        whole = await replied(client, "get_trace", trace_id=trace_id, view="conversation")
        for reply in (digest, whole):
            assert len(json.dumps(reply)) / 4 < 8_000
        answer = digest["content"]["output"]
        wrong = " ".join(answer.split()[:4])

        case = {
            "suite": "airline", "trace_id": trace_id, "feature": "bookings", "scenario": "cancel",
            "reason": "The agent closes without naming the refund",
            "corrected_output": "Your refund of 120 dollars is on its way.",
        }  # fmt: skip
        would_not_catch = [{"type": "contains", "value": wrong}]
        told = await refused(client, "file_case", **case, assertions=would_not_catch)
        assert told.startswith("Not proven red: every assertion passes on the bad output: ")
        assert wrong in told
        catches = [{"type": "regex", "value": r"refund of \d+ dollars"}]
        tried = await replied(client, "file_case", **case, assertions=catches, dry_run=True)
        assert tried["created"] is False
        assert not (airline / tried["path"]).exists()
        filed = await replied(client, "file_case", **case, assertions=catches)
        assert filed["created"] is True
        assert (airline / filed["path"]).is_file()
        twice = await replied(client, "file_case", **case, assertions=catches)
        assert (twice["created"], twice["case_id"]) == (False, filed["case_id"])

        run = await replied(client, "run_suite", suite="airline", wait_s=60)
        assert (run["summary"]["failed"], run["summary"]["pass_rate"]) == (1, 0.0)
        assert run["cards"][0]["case_id"] == filed["case_id"]

    code, held = await gate(airline)
    assert (code, held["ruling"]["decision"]) == (1, "hold")
    code, shipped = await gate(airline, "--target", "corrected")
    assert (code, shipped["ruling"]["decision"]) == (0, "ship")


async def test_a_newer_log_with_the_same_input_is_scored_by_the_latest_target(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "airline.yaml").write_text("target: latest\n")
    log = tmp_path / "log.jsonl"
    log.write_text('{"timestamp": 1760000000, "input": "hi", "output": "no"}\n')
    async with client_of(tmp_path) as client:
        await replied(client, "import_traces", path="log.jsonl")
        found = await replied(client, "search_traces")
        await replied(
            client, "file_case", suite="airline", trace_id=found["traces"][0]["id"],
            reason="too curt", assertions=[{"type": "contains", "value": "hello"}],
        )  # fmt: skip
        assert (await gate(tmp_path))[0] == 1
        with log.open("a") as file:
            file.write('{"timestamp": 1760000100, "input": "hi", "output": "hello"}\n')
        await replied(client, "import_traces", path="log.jsonl")
        assert (await gate(tmp_path))[0] == 0


async def test_a_case_is_filed_from_an_input_and_an_output_and_secrets_stay_out_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "airline.yaml").write_text("{}\n")
    key = "sk-proj-" + "a1B2" * 8
    async with client_of(tmp_path) as client:
        filed = await replied(
            client, "file_case", suite="airline", input="What is my key?", output=f"It is {key}.",
            reason="echoes the key", assertions=[{"type": "contains", "value": "cannot"}],
        )  # fmt: skip
    text = (tmp_path / filed["path"]).read_text()
    assert key not in text
    assert "It is [redacted:openai_key]." in text
