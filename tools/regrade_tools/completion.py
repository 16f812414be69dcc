"""Spans, and tags, that come later than the trace they belong to."""

from dataclasses import replace

from regrade_tools.fingerprint import fingerprint
from regrade_tools.formats.gathered import identity, joined, may_grow
from regrade_tools.models import Trace


def content(trace: Trace) -> int:
    """A number that says which spans a trace holds; 0 where it is not one that may grow."""
    if not may_grow(trace):
        return 0
    told = sorted(f"{name} {began}" for name, began in map(identity, trace.spans))
    return int(fingerprint("\n".join(told)), 16)


def completed(known: Trace, later: Trace) -> Trace:
    """``known`` with the spans and tags of ``later`` that it lacks; itself where it lacks none.

    The two have one id. What is known stands: a span that both hold is not read again.
    """
    whole = joined(known, later) if may_grow(known) and may_grow(later) else known
    tags = [tag for tag in later.tags if tag not in whole.tags]
    return replace(whole, tags=(*whole.tags, *tags)) if tags else whole


def differs(known: Trace, read: Trace) -> bool:
    """Whether what was read now is something else than what is known under the same id.

    Where they come from and their tags do not count; of a trace of spans, those of both do.
    """
    if not may_grow(known) or not may_grow(read):
        return replace(known, source=read.source, tags=read.tags) != read
    spans = {identity(span): span for span in known.spans}
    return any(spans.get(identity(span), span) != span for span in read.spans)
