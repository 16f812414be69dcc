"""Who answers in a run: a program, a prompt, what is stored, or a recording."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from regrade_tools.budget import Budget
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.models import PromptTarget, RecordedTarget, TargetSpec
from regrade_tools.ports import Models, Store, Target, Targets
from regrade_tools.runs.prompting import prompt_answers
from regrade_tools.runs.recorded import NothingRecorded, RecordedAnswers
from regrade_tools.runs.recordings import Replay
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.suites.planning import Planned


@dataclass(frozen=True, slots=True)
class Openings:
    """Where targets are opened, each for one run."""

    store: Store
    targets: Targets
    models: Models
    workspace: Workspace | None

    @asynccontextmanager
    async def open(  # noqa: PLR0913 - what decides who answers
        self,
        planned: tuple[Planned, ...],
        trials: int,
        spec: TargetSpec,
        concurrency: int,
        hidden: Redaction,
        replay: Replay,
        budget: Budget,
    ) -> AsyncGenerator[Target, None]:
        """The target ``spec``, until the context ends; nothing is started to ask it nothing.

        Raises:
            Refusal: It is not there or cannot be started.
        """
        if isinstance(spec, RecordedTarget):
            yield RecordedAnswers(spec, self.store)
        elif replay.mode == "replay" or replay.covers((one.case for one in planned), trials):
            yield NothingRecorded()
        elif isinstance(spec, PromptTarget):
            yield prompt_answers(spec, needed(self.workspace), self.models, budget)
        else:
            async with self.targets.open(spec, concurrency, hidden.shown) as target:
                yield target
