"""A sheet as it is written: a row a trace, and blank cells for what a person says of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.labels.labelling import Criterion
from regrade_tools.labels.queue import Queue
from regrade_tools.models import Item
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import plain

# The most that a cell of a spreadsheet holds.
CELL = 32_767
_SHOWN = ("row", "input", "tool calls", "response")
ANSWERS = ("outcome", "critique", "mode")
SUGGESTED = ("row", "outcome", "critique", "mode", "who")
ABOUT = ("criterion", "passes", "fails", "version", "sampled", "written")

Cells = list[str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A workbook as text; ``None`` is a formula in a cell. ``about`` says how it was made."""

    heading: list[str]
    rows: list[Cells]
    suggestions: list[Cells]
    about: Mapping[str, str]


def table(criterion: Criterion, queue: Queue) -> tuple[Table, list[str]]:
    """A sheet of ``queue``, and the traces that no cell can hold whole and that it leaves out."""
    # Not by trace: of one there may be two items, as it was before it changed and after.
    texts = {item.key: shown(criterion, item) for item in queue.items}
    whole = [item for item in queue.items if all(len(text) <= CELL for text in texts[item.key])]
    rows: list[Cells] = [[*texts[item.key], *("" for _ in ANSWERS)] for item in whole]
    ids = {item.trace_id for item in whole}
    suggestions: list[Cells] = [
        [one.trace_id, one.verdict, plain(one.critique), plain(one.mode), plain(one.labeller)]
        for one in queue.suggestions.values()
        if one.trace_id in ids
    ]
    about = {
        "criterion": criterion.name,
        "passes": criterion.passes,
        "fails": criterion.fails,
        "version": criterion.version,
        "sampled": queue.drawn.way,
        "written": repr(time.time()),
        "sample": queue.drawn.sample,
        "judge": queue.drawn.judge,
    }
    keys = {item.key for item in whole}
    left_out = [item.trace_id for item in queue.items if item.key not in keys]
    return Table([*columns(criterion), *ANSWERS], rows, suggestions, about), left_out


def columns(criterion: Criterion) -> tuple[str, ...]:
    """What a row shows of an item, as the heading of its sheet names it."""
    return (*_SHOWN, "context") if criterion.context else _SHOWN


def shown(criterion: Criterion, item: Item) -> list[str]:
    """What a row shows of an item, in the order of its ``columns``."""
    calls = json.dumps(item.calls, ensure_ascii=False, indent=2) if item.calls else ""
    said = [item.trace_id, _text(item.input), plain(calls), _response(item)]
    context = "\n\n".join(map(_text, item.context))
    return [*said, context] if criterion.context else said


def _response(item: Item) -> str:
    answer = "" if item.failure and item.output is None else _text(item.output)
    failure = f"({_text(item.failure)})" if item.failure else ""
    return "\n".join(filter(None, (failure, answer)))


def _text(value: JsonValue) -> str:
    text = legible(value, indent=2)
    # A workbook keeps one kind of line end.
    return plain("\n".join(text.splitlines()))
