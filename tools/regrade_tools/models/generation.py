"""How inputs are made for a suite: dimensions, what cannot occur, and how users write."""

from typing import Annotated

from pydantic import Field, model_validator

from regrade_tools.models.case import Name, Spec
from regrade_tools.models.document import Document

Value = Annotated[str, Field(min_length=1, max_length=200)]
Weight = Annotated[float, Field(gt=0, le=1_000)]
Share = Annotated[float, Field(ge=0, le=1)]

_MOST_DIMENSIONS, _MOST_VALUES = 12, 40


class Style(Document):
    """How real users write: `regrade dimensions SUITE --from-traces QUERY` measures it."""

    note: str = Field(default="", max_length=2_000, description="In words, for the writer.")
    typos: Share = Field(default=0, description="Share of inputs with slips of typing, 0 to 1.")
    lowercase: Share = Field(default=0, description="Share of inputs without capitals, 0 to 1.")
    fragments: Share = Field(default=0, description="Share of inputs that are no sentence, 0 to 1.")


class Step(Document):
    """One message of an input with several, such as a look-up of what the first created."""

    name: Name
    description: str = Field(default="", max_length=2_000)


class Inputs(Document):
    """What stands under `inputs` in a suite: what generate_inputs makes."""

    task: str = Field(
        default="", max_length=4_000, description="What the inputs are: who writes what to whom."
    )
    model: str | None = Field(
        default=None,
        description="A model of regrade.yaml, or a litellm name, that writes. Without one the "
        "agent that calls is handed the work as a packet. Where its temperature is not given, "
        "it is 0.9 here.",
    )
    dimensions: dict[Name, tuple[Value, ...] | dict[Value, Weight]] = Field(
        default_factory=dict[str, tuple[Value, ...] | dict[Value, Weight]],
        description="Along what inputs differ, with the values of each; an object gives them "
        "weights, 1 by default. `feature` and `scenario` place the case in the suite.",
    )
    impossible: tuple[dict[Name, Value | tuple[Value, ...]], ...] = Field(
        default=(), description="Combinations that cannot occur; a list means any of them."
    )
    steps: tuple[Step, ...] = Field(
        default=(),
        max_length=12,
        description="Where an input is several messages of one user, such as create and look_up, "
        "what each does. The target is then given them as a list of chat messages.",
    )
    field: str | None = Field(
        default=None, description="The target is given an object with the text in this field."
    )
    style: Style = Field(default_factory=Style)
    examples: str | None = Field(
        default=None, description="A query: a few real inputs are shown to the writer."
    )
    rules: dict[Name, dict[Value, tuple[Spec, ...]]] = Field(
        default_factory=dict[str, dict[str, tuple[Spec, ...]]],
        description="Assertions that the text of an input with this value must pass.",
    )
    check: bool = Field(
        default=False,
        description="Whether the model is asked, too, if an input fits its values; not by default.",
    )

    @model_validator(mode="after")
    def _names_what_is_there(self) -> "Inputs":
        if len(self.dimensions) > _MOST_DIMENSIONS:
            raise ValueError(f"{_MOST_DIMENSIONS} dimensions are the most")
        for name, values in self.dimensions.items():
            if not 1 <= len(values) <= _MOST_VALUES or len(set(values)) != len(values):
                raise ValueError(f"the dimension {name!r} has 1 to {_MOST_VALUES} distinct values")
        named = [(name, value) for name, held in self.rules.items() for value in held]
        for combination in self.impossible:
            if not combination:
                raise ValueError("an impossible combination names at least one value")
            for name, told in combination.items():
                named += [(name, value) for value in ((told,) if isinstance(told, str) else told)]
        for name, value in named:
            if value not in self.dimensions.get(name, ()):
                raise ValueError(f"there is no value {value!r} of a dimension {name!r}")
        if len({step.name for step in self.steps}) != len(self.steps):
            raise ValueError("two steps have one name")
        return self

    @property
    def weights(self) -> dict[str, dict[str, float]]:
        """The weight of each value of each dimension."""
        return {
            name: dict(held) if isinstance(held, dict) else dict.fromkeys(held, 1.0)
            for name, held in self.dimensions.items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the texts that are written for one input."""
        return tuple(step.name for step in self.steps) or ("input",)
