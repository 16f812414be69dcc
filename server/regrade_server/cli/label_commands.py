"""The commands by which people label: the key of a labeller, and who signs what."""

import sys
from argparse import Namespace
from pathlib import Path

from regrade_server import workbook
from regrade_server.cli import label_page, label_sheet
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.label_session import Session
from regrade_server.cli.label_summary import told_of
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.labels.files import LabelFiles
from regrade_tools.labels.labellers import add_labeller
from regrade_tools.labels.labelling import Answer, Criterion
from regrade_tools.labels.queue import Queue, Queues
from regrade_tools.labels.sheets import Sheets
from regrade_tools.labels.status import status
from regrade_tools.refusal import Refusal


def add_to(verb: Adder) -> None:
    """Add the commands."""
    naming = verb("labeller", labeller)
    naming.add_argument("name", help="letters, digits, - and _, such as ada")
    labelling = verb("label", label)
    labelling.add_argument("criterion", help="the criterion, such as that of a judge")
    labelling.add_argument("query", nargs="?", default="", help="which traces; all by default")
    labelling.add_argument("--n", type=int, default=20, help="how many; 20 by default")
    labelling.add_argument(
        "--sample", default="random",
        choices=("random", "by_verdict", "suggestions", "again", "disputed"),
        help="at random; half of what the judge passes and fails; what agents suggested; what you "
        "labelled longest ago; that on which people disagree",
    )  # fmt: skip
    labelling.add_argument("--seed", type=int, default=0, help="another sample; 0 by default")
    labelling.add_argument("--as", dest="name", help="who signs, where several people can")
    way = labelling.add_mutually_exclusive_group()
    way.add_argument("--page", action="store_true", help="in a browser of this machine")
    way.add_argument("--to", type=Path, metavar="FILE.xlsx", help="write them to a new sheet")
    way.add_argument(
        "--from", dest="sheet", type=Path, metavar="FILE.xlsx", help="sign a sheet that you filled"
    )
    way.add_argument("--status", action="store_true", help="only say how far it is labelled")
    labelling.add_argument("--port", type=int, default=0, help="of --page; any that is free")


def labeller(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Make a key, and make it known."""
    files = LabelFiles(needed(workspace))
    keys = House(workspace).keys
    public = keys.make(told.name)
    added = add_labeller(files, told.name, public)
    where = "evals/labellers.yaml"
    lines = [
        f"{told.name} can sign labels: the key is in {keys.folder} and stays there.",
        f"Added to {where}: commit it, so that others believe what {told.name} signs."
        if added
        else f"{where} has it already.",
    ]
    result = {"labeller": told.name, "public_key": public, "added": added}
    console.result(result, "\n".join(lines))
    return 0


def label(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Label, or say how far it is labelled."""
    labelling = House(needed(workspace)).labelling
    criterion = labelling.criterion(told.criterion)
    if told.status:
        labelling.require(criterion)
        found = status(labelling.workspace, criterion, labelling.book(criterion))
        console.result(found, told_of(found))
        return 0
    if told.to is None:
        _at_a_terminal(console)
    elif told.sample in ("again", "disputed"):
        raise Refusal(
            "A sheet says nothing of what you labelled before.",
            next_step="Leave out --to: a terminal or --page asks again.",
        )
    name = labelling.labeller(told.name)
    if told.sheet is not None:
        return _from_sheet(workspace, criterion, name, told.sheet, console)
    drawn = (criterion, name, told.query, told.n, told.sample, told.seed)
    queue = alive(House(workspace), lambda house: Queues(house.labelling).draw(*drawn))
    if told.to is not None:
        label_sheet.write(told.to, criterion, queue, console)
        return 0
    if told.page:
        done = label_page.serve(workspace, criterion, name, queue, told.port)
    else:
        done = _session(workspace, criterion, name, queue, console)
    console.say(f"{done} labelled by {criterion.name}, signed as {name}.")
    return 0


def _from_sheet(
    workspace: Workspace | None, criterion: Criterion, name: str, path: Path, console: Console
) -> int:
    sheet = workbook.read(path)
    found = alive(
        House(workspace), lambda house: Sheets(house.labelling).filled(criterion, name, sheet)
    )
    done = 0
    if label_sheet.agreed(found, name, console):
        answers = found.answers
        alive(House(workspace), lambda house: house.labelling.sign(criterion, answers, name))
        done = len(answers)
    console.say(f"{done} labelled by {criterion.name}, signed as {name}.")
    return 0


def _session(
    workspace: Workspace | None, criterion: Criterion, name: str, queue: Queue, console: Console
) -> int:
    def keep(answer: Answer) -> None:
        alive(House(workspace), lambda house: house.labelling.sign(criterion, [answer], name))

    return Session(criterion, queue, keep, sys.stdin, console.out).run()


def _at_a_terminal(console: Console) -> None:
    if not console.at_a_terminal:
        raise Refusal(
            "Labels are signed by a person at a terminal, and this is none.",
            next_step="Run it in a terminal of your own. An agent suggests with label_traces; "
            "--status works anywhere.",
        )
