"""Whether a trace is what a query looks for, where the index cannot tell."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from regrade_server.sqlite.index import begins
from regrade_server.sqlite.payload import Packer, decode, metadata
from regrade_server.sqlite.walk import Walk
from regrade_server.sqlite.wording import IN, OUT, Look, look
from regrade_tools.models import Trace
from regrade_tools.traces.matching import facets, has, says, states
from regrade_tools.traces.query import Fact, Having, Query, Words

# What parts two words in JSON: an escape, or any sign that is no letter and no digit; or nothing,
# since a number may be written shorter there.
_BETWEEN = rb"(?:\\[nrtbf]|\\u00[01][0-9a-f]|[^a-z0-9])*"
# So many that are none are told of together.
_TOGETHER = 256


class Candidate(NamedTuple):
    """A row that the index let through; ``trace`` is what was read and proven.

    ``looked`` counts it and those before it that could be told from their wording to be none.
    """

    row: int
    looked: int
    proven: bool = False
    trace: Trace | None = None
    read: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """The terms that only a trace's text can prove. A facet of labels is never among them."""

    words: tuple[Words, ...]
    having: tuple[Having, ...]
    facts: tuple[Fact, ...]
    _look: Look
    _needed: tuple[re.Pattern[bytes], ...]

    def along(
        self, way: Walk, connection: sqlite3.Connection, packer: Packer, after: int | None
    ) -> Iterator[Candidate]:
        """The candidates of ``way`` that follow ``after``, read where that is needed."""
        looked = 0
        for row, told in way.told(connection, self._look, after):
            looked += 1
            if told == OUT:
                # Whoever asks looks at the clock now and then.
                if looked < _TOGETHER:
                    continue
                yield Candidate(row, looked)
            elif told == IN and not self.having and not self.facts:
                yield Candidate(row, looked, proven=True)
            else:
                yield self._read(packer, row, looked, told)
            looked = 0

    def _read(self, packer: Packer, row: int, looked: int, told: int | None) -> Candidate:
        """What is read of the trace in ``row``, whose wording told so much."""
        raw = packer.raw(row)
        if self.facts and not states(self.facts, metadata(raw)):
            return Candidate(row, looked, read=True)
        if not self.having and (not self.words or told == IN):
            return Candidate(row, looked, proven=True, read=True)
        trace = self._proven(raw)
        return Candidate(row, looked, trace is not None, trace, read=True)

    def _proven(self, raw: bytes) -> Trace | None:
        """The trace in ``raw`` where its words and facets are what is asked for."""
        # Most candidates are none, and that their bytes tell without reading them as a trace.
        if raw.isascii() and self._needed:
            low = raw.lower()
            if not all(pattern.search(low) for pattern in self._needed):
                return None
        trace = decode(raw)
        if self.having and not has(self.having, frozenset(facets(trace))):
            return None
        return trace if says(self.words, trace) else None


def proof(query: Query, *, beginnings: bool) -> Proof:
    """The proof of a query's phrases, and of its beginnings where the index is not asked."""
    words = tuple(
        term for term in query.words if len(term.tokens) > 1 or (beginnings and term.prefix)
    )
    having = tuple(term for term in query.having if beginnings and begins(term))
    needed = (_BETWEEN.join(map(_bytes, term.tokens)) for term in words if not term.negated)
    return Proof(
        words, having, query.facts, look(words), tuple(re.compile(pattern) for pattern in needed)
    )


def _bytes(token: str) -> bytes:
    return re.escape(token).encode()
