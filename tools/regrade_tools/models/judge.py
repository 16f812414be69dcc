"""A judge: a criterion, the words in which a model is asked, and how far it must be right."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from regrade_tools.models.case import Name
from regrade_tools.models.document import Document


class Thresholds(Document):
    """When a judge is aligned: bounds on the lower ends of 95 % intervals, on the test split."""

    tpr: float = Field(
        default=0.8, ge=0, le=1, description="Of what people pass, what it passes; .8 by default."
    )
    tnr: float = Field(
        default=0.8, ge=0, le=1, description="Of what people fail, what it fails; .8 by default."
    )
    max_unknown: float = Field(
        default=0.1, ge=0, le=1, description="The share it may leave unknown; .1 by default."
    )
    max_age_days: int = Field(
        default=30, ge=1, description="Days after which it must be measured anew; 30 by default."
    )


class JudgeSpec(Document):
    """The front matter of the file evals/judges/<judge>.md; below it stands the prompt."""

    criterion: Name = Field(description="What is judged; the name under which people label it.")
    passes: str = Field(default="", description="When an answer passes, for people and the judge.")
    fails: str = Field(default="", description="When an answer fails.")
    model: str | None = Field(
        default=None,
        description="A model of regrade.yaml, or a litellm name. Without one the agent that calls "
        "is handed the work as a packet.",
    )
    jury: tuple[str, ...] = Field(
        default=(), description="Several models in the place of one: the majority decides."
    )
    python: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`module:function` in the place of a model: a classifier of the repository.",
    )
    recorded: str | None = Field(
        default=None,
        description="A JSON Lines file of judgements that were made elsewhere: item or input and "
        "output, verdict, reasoning.",
    )
    pairwise: bool = Field(
        default=False,
        description="Whether it says which of two answers is better, and not whether one passes.",
    )
    examples: tuple[str, ...] = Field(
        default=(), description="Keys of labelled items to show; only of the train split."
    )
    context: bool = Field(
        default=False,
        description="Whether it is shown what tools returned and what was retrieved, too. A prompt "
        "that places {{ context }} says so itself; a function is then given `context`, a list.",
    )
    unknown: Literal["as_fail", "as_pass", "exclude"] = Field(
        default="as_fail",
        description="What an UNKNOWN counts as, in its alignment and in the gate alike; `exclude` "
        "makes a case errored. as_fail by default: what cannot be passed is not passed.",
    )
    max_characters: int = Field(
        default=100_000,
        ge=1,
        description="An item longer than this is left unknown, not cut; 100,000 by default.",
    )
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Items it judges at once, in a run too; by default as many as its models may "
        "be asked, and 4 where it is a function.",
    )
    thresholds: Thresholds = Field(default_factory=Thresholds)

    @model_validator(mode="after")
    def _has_one_mind(self) -> "JudgeSpec":
        minds = [self.model, self.jury or None, self.python, self.recorded]
        if sum(mind is not None for mind in minds) > 1:
            raise ValueError("a judge has one of model, jury, python, recorded")
        if self.pairwise and self.examples:
            raise ValueError("a pairwise judge has no examples")
        return self


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge as its file says it; ``prompt`` is a Jinja2 template."""

    name: str
    spec: JudgeSpec
    prompt: str
