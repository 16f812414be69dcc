"""The query language, the same in MCP, in the CLI and on pages: text -> ``Query``.

Words and "phrases" must all occur, ``-not`` must not, ``word*`` is a beginning, and a
qualifier such as ``status:error`` or ``latency:>2s`` narrows. A mistake is refused with what
is valid; no part of a query ever reaches a database as text.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeGuard

from regrade_tools.models import WRONG_KINDS
from regrade_tools.models.feedback import DECIMAL
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.plaintext import encodable, line
from regrade_tools.texts.timestamps import duration, moment
from regrade_tools.texts.words import tokens
from regrade_tools.traces.facts import META, keys

# The last is of feedback, too: what it says where its name is not asked for.
Facet = Literal[
    "status", "model", "name", "tag", "session", "tool", "source", "format", "wrong", "label",
    "mode", "feedback", "opinion",
]  # fmt: skip
Measure = Literal["latency", "ttft", "cost", "tokens"]
Sign = Literal[">", ">=", "<", "<=", "="]

FACETS: tuple[Facet, ...] = (
    "status", "model", "name", "tag", "session", "tool", "source", "format", "wrong", "label",
    "mode", "feedback",
)  # fmt: skip
MEASURES: tuple[Measure, ...] = ("latency", "ttft", "cost", "tokens")
_TIMES = ("since", "until")
_VALUES: dict[str, tuple[str, ...]] = {
    "status": ("ok", "error"),
    "wrong": (*WRONG_KINDS, "none"),
    "label": ("pass", "fail", "none"),
}
QUALIFIERS = (*FACETS, "user", f"{META}<key>", *MEASURES, *_TIMES)
# Of these ``none`` is a value, too: traces that have no other.
OR_NONE: tuple[Facet, ...] = ("wrong", "label", "feedback")
_LONGEST = 2_000
_MOST_TERMS = 64
_SMALLEST_MOMENT = 100_000_000
_PART = re.compile(
    r'(?P<minus>-)?(?:(?P<key>(?i:meta)\.(?:"[^"]+"|[^\s:"]+)|[A-Za-z_]+):)?'
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?P<clinging>\S*)|(?P<bare>\S*))'
)
# What other searches read as operators, and nobody means as words.
_OPERATORS = ("OR", "AND", "NOT")
_BOUND = re.compile(r"(>=|<=|>|<)(.+)")
_RATED = re.compile(r"(.*?)(>=|<=|>|<|=)(.+)", re.DOTALL)
_EXAMPLE = 'Example: refund -test "not available" status:error tag:prod latency:>2s since:7d'


@dataclass(frozen=True, slots=True)
class Words:
    """Tokens that stand side by side in the text; the last may be only a beginning."""

    tokens: tuple[str, ...]
    prefix: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Having:
    """A facet that has a value, or a value that begins so; values are folded to lower case."""

    facet: Facet
    value: str
    prefix: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of metadata under one of ``keys``, or one that begins so; both folded.

    ``facet`` is how it was asked for.
    """

    facet: str
    keys: tuple[str, ...]
    value: str
    prefix: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """A measure on one side of a bound: latency and ttft in ms, cost in dollars, tokens.

    ``ttft`` is the time to the first token.
    """

    measure: Measure
    sign: Sign
    bound: float


@dataclass(frozen=True, slots=True)
class Rated:
    """Feedback by a name, folded to lower case, with a value on one side of a bound."""

    name: str
    sign: Sign
    bound: float
    negated: bool = False


_SIGNS: dict[str, Sign] = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "="}


# Where nothing is found.
NO_MATCH = "Nothing matches: drop a term, or write word* for all that begins so."


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. Times are Unix seconds; ``since`` is inside, ``until`` is not."""

    words: tuple[Words, ...] = ()
    having: tuple[Having, ...] = ()
    within: tuple[Within, ...] = ()
    since: float | None = None
    until: float | None = None
    facts: tuple[Fact, ...] = ()
    rated: tuple[Rated, ...] = ()

    def names(self, facet: Facet) -> bool:
        """Whether a value of ``facet`` is asked for, or not wanted."""
        return any(term.facet == facet for term in self.having)

    def added(self, term: "Words | Having | Fact | Rated | Within") -> Self:
        """This query and one more term."""
        if isinstance(term, Words):
            return replace(self, words=(*self.words, term))
        if isinstance(term, Having):
            return replace(self, having=(*self.having, term))
        if isinstance(term, Fact):
            return replace(self, facts=(*self.facts, term))
        if isinstance(term, Rated):
            return replace(self, rated=(*self.rated, term))
        return replace(self, within=(*self.within, term))


def parse(text: str, *, now: float) -> Query:
    """Read a query; the empty text finds everything, and no other text that asks for nothing.

    Args:
        text: The query.
        now: Unix seconds, from which ``since:7d`` counts back.

    Raises:
        Refusal: A qualifier, a number or a time in it cannot be read, or nothing in it can be
            looked for.
    """
    if len(text) > _LONGEST:
        raise Refusal(f"The query is longer than {_LONGEST} characters.", next_step=_EXAMPLE)
    found = Query()
    passed = ""
    parts = (match for match in _PART.finditer(text) if match[0])
    for number, match in enumerate(parts, 1):
        if number > _MOST_TERMS:
            raise Refusal(f"The query has more than {_MOST_TERMS} terms.", next_step=_EXAMPLE)
        if match[0] in _OPERATORS:
            raise Refusal(
                f"{match[0]} is no operator here: all terms must match.",
                next_step=f'Search once for each alternative; "{match[0]}" in quotes is the word. '
                f"{_EXAMPLE}",
            )
        clinging = match["clinging"] or ""
        rated = (match["key"] or "").lower() == "feedback"
        if clinging and not (rated and clinging[0] in _SIGNS and _RATED.fullmatch(clinging)):
            raise Refusal(
                f"After a closing quote stands {clinging[:40]!r}.",
                next_step="Put a blank between them.",
            )
        if (match["bare"] or "").startswith('"'):
            raise Refusal(f"The quote in {match[0][:40]!r} is not closed.", next_step=_EXAMPLE)
        key, negated = match["key"], bool(match["minus"])
        quoted = match["quoted"]
        value = match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if key is None:
            term = _words(value, negated=negated, quoted=quoted is not None)
            passed = passed or (match[0] if term is None else "")
            found = found if term is None else found.added(term)
        elif rated and value:
            whole = quoted is not None
            found = found.added(_feedback(value, clinging, negated=negated, quoted=whole))
        else:
            whole = quoted is not None
            # A key of metadata may have blanks and colons, and is then in quotes.
            name = key.replace('"', "").lower()
            found = _qualified(found, name, value, negated=negated, quoted=whole, now=now)
    if passed and found == Query():
        # To pass over all that was written would find, and remove, every trace.
        raise _unsearchable(passed)
    return found


def _words(value: str, *, negated: bool, quoted: bool) -> Words | None:
    """What to look for; None for the punctuation of a sentence that somebody pasted."""
    found = tokens(value)
    prefix = not quoted and value.endswith("*") and len(value) > 1
    if found:
        return Words(found, prefix, negated)
    if all(unicodedata.category(sign)[0] in "PZ" or sign.isspace() for sign in value):
        return None
    raise _unsearchable(value)


def _unsearchable(text: str) -> Refusal:
    return Refusal(
        f"{text[:40]!r} has no letter or digit, and only those are searched.",
        next_step=f"Leave it out, or write a word or a qualifier. {_EXAMPLE}",
    )


def _qualified(  # noqa: PLR0913 - what the grammar knows of one term
    found: Query, key: str, value: str, *, negated: bool, quoted: bool, now: float
) -> Query:
    known = keys(key)
    if key not in QUALIFIERS and not known:
        hint = f' To search for the text itself, quote it: "{key}:{value}".'
        raise unknown("qualifier", key, QUALIFIERS, next_step=_EXAMPLE + hint)
    if not value:
        raise Refusal(f"{key}: has no value.", next_step=_EXAMPLE)
    if known:
        prefix = not quoted and value.endswith("*")
        bare = (value.removesuffix("*") if prefix else value).casefold()
        return found.added(Fact(key, known, bare, prefix, negated))
    if _is_facet(key):
        return found.added(_having(key, value, negated=negated, quoted=quoted))
    if negated:
        other = {"since": "until:", "until": "since:"}.get(key, f"{key}:<2")
        raise Refusal(f"-{key}: cannot be negated.", next_step=f"Turn its sign round: {other}")
    if _is_measure(key):
        return found.added(_within(key, value))
    when = _moment(key, value, now)
    return replace(found, since=when) if key == "since" else replace(found, until=when)


def _having(facet: Facet, value: str, *, negated: bool, quoted: bool) -> Having:
    prefix = not quoted and value.endswith("*")
    bare = (value.removesuffix("*") if prefix else value).casefold()
    valid = _VALUES.get(facet)
    if valid and not prefix and bare not in valid:
        raise unknown(facet, bare, valid, next_step=_EXAMPLE)
    if facet in OR_NONE and bare == "none" and not prefix:
        # It has no label of any kind, or nothing went wrong.
        return Having(facet, "", prefix=True, negated=not negated)
    return Having(facet, bare, prefix, negated)


def _feedback(value: str, clinging: str, *, negated: bool, quoted: bool) -> Having | Rated:
    """What ``feedback:`` asks for: a name or what was said, a name with that, or with a bound.

    ``clinging`` is what stands after a name in quotes.
    """
    # As names and words of feedback are kept.
    value = line(encodable(value))
    match = _RATED.fullmatch(clinging if quoted else value)
    if not quoted and '"' in value:
        raise Refusal(
            f"A quote stands inside feedback:{value[:40]}.",
            next_step='Quote all of it, feedback:"user rating=very good", or the name before a '
            'bound, feedback:"user rating"<0.5.',
        )
    if match is None:
        return _having("feedback", value, negated=negated, quoted=quoted)
    name, sign, said = value if quoted else match[1], _SIGNS[match[2]], match[3]
    bound = float(said) if DECIMAL.fullmatch(said) else None
    if name and sign == "=" and (bound is None or bound.is_integer()):
        told = said if bound is None else str(int(bound))
        return _having("feedback", f"{name}={told}", negated=negated, quoted=False)
    if bound is None or not name:
        raise Refusal(
            f"feedback:{value[:40]}{clinging[:40]} is no bound.",
            next_step="Write feedback:NAME, feedback:NAME=thumbs_down, feedback:NAME<0.5, "
            "feedback:none or feedback:*.",
        )
    return Rated(name.casefold(), sign, bound, negated)


def _is_facet(key: str) -> TypeGuard[Facet]:
    return key in FACETS


def _is_measure(key: str) -> TypeGuard[Measure]:
    return key in MEASURES


def _within(measure: Measure, value: str) -> Within:
    readers: dict[Measure, Callable[[str], float | None]] = {
        "latency": _milliseconds,
        "ttft": _milliseconds,
        "cost": lambda text: _number(text.removeprefix("$")),
        "tokens": _number,
    }
    match = _BOUND.fullmatch(value)
    bound = readers[measure](match[2]) if match else None
    if match and bound is None and readers[measure] is _milliseconds and _number(match[2]):
        raise Refusal(
            f"{measure}:{value} has no unit.",
            next_step=f"Write {measure}:{value}ms or {measure}:{value}s.",
        )
    if match is None or bound is None:
        raise Refusal(
            f"{measure}:{value} is no bound.",
            next_step=f"Write {measure}:> or < with a number, such as latency:>2s, cost:>0.01 "
            "or tokens:>=4000.",
        )
    return Within(measure, _SIGNS[match[1]], bound)


def _milliseconds(text: str) -> float | None:
    # A bare number is seconds to some and milliseconds to others.
    seconds = duration(text) if text[-1:].isalpha() or _number(text) == 0 else None
    return None if seconds is None else seconds * 1000


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e15 else None  # noqa: PLR2004 - beyond any count or price


def _moment(key: str, value: str, now: float) -> float:
    ago = duration(value) if value[-1:].isalpha() else None
    found = now - ago if ago is not None else moment(value)
    # A small bare number is a forgotten unit, not a moment of 1970.
    if found is None or (value.isdecimal() and int(value) < _SMALLEST_MOMENT):
        raise Refusal(
            f"{key}:{value} is no time.",
            next_step=f"Write {key}:7d, {key}:12h, {key}:2026-11-01 or {key}:2026-11-01T08:00.",
        )
    return found
