"""The commands, each a few lines over a verb."""

import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import BinaryIO, cast

from regrade_server.cli import (
    calling,
    examining,
    input_commands,
    installing,
    judge_commands,
    label_commands,
    printing,
    showing,
    suite_commands,
    trace_commands,
)
from regrade_server.cli import gate as deciding
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_server.memory import MemoryStore
from regrade_tools.baselines import Saved
from regrade_tools.formats import FIELDS, FORMATS, TABLES
from regrade_tools.imports import Imported
from regrade_tools.plaintext import counted
from regrade_tools.published import SCHEMAS
from regrade_tools.recording_files import Recorded
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.run_reports import RunReport
from regrade_tools.starting import NEXT_STEP, initialise
from regrade_tools.workspace import Workspace, needed


def add_to(verb: Adder) -> None:
    """Add every command."""
    verb("init", "write a first evals/ folder; no file that exists is touched", init)
    demo_parser = verb("demo", "go through the whole loop on an example, in a scratch folder", demo)
    demo_parser.add_argument("--keep", metavar="FOLDER", help="copy the example here; not to exist")
    examining.add_to(verb)
    installing.add_to(verb)
    adding = verb("import", "import logs: files, folders, globs, or - for standard input", import_)
    adding.add_argument("--format", help=f"told by itself; or {', '.join((*FORMATS, *TABLES))}")
    adding.add_argument("--dry-run", action="store_true", help="read and report, store nothing")
    adding.add_argument("--tag", action="append", default=[], help="a tag for every trace")
    adding.add_argument(
        "words", nargs="+", metavar="PATH|OURS=THEIRS",
        help="what to import, and names of fields, such as input=question; OURS is "
        f"{', '.join(FIELDS)}",
    )  # fmt: skip
    suite_commands.add_to(verb)
    input_commands.add_to(verb)
    label_commands.add_to(verb)
    judge_commands.add_to(verb)
    trace_commands.add_to(verb)
    showing.add_to(verb)
    running = verb("run", "run a suite: exit 1 where cases fail, 3 where some are errored", run)
    _add_running(running)
    gate_parser = verb("gate", "exit 0 where a change may ship, 1 where not, 3 undecided", gate)
    _run_options(gate_parser)
    deciding.add_options(gate_parser)
    schema_parser = verb("schema", "print the JSON Schema of a file", schema, prints=False)
    schema_parser.add_argument("kind", help=", ".join(SCHEMAS))
    told = "call any MCP tool, as a scripted client would"
    calling.add_options(verb("call", told, calling.call, prints=False))


def _add_running(running: ArgumentParser) -> None:
    _run_options(running)
    running.add_argument("--select", default="", help="such as: tag:critical scenario:one")
    running.add_argument("--trials", type=int, help="how often each case is asked")
    running.add_argument("--budget-usd", type=float, help="stop it once its answers cost more")
    deciding.add_mode(running)
    running.add_argument(
        "--record", action="store_true", help="keep the answers in evals/recordings/<suite>.jsonl"
    )
    running.add_argument(
        "--resume", metavar="RUN", help="go on with an interrupted run: ask what has no answer yet"
    )
    running.add_argument(
        "--estimate", action="store_true", help="only tell what it would ask, cost and take"
    )
    running.add_argument(
        "--save-baseline", action="store_true", help="write evals/baselines/<suite>.json from it"
    )


def _run_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "suite", nargs="?", help="its name in evals/suites/; not needed if it is the only one"
    )
    parser.add_argument("--suite", dest="named", metavar="SUITE", help="the same, as an option")
    parser.add_argument("--target", help="a target of regrade.yaml, or recorded, corrected, latest")
    parser.add_argument("--baseline", help="a file, git:REFERENCE or a run id")


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
    console.result(done, printing.imported(done, dry_run=told.dry_run))
    return 0 if done.stored or done.already_known else 2


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


def run(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Run a suite."""

    async def work(house: House) -> tuple[RunReport, Saved | None, Recorded | None]:
        if told.resume and not (told.suite or told.named):
            suite = (await house.suites.runs.stored(told.resume)).run.suite
        else:
            suite = _suite(told, workspace)
        report = await house.suites.run_suite(
            suite,
            told.target,
            told.select,
            told.trials,
            told.baseline,
            told.budget_usd,
            told.resume,
            told.mode,
            wait_s=600,
            dry_run=told.estimate,
            progress=console.progress,
        )
        while report.summary.state == "running":
            report = await house.suites.get_run(
                report.summary.run_id, compare_to=told.baseline, wait_s=600
            )
        if report.estimate:
            return report, None, None
        run_id = report.summary.run_id
        saved = await house.baselines.save(run_id) if told.save_baseline else None
        recorded = await house.recordings.save(run_id) if told.record else None
        return report, saved, recorded

    report, saved, recorded = alive(House(workspace), work)
    lines = [*(printing.saved(saved) if saved else []), printing.run(report)]
    if recorded:
        lines.insert(0, f"Recorded: {counted(recorded.answers, 'answer')} in {recorded.path}")
    console.result(report, "\n".join(lines), baseline=saved, recorded=recorded)
    if report.estimate:
        return 0
    if report.summary.state != "done":
        return 3
    return 1 if report.summary.failed else 3 if report.summary.errored else 0


def gate(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Decide whether a change may be merged."""
    suite = _suite(told, workspace)
    report = alive(House(workspace), lambda house: deciding.report_of(house, suite, told, console))
    return deciding.publish(report, told, workspace, console)


def _suite(told: Namespace, workspace: Workspace | None) -> str:
    """The suite that was told, by its place or by its option; the only one where none was."""
    names = {name for name in (told.suite, told.named) if name}
    suites = needed(workspace).suites()
    if not names and len(suites) == 1:
        return suites[0]
    if len(names) != 1:
        listed = f"There are: {', '.join(suites)}." if suites else "Run `regrade init`."
        raise Refusal("Name one suite.", next_step=listed)
    return names.pop()


def schema(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Print a schema."""
    if told.kind not in SCHEMAS:
        raise unknown("schema", told.kind, SCHEMAS)
    console.data(SCHEMAS[told.kind]())
    return 0
