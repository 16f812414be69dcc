"""The dimensions of a suite, with the places of its features and scenarios among them."""

from collections.abc import Mapping
from itertools import product

from pydantic import JsonValue, ValidationError

from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.inputs.generation.combinations import Space
from regrade_tools.models import Case, Inputs, Suite
from regrade_tools.refusal import Refusal, unknown

_EXAMPLE = (
    "Under `inputs: dimensions:` of the suite, or as the argument: "
    '{"persona": ["recruiter", "founder"], "style": {"short": 3, "rambling": 1}}.'
)


def inputs_of(suite: Suite, dimensions: Mapping[str, JsonValue] | None) -> Inputs:
    """What the suite says of its inputs, with ``dimensions`` in the place of its own.

    A suite without dimensions has its features and scenarios.

    Raises:
        Refusal: There are none, or they are wrong.
    """
    own = suite.inputs or Inputs()
    if dimensions is not None:
        told = own.model_dump(exclude={"dimensions", "impossible", "rules"})
        # What is said of values that are not there any more says nothing.
        try:
            named = Inputs.model_validate({"dimensions": dimensions}).weights
            told["impossible"] = [
                one
                for one in own.impossible
                if all(_values(held) <= set(named.get(name, ())) for name, held in one.items())
            ]
            told["rules"] = {
                name: {value: rules for value, rules in held.items() if value in named[name]}
                for name, held in own.rules.items()
                if name in named
            }
            return Inputs.model_validate({**told, "dimensions": dimensions})
        except ValidationError as problem:
            raise Refusal(
                f"dimensions are wrong: {mistakes_in(problem, Inputs)}.", next_step=_EXAMPLE
            ) from None
    if own.dimensions:
        return own
    if not suite.features:
        raise Refusal("The suite has no dimensions to draw inputs from.", next_step=_EXAMPLE)
    found: dict[str, tuple[str, ...]] = {"feature": tuple(suite.features)}
    scenarios = dict.fromkeys(name for held in suite.features.values() for name in held.scenarios)
    if scenarios:
        found["scenario"] = tuple(scenarios)
    return own.model_copy(update={"dimensions": found})


def space_of(suite: Suite, inputs: Inputs) -> Space:
    """What can be combined: a scenario only with a feature that has it.

    Raises:
        Refusal: A feature or a scenario is none of the suite.
    """
    weights = inputs.weights
    impossible = [
        {name: frozenset(_values(held)) for name, held in one.items()} for one in inputs.impossible
    ]
    features = weights.get("feature", {})
    if "scenario" in weights and not features:
        raise Refusal(
            "There is a dimension `scenario` and none `feature`.",
            next_step="A scenario is one of a feature: add the dimension, too.",
        )
    for name in (*features, *weights.get("scenario", ())):
        _named(name)
    for name in features if suite.features else ():
        if name not in suite.features:
            raise unknown("feature", name, suite.features, next_step="Or add it to the suite.")
    for feature, scenario in product(features, weights.get("scenario", ())):
        known = suite.features[feature].scenarios if feature in suite.features else {}
        if known and scenario not in known:
            impossible.append(
                {"feature": frozenset((feature,)), "scenario": frozenset((scenario,))}
            )
    return Space(weights, tuple(impossible))


def _values(held: str | tuple[str, ...]) -> set[str]:
    return {held} if isinstance(held, str) else set(held)


def _named(name: str) -> None:
    try:
        Case(id="place", feature=name)
    except ValidationError:
        raise Refusal(
            f"{name!r} is no name of a feature or a scenario.",
            next_step="Letters, digits, - and _; call the dimension otherwise for other words.",
        ) from None
