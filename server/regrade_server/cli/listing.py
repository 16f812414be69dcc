"""What a person reads of traces on a terminal: of an import, and of a search."""

from regrade_server.cli import translation
from regrade_server.cli.printing import short
from regrade_tools.clipping import clip
from regrade_tools.imports import Imported
from regrade_tools.plaintext import counted, line
from regrade_tools.traces import TraceList

_LINE = 200


def imported(done: Imported, *, dry_run: bool = False) -> str:
    """An import in a few lines."""
    stored = f"{counted(done.stored, 'trace')} {'would be ' if dry_run else ''}stored"
    lines = [f"{stored}, {done.already_known} known already, {done.skipped} skipped"]
    lines.extend(f"  skipped {told}" for told in done.skipped_first)
    lines.extend(f"  note: {told}" for told in done.notes)
    if done.redacted:
        listed = ", ".join(f"{number} {kind}" for kind, number in done.redacted.items())
        lines.append(f"Redacted before storing: {listed}.")
    return "\n".join([*lines, *translation.told(done.hint)])


def found(page: TraceList) -> str:
    """A page of traces, one line each."""
    total = page.total
    lines = [counted(total, "trace") if isinstance(total, int) else f"{total} traces"]
    for row in page.traces:
        about = row.get("excerpt") or row.get("preview") or ""
        parts = (row["id"], row.get("when"), row.get("status"), row.get("model"), about)
        lines.append(clip("  ".join(line(str(part)) for part in parts if part), _LINE))
        said = ((name, row[name]) for name in ("input", "output") if name in row)
        lines.extend(f"    {name}: {short(value)}" for name, value in said)
    if page.next_cursor:
        lines.append(f"More: --cursor {page.next_cursor}")
    return "\n".join([*lines, *translation.told(page.hint)])
