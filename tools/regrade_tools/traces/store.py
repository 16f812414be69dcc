"""What we ask of the part of a store that keeps traces, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from regrade_tools.models import Status, Trace
from regrade_tools.traces.grouping import By, Grouped
from regrade_tools.traces.query import Measure, Query

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Appended:
    """How many traces were new, were known already, and were known but lacked what came."""

    stored: int
    known: int
    completed: int = 0


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A trace in a list. ``when`` is Unix seconds: when it began, or else was first stored.

    ``untimed`` where the log had no time, and ``when`` is that of the import.
    """

    id: str
    when: float
    name: str
    model: str
    status: Status
    duration_ms: float | None
    tokens: int | None
    cost_usd: float | None
    tags: tuple[str, ...]
    source: str
    preview: str
    excerpt: str = ""
    untimed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search.

    ``total`` is exact, or else a lower bound: it counts to 1,000, and what only reading the
    traces can tell (phrases, beginnings of frequent words) not far beyond the page. ``partial``
    where the time was up before the page was full: ``next_cursor`` goes on from there.
    ``unexamined`` counts traces of which the store does not know yet what went wrong in them,
    where that is asked for: they were stored before it was looked for, and count as none.
    """

    rows: tuple[TraceRow, ...]
    total: int
    exact: bool = True
    next_cursor: str | None = None
    partial: bool = False
    unexamined: int = 0


def still_unexamined(traces: int) -> str:
    """What is said where ``unexamined`` is not 0."""
    return (
        f"What went wrong in {traces:,} older traces is not known yet, and they count as none: "
        "ask again, which looks further."
    )


@dataclass(frozen=True, slots=True)
class Sampled(Generic[Told]):
    """What was told of a random sample of the traces that match; of how many it was drawn."""

    told: tuple[Told, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """Whole traces in the order of time; ``next_cursor`` leads on, None at the end."""

    traces: tuple[Trace, ...]
    next_cursor: str | None = None


class TraceStore(Protocol):
    """Traces, kept, found, counted and removed."""

    async def append(self, traces: Sequence[Trace]) -> Appended:
        """Keep ``traces``. Durable on return.

        One whose id is known is left as it is, but for OpenTelemetry spans that it lacks: they
        are added to it, and it keeps its id and its labels.
        """
        ...

    async def search(
        self, query: Query, *, limit: int, cursor: str | None = None, oldest: bool = False
    ) -> Page:
        """The traces that match, newest first (or oldest).

        The excerpt says why: where the first word stands, and its line with the words marked.

        Raises:
            Refusal: ``cursor`` is not one that a page gave, or the search took too long.
        """
        ...

    async def known(self, trace_ids: Sequence[str]) -> frozenset[str]:
        """Those of ``trace_ids`` that are kept."""
        ...

    async def trace(self, trace_id: str) -> Trace | None:
        """One trace, whole."""
        ...

    async def traces(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """Traces, whole, by their ids: those of ``trace_ids`` that are kept."""
        ...

    async def ranked(
        self, query: Query, measure: Measure, *, limit: int, cursor: str | None = None
    ) -> Page:
        """The traces that match and whose ``measure`` is known, the largest first.

        The total counts all of them.

        Raises:
            Refusal: As of ``search``.
        """
        ...

    async def summary(self, query: Query, by: By | None, *, limit: int) -> Grouped:
        """All traces that match, counted, and in groups; as ``grouping.grouped`` counts.

        Raises:
            Refusal: It took too long.
        """
        ...

    async def sample(self, query: Query, size: int, tell: Callable[[Trace], Told]) -> Sampled[Told]:
        """What ``tell`` tells of at most ``size`` traces that match.

        They are drawn at random, the same each time; fewer where the time is up.
        """
        ...

    async def scan(self, query: Query, *, limit: int, cursor: str | None = None) -> Scanned:
        """The traces that match, whole, oldest first; fewer than ``limit`` where they are large."""
        ...

    async def remove(self, trace_ids: Sequence[str]) -> int:
        """Remove traces, all or none, with all by which they were found; how many there were.

        Durable on return. Their labels stay: they come to count again with the trace.
        """
        ...

    async def shrink(self) -> None:
        """Give back the room that was freed. Nobody can write meanwhile."""
        ...

    async def size(self) -> tuple[int, int]:
        """The bytes that the store takes, and how many of them are free to be used again."""
        ...

    async def latest(self, input_fingerprint: str) -> Trace | None:
        """The newest trace whose exchange was given the input with this fingerprint."""
        ...
