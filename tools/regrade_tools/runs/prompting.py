"""The target that is a prompt: a template of the repository and the model that is asked with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.budget import Budget
from regrade_tools.files.templates import names, template
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import (
    Case,
    ModelError,
    ModelSpec,
    Prompt,
    PromptTarget,
    Question,
    Role,
)
from regrade_tools.ports import Models, Reply, TargetError
from regrade_tools.questions import answered

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
# Why a provider stopped, where what it said is no whole answer.
_CUT = {
    "length": "the answer was cut at max_tokens; raise it for the model in evals/regrade.yaml",
    "content_filter": "the provider refused to answer",
}


@dataclass(frozen=True, slots=True)
class PromptAnswers:
    """Asks ``model`` with a prompt that is filled in with what a case gives."""

    text: str
    system: str | None
    model: ModelSpec
    models: Models
    budget: Budget

    async def answer(self, case: Case) -> Reply:
        """As the port of a target says."""
        question = Question(self.model, self._messages(case.input), None)
        try:
            # What it cost is counted with the answer, as of any target.
            told = await answered(self.models, question, self.budget, counted_elsewhere=True)
        except ModelError as problem:
            raise TargetError(str(problem)) from None
        if told.finish in _CUT:
            # There is no answer that it could be counted with, and it is paid all the same.
            self.budget.spent += told.cost_usd or 0
            raise TargetError(_CUT[told.finish])
        tokens = (told.input_tokens or 0) + (told.output_tokens or 0)
        return Reply(
            told.text,
            latency_ms=told.latency_ms,
            cost_usd=told.cost_usd,
            tokens=tokens or None,
        )

    def _messages(self, given: JsonValue) -> tuple[Prompt, ...]:
        """The prompt as one message; before a conversation, which is given as it is, as its system.

        A conversation is a list of messages in the shape of OpenAI's chat API.
        """
        said = _conversation(given)
        values = names(given)
        text = _filled(self.text, values)
        if said:
            return Prompt("system", text), *said
        asked = Prompt("user", text)
        if self.system is None:
            return (asked,)
        return Prompt("system", _filled(self.system, values)), asked


def prompt_answers(
    spec: PromptTarget, workspace: Workspace, models: Models, budget: Budget
) -> PromptAnswers:
    """The prompt of ``spec``, ready to be asked.

    Raises:
        Refusal: A file of it is not there, or its model is not declared.
    """
    model = workspace.language_model(spec.model)
    system = None if spec.system is None else workspace.text(workspace.readable(spec.system))
    prompt = workspace.text(workspace.readable(spec.prompt))
    return PromptAnswers(prompt, system, model, models, budget)


def _filled(text: str, values: Mapping[str, JsonValue]) -> str:
    # Imported with the first prompt, as in templates.py.
    from jinja2 import TemplateError  # noqa: PLC0415

    try:
        return template(text).render(values)
    except (TemplateError, ValueError, TypeError, ArithmeticError, RecursionError) as problem:
        told = ", ".join(sorted(values)[:12])
        raise TargetError(f"the prompt cannot be filled in: {problem}; it has {told}") from None


def _conversation(given: JsonValue) -> tuple[Prompt, ...]:
    """``given`` as messages, or none where it is no conversation."""
    if not isinstance(given, list) or not given:
        return ()
    told: list[Prompt] = []
    for message in given:
        role = message.get("role") if isinstance(message, dict) else None
        said = message.get("content") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES or not isinstance(said, str):
            return ()
        told.append(Prompt(_ROLES[role], said))
    return tuple(told)
