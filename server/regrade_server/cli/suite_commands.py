"""The commands for what comes from elsewhere: suites of other tools, and rows of data."""

import json
from argparse import Namespace
from collections import defaultdict
from pathlib import Path

import anyio

from regrade_server.cli import translation
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.house import House
from regrade_tools.cases.cleaning import CheckedRows, Cleaning
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.refusal import refusal_in
from regrade_tools.suites.importing import SuiteImport, SuiteImports
from regrade_tools.texts.plaintext import counted, line, listed

_SHOWN = 3


def add_to(verb: Adder) -> None:
    """Add the commands."""
    importing = verb("import-suite", import_suite)
    importing.add_argument("path", type=Path, help="its configuration, or the folder that holds it")
    importing.add_argument("--as", dest="name", help="the suite's name here")
    importing.add_argument("--dry-run", action="store_true", help="report only, write nothing")
    checking = verb("check", check)
    checking.add_argument("file", type=Path, help="CSV, JSON lines, JSON, Parquet or Arrow")
    checking.add_argument("--suite", help="what it asks of every answer")
    checking.add_argument("--assertions", type=Path, help="or a file with a list of assertions")
    checking.add_argument("--output", default="output", help="the field of the answer")
    checking.add_argument("--input", default="input", help="the field of the input, if there")
    checking.add_argument("--out", type=Path, help="write the rows that pass, as JSON lines")


def import_suite(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Import a suite."""
    imports = SuiteImports(needed(workspace))
    done = imports.import_suite(told.path, told.name, dry_run=told.dry_run)
    console.result(done, _imported(done, dry_run=told.dry_run))
    return 0


def _imported(done: SuiteImport, *, dry_run: bool) -> str:
    """An import in a few lines; what was left out for one reason is told together."""
    files = f"{counted(len(done.written), 'file')} written, {len(done.kept)} kept as they were"
    held = f"{counted(done.cases, 'case')} with {counted(done.assertions, 'assertion')}"
    lines = [f"{done.suite} ({done.format}): {held}; {files}"]
    lines.extend(f"  kept {path}" for path in done.kept)
    wrote = "would write" if dry_run else "wrote"
    beside = [path for path in done.written if not path.startswith("evals/cases/")]
    lines.extend(f"  {wrote} {path}" for path in beside)
    if cases := len(done.written) - len(beside):
        lines.append(f"  {wrote} {counted(cases, 'case')} in evals/cases/{done.suite}/")
    if done.declare:
        lines.append("To be added to evals/regrade.yaml, which is yours:")
        lines.extend(f"  {one}" for one in done.declare.splitlines())
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in done.left_out:
        grouped[one.what, one.why].append(one.where)
    if grouped:
        lines.append("Not imported:")
    for (what, why), places in grouped.items():
        lines.append(f"  {what}\n    {why} [{listed([*dict.fromkeys(places)], _SHOWN)}]")
    if done.unasserted:
        some = ", ".join(done.unasserted[:_SHOWN])
        bare = counted(len(done.unasserted), "case")
        lines.append(f"Without any assertion: {bare}, such as {some}")
    if others := done.not_in_source:
        held = counted(len(others), "case")
        verb = "is" if len(others) == 1 else "are"
        named = listed(others, _SHOWN)
        lines.append(f"{held} of evals/cases/{done.suite}/ {verb} not in the source: {named}")
    return "\n".join([*lines, *translation.told(done.hint)])


def check(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Check rows of data."""
    cleaning = Cleaning(workspace, House(workspace).scorers)

    async def work() -> CheckedRows:
        return await cleaning.check_rows(
            told.file,
            suite=told.suite,
            assertions=told.assertions,
            output=told.output,
            given=told.input,
            clean=told.out,
        )

    try:
        done = anyio.run(work)
    except BaseExceptionGroup as group:
        raise refusal_in(group) or group from None
    console.result(done, _checked(done))
    if done.failed or done.unreadable:
        return Exit.FAILED
    return Exit.UNDECIDED if done.errored or not done.rows else Exit.GOOD


def _checked(done: CheckedRows) -> str:
    """The figures, each assertion, then the rows that did not pass."""
    decided = f"{done.passed} passed, {done.failed} failed, {done.errored} errored"
    lines = [f"{counted(done.rows, 'row')}: {decided}, {done.unreadable} unreadable"]
    for one in done.assertions:
        asked = f"{one.passed} passed, {one.failed} failed, {one.errored} errored"
        lines.append(f"  {asked}  {json.dumps(one.assertion, ensure_ascii=False)}")
    for row in done.first:
        lines.append(f"{row.outcome.upper()} {row.where}")
        lines.extend(f"    {line(reason)}" for reason in row.reasons)
    more = done.failed + done.errored + done.unreadable - len(done.first)
    if more:
        lines.append(f"  ... and {more} more")
    if done.not_asked:
        lines.append(f"Not asked of a row: {', '.join(done.not_asked)}")
    if done.with_reference:
        told = ", ".join(done.with_reference)
        lines.append(f"Compared with one value, whichever the row: {told}")
    if done.written:
        passing = "passes was" if done.passed == 1 else "pass were"
        lines.append(f"{counted(done.passed, 'row')} that {passing} written to {done.written}")
    return "\n".join(lines)
