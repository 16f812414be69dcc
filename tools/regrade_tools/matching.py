"""What a query means, on one trace: the reference that every store agrees with."""

import operator
from collections.abc import Iterator

from pydantic import JsonValue

from regrade_tools.models import Trace
from regrade_tools.query import FACETS, Facet, Having, Query, Within, Words
from regrade_tools.words import fold, pattern

_SIGNS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
# Text beyond this is stored but not searched: one runaway message must not swell the index.
SEARCHED_CHARACTERS = 256 * 1024
_EXCERPT = 160


def searched_text(trace: Trace) -> str:
    """What a search looks at: what was said by people, models and tools, errors, metadata."""
    return "\n".join(_texts(trace))[:SEARCHED_CHARACTERS]


def _texts(trace: Trace) -> Iterator[str]:
    yield trace.error
    for message in trace.messages:
        # The prompt that stands before every conversation would match every query.
        if message.role not in ("system", "developer"):
            yield message.content
        for call in message.tool_calls:
            yield call.name
            yield from _strings(call.arguments)
    yield from _strings(trace.input)
    yield from _strings(trace.output)
    yield from _strings(trace.metadata)
    for span in trace.spans:
        yield span.error
        if span.kind != "llm":
            yield from _strings(span.input)
            yield from _strings(span.output)


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif value is not None:
        yield str(value)


def facets(trace: Trace) -> Iterator[tuple[Facet, str]]:
    """Every facet of a trace with its folded value."""
    single: dict[Facet, str] = {
        "status": trace.status,
        "model": trace.model,
        "name": trace.name,
        "session": trace.session,
        "source": trace.file,
        "format": trace.format,
    }
    for facet in FACETS:
        if single.get(facet):
            yield facet, single[facet].casefold()
    for tag in trace.tags:
        yield "tag", tag.casefold()
    for name in dict.fromkeys(call.name for call in trace.tool_calls):
        yield "tool", name.casefold()


def matches(query: Query, trace: Trace, when: float) -> bool:
    """Whether ``trace``, which began at ``when``, is what ``query`` looks for."""
    if (query.since is not None and when < query.since) or (
        query.until is not None and when >= query.until
    ):
        return False
    if not all(measured(term, trace) for term in query.within):
        return False
    have = set(facets(trace))
    if not all(_has(term, have) != term.negated for term in query.having):
        return False
    return says(query.words, searched_text(trace))


def measured(term: Within, trace: Trace) -> bool:
    """Whether a measure is within its bound; what was not logged is within none."""
    value = {
        "latency": trace.duration_ms,
        "cost": trace.cost_usd,
        "tokens": trace.tokens,
    }[term.measure]
    return value is not None and bool(_SIGNS[term.sign](value, term.bound))


def _has(term: Having, have: set[tuple[Facet, str]]) -> bool:
    if not term.prefix:
        return (term.facet, term.value) in have
    return any(facet == term.facet and value.startswith(term.value) for facet, value in have)


def says(words: tuple[Words, ...], text: str) -> bool:
    """Whether ``text`` has the words that are asked for and lacks those that are not."""
    if not words:
        return True
    folded = fold(text)
    return all(
        bool(pattern(term.tokens, prefix=term.prefix).search(folded)) != term.negated
        for term in words
    )


def excerpt(words: tuple[Words, ...], text: str) -> str:
    """The text around the first word that is asked for, in one line; empty where none is."""
    folded = fold(text)
    if len(folded) != len(text):
        # Where letters were composed of parts, only the folded text has the places.
        text = folded
    for term in words:
        match = None if term.negated else pattern(term.tokens, prefix=term.prefix).search(folded)
        if match:
            begin = max(match.start() - _EXCERPT // 3, 0)
            cut = " ".join(text[begin : begin + _EXCERPT].split())
            return f"{'...' if begin else ''}{cut}{'...' if begin + _EXCERPT < len(text) else ''}"
    return ""
