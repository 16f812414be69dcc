"""`regrade serve`: the server on stdin and stdout, or over HTTP; and a receiver of OTLP."""

import os
import signal
import stat
import sys
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from regrade_server.cli.console import Console
from regrade_server.importing import uncollected
from regrade_server.protocol.entrance import Entrance
from regrade_tools.files.root import Root
from regrade_tools.refusal import Refusal

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from regrade_server.http import Ended, Site

_BY_HAND = (
    "regrade: serving MCP on standard input, as a client starts it; Ctrl-C ends it. "
    "`regrade --help` lists the commands.\n"
)
_HERE = "127.0.0.1:8765"
_OTLP_HERE = "127.0.0.1:4318"
DEFAULTS = {"http": None, "otlp": None, "otlp_sample": None, "read_only": False, "tools": None}


def add_options(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--http", nargs="?", const=_HERE, metavar="HOST:PORT",
        help=f"serve streamable HTTP there, at /mcp; {_HERE} by default",
    )  # fmt: skip
    parser.add_argument(
        "--otlp", nargs="?", const=_OTLP_HERE, metavar="HOST:PORT",
        help=f"take OpenTelemetry traces there, at /v1/traces; {_OTLP_HERE} by default",
    )  # fmt: skip
    parser.add_argument(
        "--otlp-sample", type=float, metavar="SHARE",
        help="of the traces sent there, keep this share and those with errors; 1, all, by default",
    )  # fmt: skip
    parser.add_argument("--read-only", action="store_true", help="only tools that change nothing")
    parser.add_argument("--tools", metavar="A,B", help="only these tools")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help="bearer tokens, one a line: TOKEN read|write|spend; or one in REGRADE_TOKEN",
    )  # fmt: skip
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME",
        help="a name under which clients ask, beside the one that is listened on",
    )  # fmt: skip
    parser.add_argument("--rate", type=int, default=600, help="requests a minute of one caller")


def serve(told: Namespace, root: Root | None, _console: Console) -> int:
    """Serve until stdin ends, or over HTTP until a signal comes."""
    if told.otlp is None and told.otlp_sample is not None:
        raise Refusal("--otlp-sample says how much --otlp keeps.", next_step="Add --otlp.")
    if told.http is None and told.otlp is None:
        if sys.stdin.isatty():
            sys.stderr.write(_BY_HAND)
        anyio.run(_server(told, root).run_stdio_async)
        return 0
    # Only here: what serves HTTP is not loaded for stdio.
    from regrade_server.http import Address, listen, mcp_site, read_tokens  # noqa: PLC0415
    from regrade_server.otlp import otlp_site  # noqa: PLC0415
    from regrade_tools.files.workspace import needed, workspace_at  # noqa: PLC0415

    if told.rate < 1:
        raise Refusal(f"--rate is {told.rate}; it is 1 or more.")
    names = tuple(told.allow_host)
    tokens = read_tokens(os.environ, told.token_file)
    receivers: list[Site] = []
    if told.otlp is not None:
        address = Address.read(told.otlp, names)
        share = 1.0 if told.otlp_sample is None else told.otlp_sample
        workspace = workspace_at(root)
        if workspace is None and told.http is None and _spoken_to():
            # As below: its client must have its tools wherever it was started.
            sys.stderr.write(
                "regrade: there is no workspace to keep traces. MCP alone is served.\n"
            )
            anyio.run(_server(told, root).run_stdio_async)
            return 0
        receivers.append(otlp_site(needed(workspace), address, tokens, share))
    if told.http is not None:
        server = _server(told, root)
        site = mcp_site(server, Address.read(told.http, names), tokens, told.rate)
        anyio.run(listen, [site, *receivers])
    elif _spoken_to():
        anyio.run(_beside, _server(told, root), receivers)
    else:
        anyio.run(listen, receivers)
    return 0


def _server(told: Namespace, root: Root | None) -> "MCPServer[None]":
    # Only here: no other command needs the protocol.
    with uncollected():
        from regrade_server.protocol.app import build_server  # noqa: PLC0415
        from regrade_server.protocol.surface import Surface  # noqa: PLC0415

        names = tuple(name.strip() for name in (told.tools or "").split(",") if name.strip())
        if told.tools is not None and not names:
            raise Refusal("--tools names no tool.", next_step="Such as --tools overview,get_run")
        return build_server(Entrance(root), Surface(told.read_only, names))


def _spoken_to() -> bool:
    """Whether a client may be at the other end of stdin: it is a pipe, as IDEs start servers."""
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)


async def _beside(server: "MCPServer[None]", receivers: "list[Site]") -> None:
    """Serve stdio, and the receivers as long as that lasts."""
    from regrade_server.http import listening  # noqa: PLC0415 - as above

    async with AsyncExitStack() as stack:
        try:
            ended = await stack.enter_async_context(listening(receivers))
        except Refusal as refusal:
            # A second server of the same repository: its client must have its tools all the same.
            sys.stderr.write(f"regrade: {refusal.problem} MCP alone is served.\n")
        else:
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(_end_with, ended)
            stack.callback(group.cancel_scope.cancel)
        await server.run_stdio_async()


async def _end_with(ended: "Ended") -> None:
    """End as the signal would have ended it: nothing wakes a thread that waits for stdin."""
    await ended.event.wait()
    if ended.number is not None:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
