"""Traces counted in groups, and samples of them."""

import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from regrade_server.sqlite import matched
from regrade_server.sqlite.index import facets_of, having_key, named, of_having
from regrade_server.sqlite.payload import metadata
from regrade_server.sqlite.search import Reader
from regrade_server.sqlite.walk import deadline
from regrade_tools.traces import facts
from regrade_tools.traces.grouping import By, Group, Grouped, day, percentile
from regrade_tools.traces.query import OR_NONE, Having, Query
from regrade_tools.traces.store import Sampled

Told = TypeVar("Told")

# Counting a million traces takes a few seconds; more is a question to narrow.
SECONDS = 20.0
# So long is a sample read; what was drawn is in no order, so that fewer are still at random.
SAMPLING_S = 2.0
_DAY = 86_400
_SUMS = """SELECT count(*), total(t.status = ?), total(m.passed), total(m.failed),
    count(t.ttft_ms), count(t.tokens), total(t.tokens), count(t.cost_usd), total(t.cost_usd),
    total(t.cost_usd * t.cost_usd)"""
_ALL = "FROM matched m CROSS JOIN trace t ON t.id = m.id WHERE 1"
_BY_DAY = "FROM matched m CROSS JOIN trace t ON t.id = m.id WHERE m.day = ?"
_BY_FACET = """FROM trace_fts f CROSS JOIN matched m ON m.id = f.rowid
    CROSS JOIN trace t ON t.id = m.id WHERE f.trace_fts MATCH ?"""
_BY_FACT = """FROM fact v CROSS JOIN matched m ON m.id = v.id CROSS JOIN trace t ON t.id = m.id
    WHERE v.value = ?"""
_WITHOUT_FACT = """FROM matched m CROSS JOIN trace t ON t.id = m.id
    WHERE m.id NOT IN (SELECT id FROM fact)"""
_WITHOUT = """FROM matched m CROSS JOIN trace t ON t.id = m.id
    WHERE m.id NOT IN (SELECT doc FROM trace_term WHERE term >= ? AND term < ?)"""


@dataclass(frozen=True, slots=True)
class _Part:
    """A group before it is counted whole: its value, its size, and how its rows are found."""

    value: str
    traces: int
    clause: str
    values: tuple[object, ...]


def summary(reader: Reader, query: Query, by: By | None, limit: int) -> Grouped:
    """All the traces that match, and the groups of them by ``by``."""
    connection = reader.connection
    with deadline(connection, SECONDS):
        partial = matched.match_all(reader, query)
        keys = facts.keys(by or "")
        if keys:
            partial = _read_facts(reader, keys) or partial
        matched.mark_labels(connection)
        total = _group(connection, _Part("", 0, _ALL, ()))
        if by is None:
            return Grouped(total, partial=partial)
        if keys:
            parts = _facts(connection)
        else:
            parts = list(_days(connection) if by == "day" else _facets(connection, by))
        groups = tuple(_group(connection, part) for part in parts[:limit])
    return Grouped(total, groups, len(parts), partial)


def _days(connection: sqlite3.Connection) -> Iterator[_Part]:
    connection.execute(
        "UPDATE matched SET day = CAST(max(0, (SELECT at FROM trace t WHERE t.id = matched.id)) / ?"
        " AS INTEGER)",
        (_DAY,),
    )
    connection.execute("CREATE INDEX matched_day ON matched(day)")
    rows = connection.execute("SELECT day, count(*) FROM matched GROUP BY day ORDER BY day DESC")
    for number, traces in rows.fetchall():
        yield _Part(day(number * _DAY), traces, _BY_DAY, (number,))


def _facets(connection: sqlite3.Connection, by: str) -> list[_Part]:
    """Every value of a facet, read out of the index, and what has none: the largest first."""
    connection.execute(
        "CREATE VIRTUAL TABLE temp.trace_term USING fts5vocab('main', 'trace_fts', 'instance')"
    )
    first, last = facets_of(by)
    rows = connection.execute(
        "SELECT v.term, count(*) FROM trace_term v CROSS JOIN matched m ON m.id = v.doc"
        " WHERE v.term >= ? AND v.term < ? GROUP BY v.term",
        (first, last),
    )
    # Any label at all is a token of its own.
    found = {named(term): (f'"{term}"', traces) for term, traces in rows if term != first}
    if by == "feedback":
        found |= _beside(connection, found)
    parts = [_Part(value, of, _BY_FACET, (match,)) for value, (match, of) in found.items()]
    without = connection.execute(f"SELECT count(*) {_WITHOUT}", (first, last)).fetchone()[0]
    if without:
        parts.append(_Part("none" if by in OR_NONE else "", without, _WITHOUT, (first, last)))
    return sorted(parts, key=lambda part: (-part.traces, part.value))


def _beside(connection: sqlite3.Connection, values: Collection[str]) -> dict[str, tuple[str, int]]:
    """How each of ``values`` that feedback tells beside a word, too, is found, and of how many."""
    said = connection.execute(
        "SELECT DISTINCT term FROM trace_term WHERE term >= ? AND term < ?", facets_of("opinion")
    ).fetchall()
    found: dict[str, tuple[str, int]] = {}
    for value in {named(term) for (term,) in said} & {*values}:
        match = of_having(Having("feedback", value))
        counted = connection.execute(
            "SELECT count(*) FROM trace_fts f CROSS JOIN matched m ON m.id = f.rowid"
            " WHERE f.trace_fts MATCH ?",
            (match,),
        ).fetchone()
        found[value] = match, counted[0]
    return found


def _read_facts(reader: Reader, keys: tuple[str, ...]) -> bool:
    """What metadata has under ``keys``, as a table; whether the time was up before all was read.

    Then what was not looked at is taken out of what is counted.
    """
    connection, end = reader.connection, time.monotonic() + matched.READING_S
    connection.execute("CREATE TEMP TABLE fact(value TEXT NOT NULL, id INTEGER NOT NULL) STRICT")
    told = having_key(keys)
    if told:
        # The words of a key are in every trace that has it.
        rows = connection.execute(
            "SELECT m.id FROM trace_fts f CROSS JOIN matched m ON m.id = f.rowid"
            " WHERE f.trace_fts MATCH ? ORDER BY f.rowid DESC",
            (told,),
        )
    else:
        rows = connection.execute("SELECT id FROM matched ORDER BY id DESC")
    for (row,) in rows.fetchall():
        found = facts.values(metadata(reader.packer.raw(row)), keys)
        connection.executemany("INSERT INTO fact VALUES(?,?)", [(value, row) for value in found])
        if time.monotonic() > end:
            connection.execute("DELETE FROM matched WHERE id < ?", (row,))
            return True
    return False


def _facts(connection: sqlite3.Connection) -> list[_Part]:
    """Every value that was read, the largest group first, and what has none."""
    connection.execute("CREATE INDEX fact_value ON fact(value)")
    rows = connection.execute("SELECT value, count(*) FROM fact GROUP BY value").fetchall()
    parts = [_Part(value, traces, _BY_FACT, (value,)) for value, traces in rows]
    without = connection.execute(f"SELECT count(*) {_WITHOUT_FACT}").fetchone()[0]
    if without:
        parts.append(_Part("", without, _WITHOUT_FACT, ()))
    return sorted(parts, key=lambda part: (-part.traces, part.value))


def _group(connection: sqlite3.Connection, part: _Part) -> Group:
    # Clauses are constants; what is asked for stands in values alone.
    error = connection.execute("SELECT id FROM sym WHERE value = 'error'").fetchone()
    sums = connection.execute(
        f"{_SUMS} {part.clause}", ((error or (-1,))[0], *part.values)
    ).fetchone()
    traces, errors, passed, failed, streamed, counted, tokens, priced, cost, squares = sums
    ascending = _ascending(connection, "duration_ms", part)
    waits = _ascending(connection, "ttft_ms", part) if streamed else []
    return Group(
        part.value,
        traces,
        int(errors),
        int(passed),
        int(failed),
        len(ascending),
        percentile(ascending, 0.5),
        percentile(ascending, 0.95),
        streamed,
        percentile(waits, 0.5),
        percentile(waits, 0.95),
        counted,
        int(tokens),
        priced,
        cost,
        squares,
    )


def _ascending(connection: sqlite3.Connection, column: str, part: _Part) -> list[float]:
    """The values of a column of times that are known, in order."""
    known = f"SELECT t.{column} {part.clause} AND t.{column} IS NOT NULL ORDER BY 1"
    return [row[0] for row in connection.execute(known, part.values)]


def sample(reader: Reader, query: Query, size: int, tell: Callable[..., Told]) -> Sampled[Told]:
    """What is told of some of the traces that match."""
    with deadline(reader.connection, SECONDS):
        matched.match_all(reader, query)
        found = matched.ids(reader.connection)
    drawn = random.Random(0).sample(found, min(size, len(found)))  # noqa: S311 - no secret
    end = time.monotonic() + SAMPLING_S
    told: list[Told] = []
    for row in drawn:
        told.append(tell(reader.packer.trace(row)))
        if time.monotonic() > end:
            break
    return Sampled(tuple(told), len(found))
