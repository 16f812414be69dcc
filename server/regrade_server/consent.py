"""Asking the person at the client, in both protocol eras: the answer is theirs, not an agent's."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from pydantic import BaseModel, Field, JsonValue

from regrade_tools.labels import Consent
from regrade_tools.refusal import Refusal


class Signing(BaseModel):
    """What the person is shown below the question."""

    sign: bool = Field(description="I have read them, and they are what I say")


Question = Callable[[list[dict[str, JsonValue]], str], Awaitable[str]]
Unasked = Literal["unasked", "unable"]


def asking(question: Question) -> Callable[..., Awaitable[Any]]:
    """What asks before a tool is called; its parameters are those of the tool."""

    async def ask(
        ctx: Context[None, Any],
        labels: list[dict[str, JsonValue]],
        criterion: str,
        confirm: bool,  # noqa: FBT001 - an argument of the tool, by its name
    ) -> Elicit[Signing] | Unasked:
        if not confirm:
            return "unasked"
        told = ctx.client_capabilities
        able = told.elicitation if told else None
        if able is None or (able.form is None and able.url is not None):
            return "unable"
        try:
            return Elicit(await question(labels, criterion), Signing)
        except Refusal:
            # The tool itself refuses the same and says why; without a key it suggests.
            return "unable"

    return ask


def told(outcome: ElicitationResult[Any]) -> Consent:
    """What became of the question."""
    if not isinstance(outcome, AcceptedElicitation):
        return "declined"
    said: Any = outcome.data
    if isinstance(said, Signing):
        return "given" if said.sign else "declined"
    return "unable" if said == "unable" else "unasked"
