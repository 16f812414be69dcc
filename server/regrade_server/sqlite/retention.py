"""Traces removed for good, and the room they took."""

import sqlite3
from collections.abc import Sequence

from regrade_server.sqlite.ingest import Writer, remove_row
from regrade_server.sqlite.transaction import transaction
from regrade_tools.fingerprint import id_number


def remove(writer: Writer, trace_ids: Sequence[str]) -> int:
    """Remove traces in one transaction; how many there were."""
    removed = 0
    with transaction(writer.connection):
        for trace_id in dict.fromkeys(trace_ids):
            row = writer.connection.execute(
                "SELECT id FROM trace WHERE key = ?", (id_number(trace_id),)
            ).fetchone()
            if row is not None:
                remove_row(writer, row[0], writer.packer.trace(row[0]))
                removed += 1
    return removed


def shrink(writer: Writer) -> None:
    """Write the index and the file anew, without what is free."""
    execute = writer.connection.execute
    execute("INSERT INTO trace_fts(trace_fts) VALUES('optimize')")
    execute("VACUUM")
    # Until then the log holds the new file, and the old one keeps its size.
    execute("PRAGMA wal_checkpoint(TRUNCATE)")


def size(connection: sqlite3.Connection) -> tuple[int, int]:
    """The bytes of the file, and of its free pages."""
    told = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    each, pages, free = told
    return each * pages, each * free
