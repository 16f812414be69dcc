"""The ``Targets`` that are programs: a command, a function in a worker, an endpoint, a tool."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from regrade_server.program.endpoint import endpoint
from regrade_server.program.mcp_tool import mcp_tool
from regrade_server.program.pool import pool
from regrade_tools.models import (
    Case,
    CommandTarget,
    Endpoint,
    HttpTarget,
    McpTarget,
    PromptTarget,
    PythonTarget,
    RecordedTarget,
    TargetSpec,
)
from regrade_tools.ports import Reply, Target, TargetError
from regrade_tools.refusal import Refusal

_Program = CommandTarget | PythonTarget | HttpTarget | McpTarget


@dataclass(frozen=True, slots=True)
class Programs:
    """Starts the programs that regrade.yaml declares, in the workspace ``root``."""

    root: Path | None

    def open(
        self, spec: TargetSpec, concurrency: int, clean: Callable[[str], str]
    ) -> AbstractAsyncContextManager[Target]:
        """As the port says."""
        if self.root is None or isinstance(spec, RecordedTarget | PromptTarget):
            raise Refusal("Only a program of a workspace can be started.")
        if spec.preprocess is None:
            return _opened(spec, self.root, concurrency, clean)
        return _prepared(spec, spec.preprocess, self.root, concurrency, clean)


def _opened(
    spec: _Program, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AbstractAsyncContextManager[Target]:
    if isinstance(spec, HttpTarget):
        return endpoint(spec.http, clean)
    if isinstance(spec, McpTarget):
        return mcp_tool(spec.mcp, root, concurrency, clean)
    return pool(spec, root, concurrency, clean)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A target that is given what a function makes of the input."""

    preprocess: Target
    target: Target

    async def answer(self, case: Case) -> Reply:
        """As the port says; whoever checks the answer still sees the case as it was filed."""
        if case.at_span:
            # What a step was given has been prepared already.
            return await self.target.answer(case)
        try:
            prepared = await self.preprocess.answer(case)
        except TargetError as problem:
            raise TargetError(f"preprocess: {problem}") from None
        return await self.target.answer(case.model_copy(update={"input": prepared.output}))


@asynccontextmanager
async def _prepared(
    spec: _Program, function: str, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AsyncGenerator[Target, None]:
    # A worker of its own: a target may be no Python at all, and a worker is what runs functions.
    bounds = (
        spec.http
        if isinstance(spec, HttpTarget)
        else spec.mcp
        if isinstance(spec, McpTarget)
        else spec
    )
    worker = PythonTarget(
        python=function,
        # It is what the target is given, however it looks.
        returns="output",
        interpreter=spec.interpreter if isinstance(spec, PythonTarget) else None,
        timeout_s=bounds.timeout_s,
        env={} if isinstance(bounds, Endpoint) else bounds.env,
    )
    async with (
        pool(worker, root, concurrency, clean) as preprocess,
        _opened(spec, root, concurrency, clean) as target,
    ):
        yield _Prepared(preprocess, target)
