"""The ``Targets`` that are programs: a command, or a function in a worker."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from pydantic import JsonValue

from regrade_server.program import worker
from regrade_server.program.interpreter import interpreter
from regrade_server.program.process import Answering, EndedError, ask, ready, start, stop
from regrade_tools.clipping import clip
from regrade_tools.models import Case, CommandTarget, PythonTarget, TargetSpec, ToolCall
from regrade_tools.ports import Reply, Target, TargetError
from regrade_tools.refusal import Refusal

Program = CommandTarget | PythonTarget


@dataclass(frozen=True, slots=True)
class Programs:
    """Starts the programs that regrade.yaml declares, in the workspace ``root``."""

    root: Path | None

    def open(
        self, spec: TargetSpec, concurrency: int, clean: Callable[[str], str]
    ) -> AbstractAsyncContextManager[Target]:
        """As the port says."""
        if self.root is None or not isinstance(spec, CommandTarget | PythonTarget):
            raise Refusal("Only a program of a workspace can be started.")
        return _opened(spec, self.root, concurrency, clean)


@asynccontextmanager
async def _opened(
    spec: Program, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AsyncGenerator[Target, None]:
    async with anyio.create_task_group() as tasks:
        running = _Running(spec, root, tasks, anyio.Semaphore(concurrency), clean)
        try:
            # The first start shows whether there is anything to run at all.
            running.idle.append(await running.started())
            yield running
        finally:
            for answering in list(running.all):
                await running.stopped(answering)
            tasks.cancel_scope.cancel()


@dataclass(slots=True)
class _Running:
    """A program with as many processes as are asked at once; one that failed is replaced."""

    spec: Program
    root: Path
    tasks: TaskGroup
    places: anyio.Semaphore
    clean: Callable[[str], str]
    idle: list[Answering] = field(default_factory=list[Answering])
    all: list[Answering] = field(default_factory=list[Answering])

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        question: JsonValue = {"id": case.id, "input": case.input}
        async with self.places:
            used = self.idle.pop() if self.idle else None
            try:
                answer, took = await self._asked(used or await self._restarted(), question)
            except EndedError:
                # A program may answer one line and end: whoever comes next starts it anew.
                if used is None:
                    raise
                answer, took = await self._asked(await self._restarted(), question)
        return _reply(answer, took, self.clean)

    async def _asked(
        self, answering: Answering, question: JsonValue
    ) -> tuple[dict[str, JsonValue], float]:
        try:
            answered = await ask(answering, question, self.spec.timeout_s)
        except BaseException:
            await self.stopped(answering)
            raise
        self.idle.append(answering)
        return answered

    async def started(self) -> Answering:
        """A fresh process.

        Raises:
            Refusal: It cannot be started, or its function cannot be imported.
        """
        command = _command(self.spec, self.root)
        try:
            answering = await start(command, self.root, self.spec.env, self.tasks, self.clean)
        except OSError as problem:
            raise Refusal(
                f"The target's program {command[0]!r} cannot be started: {problem}.",
                next_step="Mend `command` in evals/regrade.yaml; it runs in the workspace's root.",
            ) from None
        self.all.append(answering)
        if isinstance(self.spec, PythonTarget):
            problem = await ready(answering)
            if problem is not None:
                await self.stopped(answering)
                told = clip(self.clean(problem), 400)
                raise Refusal(
                    f"The target {self.spec.python!r} cannot be imported: {told}.",
                    next_step=f"It is imported from {self.root} by {command[0]}; set `interpreter` "
                    "or `env: {PYTHONPATH: ...}` of the target in evals/regrade.yaml.",
                )
        return answering

    async def _restarted(self) -> Answering:
        try:
            return await self.started()
        except Refusal as refusal:
            raise TargetError(str(refusal)) from None

    async def stopped(self, answering: Answering) -> None:
        """End a process, and forget it."""
        await stop(answering)
        if answering in self.all:
            self.all.remove(answering)


def _command(spec: Program, root: Path) -> tuple[str, ...]:
    if isinstance(spec, PythonTarget):
        return (interpreter(spec, root), str(Path(worker.__file__)), spec.python)
    return spec.command


def _reply(answer: dict[str, JsonValue], took: float, clean: Callable[[str], str]) -> Reply:
    if "output" not in answer:
        told = answer.get("error")
        if isinstance(told, str) and told:
            raise TargetError(f"the target said: {clip(clean(told), 600)}")
        keys = clip(clean(", ".join(list(answer)[:8])), 300)
        raise TargetError(f"the answer has neither output nor error (its keys: {keys})")
    calls = answer.get("tool_calls")
    latency, cost = answer.get("latency_ms"), answer.get("cost_usd")
    return Reply(
        output=answer["output"],
        tool_calls=tuple(_call(call) for call in calls) if isinstance(calls, list) else (),
        latency_ms=float(latency) if isinstance(latency, int | float) else took,
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )


def _call(value: JsonValue) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise TargetError('a tool call is an object such as {"name": ..., "arguments": {...}}')
    return ToolCall(name=str(value["name"]), arguments=value.get("arguments"))
