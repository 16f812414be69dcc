"""Labels by way of a spreadsheet: a person fills it in, and signs it when it comes back."""

from pathlib import Path

from regrade_server import workbook
from regrade_server.cli.console import Console
from regrade_tools.labels.labelling import Answer, Criterion
from regrade_tools.labels.queue import Queue
from regrade_tools.labels.sheets import Filled, table
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import counted, line, plain

_LINE, _LISTED = 100, 20


def write(path: Path, criterion: Criterion, queue: Queue, console: Console) -> None:
    """Write a sheet of ``queue``, and say what is to be done with it."""
    sheet, left_out = table(criterion, queue)
    workbook.write(path, sheet)
    rows = counted(len(sheet.rows), "row")
    lines = [
        f"{rows} in {path}: fill in outcome (pass or fail), critique and mode.",
        f"Then, at a terminal: regrade label {criterion.name} --from {path}",
    ]
    if left_out:
        lines.append(f"Too long for a cell, so not in it: {', '.join(left_out)}.")
    written = {"file": str(path), "rows": len(sheet.rows), "left_out": left_out}
    console.result(written, "\n".join(lines))


def agreed(filled: Filled, labeller: str, console: Console) -> bool:
    """Show what would be signed, and ask the person at the terminal whether they do."""
    for answer in filled.answers:
        console.say(_line(answer))
    _list(filled.conflicts, "not signed", console)
    _list(filled.differs, "signed though people differ", console)
    console.say(f"{counted(filled.blank, 'row')} blank, {filled.known} labelled so before.")
    if not filled.answers:
        console.say("There is nothing to sign.")
        return False
    count = len(filled.answers)
    ways = {"unknown": "picked in no way that stands for more"}
    told = ways.get(filled.drawn.way, f"sampled {filled.drawn.way}")
    if console.agreed(f"Sign these {count} as {labeller}, {told}?"):
        return True
    console.say("Nothing was signed.")
    return False


def _line(answer: Answer) -> str:
    mode = f" ({plain(line(answer.mode))})" if answer.mode else ""
    said = clip(plain(line(answer.critique)), _LINE)
    return f"{answer.verdict.upper()}{mode} {answer.item.trace_id}: {said}"


def _list(told: list[str], heading: str, console: Console) -> None:
    if told:
        console.say(f"{len(told)} {heading}:")
    for one in told[:_LISTED]:
        console.say(f"  {plain(line(one))}")
    if len(told) > _LISTED:
        console.say(f"  and {len(told) - _LISTED} more")
