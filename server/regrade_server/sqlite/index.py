"""Words and facets as tokens of one full-text index, and a query as a match expression.

A facet is one token that no text can hold: it begins with a private-use character, which is a
letter for SQLite's tokenizer and none for ours, by which the words of a text are found.
"""

import re
import sqlite3
from collections.abc import Iterable
from functools import lru_cache

from regrade_tools.models import Label, Trace
from regrade_tools.texts.words import tokens
from regrade_tools.traces.matching import (
    SEARCHED_CHARACTERS,
    facets,
    is_cut,
    kinds,
    label_facets,
    searched,
)
from regrade_tools.traces.matching import asked as given
from regrade_tools.traces.query import Fact, Having, Query, Words

_MARK, _PART = "\ue000", "\ue001"
_ANY = f"{_MARK}any"
# What a trace has of whose metadata not all words are here; of older ones nobody knows.
_BEYOND = f"{_MARK}beyond"
_PARTING = re.compile("[^A-Za-z0-9]")
_NUMBERED = re.compile(f"{_PART}([0-9a-f]+){_PART}")


@lru_cache(maxsize=65_536)
def facet(kind: str, value: str) -> str:
    """The token of a facet; what the tokenizer would part or fold is written as numbers."""
    written = _PARTING.sub(lambda sign: f"{_PART}{ord(sign[0]):x}{_PART}", value)
    return f"{_MARK}{kind}{_PART}{written}"


def facets_of(kind: str) -> tuple[str, str]:
    """Between what the tokens of every facet of ``kind`` lie: the first is inside, the last not."""
    return f"{_MARK}{kind}{_PART}", f"{_MARK}{kind}{chr(ord(_PART) + 1)}"


def named(token: str) -> str:
    """The value of the facet that ``token`` is: ``facet`` read backwards."""
    written = token.partition(_PART)[2]
    return _NUMBERED.sub(lambda found: chr(int(found[1], 16)), written)


def asked(input_fingerprint: str) -> str:
    """The token of what a trace was given: a facet of hex digits, which are of one trace alone."""
    return f"{_MARK}asked{_PART}{input_fingerprint}"


def texts(trace: Trace) -> tuple[str, ...]:
    """The texts of ``trace`` that differ, each as it is where it is ASCII, or as its words.

    What was asked is often told again by every span. SQLite's ascii tokenizer takes every other
    sign for a letter: the words are found here.
    """
    found = dict.fromkeys(text for _, text in searched(trace))
    return tuple(text if text.isascii() else " ".join(tokens(text)) for text in found)


def body(trace: Trace, said: Iterable[str]) -> str:
    """What the index is given for ``trace``, whose texts are ``said``."""
    marks = [_ANY, *map(asked, given(trace))]
    marks.extend(facet(kind, value) for kind, value in facets(trace))
    return "\n".join([*said, " ".join(marks)])


def beyond_marks(trace: Trace, body: bytes) -> frozenset[str]:
    """What the index is given where it lacks metadata; ``body`` is the JSON of ``trace``."""
    # Nearly all are too short: what is searched is all in there.
    long = len(body) > SEARCHED_CHARACTERS
    return frozenset([_BEYOND]) if long and is_cut(trace) else frozenset()


def is_beyond(connection: sqlite3.Connection, row: int) -> bool:
    """Whether ``row`` was given ``beyond_marks``."""
    asked_for = "SELECT 1 FROM trace_fts WHERE trace_fts MATCH ? AND rowid = ?"
    return connection.execute(asked_for, (f'"{_BEYOND}"', row)).fetchone() is not None


def wrong_marks(wrong: str) -> frozenset[str]:
    """What the index is given for what went wrong in one trace: kinds with blanks between."""
    return frozenset(facet("wrong", kind) for kind in wrong.split())


def label_marks(labels: Iterable[Label]) -> frozenset[str]:
    """What the index is given for all the labels of one trace."""
    return frozenset(facet(kind, value) for kind, value in label_facets(labels))


def add(connection: sqlite3.Connection, row: int, *words: str) -> None:
    """Let ``row`` be found by ``words``, too: a row of the index is no more than its words."""
    add_all(connection, [(row, " ".join(words))])


def add_all(connection: sqlite3.Connection, words: Iterable[tuple[int, str]]) -> None:
    """As ``add``, for many rows, each with its words in one text."""
    connection.executemany("INSERT INTO trace_fts(rowid, body) VALUES(?,?)", words)


def remove(connection: sqlite3.Connection, row: int, *words: str) -> None:
    """Let ``row`` no longer be found by ``words``; what was added is removed no oftener."""
    connection.execute(
        "INSERT INTO trace_fts(trace_fts, rowid, body) VALUES('delete',?,?)",
        (row, " ".join(words)),
    )


def exchange(
    connection: sqlite3.Connection, row: int, old: frozenset[str], new: frozenset[str]
) -> None:
    """Let ``row`` be found by ``new`` instead of ``old``."""
    if old == new:
        return
    # FTS5 counts what was added and removed and calls an index with too little damaged.
    add(connection, row, *(new - old or {_ANY}))
    if old - new:
        remove(connection, row, *(old - new))


def match(query: Query, *, beginnings: bool = True) -> str:
    """The match expression of ``query``; empty where it names neither word nor facet.

    It may let through more than is asked for, never less: phrases only as their words, and
    without ``beginnings`` nothing of the terms that are beginnings.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    wanted.extend(filter(None, (_of_fact(term) for term in query.facts if not term.negated)))
    for term in query.words:
        if not term.negated:
            wanted.extend(f'"{token}"' for token in term.tokens[:-1])
        if (not term.negated or len(term.tokens) == 1) and (beginnings or not begins(term)):
            last = f'"{term.tokens[-1]}"{" *" if term.prefix else ""}'
            (unwanted if term.negated else wanted).append(last)
    wanted.extend(f'"{facet("feedback", term.name)}"' for term in query.rated if not term.negated)
    for having in query.having:
        if beginnings or not begins(having):
            (unwanted if having.negated else wanted).append(of_having(having))
    if not wanted and not unwanted:
        return ""
    return " NOT ".join([" AND ".join(wanted or [f'"{_ANY}"']), *unwanted])


def of_having(having: Having) -> str:
    """What every trace matches that has the facet."""
    if is_any(having):
        return f'"{facet(having.facet, "")}"'
    star = " *" if having.prefix else ""
    told = [f'"{facet(kind, having.value)}"{star}' for kind in kinds(having.facet)]
    return told[0] if len(told) == 1 else f"({' OR '.join(told)})"


def is_any(term: Having) -> bool:
    """Whether any label or feedback at all will do, which is a token of its own."""
    return term.prefix and not term.value and term.facet in ("label", "feedback")


def _of_fact(term: Fact) -> str:
    """What every trace matches that states ``term``; empty where it has no word."""
    found = tokens(term.value)[: -1 if term.prefix else None]
    return having_key(term.keys, found)


def having_key(keys: tuple[str, ...], also: tuple[str, ...] = ()) -> str:
    """What every trace matches that has one of ``keys`` in its metadata, and ``also`` as words."""
    ways = [dict.fromkeys((*tokens(key), *also)) for key in keys]
    if not all(ways):
        return ""
    told = (" AND ".join(f'"{token}"' for token in way) for way in ways)
    return f'({" OR ".join(f"({way})" for way in told)} OR "{_BEYOND}")'


def begins(term: Words | Having) -> bool:
    """Whether ``term`` is a beginning for which the index gathers many tokens.

    What labels say is not in the text of a trace, what went wrong is not in its words, and both
    are of few kinds: they are left to the index.
    """
    few = isinstance(term, Having) and (term.facet in ("label", "mode", "wrong") or is_any(term))
    return term.prefix and not few


def must_read(query: Query) -> bool:
    """Whether what the index lets through has to be proven by what is stored."""
    return bool(query.facts) or bool(phrases(query))


def phrases(query: Query) -> tuple[Words, ...]:
    """What the index cannot know: that words adjoin."""
    return tuple(term for term in query.words if len(term.tokens) > 1)
