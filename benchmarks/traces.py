"""The store as it grows: traces taken in, and found again by every kind of search.

The floor of ``floor.py`` decodes the same exports with json alone, in the same process. Figures
are CPU time of this process, so that a busy machine changes little, but for those by the clock.
"""

import gc
import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import anyio
from corpus import BEGIN, DAYS, NEEDLE, NEEDLES, Corpus
from floor import Floor
from measuring import Options, Table

from regrade_server.importing import uncollected
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Label
from regrade_tools.traces.query import parse
from regrade_tools.traces.verbs import Traces

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (300, 600)
# More of the floor would fill the disk and say nothing new.
_FLOOR_MOST = 100_000
_BATCH = 1_000
# Traces of a log: small, so that the floor has its turn in the same moment.
_LOG = 2_000
_SEARCHES = 25
_LABELLED = 2_000
_NOW = BEGIN + DAYS * 86_400.0
_SPANS = 3  # of a trace


@dataclass(frozen=True, slots=True)
class Kept:
    """What it took to keep ``number`` traces: CPU seconds, seconds, bytes of the files."""

    number: int
    cpu: float = 0.0
    wall: float = 0.0
    size: int = 0

    @property
    def rate(self) -> float:
        """Spans a CPU second."""
        return _SPANS * self.number / self.cpu

    @property
    def pace(self) -> float:
        """Spans a second."""
        return _SPANS * self.number / self.wall


@dataclass(frozen=True, slots=True)
class Stored:
    """A store and what it took, and the floor beside it."""

    folder: Path
    ours: Kept
    floor: Kept


@dataclass(frozen=True, slots=True)
class Found:
    """A kind of search: how many it found, and its times in milliseconds."""

    name: str
    query: str
    total: int | str
    p50_cpu: float
    p95_cpu: float
    p95_wall: float


def ingested(options: Options) -> Table:
    """Spans a second until they are durable and can be found, and bytes of a trace."""
    stores = [built(options.folder, size) for size in _sizes(options)]
    return Table(
        "ingest",
        "OTLP exports taken in, durable and searchable",
        ("traces", "spans / CPU-s", "floor, spans / CPU-s", "x the floor", "spans / s",
         "floor, spans / s", "bytes a trace", "floor, bytes a trace"),
        tuple(
            (
                float(one.ours.number),
                round(one.ours.rate),
                round(one.floor.rate),
                one.floor.rate / one.ours.rate,
                round(one.ours.pace),
                round(one.floor.pace),
                round(one.ours.size / one.ours.number),
                round(one.floor.size / one.floor.number),
            )
            for one in stores
        ),
        note="Three spans and 4.4 KB of text a trace, from a file, as `regrade import` takes it: "
        "decoding, redaction, one trace of its spans, storing. Under it: CPU seconds by the "
        "number of traces.",
        growth={"reading and storing (CPU s)": tuple(
            (one.ours.number, one.ours.cpu) for one in stores
        )},
        raw={"stores": [{**asdict(one), "folder": ""} for one in stores]},
    )  # fmt: skip


def searched(options: Options) -> Table:
    """Every kind of search, 25 times, on the largest store; its growth over all of them."""
    sizes = _sizes(options)
    found = {size: anyio.run(_search_all, built(options.folder, size).folder) for size in sizes}
    floors = _floor_times(built(options.folder, min(sizes[-1], _FLOOR_MOST)).folder)
    largest = found[sizes[-1]]
    return Table(
        "search",
        f"Searches over {sizes[-1]:,} traces, the newest 20",
        ("search", "matches", "p50 CPU ms", "p95 CPU ms", "p95 wall ms", "floor p50 ms"),
        tuple(
            (
                one.name,
                str(one.total),
                one.p50_cpu,
                one.p95_cpu,
                one.p95_wall,
                floors.get(one.name, ""),
            )
            for one in largest
        ),
        note=f"The floor is plain SQL over {min(sizes[-1], _FLOOR_MOST):,} traces and gives ids "
        "alone; Regrade gives rows with the words marked.",
        growth={
            name: tuple(
                (size, max(one.p50_cpu, 0.01))
                for size in sizes
                for one in found[size]
                if one.name == name
            )
            for name in ("newest", "rare word", "frequent word", "word + model + time")
        },
        raw={str(size): [asdict(one) for one in rows] for size, rows in found.items()},
    )


def _sizes(options: Options) -> tuple[int, ...]:
    return options.sizes or (QUICK_SIZES if options.quick else SIZES)


@cache
def built(folder: Path, number: int) -> Stored:
    """A store of ``number`` traces, made once, with labels and with the floor beside it."""
    place = folder / f"traces-{number}"
    place.mkdir()
    return Stored(place, *anyio.run(_taken, place, number))


@cache
def _corpus() -> Corpus:
    # As the command line begins: what was there before is not looked through for garbage.
    with uncollected():
        return Corpus()


def _logs(folder: Path, number: int) -> Iterator[Path]:
    """``number`` traces in logs, one after another in the same place."""
    log = folder / "export.jsonl"
    for start in range(0, number, _LOG):
        with log.open("w", encoding="utf-8") as out:
            for body in _corpus().bodies(start, min(start + _LOG, number), number, _BATCH):
                out.write(f"{body}\n")
        yield log
    log.unlink()


def _bytes(path: Path) -> int:
    beside = (file for file in path.parent.iterdir() if file.name.startswith(path.name))
    return sum(file.stat().st_size for file in beside)


async def _taken(place: Path, number: int) -> tuple[Kept, Kept]:
    """What it takes to import ``number`` traces, and what the floor takes.

    By turns, a log after another: a machine is seldom as quick for a minute as for the next.
    """
    store, plain = SqliteStore(place / "store.db"), Floor(place / "floor.db")
    traces = Traces(store, None, read_anywhere=True)
    ours, least, done = _Clock(), _Clock(), 0
    for log in _logs(place, number):
        with ours.running():
            await traces.import_paths([str(log)])
        done = min(done + _LOG, number)
        if done <= _FLOOR_MOST:
            with least.running(), log.open(encoding="utf-8") as lines:
                for line in lines:
                    plain.add(line)
    if await store.count() != number:
        raise RuntimeError(f"not every one of {number} traces is there")
    await _label(store, number)
    store.close()
    plain.close()
    return (
        Kept(number, ours.cpu, ours.wall, _bytes(place / "store.db")),
        Kept(min(number, _FLOOR_MOST), least.cpu, least.wall, _bytes(place / "floor.db")),
    )


@dataclass(slots=True)
class _Clock:
    """Seconds of the processor and of the wall, as they add up."""

    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def running(self) -> Generator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


async def _label(store: SqliteStore, number: int) -> None:
    """Label some of them, so that labels can be looked for."""
    page = await store.search(parse("", now=_NOW), limit=min(_LABELLED, number // 2))
    labels = [
        Label(fingerprint(row.id), "", "dates", "pass" if place % 3 else "fail", "human", "kim",
              _NOW, mode="" if place % 3 else ("wrong date", "too long")[place % 2],
              trace_id=row.id)
        for place, row in enumerate(page.rows)
    ]  # fmt: skip
    await store.add_labels(labels)


def kinds(corpus: Corpus) -> dict[str, str]:
    """Every kind of search by a query; words by their rank."""
    word = corpus.words
    return {
        "newest": "",
        "rare word": NEEDLE,
        "tail word": word[15_000],
        "frequent word": word[0],
        "middling word": word[300],
        "two words": f"{word[40]} {word[700]}",
        "word + model + time": f"{word[300]} model:gpt-4o-mini since:7d",
        "facet + time": "status:error since:7d",
        "status + model": "status:error model:gpt-4o-mini",
        "session": "session:session-77",
        "phrase of frequent words": f'"{word[1]} {word[0]}"',
        "phrase, seldom": f'"{word[60]} {word[90]}"',
        "not": f"{word[300]} -{word[700]} -status:error",
        "only not": f"-{word[40]}",
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


async def _search_all(place: Path) -> list[Found]:
    store = SqliteStore(place / "store.db")
    # A server holds no corpus: to look through it for garbage is no part of a search.
    gc.collect()
    gc.freeze()
    found = [await _searched(store, name, query) for name, query in kinds(_corpus()).items()]
    store.close()
    needles = next(one.total for one in found if one.name == "rare word")
    if needles != NEEDLES:
        raise RuntimeError(f"the rare word was found in {needles} traces, not in {NEEDLES}")
    return found


async def _searched(store: SqliteStore, name: str, query: str) -> Found:
    cpu: list[float] = []
    wall: list[float] = []
    total: int | str = 0
    for _ in range(_SEARCHES):
        began, clock = time.process_time(), time.perf_counter()
        page = await store.search(parse(query, now=_NOW), limit=20)
        cpu.append((time.process_time() - began) * 1000)
        wall.append((time.perf_counter() - clock) * 1000)
        total = page.total if page.exact else f">={page.total}"
    return Found(name, query, total, _at(cpu, 0.5), _at(cpu, 0.95), _at(wall, 0.95))


def _floor_times(place: Path) -> dict[str, float]:
    plain, word = Floor(place / "floor.db"), _corpus().words
    asked: dict[str, Callable[[], Any]] = {
        "newest": lambda: plain.newest(20),
        "rare word": lambda: plain.word(NEEDLE, 20),
        "tail word": lambda: plain.word(word[15_000], 20),
        "frequent word": lambda: plain.word(word[0], 20),
        "middling word": lambda: plain.word(word[300], 20),
    }
    times = {name: _at([_milliseconds(ask) for _ in range(_SEARCHES)], 0.5)
             for name, ask in asked.items()}  # fmt: skip
    plain.close()
    return times


def _milliseconds(ask: Callable[[], Any]) -> float:
    began = time.process_time()
    ask()
    return (time.process_time() - began) * 1000


def _at(times: list[float], part: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(part * len(times)))], 3)


def exported(path: Path, number: int) -> None:
    """Write ``number`` traces as a file of OTLP/JSON lines, as a collector would."""
    with path.open("w", encoding="utf-8") as out:
        for place in range(number):
            out.write(json.dumps(_corpus().export(place, number)) + "\n")
