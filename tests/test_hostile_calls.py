"""What no honest client sends is refused or answered, soon, and harms nothing."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hostile import Hostile

from regrade_tools.texts.clipping import REPLY

EXAMPLE = Path(__file__).parents[1] / "examples" / "listing_finder"
SEED = 20_261_127
OPENING = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "hostile", "version": "1"},
}


class Conversation:
    """A server on stdio that is told one line at a time, and how long each answer took."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.longest = 0.0

    def ask(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        began = time.perf_counter()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = {}
        while not ({"result", "error"} & answer.keys()):
            told = self.process.stdout.readline()
            assert told, f"the server ended at {line[:400]!r}"
            answer = json.loads(told)
        self.longest = max(self.longest, time.perf_counter() - began)
        return answer

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": "honest", "method": method, "params": params}
        return self.ask(json.dumps(message).encode())["result"]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", name=tool, arguments=arguments)["structuredContent"]


@contextmanager
def conversation(root: Path, errors: Path) -> Generator[Conversation, None, None]:
    command = [sys.executable, "-m", "regrade_server", "--root", str(root)]
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            env={**os.environ, "REGRADE_KEYS": str(root.parent / "keys")},
        ) as process,
    ):  # fmt: skip
        try:
            asked = Conversation(process)
            asked.request("initialize", **OPENING)
            assert process.stdin
            process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
            yield asked
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


def wrong_with(answer: dict[str, Any]) -> str:
    """Why an answer is neither a refusal nor a reply as it should be; nothing where it is one."""
    text = json.dumps(answer, ensure_ascii=False)
    if "Traceback" in text or "pydantic.dev" in text or "bug of Regrade" in text:
        return text
    if "error" in answer:
        code = answer["error"]["code"]
        return "" if code in (-32602, -32600, -32700) else text
    size = sum(len(json.dumps(part).encode()) for part in answer["result"].get("content", []))
    # The text is JSON in JSON, so that each quote is escaped once more.
    return "" if size <= 2 * REPLY else text


def assailed(root: Path, number: int, seed: int) -> dict[str, Any]:
    """Send so many calls, and look at what is left."""
    repository, errors = root / "repository", root / "stderr"
    shutil.copytree(EXAMPLE, repository)
    (repository / "log.jsonl").write_text('{"input": "hi", "output": {"listings": []}}\n')
    (root / "secret").write_text("not to be seen")
    before = set(root.iterdir())
    problems: list[str] = []
    outcomes: Counter[str] = Counter()
    with conversation(repository, errors) as asked:
        asked.call("import_traces", path="log.jsonl")
        trace = asked.call("search_traces")["traces"][0]["id"]
        run = asked.call("run_suite", suite="finder", target="recorded", wait_s=60)["summary"]
        known: dict[str, list[Any]] = {
            "suite": ["finder"], "trace_id": [trace], "run_id": [run["run_id"]], "path": [
                "log.jsonl", "../secret", "."], "target": ["recorded"], "judge": ["x"],
            "reason": ["so"], "output": ["a", {"listings": []}], "wait_s": [0], "name": [
                "finder", "assertions"], "criterion": ["kind"], "confirm": [True],
        }  # fmt: skip
        tools = {it["name"]: it["inputSchema"] for it in asked.request("tools/list")["tools"]}
        for line in Hostile(random.Random(seed), tools, known).lines(number):  # noqa: S311 - a seed
            began = time.perf_counter()
            answer = asked.ask(line)
            if problem := wrong_with(answer):
                problems.append(f"{line[:600]!r}: {problem[:600]}")
            if time.perf_counter() - began > 5:
                problems.append(f"{line[:600]!r}: {time.perf_counter() - began:.1f} s")
            refused = answer.get("result", {}).get("isError") or "error" in answer
            outcomes["refused" if refused else "answered"] += 1
        assert asked.call("search_traces", query="hi")["total"] >= 1
    with closing(sqlite3.connect(repository / ".regrade" / "store.db")) as store:
        [whole] = store.execute("PRAGMA integrity_check").fetchone()
    assert set(root.iterdir()) == before | {errors}
    told = errors.read_text(encoding="utf-8")
    return {"problems": problems, "stderr": told, "store": whole, "outcomes": outcomes}


def looked_at(found: dict[str, Any], number: int) -> None:
    assert found["problems"] == []
    assert "Traceback" not in found["stderr"]
    assert "not to be seen" not in found["stderr"]
    assert found["store"] == "ok"
    assert found["outcomes"].total() == number
    # Both are met: neither is everything refused nor everything taken.
    assert min(found["outcomes"].values()) > number / 20


def test_three_hundred_hostile_calls_do_no_harm(tmp_path: Path) -> None:
    looked_at(assailed(tmp_path, 300, SEED), 300)


@pytest.mark.slow
def test_ten_thousand_hostile_calls_do_no_harm(tmp_path: Path) -> None:
    looked_at(assailed(tmp_path, 10_000, SEED + 1), 10_000)
