"""A question to a model, asked when its turn has come and within a budget."""

import anyio

from regrade_tools.budget import Budget
from regrade_tools.models import Completion, ModelError, Question
from regrade_tools.ports import Models

# How often one question is asked whose answers come broken. Each of them may have to be paid.
_TRIES = 3
_PAUSE_S = 0.2


async def answered(
    models: Models, question: Question, budget: Budget, *, counted_elsewhere: bool = False
) -> Completion:
    """Ask; the most that it can cost is set aside before, and what it cost is kept after.

    ``counted_elsewhere``: the budget is told by others what the answer cost.

    Raises:
        ModelError: There is no answer, or the budget has no room for one.
    """
    # The turn comes first: what only waits for it must not hold money that others could spend.
    async with models.turn(question.model):
        for tried in range(1, _TRIES):
            try:
                return await _once(models, question, budget, counted_elsewhere)
            except ModelError as problem:
                if not problem.lost:
                    raise
            await anyio.sleep(_PAUSE_S * tried)
        return await _once(models, question, budget, counted_elsewhere)


async def _once(
    models: Models,
    question: Question,
    budget: Budget,
    counted_elsewhere: bool,  # noqa: FBT001 - as above
) -> Completion:
    # The price list takes a second to load, so it is read only where there is a limit.
    ceiling = None if budget.limit is None else await models.ceiling(question)
    reserved = budget.reserve(ceiling)
    cost: float | None = None
    try:
        completion = await models.complete(question)
        cost = completion.cost_usd
    finally:
        budget.settle(reserved, 0 if counted_elsewhere and cost is not None else cost)
    return completion
