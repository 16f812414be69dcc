"""A suite of recorded answers: three checks a case, every result durable.

The floor is a loop that reads the same rows, does the same three checks and writes a line of JSON
a case. Regrade reads them as a dataset (or as a file a case), validates, checks within a deadline,
redacts, and commits every result to its store. The counts of all contenders must be equal.
"""

import json
import random
import re
from pathlib import Path
from typing import Any

from corpus import SEED, Corpus
from measuring import Options, Spent, Table, measured, middle, python, read, spread
from suite_call import called

_CALL = "Regrade, the same rows, a call to a running server"
_AGAIN = "Regrade, the same call again"
# The share of answers that fail each check.
_WRONG = 0.05

_FLOOR = """
import json, re, sys
rows, out = sys.argv[1:]
total = {"passed": 0, "failed": 0}
with open("results.jsonl", "w") as kept:
    for line in open(rows):
        row = json.loads(line)
        said = row["output"]
        found = {"contains": row["order"] in said,
                 "regex": re.search(row["shape"], said) is not None}
        try:
            json.loads(said)
            found["is-json"] = True
        except ValueError:
            found["is-json"] = False
        total["passed" if all(found.values()) else "failed"] += 1
        kept.write(json.dumps({"id": row["id"], "output": said, **found}) + "\\n")
json.dump(total, open(out, "w"))
"""


def measure(options: Options) -> Table:
    """Every contender in turn, ``rounds`` times, and Regrade at three sizes."""
    number = 500 if options.quick else 5_000
    sizes = (100, 500) if options.quick else (500, 5_000, 50_000)
    rows = options.folder / "rows.jsonl"
    expected = write_rows(rows, number)
    contenders = {
        "a loop and JSON lines (floor)": [python(), "-c", _FLOOR, str(rows), "counted.json"],
        "Regrade, rows of a dataset": _regrade(),
        "Regrade, a file a case": _regrade(),
        _CALL: [],
        _AGAIN: [],
    }
    for name, command in options.peers.items():
        contenders[name] = [*command.split(), str(rows), "counted.json"]
    found: dict[str, list[Spent]] = {name: [] for name in contenders}
    for turn in range(options.rounds):
        for place, (name, command) in enumerate(contenders.items()):
            if name == _AGAIN:
                # Measured with the call before it.
                continue
            folder = options.folder / f"suite-{turn}-{place}"
            folder.mkdir()
            if name.startswith("Regrade"):
                prepare(folder, rows, files=name.endswith("a file a case"))
            if name == _CALL:
                for told, spent in zip((_CALL, _AGAIN), called(folder), strict=True):
                    found[told].append(spent)
            else:
                found[name].append(measured(command, folder))
            _check(name, folder, expected)
    least = middle([spent.cpu for spent in next(iter(found.values()))])
    return Table(
        "suite",
        f"{number:,} cases x 3 checks on recorded answers",
        ("contender", "CPU s", "cases / CPU-s", "x the floor", "wall s", "memory MB"),
        tuple(
            (
                name,
                spread([spent.cpu for spent in rounds]),
                round(number / middle([spent.cpu for spent in rounds])),
                middle([spent.cpu for spent in rounds]) / least,
                spread([spent.wall for spent in rounds]),
                middle([spent.rss_mb for spent in rounds]),
            )
            for name, rounds in found.items()
        ),
        note="CPU and memory are of the whole process: start, reading, run and report; those of "
        "a call are of the server while it answers, but for its memory.",
        growth={"Regrade, rows of a dataset (CPU s)": _growth(options, sizes)},
        raw={name: [spent.cpu for spent in rounds] for name, rounds in found.items()},
    )


def _growth(options: Options, sizes: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for size in sizes:
        folder = options.folder / f"suite-growth-{size}"
        folder.mkdir()
        rows = folder / "rows.jsonl"
        expected = write_rows(rows, size)
        prepare(folder, rows, files=False)
        points.append((size, measured(_regrade(), folder).cpu))
        _check("Regrade", folder, expected)
    return tuple(points)


def write_rows(path: Path, number: int) -> dict[str, int]:
    """Write ``number`` cases; how many pass all three checks and how many do not."""
    source, words = random.Random(SEED + 2), Corpus().words  # noqa: S311 - the same each time
    counted = {"passed": 0, "failed": 0}
    with path.open("w", encoding="utf-8") as out:
        for place in range(number):
            row = _row(place, source, words)
            counted["passed" if _passes(row) else "failed"] += 1
            out.write(json.dumps(row) + "\n")
    return counted


def _row(place: int, source: random.Random, words: list[str]) -> dict[str, str]:
    order = f"ORD-{source.randint(100_000, 999_999)}"
    told = {
        "answer": " ".join(source.choices(words, k=55)),
        "order_id": order,
        "confidence": round(source.random(), 3),
        "tags": source.choices(words, k=4),
    }
    said = json.dumps(told)
    wrong = [source.random() < _WRONG for _ in range(3)]
    return {
        "id": f"case-{place}",
        "input": " ".join(source.choices(words, k=20)),
        "output": said[:-1] if wrong[0] else said,
        "order": "ORD-missing" if wrong[1] else order,
        "shape": '"confidence": "high"' if wrong[2] else r'"confidence": (0(\.\d+)?|1\.0)',
    }


def _passes(row: dict[str, str]) -> bool:
    try:
        json.loads(row["output"])
    except ValueError:
        return False
    return row["order"] in row["output"] and re.search(row["shape"], row["output"]) is not None


def prepare(folder: Path, rows: Path, *, files: bool) -> None:
    """A workspace whose suite has these rows, as a dataset or as a file a case."""
    evals = folder / "evals"
    (evals / "suites").mkdir(parents=True)
    suite: dict[str, Any] = {"target": "recorded"}
    if files:
        cases = evals / "cases" / "orders"
        cases.mkdir(parents=True)
        for line in rows.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            case = {
                "id": row["id"],
                "input": row["input"],
                "assertions": [
                    {"type": "contains", "value": row["order"]},
                    {"type": "regex", "value": row["shape"]},
                    {"type": "is-json"},
                ],
                "recorded": {"output": row["output"]},
            }
            (cases / f"{row['id']}.yaml").write_text(json.dumps(case), encoding="utf-8")
    else:
        (evals / "data").mkdir()
        (evals / "data" / "rows.jsonl").write_bytes(rows.read_bytes())
        suite["assertions"] = [{"type": "is-json"}]
        suite["dataset"] = {
            "file": "evals/data/rows.jsonl",
            "id": "id",
            "output": "output",
            "assertions": [
                {"type": "contains", "value": "{{order}}"},
                {"type": "regex", "value": "{{shape}}"},
            ],
        }
        first = {**suite, "dataset": {**suite["dataset"], "limit": 1}}
        (evals / "suites" / "first.yaml").write_text(json.dumps(first), encoding="utf-8")
    (evals / "suites" / "orders.yaml").write_text(json.dumps(suite), encoding="utf-8")


def _regrade() -> list[str]:
    return [python(), "-m", "regrade_server", "--root", ".", "run", "orders", "--json"]


def _check(name: str, folder: Path, expected: dict[str, int]) -> None:
    """The counts of a contender are right, or nothing of it counts."""
    if name.startswith("Regrade"):
        told = read(folder / "output.log")["summary"]
        found = {"passed": told["passed"], "failed": told["failed"]}
    else:
        found = read(folder / "counted.json")
    if found != expected:
        raise RuntimeError(f"{name} counted {found}, not {expected}; see {folder}")
