"""Traces out: one walk of the index from the newest (or oldest) id, which stops at the limit."""

import base64
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from regrade_server.sqlite.index import asked, begins, must_read
from regrade_server.sqlite.payload import Packer, decode
from regrade_server.sqlite.proof import Proof, proof
from regrade_server.sqlite.trouble import there
from regrade_server.sqlite.walk import Walk, deadline, walk
from regrade_tools.fingerprint import id_number, numbered_id
from regrade_tools.models import Trace
from regrade_tools.refusal import Refusal
from regrade_tools.traces.matching import excerpt
from regrade_tools.traces.query import Query
from regrade_tools.traces.store import Page, Scanned, TraceRow

_COUNTED = 1_000
# In a store of more traces than this, what must be read to be proven is counted no further than
# so many candidates, and in a smaller one no longer than so many seconds.
_SMALL, _COUNTED_BY_READING, _COUNTING_S = 10_000, 40, 1.0
# A page that must be read together is cut off here, with what was found so far.
SECONDS = 2.0
# A beginning that so few of the newest candidates have is rare enough for the index.
_SAMPLE, _SAMPLE_HITS, _LONGEST_SAMPLE = 32, 4, 160
_LAST_ROW = 1 << 60
# A batch of whole traces holds no more JSON than this, but for one trace that alone is larger.
_BATCH_BYTES = 16 * 1024 * 1024
_COLUMNS = (
    "t.id, t.key, t.at, t.duration_ms, t.tokens, t.cost_usd, t.name, t.model, t.source,"
    " t.status, t.tags, t.preview, t.untimed"
)


@dataclass(slots=True)
class Reader:
    """What a connection that reads keeps between questions."""

    connection: sqlite3.Connection
    packer: Packer
    symbols: dict[int, str] = field(default_factory=dict[int, str])


@dataclass(slots=True)
class _Found:
    """What a walk has come upon: the hits, with those that were read, and how far it went.

    ``small`` says, once it was asked, whether the store is.
    """

    rows: list[int] = field(default_factory=list[int])
    read: dict[int, Trace] = field(default_factory=dict[int, Trace])
    looked: int = 0
    opened: int = 0
    at: int = 0
    whole: bool = False
    late: bool = False
    small: bool | None = None


def page(reader: Reader, query: Query, limit: int, cursor: str | None, oldest: bool) -> Page:  # noqa: FBT001 - called by position, across threads
    """A page of the traces that match ``query``."""
    after = None if cursor is None else _read_cursor(cursor)
    with deadline(reader.connection):
        found = _find(reader, query, limit, after, oldest=oldest)
        shown = found.rows[:limit]
        rows = rows_of(reader, shown, query, found.read)
        counted = found if after is None else _find(reader, query, 0, None, oldest=oldest)
    more = len(found.rows) > limit
    following = shown[-1] if more else found.at if found.late else None
    return Page(
        rows=rows,
        total=min(len(counted.rows), _COUNTED),
        exact=counted.whole and len(counted.rows) <= _COUNTED,
        next_cursor=None if following is None else _write_cursor(following),
        partial=found.late and not more,
    )


def scan(reader: Reader, query: Query, limit: int, cursor: str | None) -> Scanned:
    """The next traces that match, whole: the oldest first, no more than a batch may hold."""
    after = None if cursor is None else _read_cursor(cursor)
    with deadline(reader.connection):
        found = _find(reader, query, limit, after, oldest=True)
    whole: list[Trace] = []
    room = _BATCH_BYTES
    last = after
    for row in found.rows[:limit]:
        raw = reader.packer.raw(row)
        room -= len(raw)
        if whole and room < 0:
            break
        whole.append(decode(raw))
        last = row
    cut = len(whole) < len(found.rows)
    following = last if cut else found.at if found.late else None
    return Scanned(tuple(whole), None if following is None else _write_cursor(following))


def _find(reader: Reader, query: Query, limit: int, after: int | None, *, oldest: bool) -> _Found:
    """The hits of a page and one more, and from the beginning as many as are counted."""
    if any(begins(term) for term in (*query.words, *query.having)):
        # The index can only gather every trace that has such a word, which costs what they are
        # in number; where they are frequent, reading the first candidates is enough.
        way = walk(query, oldest=oldest, beginnings=False)
        found = _read(reader, way, proof(query, beginnings=True), limit, after, sample=True)
        if found.whole or len(found.rows) > limit:
            return found
    way = walk(query, oldest=oldest)
    if must_read(query):
        return _read(reader, way, proof(query, beginnings=False), limit, after)
    most = (_COUNTED if after is None else limit) + 1
    rows = list(way.ids(reader.connection, most, after))
    return _Found(rows, whole=len(rows) < most)


def _read(  # noqa: PLR0913 - one walk, told whole
    reader: Reader, way: Walk, proven: Proof, limit: int, after: int | None, *, sample: bool = False
) -> _Found:
    """The candidates of ``way`` that their text proves, until there are enough for a page."""
    found = _Found()
    began = time.monotonic()
    end = began + SECONDS
    for candidate in proven.along(way, reader.connection, reader.packer, after):
        if len(found.rows) > limit and (after is not None or _counted(found, reader, began)):
            return found
        if sample and len(found.rows) <= limit and _hopeless(found):
            return found
        found.looked += candidate.looked
        found.opened += candidate.read
        found.at = candidate.row
        if candidate.proven:
            found.rows.append(candidate.row)
            if candidate.trace is not None and len(found.rows) <= limit:
                found.read[candidate.row] = candidate.trace
        if time.monotonic() > end:
            found.late = True
            return found
    found.whole = True
    return found


def _counted(found: _Found, reader: Reader, began: float) -> bool:
    """Whether enough of the hits beyond a page are counted: to go on would take its time."""
    if len(found.rows) > _COUNTED:
        return True
    if found.opened < _COUNTED_BY_READING and found.looked <= _COUNTED:
        return False
    if found.small is None:
        found.small = not reader.connection.execute(
            "SELECT 1 FROM trace LIMIT 1 OFFSET ?", (_SMALL,)
        ).fetchall()
    return not found.small or time.monotonic() > began + _COUNTING_S


def _hopeless(found: _Found) -> bool:
    if found.looked < _SAMPLE:
        return False
    return len(found.rows) < _SAMPLE_HITS or found.looked >= _LONGEST_SAMPLE


def rows_of(
    reader: Reader, shown: list[int], query: Query, read: Mapping[int, Trace]
) -> tuple[TraceRow, ...]:
    """What a list tells of the rows in ``shown``; those in ``read`` need not be read again."""
    found = reader.connection.execute(
        f"SELECT {_COLUMNS} FROM trace t WHERE t.id IN ({','.join('?' * len(shown))})",  # noqa: S608 - constants and question marks
        shown,
    )
    by_id = {columns[0]: columns for columns in found}
    rows = (_row(reader, there(by_id.get(row))) for row in shown)
    if not any(not term.negated for term in query.words):
        return tuple(rows)
    return tuple(
        replace(row, excerpt=excerpt(query.words, read.get(number) or reader.packer.trace(number)))
        for number, row in zip(shown, rows, strict=True)
    )


def _row(reader: Reader, columns: tuple[Any, ...]) -> TraceRow:
    _, key, at, duration, tokens, cost, name, model, source, status, tags, preview, untimed = (
        columns
    )
    return TraceRow(
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
        untimed=bool(untimed),
    )


def known(reader: Reader, trace_ids: Sequence[str]) -> frozenset[str]:
    """Those of ``trace_ids`` that are kept."""
    keys = [id_number(trace_id) for trace_id in trace_ids]
    rows = reader.connection.execute(
        "SELECT key FROM trace WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(keys),)
    )
    kept = {key for (key,) in rows}
    return frozenset(one for one, key in zip(trace_ids, keys, strict=True) if key in kept)


def trace(reader: Reader, trace_id: str) -> Trace | None:
    """One trace, by its public id."""
    row = reader.connection.execute(
        "SELECT id FROM trace WHERE key = ?", (id_number(trace_id),)
    ).fetchone()
    return None if row is None else reader.packer.trace(row[0])


def traces(reader: Reader, trace_ids: Iterable[str]) -> dict[str, Trace]:
    """Those of ``trace_ids`` that are kept."""
    found = ((name, trace(reader, name)) for name in trace_ids)
    return {name: kept for name, kept in found if kept is not None}


def latest(reader: Reader, input_fingerprint: str) -> Trace | None:
    """The newest trace that was given this input."""
    row = reader.connection.execute(
        "SELECT rowid FROM trace_fts WHERE trace_fts MATCH ? ORDER BY rowid DESC LIMIT 1",
        (f'"{asked(input_fingerprint)}"',),
    ).fetchone()
    return None if row is None else reader.packer.trace(row[0])


def count(reader: Reader) -> int:
    """How many traces there are."""
    return int(reader.connection.execute("SELECT count(*) FROM trace").fetchone()[0])


def _symbol(reader: Reader, number: int) -> str:
    if number not in reader.symbols:
        row = reader.connection.execute("SELECT value FROM sym WHERE id = ?", (number,)).fetchone()
        reader.symbols[number] = there(row)[0]
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
