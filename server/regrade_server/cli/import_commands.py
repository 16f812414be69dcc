"""`regrade import`: logs into the store."""

import os
import sys
from argparse import Namespace
from dataclasses import replace
from typing import BinaryIO, cast

from regrade_server.cli import listing
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_server.memory import MemoryStore
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.formats import FIELDS, FORMATS, TABLES
from regrade_tools.refusal import Refusal
from regrade_tools.traces.imports import Imported


def add_to(verb: Adder) -> None:
    """Add the command."""
    adding = verb("import", import_)
    adding.add_argument("--format", help=f"told by itself; or {', '.join((*FORMATS, *TABLES))}")
    adding.add_argument("--dry-run", action="store_true", help="read and report, store nothing")
    adding.add_argument("--tag", action="append", default=[], help="a tag for every trace")
    adding.add_argument(
        "words", nargs="+", metavar="PATH|OURS=THEIRS",
        help="what to import, and names of fields, such as input=question; OURS is "
        f"{', '.join(FIELDS)}",
    )  # fmt: skip


def import_(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Import logs."""
    mapping = dict(_pair(word) for word in told.words if _is_mapping(word))
    paths = [word for word in told.words if not _is_mapping(word)]
    if not paths or ("-" in paths and len(paths) > 1):
        raise Refusal(
            "There is no path." if not paths else "Standard input is imported by itself.",
            next_step="Such as `regrade import log.jsonl more.csv` or `regrade import - < log`.",
        )

    async def work(house: House) -> Imported:
        traces = house.traces
        if told.dry_run:
            # Opening a store would make it.
            kept = house.store if (needed(workspace).state / "store.db").exists() else MemoryStore()
            traces = replace(traces, store=kept, dry_run=True)
        if paths == ["-"]:
            return await traces.import_stream(
                _standard_input(), "stdin", told.format, mapping, told.tag
            )
        return await traces.import_paths(paths, told.format, mapping, told.tag, console.progress)

    done = alive(House(needed(workspace), personal=True), work)
    console.result(done, listing.imported(done, dry_run=told.dry_run))
    return Exit.GOOD if done.stored or done.already_known else Exit.REFUSED


def _standard_input() -> BinaryIO:
    # Python leaves it out where its descriptor was closed.
    if cast("object", sys.stdin) is None:
        raise Refusal("Standard input is closed.", next_step="Pipe a log into it, or give a path.")
    return sys.stdin.buffer


def _is_mapping(word: str) -> bool:
    """Whether ``word`` maps a field: folders may be called so, too, such as ``date=2026``."""
    return word.partition("=")[0].isidentifier() and "=" in word and not os.path.lexists(word)


def _pair(text: str) -> tuple[str, str]:
    ours, _, theirs = text.partition("=")
    if not theirs:
        raise Refusal(f"{text!r} is no mapping.", next_step="Write input=question output=answer.")
    return ours, theirs
