"""The commands for what comes from elsewhere: suites of other tools."""

from argparse import Namespace
from collections import defaultdict
from pathlib import Path

from regrade_server.cli.adding import Adder
from regrade_server.cli.printing import Console
from regrade_tools.importing import SuiteImport
from regrade_tools.workspace import Workspace, needed

_SHOWN = 3


def add_to(verb: Adder) -> None:
    """Add the commands."""
    importing = verb("import-suite", "import a suite of promptfoo or pydantic-evals", import_suite)
    importing.add_argument("path", type=Path, help="its configuration, or the folder that holds it")
    importing.add_argument("--as", dest="name", help="the suite's name here")
    importing.add_argument("--dry-run", action="store_true", help="report only, write nothing")


def import_suite(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Import a suite."""
    # Only here: no other command reads suites of other tools.
    from regrade_tools.importing import SuiteImports  # noqa: PLC0415

    imports = SuiteImports(needed(workspace))
    done = imports.import_suite(told.path, told.name, dry_run=told.dry_run)
    console.result(done, _imported(done))
    return 0


def _imported(done: SuiteImport) -> str:
    """An import in a few lines; what was left out for one reason is told together."""
    files = f"{len(done.written)} files written, {len(done.kept)} kept as they were"
    counted = f"{done.cases} cases with {done.assertions} assertions"
    lines = [f"{done.suite} ({done.format}): {counted}; {files}"]
    lines.extend(f"  kept {path}" for path in done.kept)
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in done.left_out:
        grouped[one.what, one.why].append(one.where)
    if grouped:
        lines.append("Not imported:")
    for (what, why), places in grouped.items():
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        lines.append(f"  {what}\n    {why} [{', '.join(places[:_SHOWN])}{more}]")
    if done.unasserted:
        listed = ", ".join(done.unasserted[:_SHOWN])
        lines.append(f"Without any assertion: {len(done.unasserted)} cases, such as {listed}")
    return "\n".join([*lines, *([done.hint] if done.hint else [])])
