"""When a gate lets a change through: thresholds, and profiles of them for a moment of work."""

from pydantic import Field

from regrade_tools.models.document import Document

_DROP = "How far the pass rate may fall below the baseline's; 0.02, two points, by default."


class SlicePolicy(Document):
    """What a part of a suite must reach besides the whole. Rates are 0 to 1."""

    min_pass_rate: float | None = Field(
        default=None, ge=0, le=1, description="The pass rate to reach in the slice."
    )
    max_drop: float | None = Field(
        default=None, ge=0, le=1, description="How far it may fall below the baseline's."
    )


class GatePolicy(Document):
    """When the gate of a suite ships. Rates are fractions of the decided cases, 0 to 1."""

    max_drop: float = Field(default=0.02, ge=0, le=1, description=_DROP)
    min_pass_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The pass rate to reach. Without it and without a baseline: 1.",
    )
    max_broken: int = Field(
        default=0,
        ge=0,
        description="How many cases that passed in the baseline may fail now; 0 by default. "
        "A flaky case, which passes in some trials, is not among them.",
    )
    strict: bool = Field(
        default=False,
        description="Whether what a person should review, a flaky case or anything loosened, "
        "holds the gate for good; false by default.",
    )
    max_errored: int = Field(
        default=0,
        ge=0,
        description="How many cases may end errored and the gate still decide; 0 by default.",
    )
    min_cases: int = Field(
        default=1, ge=1, description="How many cases must be decided; 1 by default."
    )
    slices: dict[str, SlicePolicy] = Field(
        default_factory=dict[str, SlicePolicy],
        description="Thresholds for parts, by what selects them: `tag:safety`, "
        "`feature:search scenario:one`.",
    )

    def overridden(self, by: "GatePolicy") -> "GatePolicy":
        """This policy where ``by`` says nothing, field by field and slice by slice."""
        told = {name: getattr(by, name) for name in by.model_fields_set}
        if "slices" in told:
            told["slices"] = {**self.slices, **by.slices}
        # Fields that were set stay set, so that a third policy can override this one.
        return self.model_copy(update=told)


class Profile(Document):
    """How a gate is asked at one moment of the work, such as before a push or each night."""

    select: str = Field(
        default="", description="Which cases, as in `regrade run --select`; all by default."
    )
    trials: int | None = Field(
        default=None, ge=1, le=100, description="How often each case is asked; as the suite says."
    )
    budget_usd: float | None = Field(
        default=None, gt=0, description="The run stops once its answers have cost more."
    )
    judges: bool = Field(
        default=True,
        description="Whether judges are asked; true by default. Without them a case of which "
        "nothing else is asked is left out.",
    )
    gate: GatePolicy = Field(
        default_factory=GatePolicy,
        description="What is set here replaces the suite's own gate, field by field.",
    )

    def overridden(self, by: "Profile") -> "Profile":
        """This profile where ``by`` says nothing."""
        told = {name: getattr(by, name) for name in by.model_fields_set}
        return self.model_copy(update={**told, "gate": self.gate.overridden(by.gate)})


# A project's own profile of the same name is laid over the one here.
PROFILES = {
    "smoke": Profile(select="tag:smoke", trials=1),
    "pr": Profile(),
    "release": Profile(trials=3, gate=GatePolicy(strict=True)),
    "nightly": Profile(trials=5),
}
