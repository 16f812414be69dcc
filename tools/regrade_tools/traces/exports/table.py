"""Traces as rows of CSV that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Sequence

from pydantic import JsonValue

from regrade_tools.models import Label, Trace, counting_labels
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.timestamps import iso
from regrade_tools.traces.facts import users
from regrade_tools.traces.features import text_of

COLUMNS = (
    "id", "when", "name", "model", "status", "error", "duration_ms", "ttft_ms", "input_tokens",
    "output_tokens", "cost_usd", "tags", "session", "user", "source", "input", "output",
    "tool_calls", "labels", "feedback",
)  # fmt: skip
# What spreadsheets take for a formula at the beginning of a cell, as OWASP lists it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def header() -> str:
    """The line with the names of the columns."""
    return _line(COLUMNS)


def row(trace: Trace, labels: Sequence[Label]) -> str:
    """``trace`` as a line."""
    exchange = trace.called
    calls: list[JsonValue] = [
        {"name": call.name, "arguments": call.arguments} for call in exchange.tool_calls
    ]
    said = [f"{label.criterion}={label.verdict}" for label in counting_labels(labels)]
    cells = (
        trace.id,
        "" if trace.started_at is None else iso(trace.started_at),
        trace.name,
        trace.model,
        trace.status,
        trace.error,
        trace.duration_ms,
        trace.ttft_ms,
        trace.input_tokens,
        trace.output_tokens,
        trace.cost_usd,
        ", ".join(trace.tags),
        trace.session,
        next(iter(users(trace.metadata)), ""),
        trace.source,
        text_of(exchange.input),
        text_of(exchange.output),
        compact(calls) if calls else "",
        ", ".join(said),
        "\n".join(one.told for one in trace.feedback),
    )
    return _line(cells)


def _line(cells: Sequence[object]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([safe(cell) if isinstance(cell, str) else cell for cell in cells])
    return written.getvalue()


def safe(text: str) -> str:
    """``text``, with an apostrophe before it where a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
