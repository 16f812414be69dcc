"""A case: one input, what must hold of the answer, and why somebody filed it."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from regrade_tools.models.document import Document
from regrade_tools.models.json import Json
from regrade_tools.models.trace import ToolCall

# A name becomes a file name and a word of the query language, so it is kept plain.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}"
Name = Annotated[str, Field(pattern=f"^{_NAME}$")]
Spec = dict[str, Json]


def is_name(text: str) -> bool:
    """Whether ``text`` is a ``Name``, where nothing validates it."""
    return re.fullmatch(_NAME, text) is not None


class Recorded(Document):
    """What the product answered when the case was filed; the `recorded` target replays it."""

    output: Json = None
    tool_calls: tuple[ToolCall, ...] = ()
    context: tuple[Json, ...] = Field(
        default=(), description="What tools returned and what was retrieved for it."
    )
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    ttft_ms: float | None = None
    steps: int | None = None
    errors: tuple[str, ...] | None = Field(
        default=None, description="The steps on the way that failed, by their names."
    )
    error: str = ""


class Generated(Document):
    """How an input came about: enough to make it again and to count by its values."""

    values: dict[str, str]
    seed: int = Field(description="The seed of the plan.")
    slot: int = Field(default=0, description="Its place in the plan, from 1.")
    writer: str = Field(description="The model, `agent:<client>`, or the file it was taken from.")
    prompt: str = Field(default="", description="The fingerprint of what the writer was told.")
    packet: str = ""


class Provenance(Document):
    """Where a case comes from, and the proof that it was red when it was filed."""

    trace: str = ""
    span: str = ""
    filed_at: datetime | None = None
    failed: tuple[str, ...] = Field(
        default=(), description="The reasons the assertions gave on the recorded bad output."
    )
    generated: Generated | None = None


class Case(Document):
    """The file evals/cases/<suite>/<id>.yaml."""

    id: Name
    feature: Name | None = None
    scenario: Name | None = None
    tags: tuple[str, ...] = Field(
        default=(), description="Free words; `critical` means that the gate allows no failure."
    )
    candidate: bool = Field(
        default=False,
        description="Generated, and not accepted yet: no run and no gate counts it. "
        "`regrade accept`, or taking this line out, makes it a case.",
    )
    input: Json = Field(default=None, description="What the target is given.")
    at_span: str = Field(
        default="",
        description="The step that is asked, by the name of its span, where that is not the whole "
        "product: `input` is then what the step was given, with all that came before it.",
    )
    assertions: tuple[Spec, ...] = Field(default=(), description="What must hold of the answer.")
    reason: str = Field(default="", description="Why this case exists: the failure it guards.")
    corrected_output: Json = Field(
        default=None, description="What a person says the answer should have been."
    )
    columns: dict[str, Json] = Field(
        default_factory=dict[str, Json],
        description="Other facts of the case, which scorers ask for by name.",
    )
    recorded: Recorded | None = None
    provenance: Provenance | None = None

    @property
    def question(self) -> dict[str, Json]:
        """What a program is asked, but for the id: the input, and the step that is given it."""
        step: dict[str, Json] = {"at_span": self.at_span} if self.at_span else {}
        return {"input": self.input, **step}

    @property
    def state(self) -> Json:
        """What tells two questions apart: the input, with the step where it is asked of one."""
        return self.question if self.at_span else self.input
