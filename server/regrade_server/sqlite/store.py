"""The ``Store`` on SQLite: one thread that writes, one that reads, and the loop stays free."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from zstandard import ZstdError

from regrade_server.sqlite import ingest, runs, search
from regrade_server.sqlite.ingest import Writer
from regrade_server.sqlite.payload import Packer
from regrade_server.sqlite.search import Reader
from regrade_tools.models import CaseResult, Run, RunEnd, StoredRun, Trace
from regrade_tools.ports import Appended, Page
from regrade_tools.query import Query
from regrade_tools.refusal import Unavailable

Answer = TypeVar("Answer")


class SqliteStore:
    """A store in one file, opened at its first use; other processes may use it, too."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read or written yet."""
        self._path = path
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        # Which file each connection is of: one that was removed would take writes and lose them.
        self._written: tuple[int, int] | None = None
        self._read_from: tuple[int, int] | None = None
        self._writing: CapacityLimiter | None = None
        self._reading: CapacityLimiter | None = None

    async def append(self, traces: Sequence[Trace]) -> Appended:
        """As the port says."""
        if not traces:
            return Appended(0, 0)
        return await self._write(lambda writer: ingest.append(writer, traces))

    async def search(
        self, query: Query, *, limit: int, cursor: str | None = None, oldest: bool = False
    ) -> Page:
        """As the port says."""
        return await self._read(lambda reader: search.page(reader, query, limit, cursor, oldest))

    async def trace(self, trace_id: str) -> Trace | None:
        """As the port says."""
        return await self._read(lambda reader: search.trace(reader, trace_id))

    async def latest(self, input_fingerprint: str) -> Trace | None:
        """As the port says."""
        return await self._read(lambda reader: search.latest(reader, input_fingerprint))

    async def count(self) -> int:
        """As the port says."""
        return await self._read(search.count)

    async def start_run(self, run: Run) -> None:
        """As the port says."""
        await self._write(lambda writer: runs.start(writer.connection, run))

    async def add_results(self, run_id: str, results: Sequence[CaseResult]) -> None:
        """As the port says."""
        await self._write(lambda writer: runs.add_results(writer.connection, run_id, results))

    async def end_run(self, run_id: str, end: RunEnd) -> None:
        """As the port says."""
        await self._write(lambda writer: runs.end(writer.connection, run_id, end))

    async def run(self, run_id: str) -> StoredRun | None:
        """As the port says."""
        return await self._read(lambda reader: runs.run(reader.connection, run_id))

    async def runs(self, suite: str | None, limit: int) -> tuple[StoredRun, ...]:
        """As the port says."""
        return await self._read(lambda reader: runs.newest(reader.connection, suite, limit))

    async def results(self, run_id: str) -> tuple[CaseResult, ...]:
        """As the port says."""
        return await self._read(lambda reader: runs.results(reader.connection, run_id))

    def close(self) -> None:
        """Close the connections; what was acknowledged is in the file already."""
        _close(self._reader)
        _close(self._writer)
        self._reader = self._writer = None

    async def _write(self, work: Callable[[Writer], Answer]) -> Answer:
        def with_writer() -> Answer:
            file = _file(self._path)
            if self._writer is None or file is None or file != self._written:
                _close(self._writer)
                connection = _connect(self._path)
                self._writer = Writer(connection, Packer(connection))
                self._written = _file(self._path)
            return work(self._writer)

        # Made here, not in __init__: a limiter belongs to the loop that first uses it.
        self._writing = self._writing or CapacityLimiter(1)
        return await self._guarded(with_writer, self._writing)

    async def _read(self, work: Callable[[Reader], Answer]) -> Answer:
        def with_reader() -> Answer:
            file = _file(self._path)
            if self._reader is None or file is None or file != self._read_from:
                _close(self._reader)
                connection = _connect(self._path)
                self._reader = Reader(connection, Packer(connection))
                self._read_from = _file(self._path)
            return work(self._reader)

        self._reading = self._reading or CapacityLimiter(1)
        return await self._guarded(with_reader, self._reading)

    async def _guarded(self, work: Callable[[], Answer], limiter: CapacityLimiter) -> Answer:
        try:
            return await to_thread.run_sync(work, limiter=limiter)
        except (sqlite3.DatabaseError, OSError, ZstdError, ValidationError) as problem:
            raise Unavailable(
                f"The store {self._path} failed: {problem}.",
                next_step="If it is damaged, move it away and import the logs again.",
            ) from problem


def _connect(path: Path) -> sqlite3.Connection:
    # Imported when the store is first opened: a server that lists its tools needs no schema.
    from regrade_server.sqlite.schema import connect  # noqa: PLC0415

    return connect(path)


def _close(user: Reader | Writer | None) -> None:
    if user is not None:
        user.connection.close()


def _file(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one at the same path; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
