"""Spans as programs send them while they run: what is kept of a request, and what is not."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools import formats
from regrade_tools.formats import Record, Skipped
from regrade_tools.formats.attributed import has_failed
from regrade_tools.formats.fields import Fields, inside
from regrade_tools.formats.otlp import resource_of, resources, tags_of
from regrade_tools.formats.otlp_logs import is_log
from regrade_tools.formats.otlp_values import attributes, identifier
from regrade_tools.models import Trace
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import line

_SOURCE = "otlp"
_LONGEST_NAME = 80
_LONGEST_REASON = 400
# Later spans of so many traces are kept because one before them failed; some hundred bytes each.
_REMEMBERED = 10_000
_INVALID = "a span needs a traceId and a spanId that are not zero"


@dataclass(frozen=True, slots=True)
class Received:
    """The traces of a request; how many spans of it are not in them though they should, and why.

    Spans that were left out by sampling are neither.
    """

    traces: tuple[Trace, ...]
    rejected: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are kept: a ``share`` of them by the hash of their ids, and those that fail.

    The same trace is kept or not wherever that is asked, so that its spans stay together.
    """

    share: float = 1.0
    _failed: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])

    def kept(self, traces: dict[str, bool]) -> set[str]:
        """The ids that are kept of ``traces``, whose values say whether a span of it failed."""
        return {name for name, failed in traces.items() if self._keeps(name, failed=failed)}

    def _keeps(self, name: str, *, failed: bool) -> bool:
        if _portion(name) < self.share:
            return True
        if failed:
            self._failed[name] = None
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)
        return name in self._failed


def received(request: Fields, hidden: Redaction, sampling: Sampling) -> Received:
    """What is kept of ``request``, an OTLP export.

    A span that cannot be kept takes no other one with it.

    Raises:
        ValueError: It is no export.
        Refusal: A pattern of the project has taken too long.
    """
    for name in ("resourceSpans", "resourceLogs"):
        if not isinstance(request.get(name, []), list):
            raise ValueError(f"is no OTLP request: its {name} are no list")  # noqa: TRY004 - told as every other bad record
    spans = list(_spans(request, hidden))
    valid = [sent for sent in spans if sent.trace_id and sent.span_id]
    failed: dict[str, bool] = {}
    for sent in valid:
        failed[sent.trace_id] = failed.get(sent.trace_id, False) or sent.failed
    kept = sampling.kept(failed)
    wanted = [sent for sent in valid if sent.trace_id in kept]
    traces, why = _read([sent.record for sent in wanted], hidden)
    read = {(trace.external_id, span.id) for trace in traces for span in trace.spans}
    lost = sum(read.isdisjoint(sent.places) for sent in wanted)
    rejected = len(spans) - len(valid) + lost
    return Received(traces, rejected, (why or _INVALID) if rejected else "")


@dataclass(frozen=True, slots=True)
class _Sent:
    """A span and who sent it; its ids are empty where they are none that are valid.

    ``resource`` has the attributes of which tags are made, its name, and no others.
    """

    source: str
    resource: list[JsonValue]
    span: JsonValue
    trace_id: str
    span_id: str

    @property
    def failed(self) -> bool:
        return isinstance(self.span, dict) and has_failed(inside(self.span, "status"))

    @property
    def places(self) -> set[tuple[str, str]]:
        """The trace and span as which it stands once it is kept, or one of them."""
        ids = [self.span_id, *([_id(self.span, "parentSpanId")] if is_log(self.span) else [])]
        return {(self.trace_id, name) for name in ids}

    @property
    def record(self) -> Record:
        """The span as an export of its own."""
        sent: dict[str, JsonValue] = {"scopeSpans": [{"spans": [self.span]}]}
        if self.resource:
            sent["resource"] = {"attributes": self.resource}
        return Record(self.source, {"resourceSpans": [sent]})


def _spans(request: Fields, hidden: Redaction) -> Iterator[_Sent]:
    for resource, listed in resources(request):
        name = _service(resource, hidden)
        source, kept = name or _SOURCE, resource_of(tags_of(resource), name)
        for span in listed:
            yield _Sent(source, kept, span, _id(span, "traceId"), _id(span, "spanId"))


def _service(resource: Fields, hidden: Redaction) -> str:
    """The name of the service, by which its traces are found."""
    about = attributes(resource.get("attributes"))
    service = about.get("service.name")
    name = hidden.shown(service) if isinstance(service, str) else ""
    return clip(line(name), _LONGEST_NAME)


def _id(span: JsonValue, name: str) -> str:
    found = identifier(span.get(name)) if isinstance(span, dict) else ""
    return found if found.strip("0") else ""


def _read(records: Iterable[Record], hidden: Redaction) -> tuple[tuple[Trace, ...], str]:
    """The traces of ``records``, and the first reason against one of them."""
    reading = formats.Reading(hidden, "otlp")
    traces: list[Trace] = []
    why = ""
    for found in formats.traces(records, reading):
        if isinstance(found, Trace):
            traces.append(found)
        elif isinstance(found, Skipped) and not why:
            why = clip(line(f"{found.where} {found.why}"), _LONGEST_REASON)
    return tuple(traces), why


def _portion(name: str) -> float:
    """A number from 0 to 1 that is made of ``name`` alone, and of none of its digits.

    Programs that sample go by the digits: going by them again would keep all of theirs.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
