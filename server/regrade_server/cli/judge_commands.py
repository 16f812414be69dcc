"""The command that measures a judge against people, and exits with what came out."""

from argparse import Namespace
from typing import get_args

from regrade_server.cli.adding import Adder
from regrade_server.cli.alignment import history, measured
from regrade_server.cli.console import Console
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Split
from regrade_tools.refusal import Refusal

# 0 where the judge may gate, or where train and dev were measured, which decide nothing.
_NOT_ALIGNED, _UNMEASURED = 1, 3


def add_to(verb: Adder) -> None:
    """Add the command."""
    aligning = verb("align", align)
    aligning.add_argument("judge", help="its name in evals/judges/")
    aligning.add_argument(
        "--split", choices=get_args(Split), default="dev",
        help="dev, the default, and train show where it differs from people; test decides",
    )  # fmt: skip
    aligning.add_argument(
        "--versus", metavar="OTHER", help="beside another judge, or a version of --history"
    )
    aligning.add_argument(
        "--history", action="store_true", help="only say what it reached before; asks nobody"
    )
    aligning.add_argument("--budget-usd", type=float, help="stop before it costs more")


def align(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Measure a judge."""
    house = House(workspace)
    if told.history:
        if told.versus:
            raise Refusal("--history asks nobody, and --versus needs answers.")
        known = house.judges.standing(told.judge)
        console.result(known, history(known))
        return 0
    found = alive(
        house,
        lambda one: one.judges.align_judge(
            told.judge,
            told.split,
            told.versus,
            told.budget_usd,
            client=one.judges.agent(told.judge),
            progress=console.progress,
        ),
    )
    console.result(found, measured(found))
    if found.work is not None or found.errored or not found.comparable:
        return _UNMEASURED
    return _NOT_ALIGNED if found.split == "test" and found.state != "aligned" else 0
