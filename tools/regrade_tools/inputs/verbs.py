"""The tool that makes test inputs for a suite: a plan without a model, then texts for it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.budget import Budget
from regrade_tools.comparison.standing import standing
from regrade_tools.consenting import Consent
from regrade_tools.errands import Errands
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.inputs.generation.accepting import accepted, question_of
from regrade_tools.inputs.generation.batches import Begun, asked, begin
from regrade_tools.inputs.generation.briefs import Slot, brief, slots
from regrade_tools.inputs.generation.briefs import question as question_to
from regrade_tools.inputs.generation.combinations import Plan, Space, plan
from regrade_tools.inputs.generation.reports import Generation, made, planned
from regrade_tools.inputs.generation.spaces import inputs_of, space_of
from regrade_tools.inputs.generation.struggles import leaning
from regrade_tools.inputs.generation.submission import packet_of
from regrade_tools.inputs.generation.writing import TRIES, Writing
from regrade_tools.models import Inputs, ModelSpec
from regrade_tools.ports import Models, Store
from regrade_tools.refusal import Refusal, refusal_in
from regrade_tools.runs.running import Progress, silent
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.traces.query import parse

_MOST = 500
_EXAMPLES = 40
_RUNS = 5


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Everything that is settled before a word is written."""

    inputs: Inputs
    space: Space
    plan: Plan
    slots: list[Slot]
    begun: Begun
    lean: Mapping[tuple[str, str], float]
    seed: int


@dataclass(frozen=True)
class InputMaker:
    """What can be done for a suite that needs inputs."""

    store: Store
    models: Models
    errands: Errands
    workspace: Workspace | None

    async def generate_inputs(  # noqa: PLR0913 - what can be said of it
        self,
        suite: str,
        n: int = 20,
        seed: int = 0,
        dimensions: dict[str, JsonValue] | None = None,
        budget_usd: float | None = None,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
        accept: list[str] | None = None,
        consent: Consent = "unasked",
        progress: Progress = silent,
    ) -> Generation:
        """Make n distinct test inputs for a suite; dry_run shows the plan and its cost.

        dimensions: {"persona": ["recruiter", "founder"]}, or those of the suite. Its model
        writes; without one you get a packet: submit_answers. Repeats and misfits are dropped.
        What is kept are candidates, which no run counts until a person accepts them: accept
        (their ids) asks at your client, else they run `regrade accept`.
        """
        if accept is not None:
            return accepted(needed(self.workspace), suite, accept, consent)
        if not 1 <= n <= _MOST:
            raise Refusal(f"n is {n}; it is 1 to {_MOST}.")
        if budget_usd is not None and not budget_usd > 0:
            raise Refusal("budget_usd is more than 0.")
        ready = await self._prepare(suite, n, seed, dimensions)
        name = ready.inputs.model
        model = None if name is None else needed(self.workspace).language_model(name)
        if dry_run:
            return await self._shown(suite, ready, model)
        examples = await self._examples(ready.inputs)
        if model is None:
            packet = packet_of(suite, ready.inputs, ready.slots, seed, examples)
            told = _planned(suite, ready)
            return replace(told, plan=[], work=await self.errands.hand_out(packet))
        return await self._written(suite, ready, model, examples, Budget(budget_usd), progress)

    async def question(self, suite: str, accept: list[str] | None) -> str | None:
        """What a person is asked before candidates become cases: all that they would accept.

        Raises:
            Refusal: There is no such candidate, or too much to be read in a form.
        """
        return None if accept is None else question_of(needed(self.workspace), suite, accept)

    async def _prepare(
        self, suite: str, n: int, seed: int, dimensions: Mapping[str, JsonValue] | None
    ) -> _Prepared:
        workspace = needed(self.workspace)
        found = workspace.suite(suite)
        inputs = inputs_of(found, dimensions)
        space = space_of(found, inputs)
        begun = await begin(self.store, workspace, suite, inputs)
        known = [one for one in begun.combinations if space.holds(one)]
        lean = await self._lean(suite, begun)
        # A large space takes seconds: the loop goes on meanwhile.
        chosen = await to_thread.run_sync(partial(plan, space, n, seed, known, lean))
        return _Prepared(
            inputs, space, chosen, slots(inputs, chosen.combinations, seed), begun, lean, seed
        )

    async def _lean(self, suite: str, begun: Begun) -> dict[tuple[str, str], float]:
        """What the newest run with generated inputs failed at."""
        for stored in await self.store.runs(suite, _RUNS):
            if stored.end is None or stored.end.state != "done":
                continue
            results = await self.store.results(stored.run.id)
            outcomes = standing(stored.run, results).outcomes
            synthetic = [case for case in begun.cases if case.id in outcomes]
            if any(case.provenance and case.provenance.generated for case in synthetic):
                return leaning(synthetic, outcomes)
        return {}

    async def _examples(self, inputs: Inputs) -> tuple[str, ...]:
        """A few real inputs, without their secrets."""
        if inputs.examples is None:
            return ()
        sampled = await self.store.sample(parse(inputs.examples, now=time.time()), _EXAMPLES, asked)
        hidden = redaction_of(self.workspace)
        return tuple(hidden.shown(text) for text in dict.fromkeys(sampled.told) if text.strip())

    async def _shown(self, suite: str, ready: _Prepared, model: ModelSpec | None) -> Generation:
        told = _planned(suite, ready)
        if model is None:
            return replace(
                told, hint="Nothing is spent: without dry_run you are handed this to write."
            )
        body = brief(ready.slots[0], (), (), "", Random(ready.seed))  # noqa: S311 - no secret
        ceiling = await self.models.ceiling(question_to(model, ready.inputs, body, ready.seed))
        if ceiling is None:
            return replace(
                told, hint=f"Nobody knows the price of {model.model}: budget_usd cannot be held."
            )
        most = ceiling * len(ready.slots)
        return replace(
            told,
            ceiling_usd=round(most, 6),
            hint=f"About ${most:.4g} at most if each is written once; one is written {TRIES} "
            "times at most. budget_usd is a hard cap.",
        )

    async def _written(  # noqa: PLR0913 - what a batch is made of
        self,
        suite: str,
        ready: _Prepared,
        model: ModelSpec,
        examples: tuple[str, ...],
        budget: Budget,
        progress: Progress,
    ) -> Generation:
        writing = Writing(
            self.models, model, ready.begun.batch, budget, ready.seed, examples, progress
        )
        try:
            await writing.write(ready.slots)
        except ExceptionGroup as group:
            raise refusal_in(group) or group from None
        told = made(
            suite,
            ready.space,
            ready.plan,
            ready.begun,
            len(ready.slots),
            writing.written,
            writing.open,
            writing.stopped,
        )
        cost = None if budget.unpriced and budget.limit is None else round(budget.spent, 6)
        return replace(told, cost_usd=cost)


def _planned(suite: str, ready: _Prepared) -> Generation:
    return planned(suite, ready.space, ready.plan, ready.slots, ready.begun, ready.lean)
