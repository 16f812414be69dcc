"""Plans of inputs: every pair that can occur, nothing that cannot, the same from the same seed."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrade_tools.inputs.generation.combinations import Combination, Space, plan
from regrade_tools.inputs.generation.coverage import Coverage, coverage
from regrade_tools.refusal import Refusal

VALUES = "abcd"


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    sizes = draw(st.lists(st.integers(1, len(VALUES)), min_size=1, max_size=4))
    weights = {
        f"d{place}": {value: draw(st.sampled_from([0.5, 1.0, 4.0])) for value in VALUES[:size]}
        for place, size in enumerate(sizes)
    }
    values = {name: st.frozensets(st.sampled_from([*held]), min_size=1) for name, held in
              weights.items()}  # fmt: skip
    one = st.lists(st.sampled_from([*weights]), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in names})
    )
    return Space(weights, tuple(draw(st.lists(one, max_size=4))))


def possible(space: Space) -> list[Combination]:
    """All that can occur, by trying everything."""
    every = product(*space.weights.values())
    made = [dict(zip(space.weights, values, strict=True)) for values in every]
    return [one for one in made if space.allows(one)]


@given(spaces(), st.integers(0, 5))
def test_a_plan_holds_every_pair_that_can_occur_and_no_combination_that_cannot(
    space: Space, seed: int
) -> None:
    occurring = possible(space)
    if not occurring:
        with pytest.raises(Refusal, match="No combination"):
            plan(space, 3, seed)
        return
    needed = plan(space, 1, seed).needed
    found = plan(space, max(needed, 1), seed)
    feasible = {cell for one in occurring for cell in space.cells_of(one)}
    assert found.feasible == feasible
    assert {cell for one in found.combinations for cell in space.cells_of(one)} == feasible
    assert all(space.holds(one) for one in found.combinations)


@given(spaces(), st.integers(0, 5), st.integers(1, 40))
def test_a_plan_has_as_many_as_asked_and_is_the_same_from_the_same_seed(
    space: Space, seed: int, n: int
) -> None:
    if not possible(space):
        return
    found = plan(space, n, seed)
    assert len(found.combinations) == n
    assert all(space.holds(one) for one in found.combinations)
    assert plan(space, n, seed) == found
    covered = [coverage(space, found.feasible, found.combinations[:size]).covered
               for size in range(n + 1)]  # fmt: skip
    # Each of the first brings something new until all is covered; a value alone may bring none.
    new = [later > before for before, later in pairwise(covered)]
    assert all(new[: min(n, found.needed)])


def test_values_come_as_often_as_their_weights_say_once_all_pairs_are_there() -> None:
    space = Space({"who": {"new": 3, "old": 1}, "what": dict.fromkeys("abcdefgh", 1.0)})
    found = plan(space, 400, 1).combinations
    assert sum(one["who"] == "new" for one in found) == 300
    assert {sum(one["what"] == value for one in found) for value in "abcdefgh"} == {50}


def test_no_combination_comes_twice_while_another_is_to_be_had() -> None:
    space = Space({name: dict.fromkeys("abc", 1.0) for name in ("x", "y", "z")})
    found = plan(space, 20, 0).combinations
    assert len({tuple(one.items()) for one in found}) == 20


def test_a_plan_goes_on_where_the_inputs_that_are_there_end() -> None:
    space = Space({name: dict.fromkeys("abc", 1.0) for name in ("x", "y", "z")})
    first = plan(space, 5, 0).combinations
    rest = plan(space, 1, 0, first)
    second = plan(space, rest.needed, 0, first).combinations
    assert coverage(space, rest.feasible, [*first, *second]) == Coverage(27, 27)


def test_a_plan_leans_to_what_failed() -> None:
    space = Space({"x": dict.fromkeys("ab", 1.0)})
    found = plan(space, 40, 0, lean={("x", "a"): 3}).combinations
    assert sum(one["x"] == "a" for one in found) == 30


def test_holes_are_named_values_without_any_input_before_pairs() -> None:
    space = Space({"x": dict.fromkeys("ab", 1.0), "y": dict.fromkeys("cde", 1.0)})
    found = coverage(space, space.cells, [{"x": "a", "y": "c"}, {"x": "b", "y": "d"}])
    assert found == Coverage(6, 2, 4, ["y=e: no input", "x=a + y=d", "x=b + y=c"])
