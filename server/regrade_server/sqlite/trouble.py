"""What went wrong with the file of the store, in words for the caller."""

import errno
import sqlite3
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from zstandard import ZstdError

from regrade_tools.refusal import Unavailable

# After these a connection is not used again.
DAMAGES = (sqlite3.DatabaseError, OSError, UnicodeDecodeError)
Row = TypeVar("Row")
_FULL = ("SQLITE_FULL",)
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")


class MissingRowError(sqlite3.DatabaseError):
    """A row that another one names is not there, as where a file was cut short."""

    sqlite_errorname = "SQLITE_CORRUPT"


def there(row: Row | None) -> Row:
    """``row``, which another one names.

    Raises:
        MissingRowError: It is not there.
    """
    if row is None:
        raise MissingRowError("a row is missing")
    return row


def refusal(path: Path, problem: Exception) -> Unavailable:
    """What to tell of ``problem``: nothing of the call was kept, whichever it is."""
    code = getattr(problem, "sqlite_errorname", "")
    told = f"The store {path}"
    if code.startswith(_LOCKED):
        return Unavailable(
            f"{told} is locked by another process; nothing of this call was stored.",
            next_step="Try again. If it stays locked: another Regrade server, an import or a "
            f"database browser holds it (`fuser {path.name}` names the process); end that.",
        )
    number = getattr(problem, "errno", None)
    if code.startswith(_FULL) or number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable(
            f"{told} cannot grow: the disk is full. Nothing of this call was stored.",
            next_step="Make room and repeat the call; what was stored before is whole.",
        )
    if code.startswith(_UNWRITABLE) or isinstance(problem, OSError):
        return Unavailable(
            f"{told} cannot be opened or written: {problem}.",
            next_step="Make the folder and its files writable for this user.",
        )
    if code.startswith(_DAMAGED) or isinstance(
        problem, ZstdError | ValidationError | UnicodeDecodeError
    ):
        return Unavailable(
            f"{told} is damaged, cut short or not a store: {problem}.",
            next_step=f"Move it away together with {path.name}-wal and {path.name}-shm, and "
            "import the logs again.",
        )
    return Unavailable(
        f"The disk failed under the store {path}: {problem}. Nothing of this call was stored.",
        next_step="Look for room and faults on the disk, then repeat the call.",
    )
