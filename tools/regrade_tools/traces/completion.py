"""Spans, tags and feedback that come later than the trace they belong to."""

from dataclasses import replace

from regrade_tools.fingerprint import fingerprint
from regrade_tools.formats.gathered import identity, joined, may_grow
from regrade_tools.models import Feedback, Span, Trace


def content(trace: Trace) -> int:
    """A number that says which spans a trace holds, and what was said of it; 0 of neither.

    Spans count where it is one that may grow.
    """
    told: list[str] = []
    if may_grow(trace):
        told = sorted(f"{name} {began}" for name, began in map(identity, trace.spans))
    if trace.feedback:
        told.append(repr(trace.feedback))
    return int(fingerprint("\n".join(told)), 16) if told or may_grow(trace) else 0


def completed(known: Trace, later: Trace) -> Trace:
    """``known`` with what it lacks of ``later``: spans, tags, feedback; itself where it lacks none.

    The two have one id. What is known stands: a span that both hold is not read again, unless
    more was said of it since.
    """
    whole = joined(known, later) if may_grow(known) and may_grow(later) else _said(known, later)
    tags = [tag for tag in later.tags if tag not in whole.tags]
    return replace(whole, tags=(*whole.tags, *tags)) if tags else whole


def _said(known: Trace, later: Trace) -> Trace:
    """``known`` with what was said of it since, where that stands in the same record."""
    if not later.feedback or set(later.feedback) <= set(known.feedback):
        return known
    again = {place(one) for one in later.feedback}
    kept = (one for one in known.feedback if place(one) not in again)
    return replace(known, feedback=(*kept, *later.feedback), raw=later.raw)


def place(one: Feedback) -> tuple[str, str, str]:
    """By what a feedback is known when its record is read again: what it says may be edited."""
    return one.name, one.source, one.span_id


def differs(known: Trace, read: Trace) -> bool:
    """Whether what was read now is something else than what is known under the same id.

    Where they come from and their tags do not count; of a trace of spans, those of both do.
    What was said of it is added, and so is none of it either.
    """
    if not may_grow(known) or not may_grow(read):
        if known.feedback != read.feedback:
            known = replace(known, feedback=read.feedback, raw=read.raw)
        return replace(known, source=read.source, tags=read.tags) != read
    spans = {identity(span): span for span in known.spans}
    return any(_differs(spans.get(identity(span), span), span) for span in read.spans)


def _differs(known: Span, read: Span) -> bool:
    # Which span tells its service hangs on which others are there.
    return (
        known if known.service == read.service else replace(known, service=read.service)
    ) != read
