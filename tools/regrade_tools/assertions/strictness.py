"""Whether an assertion only became stricter: no answer passes it that failed the former one.

What is not shown here to be so is not: a kind that is missing, or a field, has simply changed.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import JsonValue

from regrade_tools.assertions import behaviour, calls, effort, likeness, phrases, retrieval, text
from regrade_tools.assertions.comparison import Condition
from regrade_tools.assertions.kinds import parse
from regrade_tools.assertions.structure import Path
from regrade_tools.assertions.verdicts import Assertion
from regrade_tools.fingerprint import canonical
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal

# Whether what meets the second value meets the first, too.
_Relation = Callable[[Any, Any], bool]


def _at_most(was: float | None, now: float | None) -> bool:
    return was is None or (now is not None and now <= was)


def _at_least(was: float | None, now: float | None) -> bool:
    return was is None or (now is not None and now >= was)


def _more(was: Collection[str], now: Collection[str]) -> bool:
    return set(was) <= set(now)


def _fewer(was: Collection[str], now: Collection[str]) -> bool:
    return set(now) <= set(was)


def _narrower(was: Condition | None, now: Condition | None) -> bool:
    # A condition that is new is asked of more than a number, and where it is not one fails.
    return was is not None and now is not None and now.within(was)


_MOST = {"threshold": _at_most}
_LEAST = {"threshold": _at_least}
_ALL, _ANY = {"value": _more}, {"value": _fewer}
_TIMES = {"times": _narrower}
# By the field, as it is written in a file. The more of these move, all the right way, the stricter.
_MOVES: Mapping[type[Assertion], Mapping[str, _Relation]] = {
    **dict.fromkeys(
        (effort.Latency, effort.TimeToFirstToken, effort.Cost, effort.Tokens, effort.Steps), _MOST
    ),
    likeness.Levenshtein: _MOST,
    **dict.fromkeys((likeness.RougeN, likeness.RougeL, likeness.Bleu, likeness.Gleu), _LEAST),
    **dict.fromkeys(
        (retrieval.RecallAtK, retrieval.PrecisionAtK, retrieval.Mrr, retrieval.Ndcg), _LEAST
    ),
    likeness.CloseTo: {"tolerance": _at_most},
    text.Count: {"min": _at_least, "max": _at_most},
    **dict.fromkeys((text.ContainsAll, phrases.IContainsAll), _ALL),
    **dict.fromkeys((text.ContainsAny, phrases.IContainsAny), _ANY),
    **dict.fromkeys((behaviour.ToolCalled, calls.ToolCallCount), _TIMES),
    Path: {"len": _narrower, "is": _narrower},
}


def is_as_strict(was: Spec, now: Spec) -> bool:
    """Whether every answer that passes ``now`` surely passes ``was``; negation turns it round."""
    try:
        before, after = parse(was), parse(now)
    except Refusal:
        # What was asked once and can be asked no more, or is a program.
        return False
    moves = _MOVES.get(type(before.assertion), {})
    if _rest(was, moves) != _rest(now, moves):
        return False
    first, second = (after, before) if before.negated else (before, after)
    pairs = {
        name: (_field(first.assertion, name), _field(second.assertion, name)) for name in moves
    }
    return bool(moves) and all(
        one == two or moves[key](one, two) for key, (one, two) in pairs.items()
    )


def _rest(spec: Spec, moves: Mapping[str, _Relation]) -> bytes:
    """What may not have moved at all, the type and its negation among it."""
    rest: JsonValue = {key: value for key, value in spec.items() if key not in moves}
    return canonical(rest)


def _field(assertion: Assertion, name: str) -> object:
    return getattr(assertion, "is_" if name == "is" else name)
