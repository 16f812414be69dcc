"""The command that holds targets, or runs of them, side by side."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence

from regrade_server.cli import gate as deciding
from regrade_server.cli import printing
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.cli.stopping import to_its_end
from regrade_server.ground_floor import GroundFloor
from regrade_tools.comparison.matrix import Column, Ending, Matrices, Matrix
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import is_run
from regrade_tools.models.run import told_state
from regrade_tools.refusal import Refusal
from regrade_tools.runs.reports import RunReport
from regrade_tools.runs.running import Progress, silent
from regrade_tools.texts.plaintext import counted, line

# Of more cases that differ a person reads the JSON, or narrows the selection.
_SHOWN = 40


def add_to(verb: Adder) -> None:
    """Add the command."""
    comparing = verb("compare", compare)
    comparing.add_argument(
        "names", nargs="+", metavar="NAME", help="a suite and its targets, or the ids of runs"
    )
    comparing.add_argument("--select", default="", help="such as: tag:critical scenario:one")
    comparing.add_argument("--trials", type=int, help="how often each case is asked")
    comparing.add_argument(
        "--budget-usd", type=float, help="stop a target once its answers cost more"
    )
    deciding.add_mode(comparing)


def compare(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Run a suite on each target in turn, and hold the runs side by side."""

    async def work(house: GroundFloor) -> Matrix:
        suite, named = _parted(told.names)
        # What is wrong with the last one is told before the first one has cost anything.
        for name in named:
            if is_run(name):
                await _there(house, suite, name)
            else:
                await _begun(house, suite, name, told, dry_run=True)
        ids = [
            name if is_run(name) else await _measured(house, suite, name, told, console)
            for name in named
        ]
        return await Matrices(house.suites.runs).beside(ids)

    matrix = to_its_end(GroundFloor(workspace), work, console)
    console.result(matrix, "\n".join(_told(matrix)))
    done = all(column.state == "done" for column in matrix.columns)
    return Exit.GOOD if done else Exit.UNDECIDED


def _parted(names: Sequence[str]) -> tuple[str, list[str]]:
    """The suite, which runs alone need not be told, and what is held side by side."""
    if all(map(is_run, names)):
        return "", [*dict.fromkeys(names)]
    suite, *named = names
    if is_run(suite) or len(set(named)) < 2:  # noqa: PLR2004 - one is beside nothing
        raise Refusal(
            "Side by side are at least two targets of a suite, or runs.",
            next_step="Such as: regrade compare SUITE small large, or regrade compare RUN RUN.",
        )
    return suite, [*dict.fromkeys(named)]


async def _there(house: GroundFloor, suite: str, run_id: str) -> None:
    """Refuse a run that is none of the suite."""
    of = (await house.suites.runs.stored(run_id)).run.suite
    if suite and of != suite:
        raise Refusal(f"{run_id} is a run of the suite {of!r}, and not of {suite!r}.")


async def _begun(  # noqa: PLR0913 - a run and how it is told
    house: GroundFloor,
    suite: str,
    target: str,
    told: Namespace,
    *,
    dry_run: bool = False,
    progress: Progress = silent,
) -> RunReport:
    """A run of ``target``, or with ``dry_run`` only what it would be refused for."""
    return await house.suites.run_suite(
        suite, target, told.select, told.trials, None, told.budget_usd, None, told.mode,
        judges=not told.no_judges, wait_s=600, dry_run=dry_run, progress=progress,
    )  # fmt: skip


async def _measured(
    house: GroundFloor, suite: str, target: str, told: Namespace, console: Console
) -> str:
    """The id of a run of ``target`` that has come to its end."""
    report = await _begun(house, suite, target, told, progress=console.progress)
    return (await house.suites.ended(report)).summary.run_id


def _told(found: Matrix) -> Iterator[str]:
    """The runs, one after another, then the cases that tell them apart."""
    names = _names(found)
    yield f"{found.suite}: {counted(found.alike + len(found.rows), 'case')}"
    for column, name in zip(found.columns, names, strict=True):
        yield from _column(column, name, names[0])
    if not found.rows:
        yield "Every case ended alike in all of them."
        return
    yield f"{counted(len(found.rows), 'case')} did not end alike:"
    for row in found.rows[:_SHOWN]:
        yield f"  {line(row.case_id)}{f' ({line(row.place)})' if row.place else ''}"
        yield from (_ending(*one) for one in zip(row.endings, names, strict=True))
    if len(found.rows) > _SHOWN:
        yield f"  ... and {len(found.rows) - _SHOWN} more: --json lists them all"


def _names(found: Matrix) -> list[str]:
    """What each run is called: its target, and its id where two are of one."""
    often = Counter(column.target for column in found.columns)
    return [
        line(it.target) if often[it.target] == 1 else f"{line(it.target)} {it.run_id}"
        for it in found.columns
    ]


def _ending(ending: Ending, name: str) -> str:
    said = "" if ending.output is None else f": {printing.short(ending.output)}"
    why = f"\n      {line(ending.reason)}" if ending.reason else ""
    return f"    {ending.state.upper()} on {name}{said}{why}"


def _column(column: Column, name: str, first: str) -> Iterator[str]:
    rate = "nothing was decided"
    if column.pass_rate is not None and column.interval is not None:
        low, high = column.interval.low, column.interval.high
        rate = f"pass rate {column.pass_rate:.1%} (95 % from {low:.1%} to {high:.1%})"
    yield f"{name}: {rate}"
    flaky = f", {column.flaky} flaky" if column.flaky else ""
    counts = f"{column.passed} passed, {column.failed} failed, {column.errored} errored{flaky}"
    yield f"  {counts} ({column.run_id}, {told_state(column.state, column.problem)})"
    if column.took:
        yield f"  {printing.took(column.took)}"
    if column.against:
        yield f"  against {first}: {printing.difference(column.against)}"
    for why in column.not_comparable:
        yield f"  not comparable with {first}: {line(why)}"
