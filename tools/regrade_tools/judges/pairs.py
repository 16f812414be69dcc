"""Pairs of answers, judged in both orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.fingerprint import item_key
from regrade_tools.judges.alignment.pairwise import Choice, Comparison, preference
from regrade_tools.judges.judging import reads_context
from regrade_tools.judges.report import Preferred
from regrade_tools.models import Item, Judge, Judged, Judgement
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.figures import figure
from regrade_tools.texts.jsontext import several

_FIELDS = frozenset({"input", "a", "b", "human"})
_SHOWN_FIRST: dict[Judgement, Choice] = {"pass": "a", "fail": "b", "unknown": "tie"}
_TURNED: dict[Choice, Choice] = {"a": "b", "b": "a", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one input; ``human`` is what people prefer, where they were asked.

    ``context`` is what both could draw on, where the judge is shown it.
    """

    input: JsonValue
    a: JsonValue
    b: JsonValue
    human: Choice | None = None
    context: tuple[JsonValue, ...] = ()

    def item(self, place: str, *, turned: bool) -> Item:
        """What is judged: one of the two orders."""
        first, second = (self.b, self.a) if turned else (self.a, self.b)
        shown: JsonValue = {"first": first, "second": second}
        key = item_key(self.input, shown, context=self.context)
        return Item(key, self.input, shown, place=place, context=self.context)


def pairs_of(
    given: Sequence[dict[str, JsonValue]], clean: Redaction, *, context: bool
) -> tuple[Pair, ...]:
    """The pairs as a caller gives them, without secrets.

    Raises:
        Refusal: One has other fields than input, a, b and human, and ``context`` where that is
            judged.
    """
    fields = _FIELDS | {"context"} if context else _FIELDS
    found: list[Pair] = []
    for number, one in enumerate(given, 1):
        human = one.get("human")
        if not {"a", "b"} <= set(one) <= fields or human not in (None, "a", "b", "tie"):
            raise Refusal(
                f"Pair {number} is wrong.",
                next_step='Each is {"input": ..., "a": ..., "b": ...}; human may be a, b or tie'
                f"{', context a list' if context else ''}.",
            )
        texts = [clean.apply(one.get(name)) for name in ("input", "a", "b")]
        preferred: dict[JsonValue, Choice] = {"a": "a", "b": "b", "tie": "tie"}
        context_of = several(clean.apply(one.get("context")))
        found.append(Pair(*texts, human=preferred.get(human), context=context_of))
    return tuple(found)


def compared(
    judge: Judge, given: list[dict[str, JsonValue]] | None, clean: Redaction
) -> tuple[Pair, ...]:
    """The pairs that were given, where the judge is one that compares."""
    if judge.spec.pairwise != bool(given):
        told = "compares two answers" if judge.spec.pairwise else "does not compare answers"
        raise Refusal(
            f"The judge {judge.name} {told}.",
            next_step='Give pairs ([{"input": ..., "a": ..., "b": ...}]) to a judge whose file '
            "says `pairwise: true`, and to no other.",
        )
    return pairs_of(given or (), clean, context=reads_context(judge))


def both_orders(found: Sequence[Pair]) -> list[Item]:
    """Each pair twice, a first and then b first."""
    return [
        pair.item(f"pair {number}", turned=turned)
        for number, pair in enumerate(found, 1)
        for turned in (False, True)
    ]


def preferred(found: Sequence[Pair], judged: Mapping[str, Judged]) -> Preferred:
    """What the judge prefers, and how much the order and the length had to do with it."""
    told = preference(_comparison(pair, judged) for pair in found)
    return Preferred(
        pairs=told.pairs,
        judged=told.judged,
        a_wins=told.wins["a"],
        b_wins=told.wins["b"],
        ties=told.wins["tie"],
        win_rate_a=figure(told.win_rate),
        flipped=figure(told.flipped),
        first_shown=figure(told.first_shown),
        longer_wins=figure(told.longer),
        longer_wins_people=figure(told.longer_human),
        agreement=figure(told.agreement),
        agreement_decided=figure(told.agreement_decided),
    )


def _comparison(pair: Pair, judged: Mapping[str, Judged]) -> Comparison:
    forward = _said(judged[pair.item("", turned=False).key])
    backward = _said(judged[pair.item("", turned=True).key])
    one, two = len(str(pair.a)), len(str(pair.b))
    return Comparison(
        forward,
        _TURNED[backward] if backward else None,
        longer="a" if one > two else "b" if two > one else "tie",
        human=pair.human,
    )


def _said(judged: Judged) -> Choice | None:
    """What is said of the answer shown first; what nobody can read has no reason and no winner."""
    return _SHOWN_FIRST.get(judged.verdict) if judged.heard else None
