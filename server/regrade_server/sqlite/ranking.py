"""The traces that took longest or cost most: all that match are looked at, a page is read."""

import base64
import struct

from regrade_server.sqlite import matched
from regrade_server.sqlite.counting import SECONDS
from regrade_server.sqlite.search import Reader, rows_of
from regrade_server.sqlite.walk import MEASURES, deadline
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import Measure, Query
from regrade_tools.traces.store import Page

# A measure and a row: where a page ended.
_PLACE = struct.Struct(">dq")
_FROM = "FROM matched m CROSS JOIN trace t ON t.id = m.id"


def ranked(reader: Reader, query: Query, measure: Measure, limit: int, cursor: str | None) -> Page:
    """A page of the traces that match and whose ``measure`` is known, the largest first."""
    column = f"t.{MEASURES[measure]}"
    after, row = (None, None) if cursor is None else _read_cursor(cursor)
    execute = reader.connection.execute
    with deadline(reader.connection, SECONDS):
        partial = matched.match_all(reader, query)
        # The column is one of those that we name ourselves.
        total = execute(f"SELECT count({column}) {_FROM}").fetchone()[0]
        found = execute(
            f"SELECT {column}, t.id {_FROM} WHERE {column} IS NOT NULL"
            f" AND (?1 IS NULL OR ({column}, t.id) < (?1, ?2))"
            f" ORDER BY {column} DESC, t.id DESC LIMIT ?3",
            (after, row, limit + 1),
        ).fetchall()
        shown = found[:limit]
        rows = rows_of(reader, [number for _, number in shown], query, {})
    following = _write_cursor(*shown[-1]) if len(found) > limit else None
    return Page(rows, total, exact=not partial, next_cursor=following)


def _write_cursor(value: float, row: int) -> str:
    return base64.urlsafe_b64encode(_PLACE.pack(value, row)).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[float, int]:
    try:
        value, row = _PLACE.unpack(base64.urlsafe_b64decode(f"{cursor}==".encode("ascii")))
    except (ValueError, struct.error):
        value, row = 0.0, -1
    # What is no number is written as the same cursor again, but would match nothing.
    if row < 0 or value != value or _write_cursor(value, row) != cursor:  # noqa: PLR0124 - NaN
        raise Refusal(
            f"The cursor {cursor[:40]!r} is not one that a search in this order gave.",
            next_step="Pass next_cursor of the last page as it is, or leave cursor out.",
        )
    return value, row
