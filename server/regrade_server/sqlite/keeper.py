"""One connection to the file of the store, kept as long as the file is the same."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from zstandard import ZstdError

from regrade_server.sqlite.trouble import DAMAGES, refusal
from regrade_tools.refusal import Refusal


class Connected(Protocol):
    """What holds a connection, with what it keeps beside it."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, which is closed with its keeper."""
        ...


User = TypeVar("User", bound=Connected)
Answer = TypeVar("Answer")


class Keeper(Generic[User]):
    """Opens the file at its first use and lends the connection to one thread at a time."""

    def __init__(
        self, path: Path, within: Path | None, user: Callable[[sqlite3.Connection], User]
    ) -> None:
        """Name the file, the folder it may not leave, and what is made with a connection."""
        self._path = path
        self._within = within
        self._make = user
        self._user: User | None = None
        # Which file the connection is of: one that was removed would take writes and lose them.
        self._file: tuple[int, int] | None = None
        self._limiter: CapacityLimiter | None = None

    async def lend(self, work: Callable[[User], Answer]) -> Answer:
        """What ``work`` answers, in a thread.

        Raises:
            Refusal: The file is damaged, locked, full or not ours to write; it says what to do.
        """
        # Made here, not in __init__: a limiter belongs to the loop that first uses it.
        self._limiter = self._limiter or CapacityLimiter(1)
        return await to_thread.run_sync(self._work, work, limiter=self._limiter)

    def close(self) -> None:
        """Close the connection; what was acknowledged is in the file already."""
        if self._user is not None:
            self._user.connection.close()
        self._user = None

    def _work(self, work: Callable[[User], Answer]) -> Answer:
        try:
            return work(self._current())
        except (*DAMAGES, ZstdError, ValidationError) as problem:
            if isinstance(problem, DAMAGES):
                # What is mended or moved away is then found by the next call.
                self.close()
            raise refusal(self._path, problem) from problem

    def _current(self) -> User:
        file = _identity(self._path)
        if self._user is None or file is None or file != self._file:
            self.close()
            self._stay_inside()
            # Imported when the store is first opened: a server that lists its tools needs none.
            from regrade_server.sqlite.schema import connect  # noqa: PLC0415

            connection = connect(self._path)
            try:
                self._user = self._make(connection)
            except BaseException:
                connection.close()
                raise
            self._file = _identity(self._path)
        return self._user

    def _stay_inside(self) -> None:
        if self._within is None:
            return
        root = self._within.resolve()
        for name in ("", "-wal", "-shm"):
            file = self._path.with_name(self._path.name + name)
            if not file.resolve().is_relative_to(root):
                raise Refusal(
                    f"{file} leads out of the workspace by a link.",
                    next_step="Remove the link: the store is kept inside the workspace.",
                )


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one at the same path; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
