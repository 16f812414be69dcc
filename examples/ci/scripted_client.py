"""A CI job as an MCP client: import the newest logs, run a suite, let the gate decide.

python scripted_client.py REPOSITORY SUITE [LOGS] [-- OPTIONS OF THE GATE]

Such as `-- --baseline git:origin/main --junit evals.xml`. The exit code is the gate's: 0 it may
ship, 1 it may not, 2 something was refused, 3 it could not be decided.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import anyio
from mcp import Client, StdioServerParameters

REGRADE = [sys.executable, "-m", "regrade_server"]


async def measured(repository: str, suite: str, logs: str | None) -> str:
    """Import the logs, run the suite to its end, and print its failures: the id of the run."""
    command, *arguments = [*REGRADE, "--root", repository]
    async with Client(StdioServerParameters(command=command, args=arguments)) as client:
        if logs:
            print(json.dumps(await call(client, "import_traces", path=logs)))
        run = await call(client, "run_suite", suite=suite, wait_s=0)
        while run["summary"]["state"] == "running":
            run = await call(client, "get_run", run_id=run["summary"]["run_id"], wait_s=60)
    for card in run.get("cards", []):
        print(card["case_id"], card["outcome"], "; ".join(card["reasons"]))
    return run["summary"]["run_id"]


def decided(repository: str, suite: str, run_id: str, options: Sequence[str]) -> int:
    """What the gate says of that run, which it does not measure again."""
    sys.stdout.flush()
    gate = [*REGRADE, "--root", repository, "gate", suite, "--run-id", run_id, *options]
    return subprocess.run(gate, check=False).returncode  # noqa: S603 - Regrade itself


class RefusedError(Exception):
    """A tool refused: its text says what is valid and what to do next."""


async def call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """What a tool answers."""
    reply = await client.call_tool(tool, arguments)
    if reply.is_error:
        raise RefusedError(" ".join(getattr(part, "text", "") for part in reply.content))
    return reply.structured_content or {}


def innermost(error: BaseException) -> BaseException:
    """The error itself: a client's tasks tell it in a group in a group."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    return innermost(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])


def main(arguments: list[str]) -> int:
    """Measure, then decide."""
    mark = arguments.index("--") if "--" in arguments else len(arguments)
    repository, suite, *logs = arguments[:mark]
    try:
        run_id = anyio.run(measured, repository, suite, logs[0] if logs else None)
    except* RefusedError as refused:
        print(innermost(refused), file=sys.stderr)
        return_code = 2
    else:
        return_code = decided(repository, suite, run_id, arguments[mark + 1 :])
    return return_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
