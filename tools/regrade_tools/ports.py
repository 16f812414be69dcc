"""What we ask of the world: a place to keep things, and programs to test."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from regrade_tools.assertions import Scorer
from regrade_tools.budget import Budget
from regrade_tools.models import (
    Case,
    CaseResult,
    Completion,
    Judged,
    Label,
    ModelSpec,
    Outcome,
    Packet,
    Question,
    Run,
    RunEnd,
    StoredRun,
    TargetSpec,
    ToolCall,
    Trial,
    Verdicts,
)
from regrade_tools.traces.store import TraceStore


class Store(TraceStore, Protocol):
    """Traces, labels and runs. Append and query: nothing that was written is ever changed.

    A trace may be removed, whole, by ``remove`` alone.
    """

    async def add_labels(self, found: Sequence[Label]) -> int:
        """Keep labels, all or none; how many had an id that was not known. Durable on return.

        The trace of a label need not be there yet. ``label:`` and ``mode:`` in a query find
        what ``standing`` says counts.
        """
        ...

    async def labels(
        self, *, criterion: str | None = None, trace_ids: Sequence[str] | None = None
    ) -> tuple[Label, ...]:
        """Every label of one criterion or of all, on these traces or on all, as they came."""
        ...

    async def start_run(self, run: Run) -> None:
        """Keep what a run is about to measure."""
        ...

    async def take_over(self, run_id: str, owner: str, by: str) -> bool:
        """Let the process ``by`` measure on what ``owner`` measured; whether ``owner`` still did.

        False where another process has taken it over in the meantime, or the run has ended;
        one that ended as interrupted goes on, and has no end then.
        """
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

    async def trials(self, run_id: str) -> tuple[Trial, ...]:
        """How each trial of a run ended, in the order they came."""
        ...

    async def results(
        self,
        run_id: str,
        *,
        case_id: str | None = None,
        outcomes: Collection[Outcome] | None = None,
    ) -> tuple[CaseResult, ...]:
        """The results of a run, in the order they came: all, or of one case or some outcomes."""
        ...

    async def last_passed(self, run_id: str, case_ids: Collection[str]) -> dict[str, CaseResult]:
        """How cases passed last, on the suite and target of a run, in any that began before it.

        The last is what was kept last.
        """
        ...

    async def count(self) -> int:
        """How many traces there are."""
        ...

    async def add_judgements(self, judged: Sequence[Judged]) -> None:
        """Keep what a judge said. Durable on return; only passed, failed and unknown are kept."""
        ...

    async def judgements(self, fingerprint: str, items: Collection[str]) -> dict[str, Judged]:
        """What the judge with this fingerprint said of ``items``, the latest by item."""
        ...

    async def add_packet(self, packet: Packet) -> None:
        """Keep work that is handed out."""
        ...

    async def packet(self, packet_id: str) -> Packet | None:
        """Work that was handed out."""
        ...

    async def add_submission(self, packet_id: str, answers: int) -> None:
        """Keep how many answers came back at once for a packet, whatever became of them."""
        ...

    async def submitted(self, packet_id: str) -> int:
        """How many answers came back for a packet in all."""
        ...


class Signers(Protocol):
    """The keys of the people at this machine. No caller of a tool can reach what they are."""

    def names(self) -> list[str]:
        """Whose keys are here."""
        ...

    def public(self, labeller: str) -> str:
        """The public key (base64) of one of them.

        Raises:
            Refusal: The key is not here, or is open to others.
        """
        ...

    def sign(self, labeller: str, text: bytes) -> str:
        """The signature (base64) of ``text`` by one of them.

        Raises:
            Refusal: As above.
        """
        ...


class TargetError(Exception):
    """The program gave no answer that could be checked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a target answered; None for what it does not tell.

    Times in milliseconds, cost in dollars, tokens in and out, steps it took and those that failed;
    ``context`` is what its tools returned and what it retrieved.
    """

    output: JsonValue
    tool_calls: tuple[ToolCall, ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    ttft_ms: float | None = None
    steps: int | None = None
    errors: tuple[str, ...] | None = None
    context: tuple[JsonValue, ...] = ()


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


class Models(Protocol):
    """How language models are asked."""

    def turn(self, model: ModelSpec) -> AbstractAsyncContextManager[None]:
        """Wait until one more question to a model may be under way, and hold its place meanwhile.

        Whoever asks a model, judges, targets and writers, shares its ``concurrency``.
        """
        ...

    async def complete(self, question: Question) -> Completion:
        """Ask a model once; what can be tried again for nothing has been, within the timeout.

        Raises:
            ModelError: There is no answer.
        """
        ...

    async def aclose(self) -> None:
        """End what is kept between questions, before the event loop ends; they may go on."""
        ...

    async def ceiling(self, question: Question) -> float | None:
        """The most that an answer can cost, in dollars; None where nobody knows the price."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """What a scorer asks for: names it cannot do without, and all that it takes (None: any)."""

    needs: frozenset[str] = frozenset()
    takes: frozenset[str] | None = None


class ScorerProgram(Protocol):
    """A scorer of the repository, ready to be asked."""

    @property
    def columns(self) -> Columns:
        """What it asks for."""
        ...

    async def score(self, given: dict[str, JsonValue]) -> JsonValue:
        """What it returns for one answer.

        Raises:
            TargetError: It crashed, hung or returned what is no JSON.
            UndecidableError: The answer lacks what it speaks of.
        """
        ...


class Scorers(Protocol):
    """How scorers are started."""

    def open(
        self,
        scorer: Scorer,
        concurrency: int,
        clean: Callable[[str], str],
        budget: Budget,
        verdicts: Verdicts,
    ) -> AbstractAsyncContextManager[ScorerProgram]:
        """Start a scorer for one run, fresh, so that edits count; it ends with the context.

        What it spends is of ``budget``, and what it said before is in ``verdicts``.

        What it says in place of a score is made ``clean``, as of ``Targets``.

        Raises:
            Refusal: Its file, function or program is not there or lies outside the workspace.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """A git reference as it stood when somebody looked: what it is called, and the commit."""

    name: str
    commit: str


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

    def sources(self, patterns: Sequence[str] | None = None) -> str | None:
        """A fingerprint of every file of the workspace that git does not ignore, but ``evals/``.

        Or of those that match one of the ``patterns``: paths from the root, with * and **. None
        where nobody can tell: there is no git.

        Raises:
            Refusal: A pattern matches no file.
        """
        ...

    def uncommitted(self, patterns: Sequence[str] | None = None) -> list[str]:
        """The files that ``sources`` is of and that are not as they were committed, or are new."""
        ...

    def tracked(self, path: str) -> bool:
        """Whether anything at a path of the workspace is in git; False where nobody can tell."""
        ...

    def resolved(self, name: str) -> Reference:
        """Which commit a git reference stands for now: what is read of it later is of that one.

        Raises:
            Refusal: ``name`` is no commit of this repository, or begins like an option.
        """
        ...

    def changed(self, reference: Reference, folder: str) -> list[str]:
        """The files in a folder of the workspace that are not as they are at a git reference.

        By their paths; those that git does not know are left out.

        Raises:
            Unavailable: Nobody could tell.
        """
        ...

    def files_at(self, reference: Reference, paths: Sequence[str]) -> dict[str, bytes]:
        """What the files at ``paths`` of the workspace, or below them, hold at a git reference.

        By their own paths; what is not there is left out.

        Raises:
            Refusal: A path is, or leads through, a link or a repository of its own.
            Unavailable: Nobody could tell what is there.
        """
        ...
