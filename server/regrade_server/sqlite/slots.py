"""Ids in the order of time, so that newest-first is a walk that stops at its limit."""

import sqlite3
from collections.abc import Sequence

_EPOCH = -62_135_596_800  # 0001-01-01
_LATEST = 253_402_300_799  # 9999-12-31
_SLOT_BITS = 2
# A shorter run of ids that are taken is walked as quickly as it is looked up.
_CROWD = 64


def row_id(when: float) -> int:
    """The first id of the millisecond of ``when``, in Unix seconds: four to a millisecond."""
    inside = min(max(when, _EPOCH), _LATEST)
    return int((inside - _EPOCH) * 1000) << _SLOT_BITS


def free_ids(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[int]:
    """Ids in order, each the first free one at or after the one that is wanted there.

    Where many share a millisecond, the end of their run is kept (``crowd``), so that a log
    whose records all have one time costs no more than any other.

    Args:
        connection: Inside the transaction that takes the ids.
        wanted: In rising order.
    """
    newest = connection.execute("SELECT max(id) FROM trace").fetchone()[0]
    ids: list[int] = []
    last, first, base = -1, 0, 0
    for want in wanted:
        free = max(want, last + 1)
        if newest is not None and free <= newest:
            free = _next_free(connection, free)
        if free != last + 1 or not ids:
            _remember(connection, base, first, last)
            base, first = want, free
        ids.append(free)
        last = free
    _remember(connection, base, first, last)
    return ids


def _next_free(connection: sqlite3.Connection, wanted: int) -> int:
    free = wanted
    taken = connection.execute
    while taken("SELECT 1 FROM trace WHERE id = ?", (free,)).fetchone():
        crowd = _crowd(connection, free)
        if crowd is not None:
            free = crowd[1]
            continue
        for (row,) in taken("SELECT id FROM trace WHERE id >= ? ORDER BY id", (free,)):
            if row != free:
                break
            free += 1
    return free


def _remember(connection: sqlite3.Connection, base: int, first: int, last: int) -> None:
    """Keep that every id from ``base`` on is taken, of which we took ``first`` to ``last``."""
    if last - base < _CROWD:
        return
    crowd = _crowd(connection, base) or _crowd(connection, first - 1)
    connection.execute(
        "INSERT INTO crowd VALUES(?,?) ON CONFLICT DO UPDATE SET following = excluded.following",
        (base if crowd is None else crowd[0], last + 1),
    )


def _crowd(connection: sqlite3.Connection, row: int) -> tuple[int, int] | None:
    """The run that ``row`` lies in: its first id and the one after its last."""
    found = connection.execute(
        "SELECT first, following FROM crowd WHERE first <= ? ORDER BY first DESC LIMIT 1", (row,)
    ).fetchone()
    return (found[0], found[1]) if found and row < found[1] else None
