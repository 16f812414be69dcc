"""The ``Store`` on SQLite: one thread that writes, one that reads, and the loop stays free."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from regrade_server.sqlite import (
    counting,
    examination,
    ingest,
    judgements,
    labels,
    ranking,
    retention,
    runs,
    search,
)
from regrade_server.sqlite.ingest import Writer
from regrade_server.sqlite.keeper import Keeper
from regrade_server.sqlite.payload import Packer
from regrade_server.sqlite.search import Reader
from regrade_server.sqlite.transaction import snapshot
from regrade_tools.models import (
    CaseResult,
    Judged,
    Label,
    Outcome,
    Packet,
    Run,
    RunEnd,
    StoredRun,
    Trace,
    Trial,
)
from regrade_tools.traces.grouping import By, Grouped
from regrade_tools.traces.query import Measure, Query
from regrade_tools.traces.store import Appended, Page, Sampled, Scanned

Answer = TypeVar("Answer")


class SqliteStore:
    """A store in one file, opened at its first use; other processes may use it, too."""

    def __init__(self, path: Path, within: Path | None = None) -> None:
        """Name the file, and the folder that no link may lead it out of; nothing is read yet."""
        self._writer = Keeper(path, within, _writer)
        self._reader = Keeper(path, within, _reader)

    async def append(self, traces: Sequence[Trace]) -> Appended:
        """As the port says."""
        if not traces:
            return Appended(0, 0)
        return await self._writer.lend(lambda writer: ingest.append(writer, traces))

    async def search(
        self, query: Query, *, limit: int, cursor: str | None = None, oldest: bool = False
    ) -> Page:
        """As the port says."""
        left = await self._examined(query)
        page = await self._read(lambda reader: search.page(reader, query, limit, cursor, oldest))
        return replace(page, unexamined=left)

    async def ranked(
        self, query: Query, measure: Measure, *, limit: int, cursor: str | None = None
    ) -> Page:
        """As the port says."""
        left = await self._examined(query)
        page = await self._read(
            lambda reader: ranking.ranked(reader, query, measure, limit, cursor)
        )
        return replace(page, unexamined=left)

    async def summary(self, query: Query, by: By | None, *, limit: int) -> Grouped:
        """As the port says."""
        left = await self._examined(query, by)
        found = await self._read(lambda reader: counting.summary(reader, query, by, limit))
        return replace(found, unexamined=left)

    async def sample(
        self, query: Query, size: int, tell: Callable[[Trace], Answer]
    ) -> Sampled[Answer]:
        """As the port says."""
        await self._examined(query)
        return await self._read(lambda reader: counting.sample(reader, query, size, tell))

    async def scan(self, query: Query, *, limit: int, cursor: str | None = None) -> Scanned:
        """As the port says."""
        # Who takes all that match, to export or to remove them, waits until all is known.
        while await self._examined(query):
            pass
        return await self._read(lambda reader: search.scan(reader, query, limit, cursor))

    async def remove(self, trace_ids: Sequence[str]) -> int:
        """As the port says."""
        return await self._writer.lend(lambda writer: retention.remove(writer, trace_ids))

    async def shrink(self) -> None:
        """As the port says."""
        # A connection that is reading would keep the file from being cut.
        await self._writer.lend(retention.shrink)

    async def size(self) -> tuple[int, int]:
        """As the port says."""
        return await self._read(lambda reader: retention.size(reader.connection))

    async def known(self, trace_ids: Sequence[str]) -> frozenset[str]:
        """As the port says."""
        return await self._read(lambda reader: search.known(reader, trace_ids))

    async def trace(self, trace_id: str) -> Trace | None:
        """As the port says."""
        return await self._read(lambda reader: search.trace(reader, trace_id))

    async def traces(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """As the port says."""
        return await self._read(lambda reader: search.traces(reader, trace_ids))

    async def latest(self, input_fingerprint: str) -> Trace | None:
        """As the port says."""
        return await self._read(lambda reader: search.latest(reader, input_fingerprint))

    async def count(self) -> int:
        """As the port says."""
        return await self._read(search.count)

    async def add_labels(self, found: Sequence[Label]) -> int:
        """As the port says."""
        return await self._writer.lend(lambda writer: labels.add(writer.connection, found))

    async def labels(
        self, *, criterion: str | None = None, trace_ids: Sequence[str] | None = None
    ) -> tuple[Label, ...]:
        """As the port says."""
        return await self._read(lambda reader: labels.kept(reader.connection, criterion, trace_ids))

    async def start_run(self, run: Run) -> None:
        """As the port says."""
        await self._writer.lend(lambda writer: runs.start(writer.connection, run))

    async def take_over(self, run_id: str, owner: str, by: str) -> bool:
        """As the port says."""
        return await self._writer.lend(
            lambda writer: runs.take_over(writer.connection, run_id, owner, by)
        )

    async def add_results(self, run_id: str, results: Sequence[CaseResult]) -> None:
        """As the port says."""
        await self._writer.lend(lambda writer: runs.add_results(writer.connection, run_id, results))

    async def end_run(self, run_id: str, end: RunEnd) -> None:
        """As the port says."""
        await self._writer.lend(lambda writer: runs.end(writer.connection, run_id, end))

    async def run(self, run_id: str) -> StoredRun | None:
        """As the port says."""
        return await self._read(lambda reader: runs.run(reader.connection, run_id))

    async def runs(self, suite: str | None, limit: int) -> tuple[StoredRun, ...]:
        """As the port says."""
        return await self._read(lambda reader: runs.newest(reader.connection, suite, limit))

    async def trials(self, run_id: str) -> tuple[Trial, ...]:
        """As the port says."""
        return await self._read(lambda reader: runs.trials(reader.connection, run_id))

    async def results(
        self,
        run_id: str,
        *,
        case_id: str | None = None,
        outcomes: Collection[Outcome] | None = None,
    ) -> tuple[CaseResult, ...]:
        """As the port says."""
        return await self._read(
            lambda reader: runs.results(reader.connection, run_id, case_id, outcomes)
        )

    async def last_passed(self, run_id: str, case_ids: Collection[str]) -> dict[str, CaseResult]:
        """As the port says."""
        return await self._read(
            lambda reader: runs.last_passed(reader.connection, run_id, case_ids)
        )

    async def add_judgements(self, judged: Sequence[Judged]) -> None:
        """As the port says."""
        if judged:
            await self._writer.lend(lambda writer: judgements.add(writer.connection, judged))

    async def judgements(self, fingerprint: str, items: Collection[str]) -> dict[str, Judged]:
        """As the port says."""
        return await self._read(
            lambda reader: judgements.find(reader.connection, fingerprint, items)
        )

    async def add_packet(self, packet: Packet) -> None:
        """As the port says."""
        await self._writer.lend(lambda writer: judgements.add_packet(writer.connection, packet))

    async def packet(self, packet_id: str) -> Packet | None:
        """As the port says."""
        return await self._read(lambda reader: judgements.packet(reader.connection, packet_id))

    async def add_submission(self, packet_id: str, answers: int) -> None:
        """As the port says."""
        await self._writer.lend(
            lambda writer: judgements.add_submission(writer.connection, packet_id, answers)
        )

    async def submitted(self, packet_id: str) -> int:
        """As the port says."""
        return await self._read(lambda reader: judgements.submitted(reader.connection, packet_id))

    async def _examined(self, query: Query, by: By | None = None) -> int:
        """Of how many traces what went wrong is still unknown, where it is asked for."""
        if by != "wrong" and not query.names("wrong"):
            return 0
        left = await self._read(lambda reader: examination.unexamined(reader.connection))
        return await self._writer.lend(examination.examine) if left else 0

    async def _read(self, work: Callable[[Reader], Answer]) -> Answer:
        def at_one_time(reader: Reader) -> Answer:
            with snapshot(reader.connection):
                return work(reader)

        return await self._reader.lend(at_one_time)

    def close(self) -> None:
        """Close the connections; what was acknowledged is in the file already."""
        self._reader.close()
        self._writer.close()


def _writer(connection: sqlite3.Connection) -> Writer:
    # Who writes reads little again: a larger cache takes room and saves no time.
    connection.execute("PRAGMA cache_size=-16384")
    return Writer(connection, Packer(connection))


def _reader(connection: sqlite3.Connection) -> Reader:
    return Reader(connection, Packer(connection))
