"""The tools for traces: import, search, read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools import formats
from regrade_tools.files.root import home
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import fingerprint, id_number
from regrade_tools.formats import arrow
from regrade_tools.formats.gathered import ids_of
from regrade_tools.models import Trace
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal, guess, unknown
from regrade_tools.runs.running import Progress, silent
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.texts.clipping import PAGE, REFUSAL, clip, clip_list, clip_value
from regrade_tools.texts.paging import fit
from regrade_tools.texts.plaintext import counted, encodable
from regrade_tools.texts.timestamps import iso
from regrade_tools.traces.imports import Imported, Tally, batch
from regrade_tools.traces.query import NO_MATCH, OR_NONE, Having, Measure, Query, parse
from regrade_tools.traces.store import Page, TraceRow, still_unexamined
from regrade_tools.traces.views import TraceView, View, one_span, show

_FIELDS = ("id", "when", "name", "model", "status", "duration_ms", "tokens", "cost_usd", "tags",
           "source", "preview", "excerpt")  # fmt: skip
# These are told where they are asked for: the whole trace is read for them.
_WHOLE = ("input", "output", "feedback")
_LONGEST_CELL, _LONGEST_SAID = 240, 800
# So many values are told where one is sought that no trace has; so many may be what was meant.
_LISTED, _GUESSED = 20, 200
# Characters of a cursor that tell its query.
_MARK = 4
# What they may be stands in the guide.
_OF_FEW = ("status", "label", "wrong")
Sort = Literal["newest", "oldest", "slowest", "costliest"]
_RANKED: Mapping[str, Measure] = {"slowest": "latency", "costliest": "cost"}


@dataclass(frozen=True, slots=True)
class TraceList:
    """A page of traces; ``total`` is a number, or a text such as ">= 1000" for a lower bound."""

    total: int | str
    traces: list[dict[str, JsonValue]]
    next_cursor: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Traces:
    """What can be done with traces. ``read_anywhere`` is for a person's own command line.

    In a ``dry_run`` an import reads and reports, and stores nothing.
    """

    store: Store
    workspace: Workspace | None
    read_anywhere: bool = False
    dry_run: bool = False

    async def search_traces(
        self,
        query: str = "",
        sort: Sort = "newest",
        limit: int = 20,
        cursor: str | None = None,
        fields: list[str] | None = None,
    ) -> TraceList:
        """Find traces; an empty query lists the newest.

        Words and "phrases" (all must occur), -not, word*, status:error model:gpt-4o* name:
        tag:prod -tag:dev session: tool: source: format: wrong:tool_error label:fail mode:
        feedback:NAME latency:>2s cost:>0.01 tokens:>4000 since:7d until:2026-11-01.
        fields: the columns; also input, output, feedback.
        """
        limit = _limited(limit)
        columns = _columns(fields)
        asked = parse(query, now=time.time())
        mark = _mark(query, sort)
        after = None if cursor is None else _unmarked(cursor, mark)
        found = await self._page(asked, sort, limit, after)
        hint = None
        said = await self._said(found.rows, [name for name in columns if name in _WHOLE])
        page = fit(found.rows, lambda row: _row(row, columns) | said.get(row.id, {}), 0, PAGE)
        if page.next_cursor:
            # A page goes on after its last row, so it is asked for with the rows that fit.
            limit = len(page.items)
            found = await self._page(asked, sort, limit, after)
            hint = f"{counted(limit, 'row')} in one reply; with fewer fields more do."
        if found.unexamined:
            hint = still_unexamined(found.unexamined)
        elif found.partial:
            hint = "The time was up: next_cursor looks further back; a rarer word or since: helps."
        elif not found.rows and cursor is None:
            hint = await self._why_none(asked, sort)
        elif found.next_cursor and cursor is None:
            hint = hint or "summarize_traces counts all of them, by model, tag, tool and more."
        return TraceList(
            total=found.total if found.exact else f">= {found.total}",
            traces=page.items[: len(found.rows)],
            next_cursor=found.next_cursor and f"{found.next_cursor}.{mark}",
            hint=hint,
        )

    async def _said(
        self, rows: Sequence[TraceRow], names: Sequence[str]
    ) -> dict[str, dict[str, JsonValue]]:
        """What was asked, answered and said of it, as far as that is asked for."""
        found: dict[str, dict[str, JsonValue]] = {}
        for row in rows if names else ():
            trace = await self.store.trace(row.id)
            if trace is not None:
                told: dict[str, JsonValue] = {
                    "input": trace.called.input,
                    "output": trace.called.output,
                    "feedback": [*clip_list(_feedback(trace), _LONGEST_SAID)],
                }
                found[row.id] = {
                    name: clip_value(told[name], _LONGEST_SAID)
                    for name in names
                    if told[name] != []
                }
        return found

    async def _page(self, asked: Query, sort: Sort, limit: int, cursor: str | None) -> Page:
        measure = _RANKED.get(sort)
        if measure is not None:
            return await self.store.ranked(asked, measure, limit=limit, cursor=cursor)
        oldest = sort == "oldest"
        return await self.store.search(asked, limit=limit, cursor=cursor, oldest=oldest)

    async def _why_none(self, asked: Query, sort: Sort) -> str:
        """What an agent should know where nothing was found."""
        if not await self.store.count():
            return _NOTHING_STORED
        rated = (Having("feedback", one.name, negated=one.negated) for one in asked.rated)
        for term in (*asked.having, *rated):
            # A beginning is told of only where it is that of every value.
            if term.negated or (term.prefix and term.value) or term.facet in _OF_FEW:
                continue
            alone = await self.store.search(Query(having=(term,)), limit=1)
            if not alone.rows:
                return await self._instead(term.facet, term.value)
        for fact in asked.facts:
            if fact.negated or (fact.prefix and fact.value):
                continue
            alone = await self.store.search(Query(facts=(fact,)), limit=1)
            if not alone.rows:
                return await self._instead(fact.facet, fact.value)
        if sort in _RANKED and (await self.store.search(asked, limit=1)).rows:
            return f"The {_RANKED[sort]} of no trace that matches is known: sort otherwise."
        return NO_MATCH

    async def _instead(self, facet: str, value: str) -> str:
        """The values that there are in place of one that no trace has."""
        found = await self.store.summary(Query(), facet, limit=_GUESSED)
        nothing = ("", "none") if facet in OR_NONE else ("",)
        values = [group.value for group in found.groups if group.value not in nothing]
        if not values:
            return f"No trace has any {facet}."
        listed = ", ".join(clip_list(values[:_LISTED], REFUSAL // 4))
        more = f" and {found.values - _LISTED} more" if found.values > _LISTED else ""
        near = guess(value, values)
        return f"No trace has {facet}:{clip(value, 60)}{near}; there is: {listed}{more}."

    async def get_trace(
        self, trace_id: str, view: View = "digest", span_id: str | None = None,
        cursor: str | None = None,
    ) -> TraceView:  # fmt: skip
        """Read one trace, the digest first: the exchange, what first went wrong, the steps.

        conversation: the messages; spans: timed steps (span_id: one whole); raw: as it was logged.
        """
        trace = await stored_trace(self.store, trace_id)
        if span_id is not None:
            return one_span(trace, span_id)
        labels = await self.store.labels(trace_ids=[trace.id]) if view == "digest" else ()
        return show(trace, view, cursor, labels)

    async def import_traces(
        self,
        path: str,
        format: str | None = None,  # noqa: A002 - the word an agent expects
        mapping: dict[str, str] | None = None,
        tags: list[str] | None = None,
        progress: Progress = silent,
    ) -> Imported:
        """Import logs of the workspace: a file, a folder or a glob.

        JSON, JSON lines and CSV: chats, OTLP and exports of tracing services are told by
        themselves; others take a mapping, such as {"input": "question", "output": "reply"}.
        Importing again adds nothing.
        """
        return await self.import_paths([path], format, mapping, tags, progress)

    async def import_paths(
        self,
        paths: Sequence[str],
        format: str | None = None,  # noqa: A002 - as above
        mapping: dict[str, str] | None = None,
        tags: list[str] | None = None,
        progress: Progress = silent,
    ) -> Imported:
        """Import several files, folders or globs."""
        reading = self._reading(format, mapping, tags)
        found = await to_thread.run_sync(self._files, paths)
        tally = Tally(files=len(found), dry_run=self.dry_run)
        for number, (file, shown, problem) in enumerate(found, 1):
            # It stands in every trace, and people name files after what they hold.
            name = reading.redaction.shown(shown)
            if problem:
                tally.add(formats.Skipped(name, problem))
            else:
                columns = file.suffix.lower() in arrow.EXTENSIONS
                records = (
                    arrow.tables(file, name)
                    if columns
                    else formats.records(file, name, reading.table_as)
                )
                await self._keep(formats.sized(records, reading), tally)
            message = f"{Path(name).name}: {tally.stored} traces stored"
            await progress(number, len(found), message)
        return tally.told(reading.redaction)

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
        tally = Tally(files=1, dry_run=self.dry_run)
        records = formats.stream_records(stream, name, reading.table_as)
        await self._keep(formats.sized(records, reading), tally)
        return tally.told(reading.redaction)

    async def _keep(self, found: Iterator[tuple[formats.Item, int]], tally: Tally) -> None:
        while items := await to_thread.run_sync(batch, found):
            await tally.keep(items, self.store)

    def _reading(
        self, told: str | None, mapping: dict[str, str] | None, tags: list[str] | None
    ) -> formats.Reading:
        hidden = redaction_of(self.workspace)
        return formats.Reading(hidden, told, mapping or {}, tuple(map(hidden.text, tags or ())))

    def _files(self, paths: Sequence[str]) -> list[tuple[Path, str, str]]:
        """Each file once, with the name that it is shown by and why it is not read, if so."""
        more = self.workspace.project().import_from if self.workspace else ()
        found: dict[Path, str] = {}
        for path in paths:
            for item in formats.files(self._path(path, more)):
                problem = item.problem
                if not problem and not self._allowed(item.path, more):
                    problem = "leads out of the workspace by a link"
                found.setdefault(item.path, problem)
        return [(file, self._shown(file), problem) for file, problem in found.items()]

    def _allowed(self, file: Path, more: tuple[str, ...]) -> bool:
        return self.read_anywhere or needed(self.workspace).reaches(file, more)

    def _path(self, path: str, more: tuple[str, ...]) -> Path:
        if self.read_anywhere:
            return home(Path(path))
        return needed(self.workspace).readable(path, more)

    def _shown(self, file: Path) -> str:
        if self.workspace is not None:
            root = self.workspace.root.resolve()
            try:
                target = file.resolve()
            except (OSError, RuntimeError):
                # A link that leads in a circle: it is named as it stands.
                target = file.absolute()
            if target.is_relative_to(root):
                return encodable(target.relative_to(root).as_posix())
        return encodable(file.name)


async def stored_trace(store: Store, trace_id: str) -> Trace:
    """A trace of the store, by its id or by the one that its spans call it.

    Raises:
        Refusal: There is none with this id.
    """
    for one in (trace_id,) if id_number(trace_id) is not None else ids_of(trace_id):
        trace = await store.trace(one)
        if trace is not None:
            return trace
    raise Refusal(
        f"There is no trace {clip(trace_id, 60)!r}.",
        next_step="Ids look like tr_bhkyre6x44caa; search_traces finds them.",
    )


_NOTHING_STORED = "No trace is stored yet: import_traces reads logs (a person: regrade import)."


def _feedback(trace: Trace) -> list[str]:
    return [one.told for one in trace.feedback]


def _limited(limit: int) -> int:
    if not 1 <= limit <= 100:  # noqa: PLR2004 - the surface's own rule
        raise Refusal(f"limit is {limit}; it is 1 to 100.", next_step="Page on with next_cursor.")
    return limit


def _mark(query: str, sort: Sort) -> str:
    """What a cursor ends with: it leads on in one query and in one order.

    A time that is relative, such as ``since:7d``, is another moment on the next page, and the
    query is the same: all are read as if asked at one moment.
    """
    return fingerprint([repr(parse(query, now=0.0)), sort])[:_MARK]


def _unmarked(cursor: str, mark: str) -> str:
    """The cursor of the store in ``cursor``."""
    place, _, found = cursor.rpartition(".")
    if found != mark:
        known = place and len(found) == _MARK
        of = "this search gave: its query or its sort is another" if known else "a search gave"
        raise Refusal(
            f"The cursor {cursor[:40]!r} is not one that {of}.",
            next_step="Pass next_cursor of the last page as it is, with the query and the sort of "
            "that page, or leave cursor out.",
        )
    return place


def _columns(fields: list[str] | None) -> tuple[str, ...]:
    for name in fields or ():
        if name not in (*_FIELDS, *_WHOLE):
            raise unknown("field", name, (*_FIELDS, *_WHOLE))
    return tuple(dict.fromkeys(("id", *fields))) if fields else _FIELDS


def _row(row: TraceRow, columns: tuple[str, ...]) -> dict[str, JsonValue]:
    tags: list[JsonValue] = [*clip_list(row.tags, _LONGEST_CELL)]
    whole: dict[str, JsonValue] = {**asdict(row), "when": iso(row.when), "tags": tags}
    told: dict[str, JsonValue] = {
        name: clip(value, _LONGEST_CELL) if isinstance(value, str) else value
        for name in columns
        if (value := whole.get(name)) not in (None, "", [])
    }
    if row.untimed and "when" in columns:
        told["when_of"] = "import"
    return told
