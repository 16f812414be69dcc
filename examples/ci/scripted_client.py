"""A CI job as an MCP client: import the newest logs, run a suite, exit as the gate would.

python scripted_client.py REPOSITORY SUITE [LOGS]
"""

import json
import sys
from typing import Any

import anyio
from mcp import Client, StdioServerParameters


async def main(repository: str, suite: str, logs: str | None) -> int:
    """Exit code 0 where all cases pass, 1 where one fails, 2 a refusal, 3 where one is errored."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "regrade_server", "--root", repository]
    )
    async with Client(server) as client:
        if logs:
            print(json.dumps(await call(client, "import_traces", path=logs)))
        run = await call(client, "run_suite", suite=suite, wait_s=0)
        while run["summary"]["state"] == "running":
            run = await call(client, "get_run", run_id=run["summary"]["run_id"], wait_s=60)
    print(json.dumps(run["summary"], indent=2))
    for card in run.get("cards", []):
        print(card["case_id"], card["outcome"], "; ".join(card["reasons"]))
    return 1 if run["summary"]["failed"] else 3 if run["summary"]["errored"] else 0


class RefusedError(Exception):
    """A tool refused: its text says what is valid and what to do next."""


async def call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """What a tool answers."""
    reply = await client.call_tool(tool, arguments)
    if reply.is_error:
        raise RefusedError(" ".join(getattr(part, "text", "") for part in reply.content))
    return reply.structured_content or {}


if __name__ == "__main__":
    code = 2
    try:
        code = anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3] if sys.argv[3:] else None)
    except* RefusedError as refused:
        print(*refused.exceptions, file=sys.stderr)
    sys.exit(code)
