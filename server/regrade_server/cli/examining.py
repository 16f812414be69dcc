"""`regrade doctor`: what is wrong, and how to mend it."""

from argparse import Namespace

from regrade_server.cli import translation
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console, dumped
from regrade_server.cli.exits import Exit
from regrade_server.doctor import doctor
from regrade_server.findings import Finding, Level
from regrade_tools.files.workspace import Workspace
from regrade_tools.texts.plaintext import plain

_EXIT: dict[Level, Exit] = {
    "good": Exit.GOOD,
    "note": Exit.GOOD,
    "wrong": Exit.REFUSED,
    "damaged": Exit.UNDECIDED,
}


def add_to(verb: Adder) -> None:
    """Add the command."""
    verb("doctor", examine)


def examine(_told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Look at everything."""
    found = list(doctor(workspace).findings())
    if console.as_json:
        console.data([dumped(finding) for finding in found])
    for finding in found:
        console.say(_line(finding))
    return max(_EXIT[finding.level] for finding in found)


def _line(finding: Finding) -> str:
    mend = (f"\n         {plain(step)}" for step in translation.told(finding.mend))
    return f"{finding.level:8} {finding.about}: {plain(finding.told)}{''.join(mend)}"
