"""The ``Scorers`` that are programs: each speaks through a process that asks it line by line.

That process is a target like any other, so that it is started, bounded and stopped as one.
"""

import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from regrade_server.program import sandbox, scorer_worker
from regrade_server.program.interpreter import interpreter
from regrade_tools.assertions import (
    CommandScorer,
    Executes,
    PythonScorer,
    Scorer,
    UndecidableError,
)
from regrade_tools.budget import Budget
from regrade_tools.models import Case, CommandTarget, PythonTarget, Verdicts
from regrade_tools.ports import Columns, ScorerProgram, Target, TargetError, Targets
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip

_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class ScorerPrograms:
    """Starts the scorers that the files of a suite name, in the workspace ``root``."""

    root: Path | None
    targets: Targets

    def open(
        self,
        scorer: Scorer,
        concurrency: int,
        clean: Callable[[str], str],
        budget: Budget,  # noqa: ARG002 - a program of the repository spends nothing
        verdicts: Verdicts,  # noqa: ARG002 - and costs nothing to be asked again
    ) -> AbstractAsyncContextManager[ScorerProgram]:
        """As the port says."""
        if self.root is None:
            raise Refusal("Only a scorer of a workspace can be started.")
        return _opened(self.targets, scorer, self.root, concurrency, clean)


@asynccontextmanager
async def _opened(
    targets: Targets, scorer: Scorer, root: Path, concurrency: int, clean: Callable[[str], str]
) -> AsyncGenerator[ScorerProgram, None]:
    # What runs code bounds that itself.
    timeout = _LONGEST_S if isinstance(scorer, Executes) else scorer.timeout_s
    spec = CommandTarget(command=_command(scorer, root), timeout_s=timeout)
    async with targets.open(spec, concurrency, clean) as target:
        try:
            told = (await target.answer(Case(id="describe", input={"describe": True}))).output
        except TargetError as problem:
            why = clip(str(problem).replace("the target", "it"), 400)
            raise Refusal(
                f"The scorer {scorer.name} cannot be asked: {why}.",
                next_step="Mend it, or its assertion in evals/suites/.",
            ) from None
        asked = _Program(target, _columns(told))
        yield _Executed(asked, scorer) if isinstance(scorer, Executes) else asked


def _command(scorer: Scorer, root: Path) -> tuple[str, ...]:
    worker = str(Path(scorer_worker.__file__))
    if isinstance(scorer, CommandScorer):
        return (sys.executable, worker, "command", json.dumps(scorer.run))
    if isinstance(scorer, Executes):
        return (sys.executable, str(Path(sandbox.__file__)), json.dumps(_bounds(scorer, root)))
    if not isinstance(scorer, PythonScorer):
        raise TypeError(f"no program: {scorer!r}")
    path, _, function = scorer.ref.rpartition(":")
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        raise Refusal(
            f"The scorer {scorer.ref} is no file of the workspace.",
            next_step="`ref` is a path in the workspace and a function, such as "
            "evals/scorers.py:is_polite.",
        )
    found = PythonTarget(python=f"scorer:{function}", interpreter=scorer.interpreter)
    return (interpreter(found, root), worker, "python", str(file), function)


def _bounds(scorer: Executes, root: Path) -> dict[str, JsonValue]:
    """How a piece of code is run."""
    found = PythonTarget(python="output:code", interpreter=scorer.interpreter)
    return {
        "interpreter": interpreter(found, root),
        "timeout_s": scorer.timeout_s,
        "memory_mb": scorer.memory_mb,
        "confined": scorer.confined,
    }


def _columns(told: JsonValue) -> Columns:
    held = told if isinstance(told, dict) else {}
    needs, takes = held.get("needs"), held.get("takes")
    return Columns(
        needs=frozenset(map(str, needs)) if isinstance(needs, list) else frozenset(),
        takes=frozenset(map(str, takes)) if isinstance(takes, list) else None,
    )


@dataclass(frozen=True, slots=True)
class _Program:
    target: Target
    columns: Columns

    async def score(self, given: dict[str, JsonValue]) -> JsonValue:
        """As the port says."""
        return (await self.target.answer(Case(id="score", input=given))).output


@dataclass(frozen=True, slots=True)
class _Executed:
    """Has the code of an answer run."""

    program: _Program
    scorer: Executes

    @property
    def columns(self) -> Columns:
        """As the port says."""
        return self.program.columns

    async def score(self, given: dict[str, JsonValue]) -> JsonValue:
        """As the port says."""
        code = self.scorer.code(given.get("output"))
        told = await self.program.score({"code": code, "value": self.scorer.value})
        if not isinstance(told, dict) or "undecided" not in told:
            return told
        why = str(told["undecided"])
        # Whether it runs is all that is asked without an expression, and that is decided.
        if self.scorer.value is not None:
            raise UndecidableError(why)
        return {"pass": False, "reason": why}
