"""Every trace that a query matches, as a table of this reading alone."""

import sqlite3
import time
from array import array
from collections.abc import Iterator

from regrade_server.sqlite.index import facet, must_read
from regrade_server.sqlite.proof import proof
from regrade_server.sqlite.search import Reader
from regrade_server.sqlite.walk import walk
from regrade_tools.traces.query import Query

# Of phrases, which only reading proves, the newest are read for so long.
READING_S = 4.0
_TABLE = """CREATE TEMP TABLE matched(
    id INTEGER PRIMARY KEY, passed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    day INTEGER NOT NULL DEFAULT 0) STRICT"""


def match_all(reader: Reader, query: Query) -> bool:
    """Fill ``matched`` with the rows that match; whether the time was up before all were read.

    Inside a snapshot, which takes the table away again as it ends.
    """
    execute = reader.connection.execute
    execute(_TABLE)
    way = walk(query, oldest=False)
    if not must_read(query):
        # The clause is made of constants and question marks.
        execute(
            f"INSERT INTO matched(id) SELECT {way.key} {way.clause} AND {way.key} BETWEEN ? AND ?",
            (*way.values, way.low, way.high),
        )
        return False
    proven, end = proof(query, beginnings=False), time.monotonic() + READING_S
    for candidate in proven.along(way, reader.connection, reader.packer, None):
        if time.monotonic() > end:
            return True
        if candidate.proven:
            execute("INSERT INTO matched(id) VALUES(?)", (candidate.row,))
    return False


def mark_labels(connection: sqlite3.Connection) -> None:
    """Say of each row whether a label passes or fails it."""
    for column, verdict in (("passed", "pass"), ("failed", "fail")):
        connection.execute(
            f"UPDATE matched SET {column} = 1 WHERE id IN ("  # noqa: S608 - one of two constants
            "SELECT rowid FROM trace_fts WHERE trace_fts MATCH ?)",
            (f'"{facet("label", verdict)}"',),
        )


def ids(connection: sqlite3.Connection) -> "array[int]":
    """The rows that match, eight bytes each, the oldest first."""
    found: Iterator[tuple[int]] = connection.execute("SELECT id FROM matched ORDER BY id")
    return array("q", (row for (row,) in found))
