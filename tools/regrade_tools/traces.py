"""The tools for traces: import, search, read."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools import formats
from regrade_tools.clipping import PAGE, clip, clip_list
from regrade_tools.fingerprint import id_number
from regrade_tools.models import Trace
from regrade_tools.paging import fit
from regrade_tools.ports import Store, TraceRow
from regrade_tools.query import parse
from regrade_tools.redaction import Redaction, redaction
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.running import Progress, silent
from regrade_tools.timestamps import iso
from regrade_tools.views import TraceView, View, one_span, show
from regrade_tools.workspace import Workspace, needed

_BATCH = 1_000
_BATCH_CHARACTERS = 32 * 1024 * 1024
_SHOWN_SKIPS = 10
_FIELDS = ("id", "when", "name", "model", "status", "duration_ms", "tokens", "cost_usd", "tags",
           "source", "preview", "excerpt")  # fmt: skip
_LONGEST_CELL = 240


@dataclass(frozen=True, slots=True)
class TraceList:
    """A page of traces; ``total`` is a number, or a text such as ">= 1000" for a lower bound."""

    total: int | str
    traces: list[dict[str, JsonValue]]
    next_cursor: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; the first of what it skipped, each with its place and the reason."""

    stored: int
    already_known: int
    skipped: int
    files: int
    skipped_first: list[str] = field(default_factory=list[str])
    redacted: dict[str, int] = field(default_factory=dict[str, int])
    hint: str | None = None


@dataclass(frozen=True)
class Traces:
    """What can be done with traces. ``read_anywhere`` is for a person's own command line."""

    store: Store
    workspace: Workspace | None
    read_anywhere: bool = False

    async def search_traces(
        self,
        query: str = "",
        sort: Literal["newest", "oldest"] = "newest",
        limit: int = 20,
        cursor: str | None = None,
        fields: list[str] | None = None,
    ) -> TraceList:
        """Find traces by their words and facts; an empty query lists the newest.

        Query: words and "phrases" (all must occur), -not, word*, and qualifiers status:error
        model:gpt-4o* name: tag:prod -tag:staging session: tool:search source: format:
        latency:>2s cost:>0.01 tokens:>4000 since:7d until:2026-11-01. Example:
        refund "not available" status:error since:7d. The preview is how a trace begins, the
        excerpt why it matched. fields narrows the columns. Read one with get_trace.
        """
        limit = _limited(limit)
        columns = _columns(fields)
        asked, oldest = parse(query, now=time.time()), sort == "oldest"
        found = await self.store.search(asked, limit=limit, cursor=cursor, oldest=oldest)
        hint = None
        page = fit(found.rows, lambda row: _row(row, columns), 0, PAGE)
        if page.next_cursor:
            # A page goes on after its last row, so it is asked for with the rows that fit.
            limit = len(page.items)
            found = await self.store.search(asked, limit=limit, cursor=cursor, oldest=oldest)
            hint = f"{limit} rows fit one reply; with fewer fields more do."
        if not found.rows and cursor is None:
            stored = await self.store.count()
            hint = "Nothing matches; drop a term." if stored else _NOTHING_STORED
        return TraceList(
            total=found.total if found.exact else f">= {found.total}",
            traces=page.items[: len(found.rows)],
            next_cursor=found.next_cursor,
            hint=hint,
        )

    async def get_trace(
        self, trace_id: str, view: View = "digest", span_id: str | None = None,
        cursor: str | None = None,
    ) -> TraceView:  # fmt: skip
        """Read one trace. Start with the digest: the exchange, what first went wrong, the steps.

        Views: digest; conversation (the messages in full, long ones clipped); spans (timed
        steps with input and output; span_id for one of them whole); raw (the record as it was
        logged). Pass next_cursor on for the rest.
        """
        trace = await self._found(trace_id)
        return one_span(trace, span_id) if span_id is not None else show(trace, view, cursor)

    async def import_traces(
        self,
        path: str,
        format: str | None = None,  # noqa: A002 - the word an agent expects
        mapping: dict[str, str] | None = None,
        tags: list[str] | None = None,
        progress: Progress = silent,
    ) -> Imported:
        """Import logs into the trace store: a file, a folder or a glob inside the workspace.

        Reads JSON, JSON lines and CSV, also gzipped: OpenAI chats (chat), records with an input
        and an output (exchange), OTLP/JSON spans (otlp); the format is told by itself. For other
        names of the fields give a mapping such as {"input": "question", "output": "reply"}.
        Importing again adds nothing. What cannot be read is skipped and named.
        """
        files = await to_thread.run_sync(lambda: formats.files(self._path(path)))
        reading = self._reading(format, mapping, tags)
        counted = _Count()
        for number, file in enumerate(files):
            records = formats.records(file, self._shown(file))
            await self._keep(formats.traces(records, reading), counted)
            await progress(number + 1, len(files), f"{file.name}: {counted.stored} traces stored")
        return counted.told(len(files), reading.redaction)

    async def import_stream(
        self,
        stream: BinaryIO,
        name: str,
        format: str | None = None,  # noqa: A002 - as above
        mapping: dict[str, str] | None = None,
        tags: list[str] | None = None,
    ) -> Imported:
        """Import what is piped in."""
        reading = self._reading(format, mapping, tags)
        counted = _Count()
        records = formats.stream_records(stream, name)
        await self._keep(formats.traces(records, reading), counted)
        return counted.told(1, reading.redaction)

    async def _keep(self, found: Iterator[Trace | formats.Skipped], counted: "_Count") -> None:
        while batch := await to_thread.run_sync(_batch, found):
            traces = [item for item in batch if isinstance(item, Trace)]
            appended = await self.store.append(traces)
            counted.add(appended.stored, appended.known, batch)

    async def _found(self, trace_id: str) -> Trace:
        trace = await self.store.trace(trace_id) if id_number(trace_id) is not None else None
        if trace is None:
            raise Refusal(
                f"There is no trace {clip(trace_id, 60)!r}.",
                next_step="Ids look like tr_bhkyre6x44caa; search_traces finds them.",
            )
        return trace

    def _reading(
        self, told: str | None, mapping: dict[str, str] | None, tags: list[str] | None
    ) -> formats.Reading:
        more = self.workspace.project().redact if self.workspace else {}
        try:
            hidden = redaction(more)
        except ValueError as problem:
            raise Refusal(f"evals/regrade.yaml: {problem}", next_step="Mend the pattern.") from None
        return formats.Reading(hidden, told, mapping or {}, tuple(tags or ()))

    def _path(self, path: str) -> Path:
        if self.read_anywhere:
            return _home(Path(path))
        workspace = needed(self.workspace)
        return workspace.readable(path, workspace.project().import_from)

    def _shown(self, file: Path) -> str:
        root = self.workspace.root if self.workspace else None
        inside = root is not None and file.resolve().is_relative_to(root.resolve())
        return (
            file.resolve().relative_to(root.resolve()).as_posix() if inside and root else file.name
        )


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        # A ~ that names no user is the name of a file.
        return path


def _batch(found: Iterator[Trace | formats.Skipped]) -> list[Trace | formats.Skipped]:
    """The next items: many small ones, or a few that are large."""
    batch: list[Trace | formats.Skipped] = []
    characters = 0
    for item in islice(found, _BATCH):
        batch.append(item)
        characters += _size(item) if isinstance(item, Trace) else 0
        if characters > _BATCH_CHARACTERS:
            break
    return batch


def _size(trace: Trace) -> int:
    texts = (trace.input, trace.output, *(message.content for message in trace.messages))
    return sum(len(text) for text in texts if isinstance(text, str))


_NOTHING_STORED = "No trace is stored yet: import_traces reads logs (a person: regrade import)."


@dataclass(slots=True)
class _Count:
    stored: int = 0
    known: int = 0
    skipped: int = 0
    first: list[str] = field(default_factory=list[str])

    def add(self, stored: int, known: int, batch: Iterable[Trace | formats.Skipped]) -> None:
        self.stored += stored
        self.known += known
        for item in batch:
            if isinstance(item, formats.Skipped):
                self.skipped += 1
                if len(self.first) < _SHOWN_SKIPS:
                    self.first.append(clip(f"{item.where} {item.why}", 400))

    def told(self, files: int, hidden: Redaction) -> Imported:
        hint = None
        if not self.stored and not self.known:
            hint = "Nothing was imported; if the fields have other names, give a mapping."
        return Imported(
            stored=self.stored,
            already_known=self.known,
            skipped=self.skipped,
            files=files,
            skipped_first=self.first,
            redacted=dict(hidden.count),
            hint=hint,
        )


def _limited(limit: int) -> int:
    if not 1 <= limit <= 100:  # noqa: PLR2004 - the surface's own rule
        raise Refusal(f"limit is {limit}; it is 1 to 100.", next_step="Page on with next_cursor.")
    return limit


def _columns(fields: list[str] | None) -> tuple[str, ...]:
    for name in fields or ():
        if name not in _FIELDS:
            raise unknown("field", name, _FIELDS)
    return tuple(dict.fromkeys(("id", *fields))) if fields else _FIELDS


def _row(row: TraceRow, columns: tuple[str, ...]) -> dict[str, JsonValue]:
    tags: list[JsonValue] = [*clip_list(row.tags, _LONGEST_CELL)]
    whole: dict[str, JsonValue] = {**asdict(row), "when": iso(row.when), "tags": tags}
    return {
        name: clip(value, _LONGEST_CELL) if isinstance(value, str) else value
        for name in columns
        if (value := whole[name]) not in (None, "", [])
    }
