"""Asking the person at the client, in both protocol eras: the answer is theirs, not an agent's."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from pydantic import BaseModel, Field

from regrade_tools.consenting import Asking, Consent, Word
from regrade_tools.refusal import Refusal


class Form(BaseModel):
    """What the person is shown below the question."""


class Signing(Form):
    """Below labels."""

    sign: bool = Field(description="I have read them, and they are what I say")


class Accepting(Form):
    """Below inputs."""

    accept: bool = Field(description="I have read them, and they may be cases")


_FORMS: Mapping[Word, type[Form]] = {"sign": Signing, "accept": Accepting}
Unasked = Literal["unasked", "unable"]


def asking(asks: Asking) -> Callable[..., Awaitable[Any]]:
    """What asks before a tool is called; its parameters are those of the question."""

    async def ask(ctx: Context[None, Any], **given: Any) -> Elicit[Form] | Unasked:  # noqa: ANN401
        told = ctx.client_capabilities
        able = told.elicitation if told else None
        try:
            text = await asks.question(**given)
        except Refusal:
            # The tool itself refuses the same and says why; without a key it suggests.
            return "unable"
        if text is None:
            return "unasked"
        if able is None or (able.form is None and able.url is not None):
            return "unable"
        return Elicit(text, _FORMS[asks.word])

    taken = inspect.signature(asks.question).parameters
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    # The SDK reads off it which arguments of the tool it is to be given.
    vars(ask)["__signature__"] = inspect.Signature([context, *taken.values()])
    return ask


def told(outcome: ElicitationResult[Any]) -> Consent:
    """What became of the question."""
    if not isinstance(outcome, AcceptedElicitation):
        return "declined"
    said: Any = outcome.data
    if isinstance(said, Form):
        return "given" if all(said.model_dump().values()) else "declined"
    return "unable" if said == "unable" else "unasked"
