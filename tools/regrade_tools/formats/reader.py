"""A log in any known format -> traces: detected record by record, or as the caller says."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint, trace_id
from regrade_tools.formats import chat, exchange, otlp
from regrade_tools.formats.fields import redacted_names
from regrade_tools.formats.record import Note, Record, Skipped
from regrade_tools.formats.source import TABLES
from regrade_tools.models import Trace
from regrade_tools.patterns import SlowPatternError
from regrade_tools.redaction import Redaction
from regrade_tools.refusal import Refusal, unknown

FORMATS = ("chat", "exchange", "otlp")
# What a mapping may say of a plain record.
FIELDS = (
    "input", "output", "id", "name", "session", "model", "timestamp", "latency_ms", "cost_usd",
    "input_tokens", "output_tokens", "tags", "error", "tool_calls",
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


def traces(
    records: Iterable[Record | Skipped | Note], reading: Reading
) -> Iterator[Trace | Skipped | Note]:
    """The traces of one file.

    Spans are gathered to the end of the file, since a trace's spans lie anywhere in it; every
    other record is a trace of its own.
    """
    seen: Counter[str] = Counter()
    spans: list[otlp.LoggedSpan] = []
    for record in records:
        if not isinstance(record, Record):
            yield record
            continue
        try:
            kind = _format(record.value, reading)
            if kind == "otlp" and isinstance(record.value, dict):
                clean = reading.redaction.apply(record.value)
                if isinstance(clean, dict):
                    spans.extend(otlp.spans(clean, record.where))
            else:
                yield _tagged(_trace(record, kind, reading, seen), reading)
        except ValueError as problem:
            yield Skipped(record.where, str(problem))
        except SlowPatternError as problem:
            yield Skipped(record.where, f"cannot be redacted: {problem}")
        except RecursionError:
            yield Skipped(record.where, "is nested too deep")
    yield from _span_traces(spans, reading)


def _format(value: JsonValue, reading: Reading) -> str:
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - told as every other bad record
    if reading.format and not reading.table_as:
        return reading.format
    if reading.mapping:
        return "exchange"
    if otlp.is_otlp(value):
        return "otlp"
    if chat.is_chat(value):
        return "chat"
    if exchange.is_exchange(value):
        return "exchange"
    names = redacted_names(value, reading.redaction)
    raise ValueError(
        f"is in no known format (its fields: {names}); name the fields, "
        "such as input=question output=answer"
    )


def _trace(record: Record, kind: str, reading: Reading, seen: Counter[str]) -> Trace:
    value = record.value
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - as above
    clean = reading.redaction.apply(value)
    if not isinstance(clean, dict):
        raise TypeError(clean)
    blank = Trace(id="", source=record.where, format=kind, raw=clean)
    if kind == "chat":
        trace = chat.from_chat(clean, blank)
    elif kind == "exchange":
        trace = exchange.from_exchange(clean, blank, reading.mapping)
    else:
        raise ValueError("is no OTLP export: it has no resourceSpans")
    return replace(trace, id=_identity(value, trace.started_at, seen))


def _identity(value: JsonValue, started_at: float | None, seen: Counter[str]) -> str:
    # The record before redaction: a new pattern must not make old records look new.
    content = fingerprint(value)
    seen[content] += 1
    return trace_id(value, seen[content] - 1, started_at)


def _span_traces(spans: list[otlp.LoggedSpan], reading: Reading) -> Iterator[Trace | Skipped]:
    for found in otlp.by_trace(spans).values():
        where = found[0].where
        blank = Trace(id="", source=where, format="otlp", raw=[item.raw for item in found])
        try:
            trace = otlp.from_spans(found, blank)
        except ValueError as problem:
            yield Skipped(where, str(problem))
            continue
        except RecursionError:
            yield Skipped(where, "holds a span that is nested too deep")
            continue
        yield _tagged(replace(trace, id=_span_identity(trace)), reading)


def _span_identity(trace: Trace) -> str:
    """The id of a trace of spans: its own id alone, so that spans that come later belong to it."""
    if trace.external_id:
        return trace_id(["otlp", trace.external_id], 0, None)
    # Nobody knows which spans without a trace id belong together: their ids and times tell them.
    spans: JsonValue = [[span.id, span.started_at, span.duration_ms] for span in trace.spans]
    return trace_id(spans, 0, trace.started_at)


def _tagged(trace: Trace, reading: Reading) -> Trace:
    if not reading.tags:
        return trace
    return replace(trace, tags=tuple(dict.fromkeys((*trace.tags, *reading.tags))))
