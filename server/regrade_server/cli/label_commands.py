"""The commands by which people label: the key of a labeller, and who signs what."""

from argparse import Namespace

from regrade_server.cli.adding import Adder
from regrade_server.cli.printing import Console
from regrade_server.house import House
from regrade_tools.label_files import LabelFiles
from regrade_tools.labellers import add_labeller
from regrade_tools.workspace import Workspace, needed


def add_to(verb: Adder) -> None:
    """Add the commands."""
    naming = verb("labeller", "make your key and add yourself to evals/labellers.yaml", labeller)
    naming.add_argument("name", help="letters, digits, - and _, such as ada")


def labeller(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Make a key, and make it known."""
    files = LabelFiles(needed(workspace))
    keys = House(workspace).keys
    public = keys.make(told.name)
    added = add_labeller(files, told.name, public)
    where = "evals/labellers.yaml"
    lines = [
        f"{told.name} can sign labels: the key is in {keys.folder}, and leaves it for nowhere.",
        f"Added to {where}: commit it, so that others believe what {told.name} signs."
        if added
        else f"{where} has it already.",
    ]
    result = {"labeller": told.name, "public_key": public, "added": added}
    console.result(result, "\n".join(lines))
    return 0
