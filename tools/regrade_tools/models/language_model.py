"""A language model, as regrade.yaml declares it, and what it is asked and answers."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, JsonValue

from regrade_tools.models.document import Document


class ModelSpec(Document):
    """How a model is reached. Keys stay in the environment: only their variable is named."""

    model: str = Field(
        min_length=1, description="As litellm names it: `openai/gpt-4o-mini`, `anthropic/...`."
    )
    api_base: str | None = Field(
        default=None, description="The address of an own endpoint; the provider's by default."
    )
    api_key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The variable that holds the key; the provider's usual one by default.",
    )
    temperature: float = Field(default=0, ge=0, le=2, description="0 by default: repeatable.")
    max_tokens: int = Field(
        default=1024, ge=1, le=100_000, description="Tokens an answer may have; 1,024 by default."
    )
    timeout_s: float = Field(
        default=60, gt=0, le=3600, description="Seconds one answer may take; 60 by default."
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Questions under way at once, whoever asks; 8 by default. Of several entries "
        "for one model the least holds.",
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="How many questions a minute; as many as go by default."
    )
    input_cost_per_token: float | None = Field(
        default=None, ge=0, description="Dollars; litellm's price list where it is not given."
    )
    output_cost_per_token: float | None = Field(
        default=None, ge=0, description="Dollars; litellm's price list where it is not given."
    )


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One message to a model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked. ``answer_schema`` is the JSON Schema its answer must meet, if any."""

    model: ModelSpec
    messages: tuple[Prompt, ...]
    answer_schema: dict[str, JsonValue] | None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. ``cost_usd`` is None where nobody knows the price.

    ``finish`` is the provider's word for why it stopped. ``latency_ms`` is of the try that was
    answered, without any wait before it.
    """

    text: str
    finish: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None


class ModelError(Exception):
    """A model gave no answer: errored, never a verdict. The message says what to do.

    ``fatal`` where every further question would end the same way: a wrong key, no such model,
    the budget. ``lost`` where an answer came that nobody can read: it may have been paid, and
    the next one may be whole.
    """

    def __init__(self, problem: str, *, fatal: bool = False, lost: bool = False) -> None:
        """Say why, and whether asking on makes sense."""
        super().__init__(problem)
        self.fatal, self.lost = fatal, lost
