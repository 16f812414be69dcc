"""Which combinations of values are tried: every pair first, then by weight, then at random.

Greedy pairwise covering as in AETG (Cohen, Dalal, Fredman and Patton, IEEE Transactions on
Software Engineering 23 (1997) 437-444), with a search behind it, so that what cannot occur is
never chosen and a pair counts as impossible only where no whole combination holds it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

from regrade_tools.refusal import Refusal

# How many steps the search for one combination may take: more only where nearly all is forbidden.
_MOST_STEPS = 20_000
# How often another combination is drawn where one is there already.
_DRAWS = 20

Combination = Mapping[str, str]
# One value, or two of two dimensions: what a combination covers.
Cell = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Space:
    """Dimensions with the weights of their values, and what cannot occur together."""

    weights: Mapping[str, Mapping[str, float]]
    impossible: tuple[Mapping[str, frozenset[str]], ...] = ()

    def allows(self, chosen: Combination) -> bool:
        """Whether nothing in ``chosen``, which may be a part, is impossible."""
        return not any(
            all(chosen.get(name) in values for name, values in one.items())
            for one in self.impossible
        )

    def holds(self, chosen: Combination) -> bool:
        """Whether ``chosen`` is a whole combination of this space that can occur."""
        return (
            chosen.keys() == self.weights.keys()
            and all(value in self.weights[name] for name, value in chosen.items())
            and self.allows(chosen)
        )

    @property
    def cells(self) -> list[Cell]:
        """Every pair of values of two dimensions; of a single dimension every value."""
        if len(self.weights) == 1:
            return [((name, value),) for name, held in self.weights.items() for value in held]
        return [
            ((one, left), (other, right))
            for one, other in combinations(self.weights, 2)
            for left in self.weights[one]
            for right in self.weights[other]
        ]

    def cells_of(self, chosen: Combination) -> Iterable[Cell]:
        """The cells that ``chosen`` covers."""
        held = [(name, chosen[name]) for name in self.weights if name in chosen]
        return combinations(held, 1 if len(self.weights) == 1 else 2)

    def weight(self, cell: Cell) -> float:
        """How much a cell matters: the product of the shares of its values."""
        product = 1.0
        for name, value in cell:
            product *= self.weights[name][value] / sum(self.weights[name].values())
        return product


@dataclass(frozen=True, slots=True)
class Plan:
    """The combinations in their order. ``feasible`` are the cells that can be covered at all.

    ``needed``: the first so many cover every cell that was still open.
    """

    combinations: tuple[Combination, ...]
    feasible: frozenset[Cell]
    needed: int


def plan(
    space: Space,
    n: int,
    seed: int,
    known: Sequence[Combination] = (),
    lean: Mapping[tuple[str, str], float] | None = None,
) -> Plan:
    """``n`` combinations; the same of the same arguments.

    Args:
        space: What can be combined.
        n: How many.
        seed: Decides where weights do not.
        known: Combinations that there are already; what they cover is not covered again first.
        lean: By how much the weight of a value is raised.

    Raises:
        Refusal: Nothing can occur, or too much is impossible to be searched through.
    """
    leaning = lean or {}
    weights = {
        name: {value: weight * leaning.get((name, value), 1) for value, weight in held.items()}
        for name, held in space.weights.items()
    }
    choosing = _Choosing(Space(weights, space.impossible), Random(seed))  # noqa: S311 - no secret
    for one in known:
        choosing.count(one)
    cover = choosing.cover()
    feasible = frozenset(choosing.space.cells) - choosing.infeasible
    chosen = cover[:n]
    if not cover and choosing.completed({}) is None:
        raise Refusal(
            "No combination of the dimensions can occur.",
            next_step="Take something out of `impossible` in the suite.",
        )
    filling = _Choosing(choosing.space, choosing.random)
    for one in (*known, *chosen):
        filling.count(one)
    while len(chosen) < n:
        chosen.append(filling.drawn())
    return Plan(tuple(chosen), feasible, len(cover))


@dataclass
class _Choosing:
    """Combinations while they are chosen: what is covered, and how often each value came."""

    space: Space
    random: Random
    covered: set[Cell] = field(default_factory=set[Cell])
    counts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    seen: set[tuple[tuple[str, str], ...]] = field(default_factory=set[tuple[tuple[str, str], ...]])
    infeasible: set[Cell] = field(default_factory=set[Cell])
    _steps: int = 0

    def count(self, chosen: Combination) -> None:
        """Count what ``chosen`` covers."""
        self.covered.update(self.space.cells_of(chosen))
        self.counts.update(chosen.items())
        self.seen.add(tuple(chosen.items()))

    def cover(self) -> list[Combination]:
        """Combinations that together hold each value, then each cell, that can occur."""
        found: list[Combination] = []
        values: list[Cell] = [
            ((name, value),) for name, held in self.space.weights.items() for value in held
        ]
        for cell in (*self._by_weight(values), *self._by_weight(self.space.cells)):
            if cell in self.covered or (len(cell) == 1 and self.counts[cell[0]]):
                continue
            chosen = self.completed(dict(cell))
            if chosen is None:
                self.infeasible.add(cell)
                continue
            self.count(chosen)
            found.append(chosen)
        return found

    def _by_weight(self, cells: Sequence[Cell]) -> list[Cell]:
        mixed = self.random.sample(cells, len(cells))
        return sorted(mixed, key=lambda cell: -round(self.space.weight(cell), 12))

    def completed(self, part: Combination) -> Combination | None:
        """A whole combination that holds ``part``; None where none can occur."""
        rest = [name for name in self.space.weights if name not in part]
        self.random.shuffle(rest)
        self._steps = 0
        found = self._search(dict(part), rest) if self.space.allows(part) else None
        return None if found is None else {name: found[name] for name in self.space.weights}

    def _search(self, chosen: dict[str, str], rest: list[str]) -> dict[str, str] | None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise Refusal(
                "So much is impossible that no combination was found in time.",
                next_step="Name fewer impossible combinations, or split a dimension.",
            )
        if not rest:
            return chosen
        name, later = rest[0], rest[1:]
        for value in self._preferred(name, chosen):
            more = {**chosen, name: value}
            if self.space.allows(more):
                found = self._search(more, later)
                if found is not None:
                    return found
        return None

    def _preferred(self, name: str, chosen: Combination) -> list[str]:
        """The values of a dimension, first what covers most, then what lags behind its weight."""
        held = self.space.weights[name]
        total, came = sum(held.values()), sum(self.counts[name, value] for value in held)
        mixed = self.random.sample(list(held), len(held))

        def rank(value: str) -> tuple[int, int, float]:
            pairs = self._cells_with(name, value, chosen)
            lag = held[value] / total * (came + 1) - self.counts[name, value]
            unseen = not self.counts[name, value]
            return -unseen, -sum(cell not in self.covered for cell in pairs), -round(lag, 9)

        return sorted(mixed, key=rank)

    def _cells_with(self, name: str, value: str, chosen: Combination) -> list[Cell]:
        places = {own: place for place, own in enumerate(self.space.weights)}
        return [
            ((name, value), held) if places[name] < places[held[0]] else (held, (name, value))
            for held in chosen.items()
        ]

    def drawn(self) -> Combination:
        """The next combination by weight, one that is not there yet where that is to be had."""
        first = chosen = self.completed({})
        for time in range(_DRAWS):
            if chosen is not None and tuple(chosen.items()) not in self.seen:
                break
            # By chance: what lags most has led to a combination that is there already.
            names = list(self.space.weights)
            part: dict[str, str] = {}
            for name in self.random.sample(names, min(time + 1, len(names))):
                held = self.space.weights[name]
                part[name] = self.random.choices(list(held), list(held.values()))[0]
            chosen = self.completed(part)
        else:
            chosen = first
        if chosen is None:
            raise Refusal("No combination of the dimensions can occur.")
        self.count(chosen)
        return chosen
