"""Arguments in, exit code out."""

import argparse
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from regrade_server.cli import commands, exits, serving
from regrade_server.cli.adding import Command
from regrade_server.cli.console import Console
from regrade_tools.files.root import Root, find_root
from regrade_tools.refusal import Refusal

# As a shell counts a program that ended because nobody read on: never 0, which says all is well.
UNREAD = 141
_SERVE = "serve"
_SERVES = "serve MCP on stdin and stdout, as IDEs start it, or over HTTP"
# Commands whose reader names tools, not commands.
_OF_TOOLS = frozenset({"call", _SERVE})
# Commands with a query, in which -word is what is not wanted, and before it a sign that no
# argument can hold, so that it is not taken for an option.
_ASKING = frozenset({"search", "summarize", "export", "label", "prune"})
_UNWANTED, _MARK = re.compile(r"-[^-\d]."), "\0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Without a command it is the stdio server, as IDEs start it."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    command = _command(given)
    told = parser(command).parse_args(_marked(given, asking=command in _ASKING))
    _unmark(told)
    console = Console(as_json=bool(getattr(told, "json", False)), of_tools=command in _OF_TOOLS)
    try:
        code = int(told.run(told, _root(told.root), console))
        console.out.flush()
    except Refusal as refusal:
        console.refuse(refusal)
        return exits.of(refusal)
    except KeyboardInterrupt as stop:
        # As a shell counts a program that a signal ended.
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    except Exception as error:  # noqa: BLE001 - an error of ours says nothing about what was tested
        if _unread(error):
            # Python would try to write the rest as it ends, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return UNREAD
        # Python itself would exit with 1, which says that cases failed.
        traceback.print_exc()
        return exits.Exit.UNDECIDED
    return code


def _marked(given: Sequence[str], *, asking: bool) -> list[str]:
    """``given`` with a mark on what is not wanted: words of a query, and what is not selected."""
    return [
        f"{_MARK}{word}" if (asking or before == "--select") and _UNWANTED.match(word) else word
        for before, word in zip(["", *given], given, strict=False)
    ]


def _unmark(told: argparse.Namespace) -> None:
    for name, value in vars(told).items():
        if isinstance(value, str):
            setattr(told, name, value.removeprefix(_MARK))
        elif isinstance(value, list):
            words = cast("list[object]", value)
            plain = (word.removeprefix(_MARK) if isinstance(word, str) else word for word in words)
            setattr(told, name, [*plain])


def _unread(error: Exception) -> bool:
    """Whether the reader, such as `head`, has seen enough; parallel tasks tell it in a group."""
    if isinstance(error, ExceptionGroup):
        return cast("ExceptionGroup[Exception]", error).subgroup(BrokenPipeError) is not None
    return isinstance(error, BrokenPipeError)


def _root(told: Path | None) -> Root | None:
    try:
        here = Path.cwd()
    except OSError:
        # The folder was removed or closed since; in it there is no workspace, and nothing else.
        here = Path("/")
    if told is not None:
        return find_root(here, told)
    if root := os.environ.get("REGRADE_ROOT"):
        return find_root(here, Path(root), "REGRADE_ROOT")
    return find_root(here)


def _entered(run: Command) -> Callable[[argparse.Namespace, Root | None, Console], int]:
    """What runs in the workspace at a root, whose rooms a server does without until it is asked."""

    def entered(told: argparse.Namespace, root: Root | None, console: Console) -> int:
        from regrade_tools.files.workspace import workspace_at  # noqa: PLC0415 - as above

        return run(told, workspace_at(root), console)

    return entered


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--root",
        type=Path,
        help="the workspace; by default $REGRADE_ROOT, else the nearest parent folder "
        "with evals/regrade.yaml or .git",
    )
    return common


class _Verb(argparse.ArgumentParser):
    """The arguments of a command, in any order.

    argparse itself takes none after an option that may be left out, once there was another.
    """

    _inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override] # noqa: ANN401 - as the base class
        """As the base class says."""
        # Between its two looks it would lose the sign that ends the options.
        if self._inside or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        # It asks this method for the options, and then for all else.
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def _command(given: Sequence[str]) -> str:
    """The command that is given: without one a server is started, or all are listed."""
    _, rest = _common().parse_known_args(given)
    return next((word for word in rest if not word.startswith("-")), "") if rest else _SERVE


def parser(command: str = "") -> argparse.ArgumentParser:
    """The arguments of ``command`` and of what its module holds; else only which there are."""
    whole = argparse.ArgumentParser(
        prog="regrade", parents=[_common()], description="The evaluation loop of an LLM product."
    )
    whole.add_argument("--version", action="version", version=f"regrade {version('regrade')}")
    whole.add_argument("--json", action="store_true", help="print JSON, for programs")
    whole.set_defaults(run=serving.serve, **serving.DEFAULTS)
    verbs = whole.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Verb)

    def verb(name: str, run: Command) -> argparse.ArgumentParser:
        # SUPPRESS: what is told before the command must not be undone by none after it.
        again = _Verb(add_help=False, argument_default=argparse.SUPPRESS)
        again.add_argument("--root", type=Path, help="the workspace")
        if name != _SERVE:
            again.add_argument("--json", action="store_true", help="print JSON, for programs")
        told = _SERVES if name == _SERVE else commands.COMMANDS[name]
        added = verbs.add_parser(name, parents=[again], help=told, description=told)
        added.set_defaults(run=run if run is serving.serve else _entered(run))
        return added

    serving.add_options(verb(_SERVE, serving.serve))
    if command in commands.COMMANDS:
        commands.add_to(verb, command)
    elif command != _SERVE:
        # Whoever only asks which there are does not wait for what each of them needs.
        for name, told in commands.COMMANDS.items():
            verbs.add_parser(name, help=told)
    return whole
