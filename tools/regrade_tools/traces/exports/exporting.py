"""Exports: the traces of a query, in order, a batch at a time."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.population import item_of
from regrade_tools.labels.files import LabelFiles
from regrade_tools.models import Case, Label, Trace
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.traces.exports import native, spans, table, training
from regrade_tools.traces.query import parse

ExportFormat = Literal["jsonl", "csv", "otlp", "openai"]
EXPORTS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_BATCH = 200
Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Exported:
    """How many traces were written, and of ``openai`` how many lines came from where.

    ``left_out`` counts those that matched and were not fit, by why.
    """

    format: ExportFormat
    written: int
    left_out: dict[str, int]


@dataclass(frozen=True)
class Exports:
    """Writes traces out."""

    store: Store
    workspace: Workspace | None

    async def export(self, query: str, format: ExportFormat, write: Write) -> Exported:  # noqa: A002 - the word a person expects
        """Write every trace that matches, the oldest first.

        Args:
            query: As of search_traces.
            format: ``jsonl`` (imported again as the same traces), ``csv``, ``otlp`` (OTLP/JSON)
                or ``openai`` (fine-tuning: only what a person labelled pass, or corrected).
            write: Takes the text, piece by piece.

        Raises:
            Refusal: The query or, to train with, a file of evals/ cannot be read.
        """
        if format == "openai":
            return await self._training(query, write)
        written = 0
        if format == "csv":
            write(table.header())
        async for traces in self._batches(query):
            labels = await self._labels(traces) if format == "csv" else {}
            for trace in traces:
                if format == "csv":
                    write(table.row(trace, labels.get(trace.id, [])))
                else:
                    write(native.line(trace) if format == "jsonl" else spans.line(trace))
            written += len(traces)
        return Exported(format, written, {})

    async def _training(self, query: str, write: Write) -> Exported:
        """A case's corrected answer stands for its trace; else the trace, where a person passed it.

        A label that no key of the repository signed is nobody's word.
        """
        cases = {case.provenance.trace: case for case in self._cases() if case.provenance}
        passed, failed = self._verdicts()
        written = 0
        left_out: dict[str, int] = {}
        async for traces in self._batches(query):
            for trace in traces:
                case = cases.get(trace.id)
                # By what was labelled, not by its id: only this very answer was passed.
                items = {item_of(trace, context=shown).key for shown in (False, True)}
                good = bool(items & passed) and not items & failed
                line = training.corrected(case) if case else None
                if line is None and good:
                    line = training.example(trace)
                if line is not None:
                    write(line)
                    written += 1
                    continue
                why = (
                    "failed by a person" if items & failed
                    else "no conversation that can be learnt from" if good
                    else "not labelled pass by a person"
                )  # fmt: skip
                left_out[why] = left_out.get(why, 0) + 1
        return Exported("openai", written, left_out)

    def _cases(self) -> Iterator[Case]:
        if self.workspace is not None:
            for suite in self.workspace.suites():
                yield from self.workspace.cases(suite)

    def _verdicts(self) -> tuple[set[str], set[str]]:
        """The items that people pass, and those that they fail, by labels that they signed."""
        passed: set[str] = set()
        failed: set[str] = set()
        if self.workspace is None:
            raise Refusal(
                "Only what a person labelled is exported to train with, and here are no labels.",
                next_step="Run it in the repository whose evals/labels/ hold them.",
            )
        files = LabelFiles(self.workspace)
        for criterion in files.criteria():
            for row in files.signed(criterion):
                (passed if row.label.verdict == "pass" else failed).add(row.label.item)
        return passed, failed

    async def _labels(self, traces: tuple[Trace, ...]) -> dict[str, list[Label]]:
        found: dict[str, list[Label]] = {}
        for label in await self.store.labels(trace_ids=[trace.id for trace in traces]):
            found.setdefault(label.trace_id, []).append(label)
        return found

    async def _batches(self, query: str) -> AsyncIterator[tuple[Trace, ...]]:
        asked = parse(query, now=time.time())
        cursor: str | None = None
        while True:
            batch = await self.store.scan(asked, limit=_BATCH, cursor=cursor)
            yield batch.traces
            cursor = batch.next_cursor
            if cursor is None:
                return
