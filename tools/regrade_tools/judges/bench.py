"""Judges at work: a judge and items -> judgements, kept ones first, the rest within a budget."""

import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import anyio

from regrade_tools.budget import Budget
from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.judging import Example, NoContextError, Said, judge_fingerprint, prompts
from regrade_tools.judges.minds import Classifier, Jury, Mind, Recorded
from regrade_tools.models import Item, Judge, Judged, ModelError, ModelSpec, PythonTarget
from regrade_tools.ports import Models, Store, Targets
from regrade_tools.refusal import refusal_in
from regrade_tools.runs.running import Progress, silent
from regrade_tools.secrets.redaction import Redaction, redaction_of

_CLASSIFIERS = 4
_KEPT_AT_ONCE = 32


@dataclass(frozen=True)
class Sitting:
    """A judge ready to judge: its models, its examples, and what it said elsewhere.

    ``source`` is a fingerprint of what else of the repository decides what it says. ``agent`` is
    the client whose agent judges, where the judge has no mind of its own.
    """

    judge: Judge
    models: tuple[ModelSpec, ...] = ()
    examples: tuple[Example, ...] = ()
    recorded: dict[str, Said] = field(default_factory=dict[str, Said])
    source: str = ""
    agent: str = ""

    @property
    def fingerprint(self) -> str:
        """Which judge this is; a change of anything that could change a verdict changes it."""
        own = self._own
        return f"agent:{self.agent}:{own}" if self.agent else own

    def agent_of(self, fingerprint: str) -> str:
        """The agent behind a fingerprint, where it is that of this judge with an agent's mind."""
        kind, _, rest = fingerprint.partition(":")
        agent, _, judge = rest.rpartition(":")
        return agent if kind == "agent" and judge == self._own else ""

    @cached_property
    def _own(self) -> str:
        return judge_fingerprint(self.judge, self.models, self.examples, self.source)

    def unaskable(self, items: Sequence[Item]) -> dict[str, Judged]:
        """Those of ``items`` that lack the context by which they are to be judged, as errored."""
        found: dict[str, Judged] = {}
        for item in items:
            try:
                prompts(self.judge, item, self.examples)
            except NoContextError as problem:
                blank = Judged(item.key, self.judge.name, self.fingerprint, "errored")
                found[item.key] = replace(blank, problem=str(problem))
        return found

    @property
    def width(self) -> int:
        """How many items it judges at once."""
        told = self.judge.spec.concurrency
        return told or min((model.concurrency for model in self.models), default=_CLASSIFIERS)

    @property
    def needs_an_agent(self) -> bool:
        """Whether nobody here could judge, so that the calling agent is asked to."""
        spec = self.judge.spec
        return not self.models and spec.python is None and spec.recorded is None


@dataclass(frozen=True)
class Bench:
    """Where judges sit."""

    store: Store
    models: Models
    targets: Targets
    workspace: Workspace | None

    async def hear(
        self, sitting: Sitting, items: Sequence[Item], budget: Budget, progress: Progress = silent
    ) -> dict[str, Judged]:
        """What the judge says of every item, by its key.

        What it said before is replayed. An item that could not be judged is errored, and that is
        not kept; after an error that would only repeat, the rest is errored without being asked.
        """
        distinct = {item.key: item for item in items}
        kept = await self.known(sitting, list(distinct))
        waiting = [item for key, item in distinct.items() if key not in kept]
        if not waiting:
            return kept
        found = dict(kept)
        try:
            async with self.seat(sitting, budget) as seat:
                hearing = _Hearing(seat, progress, len(distinct), found)
                await hearing.hold(waiting)
        except ExceptionGroup as group:
            raise refusal_in(group) or group from None
        return {key: found[key] for key in distinct}

    async def known(self, sitting: Sitting, keys: Sequence[str]) -> dict[str, Judged]:
        """What the judge as it is now has said before, by the key of the item."""
        if sitting.judge.spec.recorded is not None:
            # The file is what was kept, and it may have changed since.
            return {}
        found = await self.store.judgements(sitting.fingerprint, keys)
        return {key: replace(judged, replayed=True) for key, judged in found.items()}

    async def recalled(self, sitting: Sitting, items: Sequence[Item]) -> dict[str, Judged]:
        """What the judge as it is now says of items without being asked: kept, or recorded."""
        recorded = [item for item in items if item.key in sitting.recorded]
        if recorded:
            return await self.hear(sitting, recorded, Budget(0))
        return await self.known(sitting, [item.key for item in items])

    @asynccontextmanager
    async def seat(self, sitting: Sitting, budget: Budget) -> AsyncGenerator["Seat", None]:
        """A judge that can be asked item by item, until the context ends."""
        hidden = redaction_of(self.workspace)
        async with self._mind(sitting, budget, hidden) as mind:
            turns = anyio.CapacityLimiter(sitting.width)
            yield Seat(self.store, sitting, mind, hidden, turns)

    @asynccontextmanager
    async def _mind(
        self, sitting: Sitting, budget: Budget, hidden: Redaction
    ) -> AsyncGenerator[Mind, None]:
        spec = sitting.judge.spec
        if spec.recorded is not None:
            yield Recorded(sitting.recorded)
        elif spec.python is not None:
            program = PythonTarget(python=spec.python)
            async with self.targets.open(program, sitting.width, hidden.shown) as target:
                yield Classifier(target, spec.context)
        else:
            yield Jury(sitting.judge, sitting.models, sitting.examples, self.models, budget)


@dataclass
class Seat:
    """A judge on the bench. After an error that would only repeat it is not asked again."""

    store: Store
    sitting: Sitting
    mind: Mind
    hidden: Redaction
    turns: anyio.CapacityLimiter
    fatal: str = ""

    async def judged(self, item: Item) -> Judged:
        """What it says of an item when its turn comes; nothing is looked up and nothing kept."""
        async with self.turns:
            return await self._judged(item)

    async def _judged(self, item: Item) -> Judged:
        judge = self.sitting.judge.name
        blank = Judged(item.key, judge, self.sitting.fingerprint, "errored", judged_at=time.time())
        if self.fatal:
            return replace(blank, problem=self.fatal)
        try:
            opinion = await self.mind.opinion(item)
        except ModelError as problem:
            told = self.hidden.shown(str(problem))
            self.fatal = self.fatal or (told if problem.fatal else "")
            return replace(blank, problem=told)
        said = opinion.said
        return replace(
            blank,
            verdict=said.verdict,
            reasoning=self.hidden.shown(said.reasoning),
            problem=self.hidden.shown(said.problem),
            cost_usd=opinion.cost_usd,
            judged_at=time.time(),
        )

    async def keep(self, judged: Sequence[Judged]) -> None:
        """Keep what was decided; of errors and of answers that nobody could read nothing is."""
        # A judgement that was recorded elsewhere is kept there.
        lasting = [one for one in judged if one.heard]
        if lasting and self.sitting.judge.spec.recorded is None:
            await self.store.add_judgements(lasting)


@dataclass
class _Hearing:
    """One round of questions; answers are kept as they come, for they were paid for."""

    seat: Seat
    progress: Progress
    total: int
    found: dict[str, Judged]
    unkept: list[Judged] = field(default_factory=list[Judged])

    async def hold(self, items: Sequence[Item]) -> None:
        waiting = iter(items)
        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(min(self.seat.sitting.width, len(items))):
                    tasks.start_soon(self._ask, waiting)
        finally:
            with anyio.CancelScope(shield=True):
                await self._keep()

    async def _ask(self, waiting: Iterator[Item]) -> None:
        for item in waiting:
            judged = await self.seat.judged(item)
            self.found[item.key] = judged
            self.unkept.append(judged)
            if len(self.unkept) >= _KEPT_AT_ONCE:
                await self._keep()
            done = len(self.found)
            await self.progress(done, self.total, f"{done} of {self.total} items judged")

    async def _keep(self) -> None:
        kept, self.unkept = self.unkept, []
        await self.seat.keep(kept)
