"""`regrade serve`: the server on stdin and stdout, or over HTTP."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

import anyio

from regrade_server.cli.printing import Console
from regrade_server.house import House
from regrade_server.importing import uncollected
from regrade_tools.refusal import Refusal
from regrade_tools.workspace import Workspace

_HERE = "127.0.0.1:8765"
DEFAULTS = {"http": None, "read_only": False, "tools": None}


def add_options(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--http", nargs="?", const=_HERE, metavar="HOST:PORT",
        help=f"serve streamable HTTP there, at /mcp; {_HERE} by default",
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


def serve(told: Namespace, workspace: Workspace | None, _console: Console) -> int:
    """Serve until stdin ends, or over HTTP until a signal comes."""
    # Only here: no other command needs the protocol.
    with uncollected():
        from regrade_server.app import build_server  # noqa: PLC0415
        from regrade_server.surface import Surface  # noqa: PLC0415

        names = tuple(name.strip() for name in (told.tools or "").split(",") if name.strip())
        if told.tools is not None and not names:
            raise Refusal("--tools names no tool.", next_step="Such as --tools overview,get_run")
        server = build_server(House(workspace), Surface(told.read_only, names))
    if told.http is None:
        anyio.run(server.run_stdio_async)
        return 0
    # Only here: what serves HTTP is not loaded for stdio.
    from regrade_server.http import Address, listen, read_tokens  # noqa: PLC0415

    if told.rate < 1:
        raise Refusal(f"--rate is {told.rate}; it is 1 or more.")
    address = Address.read(told.http, tuple(told.allow_host))
    anyio.run(listen, server, address, read_tokens(os.environ, told.token_file), told.rate)
    return 0
