"""What a judge thinks with: language models, a function of the repository, or a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from regrade_tools.budget import Budget
from regrade_tools.fingerprint import item_key
from regrade_tools.judges.judging import (
    Example,
    NoContextError,
    Said,
    answer_schema,
    majority,
    prompts,
    said,
    spoken,
)
from regrade_tools.models import Case, Item, Judge, ModelError, ModelSpec, Question
from regrade_tools.ports import Models, Target, TargetError
from regrade_tools.questions import answered


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was said of an item and what that cost; None where nobody knows."""

    said: Said
    cost_usd: float | None = 0


class Mind(Protocol):
    """Whatever can say something of an item."""

    async def opinion(self, item: Item) -> Opinion:
        """Judge it.

        Raises:
            ModelError: There is no answer; it is neither a verdict nor kept.
        """
        ...


@dataclass(frozen=True)
class Jury:
    """Language models, each asked on its own; one is a jury of its own majority."""

    judge: Judge
    jurors: tuple[ModelSpec, ...]
    examples: tuple[Example, ...]
    models: Models
    budget: Budget

    async def opinion(self, item: Item) -> Opinion:
        """As the protocol says."""
        try:
            messages = prompts(self.judge, item, self.examples)
        except NoContextError as problem:
            raise ModelError(str(problem)) from None
        length = sum(len(message.content) for message in messages)
        if length > self.judge.spec.max_characters:
            told = f"{length:,} characters are over max_characters"
            return Opinion(Said("unknown", problem=told))
        votes: list[Said] = []
        costs: list[float | None] = []
        for juror in self.jurors:
            question = Question(juror, messages, answer_schema(self.judge))
            answer = await answered(self.models, question, self.budget)
            votes.append(said(answer))
            costs.append(answer.cost_usd)
        known = [cost for cost in costs if cost is not None]
        decided = votes[0] if len(votes) == 1 else majority(votes)
        return Opinion(decided, sum(known) if len(known) == len(costs) else None)


@dataclass(frozen=True)
class Classifier:
    """A function of the repository: it is given input and output and says what it thinks.

    ``context`` where it is given that, too.
    """

    target: Target
    context: bool = False

    async def opinion(self, item: Item) -> Opinion:
        """As the protocol says."""
        given: dict[str, JsonValue] = {"input": item.input, "output": item.output}
        if self.context:
            if not item.context:
                raise ModelError(str(NoContextError()))
            given["context"] = list(item.context)
        try:
            reply = await self.target.answer(Case(id="item", input=given))
        except TargetError as problem:
            raise ModelError(str(problem)) from None
        return Opinion(spoken(reply.output))


@dataclass(frozen=True)
class Recorded:
    """Judgements that were made elsewhere, by the key of the item."""

    judgements: Mapping[str, Said]

    async def opinion(self, item: Item) -> Opinion:
        """As the protocol says."""
        # A file that names no tool calls speaks of the answer, whatever was called for it.
        alike = item_key(item.input, item.output)
        found = self.judgements.get(item.key) or self.judgements.get(alike)
        if found is None:
            raise ModelError("the file of recorded judgements says nothing of this item")
        return Opinion(found)
