"""The ``Store`` in memory: for a server without a workspace; the port at its plainest."""

import itertools
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NoReturn, TypeVar

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
from regrade_tools.refusal import Refusal
from regrade_tools.traces.completion import completed
from regrade_tools.traces.grouping import By, Grouped, grouped
from regrade_tools.traces.matching import asked, excerpt, matches, measure_of
from regrade_tools.traces.query import Measure, Query
from regrade_tools.traces.store import Appended, Page, Sampled, Scanned, TraceRow

_COUNTED = 1_000
Told = TypeVar("Told")


class MemoryStore:
    """A store that ends with its process."""

    def __init__(self) -> None:
        """Begin empty."""
        self._traces: dict[str, tuple[float, int, Trace]] = {}
        self._numbers = itertools.count()
        self._labels: dict[str, Label] = {}
        self._labelled: dict[str, list[Label]] = {}
        self._runs: dict[str, Run] = {}
        self._results: dict[str, list[CaseResult]] = {}
        self._ends: dict[str, RunEnd] = {}
        self._owners: dict[str, str] = {}
        self._judgements: dict[tuple[str, str], Judged] = {}
        self._packets: dict[str, Packet] = {}
        self._submitted: dict[str, int] = {}

    async def append(self, traces: Sequence[Trace]) -> Appended:
        """As the port says."""
        now = time.time()
        before = {trace.id: self._traces.get(trace.id) for trace in traces}
        for trace in traces:
            held = self._traces.get(trace.id)
            whole = trace if held is None else completed(held[2], trace)
            when, number = (now, next(self._numbers)) if held is None else held[:2]
            began = when if whole.started_at is None else whole.started_at
            self._traces[trace.id] = (began, number, whole)
        stored = sum(held is None for held in before.values())
        grown = sum(
            held is not None and held[2] is not self._traces[name][2]
            for name, held in before.items()
        )
        return Appended(stored, len(traces) - stored - grown, grown)

    async def search(
        self, query: Query, *, limit: int, cursor: str | None = None, oldest: bool = False
    ) -> Page:
        """As the port says."""
        found = sorted(self._matching(query), key=lambda item: item[:2], reverse=not oldest)
        start = 0 if cursor is None else self._after(cursor, found, oldest=oldest)
        shown = found[start : start + limit]
        more = len(found) > start + limit
        return Page(
            rows=tuple(_row(when, trace, query) for when, _, trace in shown),
            total=min(len(found), _COUNTED),
            exact=len(found) <= _COUNTED,
            next_cursor=f"{shown[-1][0].hex()}_{shown[-1][1]}" if more else None,
        )

    def _matching(self, query: Query) -> Iterator[tuple[float, int, Trace]]:
        for when, number, trace in self._traces.values():
            if matches(query, trace, when, self._labelled.get(trace.id, ())):
                yield when, number, trace

    async def ranked(
        self, query: Query, measure: Measure, *, limit: int, cursor: str | None = None
    ) -> Page:
        """As the port says."""
        found = [
            (value, when, number, trace)
            for when, number, trace in self._matching(query)
            if (value := measure_of(measure, trace)) is not None
        ]
        found.sort(key=lambda item: item[:3], reverse=True)
        start = 0
        if cursor is not None:
            first, _, rest = cursor.partition("_")
            at = (_hex(first, cursor), *_place(rest))
            start = sum(item[:3] >= at for item in found)
        shown = found[start : start + limit]
        last = shown[-1] if len(found) > start + limit else None
        return Page(
            rows=tuple(_row(when, trace, query) for _, when, _, trace in shown),
            total=len(found),
            next_cursor=last and f"{float(last[0]).hex()}_{last[1].hex()}_{last[2]}",
        )

    async def summary(self, query: Query, by: By | None, *, limit: int) -> Grouped:
        """As the port says."""
        items = (
            (when, trace, self._labelled.get(trace.id, ()))
            for when, _, trace in self._matching(query)
        )
        return grouped(items, by, limit)

    async def sample(self, query: Query, size: int, tell: Callable[[Trace], Told]) -> Sampled[Told]:
        """As the port says."""
        found = [trace for _, _, trace in self._matching(query)]
        drawn = random.Random(0).sample(found, min(size, len(found)))  # noqa: S311 - no secret
        return Sampled(tuple(tell(trace) for trace in drawn), len(found))

    async def scan(self, query: Query, *, limit: int, cursor: str | None = None) -> Scanned:
        """As the port says."""
        page = await self.search(query, limit=limit, cursor=cursor, oldest=True)
        return Scanned(tuple(self._traces[row.id][2] for row in page.rows), page.next_cursor)

    async def remove(self, trace_ids: Sequence[str]) -> int:
        """As the port says."""
        return sum(self._traces.pop(trace_id, None) is not None for trace_id in set(trace_ids))

    async def shrink(self) -> None:
        """As the port says."""

    async def size(self) -> tuple[int, int]:
        """As the port says."""
        return 0, 0

    def _after(self, cursor: str, found: list[tuple[float, int, Trace]], *, oldest: bool) -> int:
        """How many of ``found`` come before what follows ``cursor``, whether it is still there."""
        at = _place(cursor)
        return sum(item[:2] <= at if oldest else item[:2] >= at for item in found)

    async def known(self, trace_ids: Sequence[str]) -> frozenset[str]:
        """As the port says."""
        return frozenset(trace_ids) & self._traces.keys()

    async def trace(self, trace_id: str) -> Trace | None:
        """As the port says."""
        found = self._traces.get(trace_id)
        return None if found is None else found[2]

    async def traces(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """As the port says."""
        return {name: self._traces[name][2] for name in trace_ids if name in self._traces}

    async def latest(self, input_fingerprint: str) -> Trace | None:
        """As the port says."""
        given = [item for item in self._traces.values() if input_fingerprint in asked(item[2])]
        return max(given, key=lambda item: item[:2])[2] if given else None

    async def count(self) -> int:
        """As the port says."""
        return len(self._traces)

    async def add_labels(self, found: Sequence[Label]) -> int:
        """As the port says."""
        before = len(self._labels)
        for label in found:
            if label.id not in self._labels:
                self._labels[label.id] = label
                self._labelled.setdefault(label.trace_id, []).append(label)
        return len(self._labels) - before

    async def labels(
        self, *, criterion: str | None = None, trace_ids: Sequence[str] | None = None
    ) -> tuple[Label, ...]:
        """As the port says."""
        about = None if trace_ids is None else set(trace_ids)
        return tuple(
            label
            for label in self._labels.values()
            if criterion in (None, label.criterion) and (about is None or label.trace_id in about)
        )

    async def start_run(self, run: Run) -> None:
        """As the port says."""
        self._runs[run.id] = run

    async def take_over(self, run_id: str, owner: str, by: str) -> bool:
        """As the port says."""
        stored = await self.run(run_id)
        if stored is None or stored.has_ended or stored.owner != owner:
            return False
        self._ends.pop(run_id, None)
        self._owners[run_id] = by
        return True

    async def add_results(self, run_id: str, results: Sequence[CaseResult]) -> None:
        """As the port says."""
        self._results.setdefault(run_id, []).extend(results)

    async def end_run(self, run_id: str, end: RunEnd) -> None:
        """As the port says."""
        self._ends.setdefault(run_id, end)

    async def run(self, run_id: str) -> StoredRun | None:
        """As the port says."""
        return self._stored(self._runs[run_id]) if run_id in self._runs else None

    async def runs(self, suite: str | None, limit: int) -> tuple[StoredRun, ...]:
        """As the port says."""
        wanted = [run for run in self._runs.values() if suite in (None, run.suite)]
        wanted.sort(key=lambda run: run.started_at, reverse=True)
        return tuple(self._stored(run) for run in wanted[:limit])

    async def trials(self, run_id: str) -> tuple[Trial, ...]:
        """As the port says."""
        return tuple(
            Trial(
                one.case_id,
                one.trial,
                one.outcome,
                one.replayed,
                one.latency_ms,
                one.cost_usd,
                one.tokens,
                one.verdicts_replayed,
            )
            for one in self._results.get(run_id, ())
        )

    async def results(
        self,
        run_id: str,
        *,
        case_id: str | None = None,
        outcomes: Collection[Outcome] | None = None,
    ) -> tuple[CaseResult, ...]:
        """As the port says."""
        return tuple(
            one
            for one in self._results.get(run_id, ())
            if case_id in (None, one.case_id) and (outcomes is None or one.outcome in outcomes)
        )

    async def last_passed(self, run_id: str, case_ids: Collection[str]) -> dict[str, CaseResult]:
        """As the port says."""
        run = self._runs[run_id]
        earlier = [
            other
            for other in self._runs.values()
            if (other.suite, other.target) == (run.suite, run.target)
            and other.started_at < run.started_at
        ]
        return {
            result.case_id: result
            for other in sorted(earlier, key=lambda one: one.started_at)
            for result in self._results.get(other.id, [])
            if result.case_id in case_ids and result.outcome == "passed"
        }

    async def add_judgements(self, judged: Sequence[Judged]) -> None:
        """As the port says."""
        self._judgements |= {(one.fingerprint, one.item): one for one in judged}

    async def judgements(self, fingerprint: str, items: Collection[str]) -> dict[str, Judged]:
        """As the port says."""
        known = self._judgements
        return {item: known[fingerprint, item] for item in items if (fingerprint, item) in known}

    async def add_packet(self, packet: Packet) -> None:
        """As the port says."""
        self._packets[packet.id] = packet

    async def packet(self, packet_id: str) -> Packet | None:
        """As the port says."""
        return self._packets.get(packet_id)

    async def add_submission(self, packet_id: str, answers: int) -> None:
        """As the port says."""
        self._submitted[packet_id] = self._submitted.get(packet_id, 0) + answers

    async def submitted(self, packet_id: str) -> int:
        """As the port says."""
        return self._submitted.get(packet_id, 0)

    def _stored(self, run: Run) -> StoredRun:
        results = self._results.get(run.id, [])
        counts: dict[Outcome, int] = {}
        for result in results:
            counts[result.outcome] = counts.get(result.outcome, 0) + 1
        resumed_by = self._owners.get(run.id, "")
        return StoredRun(run, self._ends.get(run.id), len(results), counts, resumed_by)


def _row(when: float, trace: Trace, query: Query) -> TraceRow:
    return TraceRow(
        id=trace.id,
        when=when,
        name=trace.name,
        model=trace.model,
        status=trace.status,
        duration_ms=trace.duration_ms,
        tokens=trace.tokens,
        cost_usd=trace.cost_usd,
        tags=trace.tags,
        source=trace.file,
        preview=trace.preview,
        excerpt=excerpt(query.words, trace),
        untimed=trace.started_at is None,
    )


def _place(cursor: str) -> tuple[float, int]:
    when, _, number = cursor.partition("_")
    return _hex(when, cursor), int(number) if number.isdecimal() else _not_given(cursor)


def _hex(text: str, cursor: str) -> float:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        return _not_given(cursor)


def _not_given(cursor: str) -> NoReturn:
    raise Refusal(
        f"The cursor {cursor[:40]!r} is not one that a search gave.",
        next_step="Pass next_cursor of the last page as it is, or leave cursor out.",
    ) from None
