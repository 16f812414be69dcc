"""A suite: features by scenarios, what must hold in each, and when its gate is green."""

from pydantic import Field

from regrade_tools.models.case import Name, Spec
from regrade_tools.models.document import Document


class Scenario(Document):
    """One situation of a feature, such as exactly one match."""

    description: str = ""
    assertions: tuple[Spec, ...] = ()


class Feature(Document):
    """One thing the product does."""

    description: str = ""
    assertions: tuple[Spec, ...] = ()
    scenarios: dict[Name, Scenario] = Field(default_factory=dict[str, Scenario])


class GatePolicy(Document):
    """When the gate of a suite is green. Rates are fractions of the decided cases, 0 to 1."""

    max_drop: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="How far the pass rate may fall below the baseline's; 0.02 by default.",
    )
    min_pass_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The pass rate to reach. Without it and without a baseline: 1.",
    )
    strict: bool = Field(
        default=False,
        description="Whether a broken case or anything loosened is red; false by default: shown.",
    )
    max_errored: int = Field(
        default=0,
        ge=0,
        description="How many cases may end errored and the gate still decide; 0 by default.",
    )


class Suite(Document):
    """The file evals/suites/<suite>.yaml; its cases stand in evals/cases/<suite>/."""

    description: str = ""
    target: str = Field(
        default="recorded", description="A target of regrade.yaml, or `recorded`, the default."
    )
    trials: int = Field(
        default=1, ge=1, le=100, description="How often each case is asked; 1 by default."
    )
    concurrency: int = Field(
        default=4, ge=1, le=256, description="Cases under way at once; 4 by default."
    )
    assertions: tuple[Spec, ...] = Field(default=(), description="What must hold of every answer.")
    features: dict[Name, Feature] = Field(default_factory=dict[str, Feature])
    gate: GatePolicy = Field(default_factory=GatePolicy)
