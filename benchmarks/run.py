"""Every measure, by one command; the page and the figures are written to benchmarks/results/.

    uv run benchmarks/run.py [cold|suite|model|ingest|search|live|memory ...] [--peers] [--quick]

All measures by default. Contenders of one table run in turn in the same invocation: read the
ratios and the CPU time; what a clock says depends on what else the machine does. --peers installs
others' tools (gigabytes) and measures them beside; --quick is small, says only that everything
runs and counts right, and writes nothing to results/.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cold
import live
import memory
import model
import peers
import suite
import traces
from drawing import draw
from measuring import RESULTS, Options, Table, markdown

MEASURES: dict[str, Callable[[Options], Table]] = {
    "cold": cold.measure,
    "suite": suite.measure,
    "model": model.measure,
    "ingest": traces.ingested,
    "search": traces.searched,
    "live": live.exported,
    "memory": memory.held,
}


def main() -> None:
    """Measure what was asked for, print it, and keep it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="|".join(MEASURES))
    parser.add_argument("--peers", action="store_true", help="install and measure others, too")
    parser.add_argument("--quick", action="store_true", help="small: does everything run?")
    parser.add_argument("--rounds", type=int, default=5, help="of each contender; 5 by default")
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=[], metavar="TRACES",
        help="of the stores; 10,000, 100,000 and 1,000,000 by default",
    )  # fmt: skip
    told = parser.parse_args()
    wanted = told.measures or list(MEASURES)
    if strange := [name for name in wanted if name not in MEASURES]:
        parser.error(f"there is no {strange[0]!r}; there are {', '.join(MEASURES)}")
    with tempfile.TemporaryDirectory(prefix="regrade-benchmark-") as scratch:
        for name in wanted:
            others = peers.commands(name) if told.peers else {}
            rounds = 1 if told.quick else told.rounds
            sizes = tuple(told.sizes)
            table = MEASURES[name](Options(Path(scratch), told.quick, others, rounds, sizes))
            page = markdown(table)
            print(page, flush=True)
            if not told.quick:
                keep(table, page)


def keep(table: Table, page: str) -> None:
    """Write the figures, the page and the plot of one measure."""
    RESULTS.mkdir(exist_ok=True)
    machine = (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"Regrade {version('regrade')}, mcp {version('mcp')}; load {os.getloadavg()[0]:.1f}"
    )
    (RESULTS / f"{table.name}.md").write_text(f"{page}\n{machine}\n", encoding="utf-8")
    figures = {
        "title": table.title,
        "machine": machine,
        "columns": table.columns,
        "rows": table.rows,
        "growth": table.growth,
        "raw": table.raw,
    }
    text = json.dumps(figures, indent=1) + "\n"
    (RESULTS / f"{table.name}.json").write_text(text, encoding="utf-8")
    if table.lines:
        draw(table, RESULTS / f"{table.name}.png")


if __name__ == "__main__":
    sys.exit(main())
