"""What every peer of live.py is asked for, and the clock."""
# pyright: basic

import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

# As in corpus.py, which needs what a peer's environment has not.
NEEDLE = "zqneedlealpha"
BEGIN_OF_WEEK = 1_792_627_200 + 23 * 86_400
_MOST, _LEAST, _BUDGET_S = 20, 3, 20


def words(asked: str) -> tuple[str, str]:
    """A middling word and one of the tail."""
    told = json.loads(Path(asked).read_text())
    return told["middling"], told["tail"]


def timed(searches: Mapping[str, Callable[[], int]], out: str) -> None:
    """Ask each 20 times, or for 20 seconds and at least thrice; write hits and median ms."""
    found = {}
    for name, ask in searches.items():
        hits, times, began = ask(), [], time.perf_counter()
        while len(times) < _LEAST or (
            len(times) < _MOST and time.perf_counter() - began < _BUDGET_S
        ):
            start = time.perf_counter()
            ask()
            times.append((time.perf_counter() - start) * 1_000)
        found[name] = (hits, statistics.median(times))
    Path(out).write_text(json.dumps(found))
