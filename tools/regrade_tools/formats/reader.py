"""A log in any known format -> traces: detected record by record, or as the caller says."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint, trace_id
from regrade_tools.formats import chat, exchange, otlp
from regrade_tools.formats.fields import LISTED, Fields, listed
from regrade_tools.formats.source import Record, Skipped
from regrade_tools.models import Trace
from regrade_tools.patterns import SlowPatternError
from regrade_tools.redaction import Redaction
from regrade_tools.refusal import unknown

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
        if self.format is not None and self.format not in FORMATS:
            raise unknown("format", self.format, FORMATS, next_step="Or leave it out: it is told.")


def traces(records: Iterable[Record | Skipped], reading: Reading) -> Iterator[Trace | Skipped]:
    """The traces of one file.

    Spans are gathered to the end of the file, since a trace's spans lie anywhere in it; every
    other record is a trace of its own.
    """
    seen: Counter[str] = Counter()
    spans: list[otlp.LoggedSpan] = []
    for record in records:
        if isinstance(record, Skipped):
            yield record
            continue
        try:
            kind = _format(record.value, reading)
            if kind == "otlp" and isinstance(record.value, dict):
                clean = reading.redaction.apply(record.value)
                spans.extend(otlp.spans(clean, record.where) if isinstance(clean, dict) else ())
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
    if reading.format:
        return reading.format
    if reading.mapping:
        return "exchange"
    if otlp.is_otlp(value):
        return "otlp"
    if chat.is_chat(value):
        return "chat"
    if exchange.is_exchange(value):
        return "exchange"
    # The names of fields may hold secrets, and those of a table without headings are values.
    clean = reading.redaction.apply(dict.fromkeys(list(value)[:LISTED]))
    names = listed(cast("Fields", clean))
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
        except RecursionError:
            yield Skipped(where, "holds a span that is nested too deep")
            continue
        # The ids and times of its spans say which trace it is, whatever is redacted in it.
        content: JsonValue = [trace.external_id]
        content.extend([span.id, span.started_at, span.duration_ms] for span in trace.spans)
        yield _tagged(replace(trace, id=trace_id(content, 0, trace.started_at)), reading)


def _tagged(trace: Trace, reading: Reading) -> Trace:
    if not reading.tags:
        return trace
    return replace(trace, tags=tuple(dict.fromkeys((*trace.tags, *reading.tags))))
