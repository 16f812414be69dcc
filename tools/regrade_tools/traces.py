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
from regrade_tools.clipping import REPLY_CHARACTERS, clip, clip_value, fit
from regrade_tools.digest import first_wrong, steps
from regrade_tools.fingerprint import id_number
from regrade_tools.models import Trace
from regrade_tools.models.trace import chat_message
from regrade_tools.ports import Store, TraceRow
from regrade_tools.query import parse
from regrade_tools.redaction import Redaction, redaction
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.running import Progress, silent
from regrade_tools.timestamps import iso
from regrade_tools.workspace import Workspace

View = Literal["digest", "conversation", "spans", "raw"]

_BATCH = 1_000
_SHOWN_SKIPS = 10
_FIELDS = ("id", "when", "name", "model", "status", "duration_ms", "tokens", "cost_usd", "tags",
           "source", "preview", "excerpt")  # fmt: skip
_LONGEST_CELL = 200
_EXCHANGE = 3_000
_TURN = 1_500
_STEPS = (40, 15)


@dataclass(frozen=True, slots=True)
class TraceList:
    """A page of traces; ``total`` is a number, or a text such as ">= 1000" for a lower bound."""

    total: int | str
    traces: list[dict[str, JsonValue]]
    next_cursor: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace as a view shows it; ``next_cursor`` leads on where it was cut."""

    id: str
    view: str
    content: dict[str, JsonValue]
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
        found = await self.store.search(
            parse(query, now=time.time()), limit=limit, cursor=cursor, oldest=sort == "oldest"
        )
        hint = None
        if not found.rows and cursor is None:
            stored = await self.store.count()
            hint = "Nothing matches; drop a term." if stored else _NOTHING_STORED
        return TraceList(
            total=found.total if found.exact else f">= {found.total}",
            traces=[_row(row, columns) for row in found.rows],
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
        start = _position(cursor)
        if span_id is not None:
            return _one_span(trace, span_id)
        if view == "digest":
            return _digest(trace)
        if view == "conversation":
            return _conversation(trace, start)
        return _spans(trace, start) if view == "spans" else _raw(trace, start)

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

    async def _keep(
        self, found: Iterator[Trace | formats.Skipped], counted: "_Count"
    ) -> None:
        while batch := await to_thread.run_sync(lambda: list(islice(found, _BATCH))):
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
            return Path(path).expanduser()
        if self.workspace is None:
            raise Refusal("Without a workspace no file can be imported.", next_step=NO_WORKSPACE)
        return self.workspace.readable(path, self.workspace.project().import_from)

    def _shown(self, file: Path) -> str:
        root = self.workspace.root if self.workspace else None
        inside = root is not None and file.resolve().is_relative_to(root.resolve())
        return file.resolve().relative_to(root.resolve()).as_posix() if inside and root else file.name


NO_WORKSPACE = (
    "Start the server in a repository with evals/regrade.yaml or .git, "
    'or add "--root", "/path/to/repo" to its args in the client\'s config.'
)
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
    whole: dict[str, JsonValue] = {**asdict(row), "when": iso(row.when), "tags": list(row.tags)}
    return {
        name: clip(value, _LONGEST_CELL) if isinstance(value, str) else value
        for name in columns
        if (value := whole[name]) not in (None, "", [])
    }


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 12:  # noqa: PLR2004 - beyond any trace
        raise Refusal(
            f"The cursor {clip(cursor, 40)!r} is not one that get_trace gave.",
            next_step="Pass next_cursor as it is, or leave cursor out.",
        )
    return int(cursor)


def _digest(trace: Trace) -> TraceView:
    exchange, wrong = trace.exchange, first_wrong(trace)
    lines = steps(trace)
    head, tail = _STEPS
    if len(lines) > head + tail:
        cut = f"... {len(lines) - head - tail} steps more: other views show them"
        lines = [*lines[:head], cut, *lines[-tail:]]
    content: dict[str, JsonValue] = {
        "name": trace.name,
        "status": trace.status,
        "when": None if trace.started_at is None else iso(trace.started_at),
        "duration_ms": trace.duration_ms,
        "model": trace.model,
        "tokens": trace.tokens,
        "cost_usd": trace.cost_usd,
        "session": trace.session,
        "tags": list(trace.tags),
        "source": trace.source,
        "input": clip_value(trace.opening if trace.messages else exchange.input, _EXCHANGE),
        "output": clip_value(exchange.output, _EXCHANGE),
        "first_wrong": None if wrong is None else {"what": wrong.what, "where": wrong.where},
        "steps": [clip(line, _LONGEST_CELL) for line in lines],
        "metadata": clip_value(trace.metadata, _EXCHANGE),
    }
    more = "conversation" if trace.messages else "raw"
    return TraceView(
        id=trace.id,
        view="digest",
        content={key: value for key, value in content.items() if value not in (None, "", [], {})},
        hint=f'view "{more}" shows it in full; file_case makes a regression case of it.',
    )


def _conversation(trace: Trace, start: int) -> TraceView:
    if not trace.messages:
        raise Refusal(
            f"{trace.id} holds no conversation, only an input and an output.",
            next_step='Use view "digest" or "raw".',
        )

    def shown(item: tuple[int, dict[str, JsonValue]]) -> JsonValue:
        number, message = item
        cut = {key: clip_value(value, _TURN) for key, value in message.items() if value}
        return {"step": number, **cut}

    numbered = [(number, chat_message(m)) for number, m in enumerate(trace.messages, 1)]
    return _paged(trace, "conversation", "messages", numbered, shown, start)


def _spans(trace: Trace, start: int) -> TraceView:
    def shown(span: object) -> JsonValue:
        cut = {key: value for key, value in asdict(span).items() if value not in (None, "")}  # type: ignore[call-overload]
        return {key: clip_value(value, _LONGEST_CELL * 2) for key, value in cut.items()}

    return _paged(trace, "spans", "spans", list(trace.spans), shown, start)


def _paged(  # noqa: PLR0913 - a page of anything
    trace: Trace, view: str, name: str, items: list[object] | list[tuple[int, dict[str, JsonValue]]],
    shown: object, start: int,
) -> TraceView:  # fmt: skip
    page = fit(items, shown, start, REPLY_CHARACTERS)  # type: ignore[arg-type]
    content: dict[str, JsonValue] = {name: page.items, "total": len(items)}
    following = None if page.following is None else str(page.following)
    return TraceView(trace.id, view, content, following)


def _one_span(trace: Trace, span_id: str) -> TraceView:
    span = next((span for span in trace.spans if span.id == span_id), None)
    if span is None:
        raise unknown("span", span_id, [span.id for span in trace.spans[:20]])
    half = REPLY_CHARACTERS // 2
    content = {key: value for key, value in asdict(span).items() if value not in (None, "")}
    cut = {key: clip_value(value, half) for key, value in content.items()}
    return TraceView(trace.id, "span", cut)


def _raw(trace: Trace, start: int) -> TraceView:
    import json

    text = json.dumps(trace.raw, ensure_ascii=False)
    end = start + REPLY_CHARACTERS
    content: dict[str, JsonValue] = {"text": text[start:end], "characters": len(text)}
    return TraceView(trace.id, "raw", content, str(end) if end < len(text) else None)
