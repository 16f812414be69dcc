"""`regrade install`: this server in the configuration of a client."""

from argparse import Namespace
from pathlib import Path

from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.clients import CLIENTS, installation
from regrade_server.clients.client import starting
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.refusal import Refusal, unknown


def add_to(verb: Adder) -> None:
    """Add the command."""
    adding = verb("install", install)
    adding.add_argument("client", help=", ".join(CLIENTS))
    adding.add_argument(
        "--user", action="store_true", help="in your own configuration, not in the repository's"
    )
    adding.add_argument("--dry-run", action="store_true", help="show the change, make none")


def install(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Change one file, if it needs to be."""
    if told.client not in CLIENTS:
        raise unknown("client", told.client, CLIENTS)
    client = CLIENTS[told.client]
    # One that opens no folder is told which; the file of a repository needs one anyway.
    here = needed(workspace) if not told.user or client.project is None else workspace
    root = None if told.user or here is None else here.root
    path = client.path(root, Path.home())
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise Refusal(f"{path} leads out of the repository.", next_step="Pass --user.")
    command = starting(shared=root is not None)
    entry = client.entry(command, None if here is None else here.root)
    found = installation(client, path, entry)
    if not told.dry_run and found.changed:
        found.write()
    only = root is not None and command != ["regrade"]
    then = f"{client.then}{_ONLY_HERE if only else ''}"
    console.result(
        {"path": str(found.path), "changed": found.changed, "written": found.changed
         and not told.dry_run, "diff": found.diff, "next_step": then},
        f"{found.diff or f'{found.path} starts this server already.'}\n{then}".strip(),
    )  # fmt: skip
    return 0


_ONLY_HERE = " `regrade` is not on the PATH here: this path is of this machine, do not commit it."
