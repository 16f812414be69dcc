"""The commands, each a few lines over a verb."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

import anyio

from regrade_server.cli import printing
from regrade_server.cli.printing import Console
from regrade_server.house import House
from regrade_tools.jsontext import read, whole
from regrade_tools.published import SCHEMAS
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.starting import NEXT_STEP, initialise
from regrade_tools.suites import RunReport
from regrade_tools.traces import Imported
from regrade_tools.workspace import Workspace, needed

Answer = TypeVar("Answer")


class Adder(Protocol):
    """How a command is added to the parser."""

    def __call__(self, name: str, told: str, run: object, *, prints: bool = True) -> ArgumentParser:
        """Its parser."""
        ...


def add_to(verb: Adder) -> None:
    """Add every command."""
    verb("init", "write a first evals/ folder; no file that exists is touched", init)
    demo_parser = verb("demo", "go through the whole loop on an example, in a scratch folder", demo)
    demo_parser.add_argument("--keep", metavar="FOLDER", help="copy the example here; not to exist")
    adding = verb(
        "import", "import logs: a file, a folder, a glob, or - for standard input", import_
    )
    _import_options(adding)
    looking = verb("search", "search the traces", search)
    looking.add_argument(
        "query", nargs="*", type=_text, help='such as: refund "not available" status:error'
    )
    looking.add_argument("--limit", type=int, default=20, help="1 to 100; 20 by default")
    looking.add_argument("--cursor", help="the page after the one that gave it")
    running = verb("run", "run a suite: exit 1 where cases fail, 3 where some are errored", run)
    running.add_argument("suite")
    _run_options(running)
    running.add_argument("--select", default="", help="such as: tag:critical scenario:one")
    running.add_argument("--trials", type=int, help="how often each case is asked")
    running.add_argument(
        "--save-baseline", action="store_true", help="write evals/baselines/<suite>.json from it"
    )
    deciding = verb("gate", "exit 0 where a change may be merged, 1 where not, 3 undecided", gate)
    deciding.add_argument("--suite", required=True)
    _run_options(deciding)
    deciding.add_argument("--max-drop", type=float, help="0.02 by default: two points")
    deciding.add_argument("--min-pass-rate", type=float, help="0 to 1; without a baseline 1")
    deciding.add_argument(
        "--strict", action="store_true", help="red also for a broken case or anything loosened"
    )
    deciding.add_argument("--run-id", help="decide on this run instead of a fresh one")
    schema_parser = verb("schema", "print the JSON Schema of a file", schema, prints=False)
    schema_parser.add_argument("kind", help=", ".join(SCHEMAS))
    calling = verb("call", "call any MCP tool, as a scripted client would", call, prints=False)
    calling.add_argument("tool")
    calling.add_argument("arguments", nargs="?", default="{}", help="a JSON object")


def _text(argument: str) -> str:
    """An argument that is kept or looked for: unlike the name of a file it must be text."""
    return cast("str", whole(argument))


def _import_options(adding: ArgumentParser) -> None:
    adding.add_argument("path")
    adding.add_argument("--format", help="chat, exchange or otlp; told by itself")
    adding.add_argument(
        "--tag", type=_text, action="append", default=[], help="a tag for every trace"
    )
    adding.add_argument(
        "map",
        nargs="*",
        type=_text,
        metavar="OURS=THEIRS",
        help="names of fields, such as input=question",
    )


def _run_options(parser: ArgumentParser) -> None:
    parser.add_argument("--target", help="a target of regrade.yaml, or recorded, corrected, latest")
    parser.add_argument("--baseline", help="a file, a git reference or a run id")


def _alive(house: House, work: Callable[[House], Awaitable[Answer]]) -> Answer:
    async def inside() -> Answer:
        async with house.open():
            return await work(house)

    try:
        return anyio.run(inside)
    except BaseExceptionGroup as group:
        raise _only(group) from None


def _only(group: BaseExceptionGroup[Any]) -> BaseException:
    """The one error in a task group that nobody else shares."""
    first: BaseException = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _only(cast("BaseExceptionGroup[Any]", first))
    return first


def init(_told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Write a first suite."""
    if workspace is None:
        raise Refusal("There is no repository here.", next_step="Run `git init`, or pass --root.")
    written = initialise(workspace)
    listed = "\n".join(f"  {path}" for path in written) or "  nothing: it is all there"
    console.result(
        {"written": written, "next_step": NEXT_STEP},
        f"Written in {workspace.root}:\n{listed}\n{NEXT_STEP}",
    )
    return 0


def demo(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Show the whole loop."""
    # Only here: it brings the example along.
    from regrade_server.demo import show  # noqa: PLC0415

    return show(told.keep, console)


def import_(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Import logs."""
    mapping = dict(_pair(text) for text in told.map)
    house = House(needed(workspace), personal=True)

    async def work(alive: House) -> Imported:
        if told.path == "-":
            return await alive.traces.import_stream(
                sys.stdin.buffer, "stdin", told.format, mapping, told.tag
            )
        return await alive.traces.import_traces(
            told.path, told.format, mapping, told.tag, console.progress
        )

    done = _alive(house, work)
    console.result(done, printing.imported(done))
    return 0 if done.stored or done.already_known else 2


def _pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not sign or not ours or not theirs:
        raise Refusal(f"{text!r} is no mapping.", next_step="Write input=question output=answer.")
    return ours, theirs


def search(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Search."""
    # A shell takes the quotes of a phrase away: a word with a blank was one.
    words = [f'"{word}"' if " " in word and '"' not in word else word for word in told.query]
    query = told.query[0] if len(told.query) == 1 else " ".join(words)
    page = _alive(
        House(workspace),
        lambda house: house.traces.search_traces(query, "newest", told.limit, told.cursor),
    )
    console.result(page, printing.found(page))
    return 0


def run(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Run a suite."""

    async def work(house: House) -> RunReport:
        report = await house.suites.run_suite(
            told.suite, told.target, told.select, told.trials, told.baseline, 0, console.progress
        )
        while report.summary.state == "running":
            report = await house.suites.get_run(
                report.summary.run_id, compare_to=told.baseline, wait_s=600
            )
        if told.save_baseline:
            console.say(f"Baseline written: {await house.baselines.save(report.summary.run_id)}")
        return report

    report = _alive(House(workspace), work)
    console.result(report, printing.run(report))
    if report.summary.state != "done":
        return 3
    return 1 if report.summary.failed else 3 if report.summary.errored else 0


def gate(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Decide whether a change may be merged."""
    for name in ("max_drop", "min_pass_rate"):
        value = getattr(told, name)
        if value is not None and not 0 <= value <= 1:
            raise Refusal(f"--{name.replace('_', '-')} is {value:g}; it is 0 to 1.")
    report = _alive(
        House(workspace),
        lambda house: house.gating.gate(
            told.suite,
            target=told.target,
            baseline=told.baseline,
            max_drop=told.max_drop,
            min_pass_rate=told.min_pass_rate,
            strict=told.strict,
            run_id=told.run_id,
            progress=console.progress,
        ),
    )
    console.result(report, printing.gate(report))
    return {"green": 0, "red": 1, "undecided": 3}[report.ruling.decision]


def schema(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Print a schema."""
    if told.kind not in SCHEMAS:
        raise unknown("schema", told.kind, SCHEMAS)
    console.data(SCHEMAS[told.kind]())
    return 0


def call(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Call a tool through the protocol, in this process."""
    # Only here: no other command needs the protocol.
    from mcp import Client  # noqa: PLC0415

    from regrade_server.app import build_server  # noqa: PLC0415

    try:
        arguments = read(told.arguments)
    except ValueError as problem:
        raise Refusal(f"The arguments are not JSON: {problem}.") from None
    if not isinstance(arguments, dict):
        raise Refusal("The arguments are a JSON object.", next_step="Such as '{\"limit\": 5}'.")

    async def work() -> Any:  # noqa: ANN401 - the reply of any tool
        async with Client(build_server(House(workspace))) as client:
            return await client.call_tool(told.tool, arguments)

    reply = anyio.run(work)
    if reply.is_error:
        raise Refusal(" ".join(getattr(part, "text", "") for part in reply.content))
    console.data(reply.structured_content)
    return 0
