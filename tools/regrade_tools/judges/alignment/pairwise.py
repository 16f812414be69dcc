"""Which of two answers is better: judged in both orders, because judges prefer a place."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from regrade_tools.judges.alignment.intervals import Rate

# By name of the answer, not by place: `a` is the same answer in both orders.
Choice = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One pair of answers. ``forward`` was shown a first, ``backward`` b first; None: no verdict.

    ``longer`` is the longer answer; ``human`` what people prefer, where they were asked.
    """

    forward: Choice | None
    backward: Choice | None
    longer: Choice = "tie"
    human: Choice | None = None

    @property
    def winner(self) -> Choice | None:
        """What both orders say; a judge that changes its mind with the order says tie."""
        if self.forward is None or self.backward is None:
            return None
        return self.forward if self.forward == self.backward else "tie"


@dataclass(frozen=True, slots=True)
class Preference:
    """What a pairwise judge prefers. Rates are of the pairs that were judged in both orders.

    ``win_rate`` is a's share of the pairs without a tie; ``flipped`` those whose winner changed
    with the order; ``first_shown`` the share of decided verdicts for the answer shown first, .5
    for a judge without a bias; ``longer`` the share of decided pairs won by the longer answer,
    to be read beside ``longer_human``, the same of people; ``agreement`` with people, ties
    included, and ``agreement_decided`` where neither says tie.
    """

    pairs: int
    judged: int
    wins: dict[Choice, int]
    win_rate: Rate
    flipped: Rate
    first_shown: Rate
    longer: Rate
    longer_human: Rate
    agreement: Rate
    agreement_decided: Rate


def preference(comparisons: Iterable[Comparison]) -> Preference:
    """Count what was said of every pair."""
    every = list(comparisons)
    both: list[tuple[Comparison, Choice]] = [
        (one, one.winner) for one in every if one.winner is not None
    ]
    wins = Counter(winner for _, winner in both)
    with_human = [(one.human, winner) for one, winner in both if one.human is not None]
    return Preference(
        pairs=len(every),
        judged=len(both),
        wins={"a": wins["a"], "b": wins["b"], "tie": wins["tie"]},
        win_rate=Rate(wins["a"], wins["a"] + wins["b"]),
        flipped=_rate(one.forward != one.backward for one, _ in both),
        first_shown=_rate(_for_the_first(one for one, _ in both)),
        longer=_rate(_for_the_longer((one.longer, winner) for one, winner in both)),
        longer_human=_rate(_for_the_longer((one.longer, one.human) for one, _ in both)),
        agreement=_rate(human == winner for human, winner in with_human),
        agreement_decided=_rate(
            human == winner for human, winner in with_human if "tie" not in (human, winner)
        ),
    )


def _for_the_first(comparisons: Iterable[Comparison]) -> Iterable[bool]:
    for one in comparisons:
        if one.forward not in ("tie", None):
            yield one.forward == "a"
        if one.backward not in ("tie", None):
            yield one.backward == "b"


def _for_the_longer(pairs: Iterable[tuple[Choice, Choice | None]]) -> Iterable[bool]:
    return (
        longer == preferred
        for longer, preferred in pairs
        if longer != "tie" and preferred not in ("tie", None)
    )


def _rate(said: Iterable[bool]) -> Rate:
    answers = list(said)
    return Rate(sum(answers), len(answers))
