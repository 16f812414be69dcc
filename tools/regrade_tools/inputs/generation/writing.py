"""A model writes: every open slot at once, again where a text is not kept, and never for ever."""

from dataclasses import dataclass, field
from random import Random

import anyio
from anyio import to_thread

from regrade_tools.budget import Budget
from regrade_tools.fingerprint import fingerprint
from regrade_tools.inputs.generation.briefs import Slot, brief, check_question, question, texts_in
from regrade_tools.inputs.generation.candidates import Batch, Rejected, said
from regrade_tools.judges.judging import object_in
from regrade_tools.models import Completion, Generated, ModelError, ModelSpec, Question
from regrade_tools.ports import Models
from regrade_tools.questions import answered
from regrade_tools.runs.running import Progress

# How often one slot is written before it is given up.
TRIES = 4
# A round in which nothing at all was kept is tried once more.
_BARREN = 2


@dataclass
class Writing:
    """One batch under way. ``written`` counts texts that came, kept or not.

    ``stopped`` says why slots were left before their tries were used up.
    """

    models: Models
    model: ModelSpec
    batch: Batch
    budget: Budget
    seed: int
    examples: tuple[str, ...] = ()
    progress: Progress | None = None
    written: int = 0
    stopped: str = ""
    open: list[Slot] = field(default_factory=list[Slot])
    _again: dict[int, str] = field(default_factory=dict[int, str])
    _recent: list[str] = field(default_factory=list[str])
    _asked: int = 0
    _trouble: str = ""

    async def write(self, slots: list[Slot]) -> None:
        """Fill the slots, as many as can be; what stays open is in ``open``."""
        self.open = list(slots)
        self._asked = len(slots)
        barren = 0
        for turn in range(TRIES):
            before = len(self.batch.kept)
            await self._round(turn)
            if not self.open or self.stopped:
                return
            barren = 0 if len(self.batch.kept) > before else barren + 1
            if barren == _BARREN:
                self.stopped = f"nothing of the last {_BARREN} rounds could be kept"
                break
        else:
            self.stopped = f"each of them was tried {TRIES} times"
        if self._trouble:
            self.stopped += f"; the last error was: {self._trouble}"

    async def _round(self, turn: int) -> None:
        waiting, self.open = iter(list(self.open)), []
        still: list[Slot] = []

        async def work() -> None:
            for slot in waiting:
                filled = not self.stopped and await self._filled(slot, turn)
                still.extend([] if filled else [slot])

        async with anyio.create_task_group() as tasks:
            for _ in range(min(self.model.concurrency, self._asked)):
                tasks.start_soon(work)
        self.open = sorted(still, key=lambda slot: slot.n)

    async def _filled(self, slot: Slot, turn: int) -> bool:
        own = self.seed * 1_000_003 + slot.n * TRIES + turn
        body = brief(
            slot,
            self.examples,
            self._recent,
            self._again.get(slot.n, ""),
            Random(own),  # noqa: S311 - no secret
        )
        asked = question(self.model, self.batch.inputs, body, own & 0x7FFFFFFF)
        try:
            completion = await answered(self.models, asked, self.budget)
            self.written += 1
            rejected = await self._kept(slot, asked, completion)
        except ModelError as problem:
            told = self.batch.hidden.shown(str(problem))
            self.batch.rejected["errored"] += 1
            self._again.pop(slot.n, None)
            self._trouble = told
            if problem.fatal:
                self.stopped = self.stopped or told
            return False
        if rejected is not None:
            self._again[slot.n] = rejected.why
            return False
        if self.progress is not None:
            done = len(self.batch.kept)
            await self.progress(done, self._asked, f"{done} of {self._asked} inputs kept")
        return True

    async def _kept(self, slot: Slot, asked: Question, completion: Completion) -> Rejected | None:
        batch = self.batch
        texts = texts_in(object_in(completion.text), batch.inputs)
        # Many comparisons: the loop goes on meanwhile. What is kept is compared once more.
        problem = await to_thread.run_sync(batch.problem, texts, slot.values)
        if problem is None and batch.inputs.check:
            problem = await self._checked(slot, texts)
        if problem is not None:
            batch.rejected[problem.trouble] += 1
            self._remember(texts)
            return problem
        origin = Generated(
            values=dict(slot.values),
            seed=self.seed,
            slot=slot.n,
            writer=self.model.model,
            prompt=fingerprint([message.content for message in asked.messages]),
        )
        problem = batch.keep(texts, origin)
        self._remember(texts)
        return problem

    def _remember(self, texts: dict[str, str]) -> None:
        """What was rejected as a repetition is to be avoided as much as what it repeats."""
        told = " / ".join(texts.values())
        if told and told not in self._recent:
            self._recent.append(told)

    async def _checked(self, slot: Slot, texts: dict[str, str]) -> Rejected | None:
        text = "\n".join(said(self.batch.given(texts), self.batch.inputs.field))
        model = self.model.model_copy(update={"temperature": 0})
        asked = check_question(model, slot.values, text)
        answer = object_in((await answered(self.models, asked, self.budget)).text)
        if answer.get("fits") is True:
            return None
        reason = answer.get("reasoning")
        told = (
            reason if isinstance(reason, str) and reason else "the check did not say that it fits"
        )
        return Rejected("unfit", self.batch.hidden.shown(told)[:300])
