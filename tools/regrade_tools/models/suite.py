"""A suite: features by scenarios, what must hold in each, and when its gate ships."""

from pydantic import Field

from regrade_tools.models.case import Name, Spec
from regrade_tools.models.dataset import Dataset
from regrade_tools.models.document import Document
from regrade_tools.models.generation import Inputs
from regrade_tools.models.policy import GatePolicy


class Scenario(Document):
    """One situation of a feature, such as exactly one match."""

    description: str = ""
    assertions: tuple[Spec, ...] = ()


class Feature(Document):
    """One thing the product does."""

    description: str = ""
    assertions: tuple[Spec, ...] = ()
    scenarios: dict[Name, Scenario] = Field(default_factory=dict[str, Scenario])


class Suite(Document):
    """The file evals/suites/<suite>.yaml; its cases stand in evals/cases/<suite>/."""

    description: str = ""
    target: str = Field(
        default="recorded", description="A target of regrade.yaml, or `recorded`, the default."
    )
    trials: int = Field(
        default=1, ge=1, le=100, description="How often each case is asked; 1 by default."
    )
    adaptive: bool = Field(
        default=False,
        description="With several trials: ask a case no more once it has both passed and failed, "
        "which settles that it is flaky; false by default.",
    )
    concurrency: int = Field(
        default=4, ge=1, le=256, description="Cases under way at once; 4 by default."
    )
    assertions: tuple[Spec, ...] = Field(default=(), description="What must hold of every answer.")
    features: dict[Name, Feature] = Field(default_factory=dict[str, Feature])
    dataset: Dataset | None = Field(
        default=None, description="Rows or traces that are cases, beside those in files."
    )
    inputs: Inputs | None = Field(default=None, description="What generate_inputs makes for it.")
    gate: GatePolicy = Field(default_factory=GatePolicy)
