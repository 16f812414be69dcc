"""The commands that run a suite: to see how it stands, and to decide on a change."""

from argparse import ArgumentParser, Namespace

from regrade_server.cli import gate as deciding
from regrade_server.cli import printing
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.cli.stopping import to_its_end
from regrade_server.ground_floor import GroundFloor
from regrade_tools.comparison.baselines import Saved
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.gate.round import Gated
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recording_files import Recorded
from regrade_tools.runs.reports import RunReport
from regrade_tools.texts.plaintext import counted


def add_to(verb: Adder) -> None:
    """Add the commands."""
    _add_running(verb("run", run))
    gate_parser = verb("gate", gate)
    _run_options(gate_parser)
    deciding.add_options(gate_parser)


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


def run(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Run a suite."""

    async def work(house: GroundFloor) -> tuple[RunReport, Saved | None, Recorded | None]:
        resumed = (await house.suites.runs.stored(told.resume)).run if told.resume else None
        if resumed and not (told.suite or told.named):
            suite = resumed.suite
        else:
            suite = _suite(told, workspace)
        if told.record:
            # Before anything is asked and paid for.
            house.recordings.check(suite, resumed.target if resumed else told.target)
        report = await house.suites.run_suite(
            suite,
            told.target,
            told.select,
            told.trials,
            told.baseline,
            told.budget_usd,
            told.resume,
            told.mode,
            judges=not told.no_judges,
            wait_s=600,
            dry_run=told.estimate,
            progress=console.progress,
        )
        report = await house.suites.ended(report, told.baseline)
        if report.estimate:
            return report, None, None
        run_id = report.summary.run_id
        saved = await house.baselines.save(run_id) if told.save_baseline else None
        recorded = await house.recordings.save(run_id) if told.record else None
        return report, saved, recorded

    report, saved, recorded = to_its_end(GroundFloor(workspace), work, console)
    lines = [*(printing.saved(saved) if saved else []), printing.run(report)]
    if recorded:
        lines.insert(0, _recorded(recorded))
    console.result(report, "\n".join(lines), baseline=saved, recorded=recorded)
    if report.estimate:
        return Exit.GOOD
    if report.summary.state != "done":
        return Exit.UNDECIDED
    if report.summary.failed:
        return Exit.FAILED
    return Exit.UNDECIDED if report.summary.errored else Exit.GOOD


def _recorded(done: Recorded) -> str:
    judged = f" and {counted(done.verdicts, 'verdict')}" if done.verdicts else ""
    return f"Recorded: {counted(done.answers, 'answer')}{judged} in {done.path}"


def gate(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Decide whether a change may be merged."""
    suite = "" if told.all else _suite(told, workspace)
    if told.all and (told.suite or told.named or told.run_id):
        raise Refusal(
            "--all gates every suite by a run of its own.",
            next_step="Leave away the suite's name and --run-id, or --all.",
        )

    async def work(house: GroundFloor) -> list[Gated]:
        return await deciding.decided(house, suite, told, console)

    found = to_its_end(GroundFloor(workspace), work, console)
    return deciding.publish(found, told, workspace, console)


def _suite(told: Namespace, workspace: Workspace | None) -> str:
    """The suite that was told, by its place or by its option; the only one where none was."""
    names = {name for name in (told.suite, told.named) if name}
    suites = needed(workspace).suites()
    # The empty suite that `init` wrote stands in nobody's way.
    asking = [name for name in suites if needed(workspace).asks(name)] if not names else []
    if not names and len(asking or suites) == 1:
        return (asking or suites)[0]
    if len(names) != 1:
        listed = f"There are: {', '.join(suites)}." if suites else "Run `regrade init`."
        raise Refusal("Name one suite.", next_step=listed)
    return names.pop()
