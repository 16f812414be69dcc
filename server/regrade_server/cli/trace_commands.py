"""The commands that count, export and remove traces."""

from argparse import Namespace
from typing import Any

from regrade_server.cli.adding import Adder
from regrade_server.cli.living import alive
from regrade_server.cli.printing import Console
from regrade_server.house import House
from regrade_tools.grouping import GROUPINGS
from regrade_tools.plaintext import encodable, line
from regrade_tools.summaries import Summary
from regrade_tools.workspace import Workspace

_WIDEST = 48
_EFFECTS = ("difference", "low", "high", "distance", "cramers_v")


def add_to(verb: Adder) -> None:
    """Add the commands."""
    counting = verb("summarize", "count traces, by a facet or against a baseline", summarize)
    counting.add_argument("query", nargs="?", default="", type=encodable, help="which traces")
    counting.add_argument("--by", choices=GROUPINGS, help="the facet of the rows")
    counting.add_argument("--baseline", type=encodable, help="a second query, to compare with")
    counting.add_argument("--limit", type=int, default=20, help="rows, 1 to 100; 20 by default")


def summarize(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Count."""
    found = alive(
        House(workspace),
        lambda house: house.summaries.summarize_traces(
            told.query, told.by, told.baseline, told.limit
        ),
    )
    console.result(found, _summary(found))
    return 0


def _summary(found: Summary) -> str:
    lines = [_figures(found.total)]
    if found.baseline is not None:
        lines = [f"query:    {lines[0]}", f"baseline: {_figures(found.baseline)}"]
    width = max((len(line(str(row["value"]))) for row in found.rows), default=0)
    for row in found.rows:
        value = line(str(row["value"]))[:_WIDEST]
        lines.append(f"  {value:{min(width, _WIDEST)}}  {_figures(row)}")
    if found.more_rows:
        lines.append(f"  ... {found.more_rows} more")
    for change in found.changes or ():
        lines.append(_change(change))
    lines.extend(f"  not tested: {line(why)}" for why in found.not_tested or ())
    return "\n".join([*lines, *filter(None, (found.sampled, found.hint))])


def _figures(row: dict[str, Any]) -> str:
    parts = [f"{row['traces']:,} traces", f"{row['errors']:,} errors"]
    if row["errors"]:
        parts[-1] += f" ({row['error_rate']:.1%})"
    if "label_fail" in row:
        parts.append(f"labels {row['label_pass']} pass {row['label_fail']} fail")
    if "p50_ms" in row:
        parts.append(f"p50 {row['p50_ms']:,.0f} ms, p95 {row['p95_ms']:,.0f} ms")
    if "tokens" in row:
        parts.append(f"{row['tokens']:,} tokens")
    if "cost_usd" in row:
        parts.append(f"${row['cost_usd']:,.4f}")
    return ", ".join(parts)


def _change(change: dict[str, Any]) -> str:
    mark = "CHANGED" if change["clear"] else "no clear change"
    effect = ", ".join(f"{name} {change[name]:.3g}" for name in _EFFECTS if name in change)
    told = (
        f"{change['what']} {change['baseline']} -> {change['now']} ({effect}; p {change['p']:.2g}, "
        f"adjusted {change['p_adjusted']:.2g}; {change['test']})"
    )
    return f"  {mark}: {line(told)}"
