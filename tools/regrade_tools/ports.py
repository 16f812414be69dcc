"""What we ask of the world: a place to keep things, and programs to test."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from regrade_tools.models import (
    Case,
    CaseResult,
    Run,
    RunEnd,
    Status,
    StoredRun,
    TargetSpec,
    ToolCall,
    Trace,
)
from regrade_tools.query import Query


@dataclass(frozen=True, slots=True)
class Appended:
    """How many traces were new, and how many were known already."""

    stored: int
    known: int


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A trace in a list. ``when`` is Unix seconds: when it began, or else was first stored."""

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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search.

    ``total`` is exact, or else a lower bound: it counts to 1,000 and for at most a second.
    """

    rows: tuple[TraceRow, ...]
    total: int
    exact: bool = True
    next_cursor: str | None = None


class Store(Protocol):
    """Traces and runs. Append and query: nothing that was written is ever changed."""

    async def append(self, traces: Sequence[Trace]) -> Appended:
        """Keep ``traces``; one whose id is known is left as it is. Durable on return."""
        ...

    async def search(
        self, query: Query, *, limit: int, cursor: str | None = None, oldest: bool = False
    ) -> Page:
        """The traces that match, newest first (or oldest); the excerpt shows a matched word.

        Raises:
            Refusal: ``cursor`` is not one that a page gave.
        """
        ...

    async def trace(self, trace_id: str) -> Trace | None:
        """One trace, whole."""
        ...

    async def latest(self, input_fingerprint: str) -> Trace | None:
        """The newest trace whose exchange was given the input with this fingerprint."""
        ...

    async def start_run(self, run: Run) -> None:
        """Keep what a run is about to measure."""
        ...

    async def add_results(self, run_id: str, results: Sequence[CaseResult]) -> None:
        """Keep results of a run. Durable on return."""
        ...

    async def end_run(self, run_id: str, end: RunEnd) -> None:
        """Keep how a run ended."""
        ...

    async def run(self, run_id: str) -> StoredRun | None:
        """One run."""
        ...

    async def runs(self, suite: str | None, limit: int) -> tuple[StoredRun, ...]:
        """The newest runs, of one suite or of all."""
        ...

    async def results(self, run_id: str) -> tuple[CaseResult, ...]:
        """The results of a run, in the order they came."""
        ...

    async def count(self) -> int:
        """How many traces there are."""
        ...


class TargetError(Exception):
    """The program gave no answer that could be checked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a target answered. Latency in milliseconds, cost in dollars."""

    output: JsonValue
    tool_calls: tuple[ToolCall, ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None


class Target(Protocol):
    """The program under test, ready to be asked."""

    async def answer(self, case: Case) -> Reply:
        """Ask it for one case.

        Raises:
            TargetError: It crashed, hung, answered out of form or was refused.
        """
        ...


class Targets(Protocol):
    """How programs are started."""

    def open(
        self, spec: TargetSpec, concurrency: int, clean: Callable[[str], str]
    ) -> AbstractAsyncContextManager[Target]:
        """Start a target for one run, fresh, so that edits count; it ends with the context.

        What it says is made ``clean`` before it is cut: a part of a secret looks like none.

        Raises:
            Refusal: The program is not there or cannot be started.
        """
        ...


class Host(Protocol):
    """The machine we run on: its processes and the repository's history."""

    def owner(self) -> str:
        """A name for this process that no other living process has."""
        ...

    def alive(self, owner: str) -> bool:
        """Whether the process that ``owner`` names may still live; True where nobody can tell."""
        ...

    def commit(self) -> str:
        """The short commit of the workspace, with ``+`` where files differ; empty without git."""
        ...

    def file_at(self, reference: str, path: str) -> str | None:
        """The text of a file of the workspace at a git reference; None where it is not there.

        Raises:
            Refusal: ``reference`` is no commit of this repository.
        """
        ...
