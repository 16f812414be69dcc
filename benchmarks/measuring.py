"""What every measure here is made of: processes that are measured, and tables that are written."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
RESULTS = HERE / "results"
# Nobody is told that this runs, and nothing asks for updates.
_QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_API_KEY": "sk-of-nobody",
    "NO_COLOR": "1",
}
# With either of the first two every start of Python compiles its sources again.
_UNFAIR = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "REGRADE_ROOT")


@dataclass(frozen=True, slots=True)
class Spent:
    """One process with its children: seconds, CPU seconds, and the most memory it held."""

    wall: float
    cpu: float
    rss_mb: float
    code: int


@dataclass(frozen=True, slots=True)
class Options:
    """How a measure is taken: ``quick`` is small and says only that everything runs.

    ``peers`` are the commands of ``peers.py``, by name; ``folder`` is for scratch files;
    ``sizes`` are numbers of traces, in the place of the usual ones.
    """

    folder: Path
    quick: bool = False
    peers: Mapping[str, str] = field(default_factory=dict[str, str])
    rounds: int = 5
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured: rows of cells under ``columns``; ``note`` says how to read them."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]
    note: str = ""
    # For a plot: the name of a line, and its points (size, cost); one point makes no line.
    growth: Mapping[str, tuple[tuple[float, float], ...]] = field(
        default_factory=dict[str, tuple[tuple[float, float], ...]]
    )
    # What is not in the table, for programs.
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def lines(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """What can be drawn of ``growth``."""
        return {name: points for name, points in self.growth.items() if len(points) > 1}


def environment(**more: str) -> dict[str, str]:
    """The environment in which every contender runs."""
    own = {name: value for name, value in os.environ.items() if name not in _UNFAIR}
    return {**own, **_QUIET, **more}


def python() -> str:
    """The Python that runs Regrade."""
    return sys.executable


def measured(
    command: Sequence[str], folder: Path, *, timeout: float = 900, log: Path | None = None
) -> Spent:
    """Run ``command`` to its end in ``folder``; what its children spent is its own.

    Raises:
        TimeoutError: It took longer than ``timeout`` seconds, and was stopped.
    """
    said = log or folder / "output.log"
    began = time.perf_counter()
    with said.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - contenders are started on purpose
            [*command], cwd=folder, env=environment(HOME=str(folder)),
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    ended: list[tuple[int, Any, float]] = []

    def wait() -> None:
        _, status, usage = os.wait4(process.pid, 0)
        ended.append((os.waitstatus_to_exitcode(status), usage, time.perf_counter() - began))

    waiting = threading.Thread(target=wait)
    waiting.start()
    most = 0.0
    while waiting.is_alive():
        most = max(most, peak(process.pid))
        if time.perf_counter() - began > timeout:
            end(process.pid)
            waiting.join()
            raise TimeoutError(f"{command[0]} took longer than {timeout:g} seconds; see {said}")
        waiting.join(0.02)
    # wait4 has taken the exit code that Popen would look for.
    process.returncode, usage, wall = ended[0]
    return Spent(wall, usage.ru_utime + usage.ru_stime, most, process.returncode)


def family(pid: int) -> list[psutil.Process]:
    """A process and all its children, as far as they live."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def end(pid: int) -> None:
    """Stop a process and its children."""
    for process in reversed(family(pid)):
        try:
            process.kill()
        except psutil.Error:
            continue


def resident(pid: int) -> float:
    """Megabytes that a process and its children hold now; shared pages count more than once."""
    held = 0
    for process in family(pid):
        try:
            held += process.memory_info().rss
        except psutil.Error:
            continue
    return held / 1e6


def peak(pid: int) -> float:
    """The most that a process and its living children have held, each since its program began.

    What wait4 tells counts what the parent held when it forked.
    """
    held = 0.0
    for process in family(pid):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            continue
        lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
        held += sum(int(words[1]) * 1024 / 1e6 for words in lines)
    return held


def processor(pid: int) -> float:
    """CPU seconds of a living process, its children and those it has waited for."""
    spent = 0.0
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median with the least and the most."""
    low, high = min(values), max(values)
    return f"{middle(values):.{digits}f} [{low:.{digits}f}-{high:.{digits}f}]"


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The k of cost = c * size^k that fits best, by least squares of the logarithms."""
    pairs = [(log(size), log(cost)) for size, cost in points]
    across = statistics.mean(x for x, _ in pairs)
    up = statistics.mean(y for _, y in pairs)
    return sum((x - across) * (y - up) for x, y in pairs) / sum((x - across) ** 2 for x, _ in pairs)


def markdown(table: Table) -> str:
    """The table for a page."""
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(table.columns) + " |",
        "|" + "---|" * len(table.columns),
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in table.rows]
    lines += [
        f"\n{name}: grows as size^{exponent(points):.2f}" for name, points in table.lines.items()
    ]
    return "\n".join([*lines, "", *([table.note, ""] if table.note else [])])


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - digits


def read(path: Path) -> Any:  # noqa: ANN401 - any JSON
    """What a contender wrote of what it counted."""
    return json.loads(path.read_text(encoding="utf-8"))
