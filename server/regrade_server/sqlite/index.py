"""Words and facets as tokens of one full-text index, and a query as a match expression.

A facet is one token that no text can hold: it begins with a private-use character, which is a
letter for SQLite's tokenizer and none for ours, by which the words of a text are found.
"""

from functools import lru_cache

from regrade_tools.fingerprint import fingerprint
from regrade_tools.matching import facets, searched_text
from regrade_tools.models import Trace
from regrade_tools.query import Query, Words
from regrade_tools.words import tokens

_MARK, _PART = "\ue000", "\ue001"
_ANY = f"{_MARK}any"


@lru_cache(maxsize=65_536)
def facet(kind: str, value: str) -> str:
    """The token of a facet; what the tokenizer would part or fold is written as numbers."""
    written = "".join(
        c if c.isascii() and c.isalnum() else f"{_PART}{ord(c):x}{_PART}" for c in value
    )
    return f"{_MARK}{kind}{_PART}{written}"


def asked(input_fingerprint: str) -> str:
    """The token of what a trace was given."""
    return facet("asked", input_fingerprint)


def body(trace: Trace) -> str:
    """What the index is given for ``trace``."""
    text = searched_text(trace)
    if not text.isascii():
        # SQLite's ascii tokenizer takes every other sign for a letter: the words are found here.
        text = " ".join(tokens(text))
    marks = [_ANY, asked(fingerprint(trace.exchange.input))]
    marks.extend(facet(kind, value) for kind, value in facets(trace))
    return f"{text}\n{' '.join(marks)}"


def match(query: Query) -> str:
    """The match expression of ``query``; empty where it names neither word nor facet.

    It may let through more than is asked for (see ``unproven``), never less.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for term in query.words:
        if not term.negated:
            wanted.extend(f'"{token}"' for token in term.tokens[:-1])
        if not term.negated or len(term.tokens) == 1:
            last = f'"{term.tokens[-1]}"{" *" if term.prefix else ""}'
            (unwanted if term.negated else wanted).append(last)
    for having in query.having:
        token = f'"{facet(having.facet, having.value)}"{" *" if having.prefix else ""}'
        (unwanted if having.negated else wanted).append(token)
    if not wanted and not unwanted:
        return ""
    return " NOT ".join([" AND ".join(wanted or [f'"{_ANY}"']), *unwanted])


def unproven(query: Query) -> tuple[Words, ...]:
    """The phrases: the index knows that their words occur, only the text that they adjoin."""
    return tuple(term for term in query.words if len(term.tokens) > 1)
