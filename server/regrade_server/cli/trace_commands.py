"""The commands that search, count, export and remove traces."""

import os
import sys
from argparse import BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any, cast, get_args

from regrade_server.cli import listing, translation
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_tools.files.temporary import appearing
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.refusal import Refusal, why
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import counted, encodable, line
from regrade_tools.traces.exports import EXPORTS, Exported
from regrade_tools.traces.facts import META
from regrade_tools.traces.grouping import GROUPINGS
from regrade_tools.traces.retention import Pruned
from regrade_tools.traces.summaries import Summary
from regrade_tools.traces.verbs import Sort

_WIDEST = 48
_MEGABYTE = 1_000_000
# What an order goes by is told of each trace.
_SORTED_BY = {"slowest": "duration_ms", "costliest": "cost_usd"}
_SHIFT = ("difference", "low", "high")
# What a form of an output or a list of tools is cut to beside others.
_NAME = 40


def add_to(verb: Adder) -> None:
    """Add the commands."""
    looking = verb("search", search)
    # What is looked for is text, unlike the name of a file.
    looking.add_argument(
        "query", nargs="*", type=encodable, help='such as: refund "not available" status:error'
    )
    looking.add_argument("--sort", choices=get_args(Sort), default="newest", help="newest first")
    looking.add_argument("--limit", type=int, default=20, help="1 to 100; 20 by default")
    looking.add_argument(
        "--fields", help="what is told of each, with commas: such as preview,input,output"
    )
    looking.add_argument("--cursor", help="the page after the one that gave it")
    counting = verb("summarize", summarize)
    counting.add_argument("query", nargs="*", type=encodable, help="which traces")
    counting.add_argument(
        "--by", type=encodable, help=f"the facet of the rows: {', '.join(GROUPINGS)}, {META}KEY"
    )
    counting.add_argument("--baseline", type=encodable, help="a second query, to compare with")
    counting.add_argument("--limit", type=int, default=20, help="rows, 1 to 100; 20 by default")
    removing = verb("prune", prune)
    removing.add_argument("--older-than", metavar="AGE", help="such as 90d, 12h or 2w")
    removing.add_argument("--query", default="", type=encodable, help="only what matches")
    removing.add_argument(
        "--keep-labelled", action=BooleanOptionalAction, default=True, help="what a label is of"
    )
    removing.add_argument(
        "--keep-cases", action=BooleanOptionalAction, default=True, help="what a case is from"
    )
    removing.add_argument("--dry-run", action="store_true", help="only count")
    removing.add_argument(
        "--shrink", action="store_true", help="make the file smaller; needs its size once more"
    )
    writing = verb("export", export)
    writing.add_argument("query", nargs="*", type=encodable, help="which traces")
    writing.add_argument("--format", choices=EXPORTS, default="jsonl", help="jsonl by default")
    writing.add_argument("--out", required=True, help="the file, or - for standard output")
    writing.add_argument("--force", action="store_true", help="replace the file if it is there")


def search(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Search."""
    query = _query(told.query)
    fields = [*told.fields.split(",")] if told.fields else []
    key = [_SORTED_BY[told.sort]] if told.sort in _SORTED_BY else []
    asked = [*dict.fromkeys([*fields, *key])]
    page = alive(
        House(workspace),
        lambda house: house.traces.search_traces(
            query, told.sort, told.limit, told.cursor, asked if fields else None
        ),
    )
    console.result(page, listing.found(page, asked))
    return 0


def summarize(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Count."""
    found = alive(
        House(workspace),
        lambda house: house.summaries.summarize_traces(
            _query(told.query), told.by, told.baseline, told.limit
        ),
    )
    console.result(found, _summary(found))
    return 0


def _query(words: list[str]) -> str:
    """The query that was given as one argument, or as its words."""
    # A shell takes the quotes of a phrase away: a word with a blank was one.
    quoted = [f'"{word}"' if " " in word and '"' not in word else word for word in words]
    return words[0] if len(words) == 1 else " ".join(quoted)


def prune(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Remove traces."""

    async def work(house: House) -> Pruned:
        return await house.retention.prune(
            told.query,
            told.older_than,
            keep_labelled=told.keep_labelled,
            keep_cases=told.keep_cases,
            dry_run=told.dry_run,
            shrink=told.shrink,
            progress=console.progress,
        )

    found = alive(House(needed(workspace)), work)
    console.result(found, _pruned(found))
    return 0


def export(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Write traces out."""
    house, query = House(needed(workspace)), _query(told.query)
    if told.out == "-":
        found = alive(house, lambda one: one.exports.export(query, told.format, console.write))
        _some(found)
        sys.stderr.write(f"{_exported(found)}\n")
        return 0
    path = Path(told.out).resolve()
    if os.path.lexists(path) and not (told.force and path.is_file()):
        raise Refusal(
            f"{told.out} is there already.",
            next_step="Name another file, or replace it with --force."
            if path.is_file()
            else "It is no ordinary file: name one, or - for standard output.",
        )
    try:
        with appearing(path, over=told.force) as file:
            found = alive(house, lambda one: one.exports.export(query, told.format, file.write))
            _some(found)
    except OSError as problem:
        raise Refusal(f"{told.out} cannot be written: {why(problem)}.") from None
    console.result(found, _exported(found))
    return 0


def _some(found: Exported) -> None:
    """Refuse to have exported nothing: an empty file passes for one of all that there is."""
    if found.written:
        return
    raise Refusal(
        f"Nothing was exported: {'; '.join(_left_out(found)) or 'no trace matches'}.",
        next_step="`regrade search` with the same query shows what there is.",
    )


def _exported(found: Exported) -> str:
    lines = [f"{counted(found.written, 'trace')} written"]
    return "\n".join([*lines, *(f"  {one}" for one in _left_out(found))])


def _left_out(found: Exported) -> list[str]:
    return [f"{number} left out: {why}" for why, number in found.left_out.items()]


def _pruned(found: Pruned) -> str:
    done = "would be removed" if found.dry_run else "removed"
    lines = [f"{found.removed:,} of {found.matched:,} traces {done}"]
    if found.kept_labelled:
        lines.append(f"  {found.kept_labelled:,} kept: labelled (--no-keep-labelled removes them)")
    if found.kept_cases:
        lines.append(f"  {found.kept_cases:,} kept: cases name them (--no-keep-cases removes them)")
    if found.bytes_after < found.bytes_before:
        saved = (found.bytes_before - found.bytes_after) / _MEGABYTE
        lines.append(f"The file is {saved:,.1f} MB smaller.")
    elif found.removed and not found.dry_run:
        free = found.bytes_free / _MEGABYTE
        lines.append(
            f"The file keeps its size; {free:,.1f} MB in it are free for what comes. "
            "--shrink gives room back to the disk."
        )
    return "\n".join(lines)


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
    return "\n".join([*lines, *translation.told(found.sampled, found.hint)])


def _figures(row: dict[str, Any]) -> str:
    parts = [counted(row["traces"], "trace"), counted(row["errors"], "error")]
    if row["errors"]:
        parts[-1] += f" ({row['error_rate']:.1%})"
    if "label_fail" in row:
        parts.append(f"labels {row['label_pass']} pass {row['label_fail']} fail")
    if "p50_ms" in row:
        parts.append(f"p50 {row['p50_ms']:,.0f} ms, p95 {row['p95_ms']:,.0f} ms")
    if "ttft_p50_ms" in row:
        parts.append(f"first token {row['ttft_p50_ms']:,.0f} ms, {row['ttft_p95_ms']:,.0f} ms")
    if "tokens" in row:
        parts.append(f"{row['tokens']:,} tokens")
    if "cost_usd" in row:
        parts.append(f"${row['cost_usd']:,.4f}")
    return ", ".join(parts)


def _change(change: dict[str, Any]) -> str:
    mark = "CHANGED" if change["clear"] else "no clear change"
    told = f"{change['what']} {_shift(change)}; p_adjusted {change['p_adjusted']:.2g})"
    return f"  {mark}: {line(told)}"


def _shift(change: dict[str, Any]) -> str:
    """From what to what, and how far that is apart."""
    old, new = change["baseline"], change["now"]
    if isinstance(old, dict):
        shares = cast("dict[str, float]", old)
        parts = [f"{clip(name, _NAME)} {old[name]:.1%} -> {new[name]:.1%}" for name in shares]
        return f"{', '.join(parts)} (Cramer's V {change['cramers_v']:.2f}"
    if "distance" in change:
        return f"{old:,.6g} -> {new:,.6g} (medians; distance {change['distance']:.2f}"
    if change["what"].endswith("_mean"):
        by = (f"{change[name]:+z.3g}" for name in _SHIFT)
        return "{} -> {} ({}, {} to {}".format(f"{old:,.3g}", f"{new:,.3g}", *by)
    by = (f"{change[name] * 100:+z.1f}" for name in _SHIFT)
    return "{} -> {} ({} points, {} to {}".format(f"{old:.1%}", f"{new:.1%}", *by)
