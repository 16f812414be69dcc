"""A program with as many processes as are asked at once; one that failed is replaced."""

import math
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from regrade_server.program import worker
from regrade_server.program.footprint import allowance, too_large
from regrade_server.program.guard import Guard, guarded
from regrade_server.program.interpreter import interpreter
from regrade_server.program.process import Answering, UnaskedError, ask, ready, start, stop
from regrade_server.program.reply import ToldError
from regrade_server.program.warden import end_session
from regrade_tools.models import Case, CommandTarget, PythonTarget
from regrade_tools.ports import Reply, Target, TargetError
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip

Program = CommandTarget | PythonTarget

_WATCH_S = 0.25
_ENDED = "the function ended its process; let it return an answer, or raise an error"
_MB = 1_000_000


@asynccontextmanager
async def pool(
    spec: Program, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AsyncGenerator[Target, None]:
    """The program ``spec``, started in ``root``; all that it started ends with the context.

    What it says is told ``clean``.

    Raises:
        Refusal: It cannot be started, or its function cannot be imported.
    """
    if os.name != "posix":
        raise Refusal(
            "Programs are started on Linux and macOS only.",
            next_step="Use WSL, or serve the program and declare it as `http: {url: ...}`.",
        )
    async with guarded() as guard, anyio.create_task_group() as tasks:
        running = _Pool(spec, root, tasks, guard, anyio.Semaphore(concurrency), clean)
        try:
            # The first start shows whether there is anything to run at all.
            running.idle.append(await running.started())
            tasks.start_soon(running.watch)
            yield running
        finally:
            with anyio.CancelScope(shield=True):
                for answering in list(running.all.values()):
                    await running.stopped(answering)
            tasks.cancel_scope.cancel()


@dataclass(slots=True)
class _Pool:
    """The processes of a program: those that are idle, and all by their number."""

    spec: Program
    root: Path
    tasks: TaskGroup
    guard: Guard
    places: anyio.Semaphore
    clean: Callable[[str], str]
    idle: list[Answering] = field(default_factory=list[Answering])
    all: dict[int, Answering] = field(default_factory=dict[int, Answering])
    started_so_far: int = 0

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        async with self.places:
            answering = await self._ready()
            try:
                return await self._asked(answering, case)
            except UnaskedError:
                # A program may answer one line and end: its end may show only now. One that
                # never answered at all is not started a second time.
                if not answering.answered:
                    raise
            return await self._asked(await self._restarted(), case)

    async def _ready(self) -> Answering:
        """An idle process, or a fresh one; those that have answered and ended are let go."""
        while self.idle:
            answering = self.idle.pop()
            # What it has said since is for `ask` to judge, be it its last word.
            said = answering.answers.look()
            if said or not (answering.answered and answering.answers.ended):
                return answering
            await self.stopped(answering)
        return await self._restarted()

    async def _asked(self, answering: Answering, case: Case) -> Reply:
        echoes = isinstance(self.spec, PythonTarget)
        try:
            reply = await ask(answering, case, self.spec.timeout_s, echoes=echoes)
        except ToldError:
            self._again(answering)
            raise
        except BaseException:
            await self.stopped(answering)
            raise
        self._again(answering)
        return reply

    def _again(self, answering: Answering) -> None:
        answering.answered = True
        self.idle.append(answering)

    async def started(self) -> Answering:
        """A fresh process.

        Raises:
            Refusal: It cannot be started, or its function cannot be imported.
        """
        command = _command(self.spec, self.root)
        self.started_so_far += 1
        mark = f"{self.guard.mark}_{self.started_so_far}"
        try:
            answering = await start(command, self.root, self.spec.env, mark, self.tasks, self.clean)
        except (OSError, ValueError) as problem:
            key = "interpreter" if isinstance(self.spec, PythonTarget) else "command"
            raise Refusal(
                f"The target's program {command[0]!r} cannot be started: {problem}.",
                next_step=f"Mend `{key}` in evals/regrade.yaml; it runs in the workspace's root.",
            ) from None
        self.all[answering.process.pid] = answering
        await self.guard.tell("+", answering.process.pid)
        if isinstance(self.spec, PythonTarget):
            answering.advice = _ENDED
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
        with anyio.CancelScope(shield=True):
            await stop(answering)
            self.all.pop(answering.process.pid, None)
            await self.guard.tell("-", answering.process.pid)

    async def watch(self) -> None:
        """Kill, as long as the run lasts, what holds too much memory."""
        each = math.inf if self.spec.memory_mb is None else self.spec.memory_mb * _MB
        together = allowance() if self.spec.memory_mb is None else math.inf
        while True:
            await anyio.sleep(_WATCH_S)
            largest = too_large(self.all.keys(), each, together)
            if largest is not None and largest in self.all:
                limit = f"{min(each, together) / _MB:,.0f} MB"
                self.all[largest].killed = (
                    f"the target held more than {limit} of memory and was stopped; "
                    "mend it, or raise memory_mb of the target"
                )
                end_session(largest)


def _command(spec: Program, root: Path) -> tuple[str, ...]:
    if isinstance(spec, PythonTarget):
        return (
            interpreter(spec, root),
            str(Path(worker.__file__)),
            spec.python,
            spec.returns or "",
        )
    return spec.command
