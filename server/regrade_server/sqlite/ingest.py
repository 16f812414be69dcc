"""Traces in: one transaction a batch, the work that needs no lock done before it."""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from regrade_server.sqlite.index import body as index_body
from regrade_server.sqlite.payload import Packer, encode
from regrade_server.sqlite.transaction import transaction
from regrade_tools.fingerprint import id_number
from regrade_tools.models import Trace
from regrade_tools.ports import Appended

_EPOCH = -62_135_596_800  # 0001-01-01
_LATEST = 253_402_300_799  # 9999-12-31
_SLOT_BITS = 2
_LARGEST = (1 << 63) - 1
_TRACE = f"INSERT INTO trace VALUES({','.join('?' * 12)})"


def row_id(when: float) -> int:
    """The first id of the millisecond of ``when``, in Unix seconds: four to a millisecond."""
    inside = min(max(when, _EPOCH), _LATEST)
    return int((inside - _EPOCH) * 1000) << _SLOT_BITS


@dataclass(slots=True)
class Writer:
    """What a connection that writes keeps between batches."""

    connection: sqlite3.Connection
    packer: Packer
    symbols: dict[str, int] = field(default_factory=dict[str, int])


def append(writer: Writer, traces: Sequence[Trace]) -> Appended:
    """Keep the traces whose ids are not known yet."""
    now = time.time()
    keyed: dict[int, Trace] = {}
    for trace in traces:
        key = id_number(trace.id)
        if key is None:
            raise ValueError(f"{trace.id!r} is not a trace id")
        keyed.setdefault(key, trace)
    batch = sorted(keyed.items(), key=lambda item: _when(item[1], now))
    bodies = [encode(trace) for _, trace in batch]
    words = [index_body(trace) for _, trace in batch]
    dictionary = writer.packer.train(bodies)
    packed = [] if dictionary else [writer.packer.pack(body) for body in bodies]
    connection = writer.connection
    try:
        with transaction(connection):
            if dictionary:
                writer.packer.adopt(dictionary)
                packed = [writer.packer.pack(body) for body in bodies]
            known = _known(connection, [key for key, _ in batch])
            fresh = [place for place, (key, _) in enumerate(batch) if key not in known]
            whens = [_when(batch[place][1], now) for place in fresh]
            ids = _free_ids(connection, [row_id(when) for when in whens])
            for row, when, place in zip(ids, whens, fresh, strict=True):
                key, trace = batch[place]
                _insert(
                    writer, (row, key, when, *_columns(writer, trace)), packed[place], words[place]
                )
    except BaseException:
        # Symbols and a dictionary that were rolled back must not be trusted.
        writer.symbols.clear()
        writer.packer = Packer(connection)
        raise
    return Appended(stored=len(fresh), known=len(traces) - len(fresh))


def _when(trace: Trace, now: float) -> float:
    return now if trace.started_at is None else trace.started_at


def _insert(writer: Writer, columns: tuple[object, ...], packed: bytes, words: str) -> None:
    execute, row = writer.connection.execute, columns[0]
    execute(_TRACE, columns)
    execute("INSERT INTO payload VALUES(?,?,?)", (row, writer.packer.dictionary, packed))
    execute("INSERT INTO trace_fts(rowid, body) VALUES(?,?)", (row, words))


def _columns(writer: Writer, trace: Trace) -> tuple[object, ...]:
    return (
        trace.duration_ms,
        None if trace.tokens is None else min(trace.tokens, _LARGEST),
        trace.cost_usd,
        _symbol(writer, trace.name),
        _symbol(writer, trace.model),
        _symbol(writer, trace.file),
        _symbol(writer, trace.status),
        json.dumps(trace.tags, ensure_ascii=False) if trace.tags else "",
        trace.opening,
    )


def _symbol(writer: Writer, value: str) -> int:
    number = writer.symbols.get(value)
    if number is None:
        execute = writer.connection.execute
        execute("INSERT OR IGNORE INTO sym(value) VALUES(?)", (value,))
        number = int(execute("SELECT id FROM sym WHERE value = ?", (value,)).fetchone()[0])
        writer.symbols[value] = number
    return number


def _known(connection: sqlite3.Connection, keys: list[int]) -> set[int]:
    marks = ",".join("?" * len(keys))
    return {
        row[0]
        for row in connection.execute(f"SELECT key FROM trace WHERE key IN ({marks})", keys)  # noqa: S608 - only question marks
    }


def _free_ids(connection: sqlite3.Connection, wanted: list[int]) -> list[int]:
    """Ids in order, each at or after the one wanted: the next free one where that is taken."""
    if not wanted:
        return []
    span = (wanted[0], wanted[-1] + len(wanted))
    newest = connection.execute("SELECT max(id) FROM trace").fetchone()[0]
    taken: set[int] = set()
    if newest is not None and wanted[0] <= newest:
        taken = {
            row[0]
            for row in connection.execute("SELECT id FROM trace WHERE id BETWEEN ? AND ?", span)
        }
    ids: list[int] = []
    last = -1
    for base in wanted:
        free = max(base, last + 1)
        while free in taken or (free > span[1] and taken and _exists(connection, free)):
            free += 1
        ids.append(free)
        last = free
    return ids


def _exists(connection: sqlite3.Connection, row: int) -> bool:
    return connection.execute("SELECT 1 FROM trace WHERE id = ?", (row,)).fetchone() is not None
