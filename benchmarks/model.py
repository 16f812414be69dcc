"""200 questions to a model that takes 200 ms, 20 at once: how close to the ideal 2.0 seconds.

"busy" is what the model sees, from the first question in to the last answer out. The floor is
aiohttp with a semaphore; a judge of Regrade does the same and validates, prices, redacts and keeps
each verdict.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measuring import (
    HERE,
    Options,
    Spent,
    Table,
    end,
    environment,
    measured,
    middle,
    python,
    spread,
)

CONCURRENCY, SECONDS = 20, 0.2

_FLOOR = """
import asyncio, sys, aiohttp
url, number, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def main():
    turns = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession() as session:
        async def ask(place):
            body = {"model": "stub", "messages": [{"role": "user", "content": f"question {place}"}]}
            async with turns, session.post(f"{url}/chat/completions", json=body) as reply:
                return "PASS" in (await reply.json())["choices"][0]["message"]["content"]
        assert all(await asyncio.gather(*map(ask, range(number))))

asyncio.run(main())
"""
_JUDGE = """---
criterion: answered
passes: It answers the question.
fails: It does not.
model: stub
---
Does it answer?
{{ input }}
{{ output }}
"""


def measure(options: Options) -> Table:
    """Every contender in turn, ``rounds`` times."""
    number = 40 if options.quick else 200
    ideal = number / CONCURRENCY * SECONDS
    with _model() as url:
        contenders = {
            "aiohttp + semaphore (floor)": [python(), "-c", _FLOOR, f"{url}/v1", str(number),
                                            str(CONCURRENCY)],
            "Regrade, a judge": [python(), str(HERE / "model.py"), f"{url}/v1", str(number)],
        }  # fmt: skip
        for name, command in options.peers.items():
            contenders[name] = [*command.split(), f"{url}/v1", str(number), str(CONCURRENCY)]
        found: dict[str, list[tuple[Spent, dict[str, Any]]]] = {name: [] for name in contenders}
        for turn in range(options.rounds):
            for place, (name, command) in enumerate(contenders.items()):
                folder = options.folder / f"model-{turn}-{place}"
                folder.mkdir()
                found[name].append(_once(url, name, command, folder, number))
    busy = {name: [seen["busy_s"] for _, seen in rows] for name, rows in found.items()}
    return Table(
        "model",
        f"{number} questions of {SECONDS * 1000:.0f} ms, {CONCURRENCY} at once "
        f"(ideal {ideal:.1f} s)",
        ("contender", "busy s", "efficiency", "most at once", "CPU s", "memory MB"),
        tuple(
            (
                name,
                spread(busy[name]),
                f"{ideal / middle(busy[name]):.0%}",
                float(rows[-1][1]["most"]),
                spread([spent.cpu for spent, _ in rows]),
                middle([spent.rss_mb for spent, _ in rows]),
            )
            for name, rows in found.items()
        ),
        note="Each contender was asked exactly that many times, and every answer passed.",
        raw={"busy_s": busy, "ideal_s": ideal},
    )


def _once(
    url: str, name: str, command: list[str], folder: Path, number: int
) -> tuple[Spent, dict[str, Any]]:
    _fetched(f"{url}/reset", b"")
    spent = measured(command, folder)
    seen = _fetched(f"{url}/stats")
    if spent.code or seen["questions"] != number:
        told = (folder / "output.log").read_text(errors="replace")[-2_000:]
        raise RuntimeError(f"{name}: code {spent.code}, {seen} of {number}\n{told}")
    return spent, seen


@contextmanager
def _model() -> Generator[str, None, None]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python(), str(HERE / "model_stub.py"), str(port), str(SECONDS)]
    process = subprocess.Popen(command, env=environment())  # noqa: S603 - our own
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        end(process.pid)
        process.wait()


def _wait_for(url: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            _fetched(f"{url}/stats")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _fetched(url: str, body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, data=body)  # noqa: S310 - loopback, as written above
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - as above
        return json.load(reply)


def judge(url: str, number: int) -> None:
    """Regrade's part, in a process of its own: `regrade call run_judge` on that many answers."""
    folder = Path.cwd() / "evals"
    (folder / "judges").mkdir(parents=True)
    (folder / "judges" / "answered.md").write_text(_JUDGE)
    model = {"model": "openai/stub", "api_base": url, "concurrency": CONCURRENCY,
             "input_cost_per_token": 0, "output_cost_per_token": 0}  # fmt: skip
    (folder / "regrade.yaml").write_text(json.dumps({"models": {"stub": model}}))
    outputs = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(number)]
    asked = json.dumps({"judge": "answered", "outputs": outputs})
    command = [python(), "-m", "regrade_server", "call", "run_judge", "-"]
    done = subprocess.run(command, input=asked.encode(), stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
    passed = json.loads(done.stdout)["passed"]
    if passed != number:
        raise RuntimeError(f"{passed} of {number} verdicts are PASS")


if __name__ == "__main__":
    judge(sys.argv[1], int(sys.argv[2]))
