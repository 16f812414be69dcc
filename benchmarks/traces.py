"""Ingest and search of the embedded store, beside the plainest thing that could do the same.

    python benchmarks/traces.py [TRACES] [--floor TRACES] [--folder FOLDER]

Prints a table, then JSON. Figures are CPU time of this process, so that a busy machine changes
little; "wall" is what a clock said. The floor decodes the same exports with json alone and puts
them into SQLite with FTS5, spans and texts as columns.
"""

import argparse
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio
from corpus import BEGIN, DAYS, NEEDLE, Corpus, read

from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Label
from regrade_tools.query import parse

BATCH = 1_000
RUNS = 25
LABELLED = 2_000
NOW = BEGIN + DAYS * 86_400.0

_FLOOR = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
CREATE TABLE traces(id INTEGER PRIMARY KEY, trace_id TEXT UNIQUE, start REAL, model TEXT);
CREATE INDEX t_start ON traces(start);
CREATE TABLE spans(id INTEGER PRIMARY KEY, trace INT, span_id TEXT UNIQUE, parent TEXT, name TEXT,
  start INT, ended INT, input TEXT, output TEXT, attributes TEXT);
CREATE INDEX s_trace ON spans(trace);
CREATE VIRTUAL TABLE fts USING fts5(input, output, content='spans', content_rowid='id');
"""


@dataclass(frozen=True)
class Shape:
    """A kind of search: how many it found, and its times in milliseconds."""

    name: str
    query: str
    total: int | str
    p50_cpu: float
    p95_cpu: float
    p95_wall: float


class Floor:
    """SQLite and FTS5, and nothing else."""

    def __init__(self, path: Path) -> None:
        """Make the tables."""
        self._db = sqlite3.connect(path)
        self._db.executescript(_FLOOR)
        self._traces: dict[str, int] = {}
        self._spans = 0

    def add(self, body: str) -> None:
        """Decode an export and insert it in one transaction."""
        traces: list[tuple[Any, ...]] = []
        spans: list[tuple[Any, ...]] = []
        texts: list[tuple[Any, ...]] = []
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found = {
                        item["key"]: next(iter(item["value"].values()))
                        for item in span["attributes"]
                    }
                    given, said = found.pop("input.value"), found.pop("output.value")
                    name, began = span["traceId"], int(span["startTimeUnixNano"])
                    if name not in self._traces:
                        self._traces[name] = len(self._traces)
                        model = found.get("gen_ai.request.model")
                        traces.append((self._traces[name], name, began / 1e9, model))
                    self._spans += 1
                    ended = int(span["endTimeUnixNano"])
                    spans.append(
                        (self._spans, self._traces[name], span["spanId"], span["parentSpanId"],
                         span["name"], began, ended, given, said, json.dumps(found))
                    )  # fmt: skip
                    texts.append((self._spans, given, said))
        with self._db:
            self._db.executemany("INSERT INTO traces VALUES(?,?,?,?)", traces)
            self._db.executemany("INSERT INTO spans VALUES(?,?,?,?,?,?,?,?,?,?)", spans)
            self._db.executemany("INSERT INTO fts(rowid,input,output) VALUES(?,?,?)", texts)


def size(path: Path) -> int:
    """The bytes of a database with its log."""
    return sum(
        file.stat().st_size for file in path.parent.iterdir() if file.name.startswith(path.name)
    )


async def ingest(store: SqliteStore, corpus: Corpus, number: int) -> dict[str, float]:
    """Import ``number`` traces; CPU seconds of reading and of storing them."""
    reading = storing = 0.0
    wall = 0.0
    for body in corpus.bodies(0, number, number, BATCH):
        began, clock = time.process_time(), time.perf_counter()
        traces = read(body)
        between = time.process_time()
        await store.append(traces)
        reading += between - began
        storing += time.process_time() - between
        wall += time.perf_counter() - clock
    return {"reading": reading, "storing": storing, "wall": wall}


def floor(path: Path, corpus: Corpus, number: int) -> float:
    """CPU seconds in which the floor takes ``number`` traces."""
    plain = Floor(path)
    spent = 0.0
    for body in corpus.bodies(0, number, number, BATCH):
        began = time.process_time()
        plain.add(body)
        spent += time.process_time() - began
    return spent


def shapes(corpus: Corpus) -> dict[str, str]:
    """Every kind of search by a query; words by their rank."""
    word = corpus.words
    return {
        "newest": "",
        "rare word": NEEDLE,
        "tail word": word[15_000],
        "frequent word": word[0],
        "middling word": word[300],
        "two words": f"{word[40]} {word[700]}",
        "word + name + time": f"{word[300]} tool:retrieve since:7d",
        "facet + time": "status:error since:7d",
        "status + model": "status:error model:gpt-4o-mini",
        "session": "session:session-77",
        "phrase of frequent words": f'"{word[1]} {word[0]}"',
        "phrase, seldom": f'"{word[60]} {word[90]}"',
        "not": f"{word[300]} -{word[2]} -status:error",
        "only not": f"-{word[0]}",
        "beginning, frequent": f"{word[20][:2]}*",
        "beginning, middling": f"{word[3_000][:5]}*",
        "beginning, rare": f"{NEEDLE[:6]}*",
        "facet's beginning": "model:gpt*",
        "not a facet's beginning": "-model:gpt*",
        "measure": "latency:>1s tokens:>600",
        "label:fail": "label:fail",
        "label:none": "label:none",
        "label + word": f"label:fail {word[300]}",
        "mode": 'mode:"wrong date"',
    }


async def timed(store: SqliteStore, name: str, query: str) -> Shape:
    """Search ``RUNS`` times."""
    cpu: list[float] = []
    wall: list[float] = []
    total: int | str = 0
    for _ in range(RUNS):
        began, clock = time.process_time(), time.perf_counter()
        page = await store.search(parse(query, now=NOW), limit=20)
        cpu.append((time.process_time() - began) * 1000)
        wall.append((time.perf_counter() - clock) * 1000)
        total = page.total if page.exact else f">={page.total}"
    return Shape(name, query, total, _at(cpu, 0.5), _at(cpu, 0.95), _at(wall, 0.95))


def _at(times: list[float], part: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(part * len(times)))], 2)


async def label(store: SqliteStore, number: int) -> float:
    """Label some traces; CPU microseconds for each label."""
    page = await store.search(parse("", now=NOW), limit=min(LABELLED, number // 2))
    labels = [
        Label(fingerprint(row.id), "", "dates", "pass" if place % 3 else "fail", "human", "kim",
              NOW, mode="" if place % 3 else ("wrong date", "too long")[place % 2],
              trace_id=row.id)
        for place, row in enumerate(page.rows)
    ]  # fmt: skip
    began = time.process_time()
    for start in range(0, len(labels), 100):
        await store.add_labels(labels[start : start + 100])
    return (time.process_time() - began) / len(labels) * 1e6


async def main(number: int, plain: int, folder: Path) -> None:
    """Measure, and print the table and the JSON."""
    corpus = Corpus()
    path = folder / "ours" / "store.db"
    store = SqliteStore(path)
    spent = await ingest(store, corpus, number)
    taken = floor(folder / "floor.db", corpus, plain) if plain else 0.0
    labelling = await label(store, number)
    store.close()
    told: dict[str, Any] = {
        "traces": number,
        "spans_per_cpu_s": round(3 * number / (spent["reading"] + spent["storing"])),
        "spans_per_cpu_s_storing": round(3 * number / spent["storing"]),
        "spans_per_s_wall": round(3 * number / spent["wall"]),
        "bytes_a_trace": round(size(path) / number),
        "us_a_label": round(labelling),
        "load": os.getloadavg()[0],
    }
    if plain:
        told |= {
            "floor_spans_per_cpu_s": round(3 * plain / taken),
            "floor_bytes_a_trace": round(size(folder / "floor.db") / plain),
        }
    store = SqliteStore(path)
    asked: Callable[[str, str], Awaitable[Shape]] = lambda name, query: timed(store, name, query)  # noqa: E731 - one line says it
    found = [await asked(name, query) for name, query in shapes(corpus).items()]
    store.close()
    for name, value in told.items():
        print(f"{name:26} {value:>12,.0f}")
    print(f"\n{'search':26} {'total':>8} {'p50 CPU':>9} {'p95 CPU':>9} {'p95 wall':>9}  ms")
    for shape in found:
        print(
            f"{shape.name:26} {shape.total!s:>8} {shape.p50_cpu:9.2f} {shape.p95_cpu:9.2f}"
            f" {shape.p95_wall:9.2f}"
        )
    print(json.dumps({**told, "searches": [asdict(shape) for shape in found]}))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("traces", type=int, nargs="?", default=100_000)
    options.add_argument("--floor", type=int, default=20_000, help="traces for the floor; 0: none")
    options.add_argument("--folder", type=Path, help="where the files are kept; default: nowhere")
    told = options.parse_args()
    if told.folder:
        anyio.run(main, told.traces, told.floor, told.folder)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            anyio.run(main, told.traces, told.floor, Path(scratch))
