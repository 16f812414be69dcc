"""What a person reads of traces on a terminal: of an import, and of a search."""

from collections.abc import Iterator, Sequence
from typing import Any

from regrade_server.cli import translation
from regrade_server.cli.printing import short
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import counted, line
from regrade_tools.traces.imports import Imported
from regrade_tools.traces.verbs import TraceList

_LINE = 200
# These stand before the line of what was asked, those below it.
_BESIDE = ("name", "tags", "source", "tokens", "duration_ms", "cost_usd")
_BELOW = ("input", "output", "feedback")


def imported(done: Imported, *, dry_run: bool = False) -> str:
    """An import in a few lines."""
    stored = f"{counted(done.stored, 'trace')} {'would be ' if dry_run else ''}stored"
    lines = [f"{stored}, {done.already_known:,} known already, {done.skipped:,} skipped"]
    lines.extend(f"  skipped {told}" for told in done.skipped_first)
    lines.extend(f"  note: {told}" for told in done.notes)
    if done.redacted:
        listed = ", ".join(f"{number} {kind}" for kind, number in done.redacted.items())
        lines.append(f"Redacted before storing: {listed}.")
    return "\n".join([*lines, *translation.told(done.hint)])


def found(page: TraceList, asked: Sequence[str] = ()) -> str:
    """A page of traces, one line each, and of each the fields that were ``asked`` for."""
    total = page.total
    lines = [counted(total, "trace") if isinstance(total, int) else f"{total} traces"]
    for row in page.traces:
        about = row.get("excerpt") or row.get("preview") or ""
        plain = (row["id"], row.get("when"), row.get("status"), row.get("model"))
        parts = (*plain, *_beside(row, asked), about)
        lines.append(clip("  ".join(line(str(part)) for part in parts if part), _LINE))
        lines.extend(_below(row, asked))
    if page.next_cursor:
        lines.append(f"More: --cursor {page.next_cursor}")
    return "\n".join([*lines, *translation.told(page.hint)])


def _beside(row: dict[str, Any], asked: Sequence[str]) -> Iterator[str]:
    for name in asked:
        if name not in _BESIDE or name not in row:
            continue
        value = row[name]
        if name == "duration_ms":
            yield f"{round(value, 3):,.10g} ms"
        elif name == "cost_usd":
            yield f"${value:,.10g}"
        elif name == "tokens":
            yield counted(value, "token")
        else:
            yield f"{name}: {_joined(value, ', ')}"


def _below(row: dict[str, Any], asked: Sequence[str]) -> Iterator[str]:
    if row.get("excerpt") and row.get("preview") and {"excerpt", "preview"} <= {*asked}:
        yield f"    preview: {short(row['preview'])}"
    for name in asked:
        if name in _BELOW and name in row:
            value = _joined(row[name], "; ") if name == "feedback" else row[name]
            yield f"    {name}: {short(value)}"


def _joined(value: Any, by: str) -> str:  # noqa: ANN401 - a cell of a row
    """A text, or several as one."""
    return value if isinstance(value, str) else by.join(value)
