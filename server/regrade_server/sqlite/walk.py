"""The rows that the index lets through, in the order of time, as one statement."""

import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from regrade_server.sqlite.index import match
from regrade_server.sqlite.slots import row_id
from regrade_server.sqlite.wording import Look
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import Measure, Query

# Ids run ahead of their time where many traces share a millisecond: by four an id.
_DRIFT_S = 3_600
_NO_BOUND = (1 << 63) - 1
# The columns of the measures that the grammar knows.
MEASURES: Mapping[Measure, str] = {
    "latency": "duration_ms",
    "ttft": "ttft_ms",
    "cost": "cost_usd",
    "tokens": "tokens",
}
SECONDS = 5.0
STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Walk:
    """Candidates between two ids, newest or oldest first."""

    clause: str
    values: tuple[object, ...]
    key: str
    low: int
    high: int
    oldest: bool

    def ids(self, connection: sqlite3.Connection, limit: int, after: int | None) -> Iterator[int]:
        """The ids that follow ``after``, or all of them; as many as ``limit``, or all for -1."""
        return (row for (row,) in self._rows(connection, self.key, (), limit, after))

    def told(
        self, connection: sqlite3.Connection, look: Look, after: int | None
    ) -> Iterator[tuple[int, int | None]]:
        """All the ids that follow ``after``, each with what ``look`` tells of it."""
        told = "NULL"
        if look.told:
            # Constants and question marks.
            told = f"(SELECT {look.told} FROM wording w WHERE w.id = {self.key})"  # noqa: S608
        return self._rows(connection, f"{self.key}, {told}", look.values, -1, after)

    def _rows(
        self,
        connection: sqlite3.Connection,
        columns: str,
        values: tuple[object, ...],
        limit: int,
        after: int | None,
    ) -> sqlite3.Cursor:
        low, high = self.low, self.high
        if after is not None:
            low, high = (max(low, after + 1), high) if self.oldest else (low, min(high, after - 1))
        order = "ASC" if self.oldest else "DESC"
        return connection.execute(
            f"SELECT {columns} {self.clause} AND {self.key} BETWEEN ? AND ?"
            f" ORDER BY {self.key} {order} LIMIT ?",
            (*values, *self.values, low, high, limit),
        )


def walk(query: Query, *, oldest: bool, beginnings: bool = True) -> Walk:
    """The walk for ``query``; without ``beginnings`` it knows nothing of terms with a star."""
    conditions: list[str] = []
    values: list[object] = []
    for term in query.within:
        # The sign is one of four that the grammar knows.
        conditions.append(f" AND t.{MEASURES[term.measure]} {term.sign} ?")
        values.append(term.bound)
    if query.since is not None:
        conditions.append(" AND t.at >= ?")
        values.append(query.since)
    if query.until is not None:
        conditions.append(" AND t.at < ?")
        values.append(query.until)
    low = 0 if query.since is None else row_id(query.since)
    high = _NO_BOUND if query.until is None else row_id(query.until + _DRIFT_S)
    expression = match(query, beginnings=beginnings)
    for term in query.rated:
        found = f"SELECT 1 FROM rating r WHERE r.id = t.id AND r.name = ? AND r.value {term.sign} ?"  # noqa: S608 - as above
        conditions.append(f" AND {'NOT ' if term.negated else ''}EXISTS ({found})")
        values.extend((term.name, term.bound))
    if not expression:
        clause = f"FROM trace t WHERE 1{''.join(conditions)}"
        return Walk(clause, tuple(values), "t.id", low, high, oldest)
    # CROSS JOIN keeps the index outside, so that its order of ids needs no sorting.
    join = " CROSS JOIN trace t ON t.id = f.rowid" if conditions else ""
    clause = f"FROM trace_fts f{join} WHERE f.trace_fts MATCH ?{''.join(conditions)}"
    return Walk(clause, (expression, *values), "f.rowid", low, high, oldest)


@contextmanager
def deadline(
    connection: sqlite3.Connection, seconds: float | None = None
) -> Generator[None, None, None]:
    """End what takes longer than an agent should wait.

    Raises:
        Refusal: It took that long; it says how to narrow the query.
    """
    patience = SECONDS if seconds is None else seconds
    end = time.monotonic() + patience
    connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        yield
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorname != "SQLITE_INTERRUPT":
            raise
        raise Refusal(
            f"The search took longer than {patience:.0f} seconds.",
            next_step="Narrow it: add a rare word, a tag, or a time such as since:7d.",
        ) from None
    finally:
        connection.set_progress_handler(None, 0)
