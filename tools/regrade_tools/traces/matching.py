"""What a query means, on one trace: the reference that every store agrees with."""

import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain, repeat

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Feedback, Label, Trace, counting_labels
from regrade_tools.texts.words import fold, pattern
from regrade_tools.traces import facts as known
from regrade_tools.traces.query import Facet, Fact, Having, Measure, Query, Rated, Within, Words
from regrade_tools.traces.wrong import wrong_kinds

_SIGNS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}
# Text beyond this is stored but not searched: one runaway message must not swell the index.
SEARCHED_CHARACTERS = 256 * 1024
_EXCERPT = 160


def searched(trace: Trace) -> Iterator[tuple[str, str]]:
    """What a search looks at, each text with the name of where it stands.

    That is what was said by people, models and tools, errors, metadata, and feedback.
    """
    left = SEARCHED_CHARACTERS
    for name, text in chain(_texts(trace), _beside(trace)):
        yield name, text[:left]
        left -= len(text) + 1
        if left <= 0:
            return


def is_cut(trace: Trace) -> bool:
    """Whether so much was said that not all of the metadata is looked at."""
    return sum(len(text) + 1 for _, text in _texts(trace)) > SEARCHED_CHARACTERS


def _texts(trace: Trace) -> Iterator[tuple[str, str]]:
    yield "error", trace.error
    for message in trace.messages:
        # The prompt that stands before every conversation would match every query.
        if message.role not in ("system", "developer"):
            yield message.role, message.content
        for call in message.tool_calls:
            yield "tool call", call.name
            yield from _named("tool call", call.arguments)
    yield from _named("input", trace.input)
    yield from _named("output", trace.output)
    yield from _named("metadata", trace.metadata)


def _beside(trace: Trace) -> Iterator[tuple[str, str]]:
    yield from _named("context", [*trace.context])
    for one in trace.feedback:
        for text in (one.name, one.label, one.comment):
            yield f"feedback {one.name}", text
    for span in trace.spans:
        yield f"span {span.name} error", span.error
        if span.kind != "llm":
            yield from _named(f"span {span.name} input", span.input)
            yield from _named(f"span {span.name} output", span.output)


def _named(name: str, value: JsonValue) -> Iterable[tuple[str, str]]:
    # Most values are a text or nothing.
    if isinstance(value, str):
        return ((name, value),)
    return ((name, text) for text in _strings(value))


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


def asked(trace: Trace) -> tuple[str, ...]:
    """The fingerprints of what ``trace`` was given: the program, and its model where it differs."""
    said = fingerprint(trace.exchange.input)
    return (
        tuple(dict.fromkeys((fingerprint(trace.called.input), said))) if trace.program else (said,)
    )


def facets(trace: Trace) -> Iterator[tuple[Facet, str]]:
    """Every facet of a trace that its record tells, with its folded value."""
    single: tuple[tuple[Facet, str], ...] = (
        ("status", trace.status),
        ("model", trace.model),
        ("name", trace.name),
        ("session", trace.session),
        ("source", trace.file),
        ("format", trace.format),
    )
    for facet, value in single:
        if value:
            yield facet, value.casefold()
    for service in dict.fromkeys(span.service for span in trace.spans if span.service):
        if service != trace.file:
            yield "source", service.casefold()
    for tag in trace.tags:
        yield "tag", tag.casefold()
    for name in dict.fromkeys(call.name for call in trace.tool_calls):
        yield "tool", name.casefold()
    if trace.feedback:
        yield "feedback", ""
        yield from dict.fromkeys(found for one in trace.feedback for found in _opinions(one))


def _opinions(one: Feedback) -> Iterator[tuple[Facet, str]]:
    """The facets of a feedback: its name, and its name with what was said or a whole number.

    What was said stands alone, too; of other numbers a bound asks.
    """
    name, said = one.name.casefold(), one.label.casefold()
    number = one.number if one.is_whole else ""
    yield "feedback", name
    if said:
        yield "feedback", f"{name}={said}"
        yield "opinion", said
    if number:
        yield "opinion" if said else "feedback", f"{name}={number}"


def wrong_facets(trace: Trace) -> Iterator[tuple[Facet, str]]:
    """Every facet that what went wrong gives a trace; where nothing shows, none."""
    for kind in wrong_kinds(trace):
        yield "wrong", kind


def label_facets(labels: Iterable[Label]) -> Iterator[tuple[Facet, str]]:
    """Every facet of a trace that its labels give it; without any label, none."""
    counting = counting_labels(labels)
    if counting:
        yield "label", ""
    for label in counting:
        yield "label", label.verdict
        if label.mode:
            yield "mode", label.mode.casefold()


def matches(query: Query, trace: Trace, when: float, labels: Iterable[Label] = ()) -> bool:
    """Whether ``trace``, which began at ``when`` and has ``labels``, is what ``query`` seeks."""
    if (query.since is not None and when < query.since) or (
        query.until is not None and when >= query.until
    ):
        return False
    if not all(measured(term, trace) for term in query.within):
        return False
    if not states(query.facts, trace.metadata) or not rates(query.rated, trace):
        return False
    have = {*facets(trace), *label_facets(labels)}
    if query.names("wrong"):
        have |= {*wrong_facets(trace)}
    return has(query.having, have) and says(query.words, trace)


def has(terms: Iterable[Having], have: AbstractSet[tuple[Facet, str]]) -> bool:
    """Whether what a trace has is what is asked for, and lacks what is not."""
    return all(_has(term, have) != term.negated for term in terms)


def states(terms: Iterable[Fact], metadata: Mapping[str, JsonValue]) -> bool:
    """Whether metadata has the values that are asked for, and lacks those that are not wanted."""
    return all(_states(term, metadata) != term.negated for term in terms)


def rates(terms: Iterable[Rated], trace: Trace) -> bool:
    """Whether some feedback of ``trace`` is within each bound, and none that is not wanted."""
    return all(_rates(term, trace) != term.negated for term in terms)


def _rates(term: Rated, trace: Trace) -> bool:
    return any(
        bool(_SIGNS[term.sign](value, term.bound))
        for name, value in ratings(trace)
        if name == term.name
    )


def ratings(trace: Trace) -> Iterator[tuple[str, float]]:
    """The folded name and the value of each feedback that has one."""
    return ((one.name.casefold(), one.value) for one in trace.feedback if one.value is not None)


def _states(term: Fact, metadata: Mapping[str, JsonValue]) -> bool:
    found = known.values(metadata, term.keys)
    return (
        any(map(str.startswith, found, repeat(term.value)))
        if term.prefix
        else (term.value in found)
    )


def measured(term: Within, trace: Trace) -> bool:
    """Whether a measure is within its bound; what was not logged is within none."""
    value = measure_of(term.measure, trace)
    return value is not None and bool(_SIGNS[term.sign](value, term.bound))


def measure_of(measure: Measure, trace: Trace) -> float | None:
    """A measure of ``trace``; None where the log did not say."""
    measures: dict[Measure, float | None] = {
        "latency": trace.duration_ms,
        "ttft": trace.ttft_ms,
        "cost": trace.cost_usd,
        "tokens": trace.tokens,
    }
    return measures[measure]


def _has(term: Having, have: AbstractSet[tuple[Facet, str]]) -> bool:
    told = kinds(term.facet)
    if not term.prefix:
        return any((facet, term.value) in have for facet in told)
    return any(facet in told and value.startswith(term.value) for facet, value in have)


def kinds(facet: Facet) -> tuple[Facet, ...]:
    """The facets by which ``facet`` is found: feedback by its name and by what it says."""
    return ("feedback", "opinion") if facet == "feedback" else (facet,)


def says(words: tuple[Words, ...], trace: Trace) -> bool:
    """Whether one of the texts of ``trace`` has each term, and none has what is not wanted."""
    if not words:
        return True
    folded = [fold(text) for _, text in searched(trace)]
    return all(_said(term, folded) != term.negated for term in words)


def _said(term: Words, folded: list[str]) -> bool:
    look = pattern(term.tokens, prefix=term.prefix)
    return any(look.search(text) for text in folded)


def excerpt(words: tuple[Words, ...], trace: Trace) -> str:
    """Why ``trace`` was found: where the first word that is asked for stands, and its line.

    Such as ``output: ...the **refund** is late...``; empty where no word is asked for or found.
    """
    terms = [pattern(term.tokens, prefix=term.prefix) for term in words if not term.negated]
    texts = [(name, text, fold(text)) for name, text in searched(trace)] if terms else []
    for term in terms:
        for name, text, folded in texts:
            match = term.search(folded)
            if match:
                # Where letters were composed of parts, only the folded text has the places.
                shown = text if len(text) == len(folded) else folded
                begin = max(match.start() - _EXCERPT // 3, 0)
                end = begin + _EXCERPT
                cut = _marked(shown[begin:end], folded[begin:end], terms)
                return f"{name}: {'...' if begin else ''}{cut}{'...' if end < len(shown) else ''}"
    return ""


def _marked(text: str, folded: str, terms: list[re.Pattern[str]]) -> str:
    """``text`` in one line, with what ``terms`` find in it between asterisks."""
    spans = sorted(match.span() for term in terms for match in term.finditer(folded))
    parts: list[str] = []
    at = 0
    for begin, end in spans:
        if begin >= at:
            parts += [text[at:begin], "**", text[begin:end], "**"]
            at = end
    return " ".join("".join([*parts, text[at:]]).split())
