"""What went wrong in traces that were stored before anybody looked for it.

Their rows say NULL where others name what was found. They are looked at when it is first asked
for, the newest first and some at a time: whoever is stopped goes on where it was.
"""

import sqlite3
import time

from pydantic import ValidationError
from zstandard import ZstdError

from regrade_server.sqlite import index
from regrade_server.sqlite.ingest import Writer
from regrade_server.sqlite.payload import Packer, decode
from regrade_server.sqlite.transaction import transaction
from regrade_tools.traces.wrong import wrong_kinds

# So long does one call look, and so long does it hold the lock; others write in between.
SECONDS = 4.0
_LOCKED_S = 0.5
_AT_ONCE = 500


def unexamined(connection: sqlite3.Connection) -> int:
    """How many traces nobody has looked at."""
    counted = "SELECT count(*) FROM trace WHERE wrong IS NULL"
    return int(connection.execute(counted).fetchone()[0])


def examine(writer: Writer) -> int:
    """Look at the newest of them; how many are left."""
    end = time.monotonic() + SECONDS
    while _some(writer) and time.monotonic() < end:
        pass
    return unexamined(writer.connection)


def _some(writer: Writer) -> int:
    """Look at a few, one in memory at a time, in one transaction; how many there were."""
    end = time.monotonic() + _LOCKED_S
    looked: list[tuple[int, str]] = []
    with transaction(writer.connection):
        rows = writer.connection.execute(
            "SELECT id FROM trace WHERE wrong IS NULL ORDER BY id DESC LIMIT ?", (_AT_ONCE,)
        ).fetchall()
        for (row,) in rows:
            looked.append((row, _wrong(writer.packer, row)))
            if time.monotonic() > end:
                break
        # The index begins a new part of itself wherever a row comes before the last one.
        for row, wrong in reversed(looked):
            writer.connection.execute("UPDATE trace SET wrong = ? WHERE id = ?", (wrong, row))
            if wrong:
                index.add(writer.connection, row, *index.wrong_marks(wrong))
    return len(looked)


def _wrong(packer: Packer, row: int) -> str:
    try:
        raw = packer.raw(row)
        return " ".join(wrong_kinds(decode(raw), raw))
    except (ZstdError, ValidationError):
        # Damaged: whoever reads it is told. The others are found all the same.
        return ""
