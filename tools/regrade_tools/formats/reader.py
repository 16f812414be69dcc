"""A log in any known format -> traces: detected record by record, or as the caller says."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint, redated, trace_id
from regrade_tools.formats import (
    anthropic_call,
    braintrust,
    chat,
    exchange,
    exported,
    inspect_log,
    langfuse,
    litellm_call,
    mlflow_trace,
    responses,
)  # fmt: skip
from regrade_tools.formats.fields import METADATA, Fields, redacted_names, started_at
from regrade_tools.formats.gathered import GATHERED, assembled
from regrade_tools.formats.gathering import Gathering
from regrade_tools.formats.record import Note, Record, Skipped, Unused
from regrade_tools.formats.source import TABLES
from regrade_tools.formats.spans import LoggedSpan
from regrade_tools.models import Trace, file_of
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.patterns import SlowPatternError
from regrade_tools.texts.plaintext import counted

Item = Trace | Skipped | Note | Unused
_Tells = Callable[[Fields], bool]
_Reads = Callable[[Fields, Trace], Trace]
# One record, one trace: in the order in which they are asked, the most particular first.
_RECORDS: dict[str, tuple[_Tells, _Reads]] = {
    "regrade": (exported.is_exported, exported.from_exported),
    "langfuse": (langfuse.is_langfuse, langfuse.from_langfuse),
    "mlflow": (mlflow_trace.is_mlflow, mlflow_trace.from_mlflow),
    "inspect": (inspect_log.is_inspect, inspect_log.from_inspect),
    "braintrust": (braintrust.is_braintrust, braintrust.from_braintrust),
    "litellm": (litellm_call.is_litellm, litellm_call.from_litellm),
    "responses": (responses.is_responses, responses.from_responses),
    "anthropic": (anthropic_call.is_anthropic, anthropic_call.from_anthropic),
    "chat": (chat.is_chat, chat.from_chat),
}
FORMATS = (*GATHERED, *_RECORDS, "exchange")
# Of more names of fields nobody wants to hear.
_MOST_UNUSED = 1_000
# What else than a number is due in a field that a mapping names.
_DUE = {"timestamp": "time", METADATA: "object"}
# What a mapping may say of a plain record.
FIELDS = (
    "input", "output", "id", "name", "session", "model", "timestamp", "latency_ms", "ttft_ms",
    "cost_usd", "input_tokens", "output_tokens", "tags", "error", "tool_calls", "feedback",
    "user", "metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """How a log is to be read: in which format, with which names, tags and redactions."""

    redaction: Redaction
    format: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a format or a field that nobody knows."""
        for ours in self.mapping:
            if ours not in FIELDS:
                raise unknown(
                    "field", ours, FIELDS, next_step="A mapping is ours=theirs: input=question."
                )
        valid = (*FORMATS, *TABLES)
        if self.format is not None and self.format not in valid:
            raise unknown("format", self.format, valid, next_step="Or leave it out: it is told.")
        for tag in self.tags:
            try:
                tag.encode()
            except UnicodeEncodeError:
                told = f"The tag {tag!r} is no text."
                raise Refusal(told, next_step="Write it as UTF-8.") from None

    @property
    def table_as(self) -> str | None:
        """How the file is said to part its columns, where it is said to be a table."""
        return self.format if self.format in TABLES else None


@dataclass(slots=True)
class _Mapped:
    """What a mapping and the records of a file have of each other."""

    mapping: Mapping[str, str]
    # Names of the mapping that no record had.
    unmet: set[str]
    unused: Counter[str] = field(default_factory=Counter[str])
    # By our names, how often what stood there could not be read, and the first such.
    unreadable: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    # The place of a record that was read by the mapping.
    where: str = ""

    def add(self, fields: Fields, where: str) -> None:
        """Count what of a record was read by the mapping, if there is one."""
        if not self.mapping:
            return
        self.where = where
        held = exchange.named(fields, self.mapping)
        self.unmet.difference_update(self.mapping[ours] for ours in held)
        for ours, value in exchange.unreadable(held).items():
            number, first = self.unreadable.get(ours, (0, f"{clip(compact(value), 60)} ({where})"))
            self.unreadable[ours] = number + 1, first
        if len(self.unused) < _MOST_UNUSED:
            self.unused.update(exchange.unused(fields, self.mapping))

    def remarks(self) -> Iterator[Note | Unused]:
        """A remark for each name that nothing had, and what nothing of the mapping names."""
        for name in sorted(self.unmet) if self.where else ():
            yield Note(file_of(self.where), f"has no {name!r} in any record")
        for ours, (number, first) in self.unreadable.items():
            due = _DUE.get(ours, "number")
            yield Note(
                file_of(self.where),
                f"has {counted(number, 'value')} of {ours}={self.mapping[ours]} that can be read "
                f"as no {due}, the first {first}; left out",
            )
        if self.unused:
            yield Unused(self.unused)


def traces(records: Iterable[Record | Skipped | Note], reading: Reading) -> Iterator[Item]:
    """The traces of one file.

    Spans are gathered, since a trace's spans lie in several records; every other record is a
    trace of its own. Where the spans of one lie very far apart, there are two with its id.
    """
    return (item for item, _ in sized(records, reading))


def sized(
    records: Iterable[Record | Skipped | Note], reading: Reading
) -> Iterator[tuple[Item, int]]:
    """As ``traces``, each with the bytes that it was read from, as far as records tell theirs."""
    seen: Counter[str] = Counter()
    mapped = _Mapped(reading.mapping, set(reading.mapping.values()))
    gathered = Gathering()
    for found in records:
        if not isinstance(found, Record):
            yield found, 0
            continue
        for record in inspect_log.samples(found):
            try:
                fields = _object(record.value)
                kind = _format(fields, reading)
                clean = _object(reading.redaction.apply(fields, record.written))
                if kind in GATHERED:
                    gathered.add(kind, GATHERED[kind].spans(clean, record.where), record.size)
                    continue
                blank = Trace(id="", source=record.where, format=kind, raw=clean)
                trace = _trace(clean, blank, reading)
                mapped.add(clean, record.where)
                # What was exported has its id. That of any other does not depend on a mapping: by
                # whatever names it is read again, it is the same record.
                timed = started_at(clean) if reading.mapping else trace.started_at
                own = trace.id or _identity(_unsaid(fields, trace), timed, seen)
                trace = replace(trace, id=own)
            except ValueError as problem:
                yield Skipped(record.where, str(problem)), 0
            except SlowPatternError as problem:
                yield Skipped(record.where, f"cannot be redacted: {problem}"), 0
            except RecursionError:
                yield Skipped(record.where, "is nested too deep"), 0
            else:
                yield _tagged(trace, reading), record.size
        yield from _assembled(gathered.due(), reading)
    yield from ((remark, 0) for remark in mapped.remarks())
    yield from _assembled(gathered.rest(), reading)


def _object(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - told as every other bad record
    return value


def _format(fields: Fields, reading: Reading) -> str:
    told = None if reading.table_as else reading.format
    if told in GATHERED and not GATHERED[told].tells(fields):
        raise ValueError(GATHERED[told].lacks)
    if told in _RECORDS and not _RECORDS[told][0](fields):
        raise ValueError(f"is not in the format {told}")
    if told:
        return told
    if reading.mapping:
        return "exchange"
    for kind, gathered in GATHERED.items():
        if gathered.tells(fields):
            return kind
    for kind, (tells, _) in _RECORDS.items():
        if tells(fields):
            return kind
    if exchange.is_exchange(fields):
        return "exchange"
    names = redacted_names(fields, reading.redaction)
    raise ValueError(
        f"is in no known format (its fields: {names}); name the fields, "
        "such as input=question output=answer"
    )


def _trace(clean: Fields, blank: Trace, reading: Reading) -> Trace:
    if blank.format == "exchange":
        return exchange.from_exchange(clean, blank, reading.mapping)
    return _RECORDS[blank.format][1](clean, blank)


# What a record is without the feedback that came after it was first exported.
_UNSAID: Mapping[str, Callable[[Fields], dict[str, JsonValue]]] = {
    "langfuse": langfuse.without_scores,
    "mlflow": mlflow_trace.without_feedback,
}


def _unsaid(fields: dict[str, JsonValue], trace: Trace) -> dict[str, JsonValue]:
    return _UNSAID[trace.format](fields) if trace.format in _UNSAID else fields


def former_id(trace: Trace) -> str:
    """The id that the record of ``trace`` had in what was stored before; or its own.

    It began with the day of a time that a mapping named, and feedback was a part of the record.
    """
    if trace.format == "exchange" and trace.started_at is not None:
        return redated(trace.id, trace.started_at)
    raw = trace.raw
    if trace.format in _UNSAID and isinstance(raw, dict) and _unsaid(raw, trace) != raw:
        return trace_id(raw, 0, trace.started_at)
    return trace.id


def _identity(value: JsonValue, started_at: float | None, seen: Counter[str]) -> str:
    # The record before redaction: a new pattern must not make old records look new.
    content = fingerprint(value)
    seen[content] += 1
    return trace_id(value, seen[content] - 1, started_at)


def _assembled(
    gathered: Iterable[tuple[str, list[LoggedSpan], int]], reading: Reading
) -> Iterator[tuple[Item, int]]:
    for kind, found, size in gathered:
        try:
            trace = assembled(found, kind)
        except ValueError as problem:
            yield Skipped(found[0].where, str(problem)), 0
        except RecursionError:
            yield Skipped(found[0].where, "holds a span that is nested too deep"), 0
        else:
            yield _tagged(trace, reading), size


def _tagged(trace: Trace, reading: Reading) -> Trace:
    if not reading.tags:
        return trace
    return replace(trace, tags=tuple(dict.fromkeys((*trace.tags, *reading.tags))))
