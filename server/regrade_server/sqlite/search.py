"""Traces out: one walk of the index from the newest (or oldest) id, which stops at the limit."""

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from regrade_server.sqlite.index import asked, match, unproven
from regrade_server.sqlite.ingest import row_id
from regrade_server.sqlite.payload import Packer
from regrade_tools.fingerprint import id_number, numbered_id
from regrade_tools.matching import excerpt, says, searched_text
from regrade_tools.models import Trace
from regrade_tools.ports import Page, TraceRow
from regrade_tools.query import Query
from regrade_tools.refusal import Refusal

_COUNTED = 1_000
_SECONDS = 1.0
# Ids run ahead of their time where many traces share a millisecond: by four an id.
_DRIFT_S = 3_600
_NO_BOUND = (1 << 63) - 1
_LAST_ROW = 1 << 60
_MEASURES = {"latency": "duration_ms", "cost": "cost_usd", "tokens": "tokens"}
_COLUMNS = (
    "t.id, t.key, t.at, t.duration_ms, t.tokens, t.cost_usd, t.name, t.model, t.source,"
    " t.status, t.tags, t.preview"
)


@dataclass(slots=True)
class Reader:
    """What a connection that reads keeps between questions."""

    connection: sqlite3.Connection
    packer: Packer
    symbols: dict[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class _Walk:
    """The rows that may match, as a FROM and WHERE with its values."""

    clause: str
    values: tuple[object, ...]
    key: str

    def ids(self, reader: Reader, bounds: tuple[int, int], *, oldest: bool) -> Iterator[int]:
        order = "ASC" if oldest else "DESC"
        cursor = reader.connection.execute(
            f"SELECT t.id {self.clause} AND {self.key} BETWEEN ? AND ? ORDER BY {self.key} {order}",
            (*self.values, *bounds),
        )
        for row in cursor:
            yield row[0]


def page(reader: Reader, query: Query, limit: int, cursor: str | None, oldest: bool) -> Page:  # noqa: FBT001 - called by position, across threads
    """A page of the traces that match ``query``."""
    walk = _walk(query)
    low, high = _bounds(query)
    after = None if cursor is None else _read_cursor(cursor)
    if after is not None:
        low, high = (max(low, after + 1), high) if oldest else (low, min(high, after - 1))
    ids = walk.ids(reader, (low, high), oldest=oldest)
    found = list(islice(_proven(reader, query, ids), limit + 1))
    rows = tuple(_row(reader, row, query) for row in found[:limit])
    more = len(found) > limit
    total, exact = (len(found), True)
    if more or cursor is not None:
        total, exact = _count(reader, query, walk)
    following = _write_cursor(found[limit - 1]) if more else None
    return Page(rows=rows, total=total, exact=exact, next_cursor=following)


def _walk(query: Query) -> _Walk:
    conditions: list[str] = []
    values: list[object] = []
    for term in query.within:
        # The sign is one of four that the grammar knows.
        conditions.append(f" AND t.{_MEASURES[term.measure]} {term.sign} ?")
        values.append(term.bound)
    if query.since is not None:
        conditions.append(" AND t.at >= ?")
        values.append(query.since)
    if query.until is not None:
        conditions.append(" AND t.at < ?")
        values.append(query.until)
    expression = match(query)
    if not expression:
        return _Walk(f"FROM trace t WHERE 1{''.join(conditions)}", tuple(values), "t.id")
    # CROSS JOIN keeps the index outside, so that its order of ids needs no sorting.
    clause = (
        "FROM trace_fts f CROSS JOIN trace t ON t.id = f.rowid"
        f" WHERE f.trace_fts MATCH ?{''.join(conditions)}"
    )
    return _Walk(clause, (expression, *values), "f.rowid")


def _bounds(query: Query) -> tuple[int, int]:
    low = 0 if query.since is None else row_id(query.since)
    high = _NO_BOUND if query.until is None else row_id(query.until + _DRIFT_S)
    return low, high


def _proven(reader: Reader, query: Query, ids: Iterator[int]) -> Iterator[int]:
    phrases = unproven(query)
    if not phrases:
        return ids
    return (row for row in ids if says(phrases, searched_text(_payload(reader, row))))


def _count(reader: Reader, query: Query, walk: _Walk) -> tuple[int, bool]:
    bounds = _bounds(query)
    if not unproven(query):
        row = reader.connection.execute(
            f"SELECT count(*) FROM (SELECT 1 {walk.clause} AND {walk.key} BETWEEN ? AND ?"  # noqa: S608 - as above
            f" LIMIT {_COUNTED + 1})",
            (*walk.values, *bounds),
        ).fetchone()
        return min(row[0], _COUNTED), row[0] <= _COUNTED
    deadline = time.monotonic() + _SECONDS
    total = 0
    for _ in _proven(reader, query, walk.ids(reader, bounds, oldest=False)):
        if total == _COUNTED or time.monotonic() > deadline:
            return total, False
        total += 1
    return total, True


def _row(reader: Reader, row: int, query: Query) -> TraceRow:
    columns = reader.connection.execute(
        f"SELECT {_COLUMNS} FROM trace t WHERE t.id = ?",  # noqa: S608 - a constant
        (row,),
    ).fetchone()
    _, key, at, duration, tokens, cost, name, model, source, status, tags, preview = columns
    found = TraceRow(
        id=numbered_id(key),
        when=at,
        name=_symbol(reader, name),
        model=_symbol(reader, model),
        status="error" if _symbol(reader, status) == "error" else "ok",
        duration_ms=duration,
        tokens=tokens,
        cost_usd=cost,
        tags=tuple(json.loads(tags)) if tags else (),
        source=_symbol(reader, source),
        preview=preview,
    )
    if not query.words:
        return found
    text = searched_text(_payload(reader, row))
    return replace(found, excerpt=excerpt(query.words, text))


def trace(reader: Reader, trace_id: str) -> Trace | None:
    """One trace, by its public id."""
    row = reader.connection.execute(
        "SELECT id FROM trace WHERE key = ?", (id_number(trace_id),)
    ).fetchone()
    return None if row is None else _payload(reader, row[0])


def latest(reader: Reader, input_fingerprint: str) -> Trace | None:
    """The newest trace that was given this input."""
    row = reader.connection.execute(
        "SELECT rowid FROM trace_fts WHERE trace_fts MATCH ? ORDER BY rowid DESC LIMIT 1",
        (f'"{asked(input_fingerprint)}"',),
    ).fetchone()
    return None if row is None else _payload(reader, row[0])


def count(reader: Reader) -> int:
    """How many traces there are."""
    return int(reader.connection.execute("SELECT count(*) FROM trace").fetchone()[0])


def _payload(reader: Reader, row: int) -> Trace:
    dictionary, body = reader.connection.execute(
        "SELECT dictionary, body FROM payload WHERE id = ?", (row,)
    ).fetchone()
    return reader.packer.unpack(dictionary, body)


def _symbol(reader: Reader, number: int) -> str:
    if number not in reader.symbols:
        row = reader.connection.execute("SELECT value FROM sym WHERE id = ?", (number,)).fetchone()
        reader.symbols[number] = row[0]
    return reader.symbols[number]


def _write_cursor(row: int) -> str:
    return base64.urlsafe_b64encode(row.to_bytes(8, "big")).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        row = int.from_bytes(base64.urlsafe_b64decode(f"{cursor}=".encode("ascii")), "big")
    except ValueError:
        row = -1
    if row < 0 or row > _LAST_ROW or _write_cursor(row) != cursor:
        raise Refusal(
            f"The cursor {cursor[:40]!r} is not one that a search gave.",
            next_step="Pass next_cursor of the last page as it is, or leave cursor out.",
        )
    return row
