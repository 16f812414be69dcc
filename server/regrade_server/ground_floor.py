"""What runs of a suite need, put together: which adapter stands behind which port.

The commands that run suites are started by people and by CI, and need not wait for the rest.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import anyio

from regrade_server.host import LocalHost
from regrade_server.llm import LanguageModels
from regrade_server.memory import MemoryStore
from regrade_server.program import Programs, ScorerPrograms
from regrade_server.sqlite import SqliteStore
from regrade_tools.comparison.baselines import Baselines
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.gate.gating import Gating
from regrade_tools.judges.bench import Bench
from regrade_tools.judges.scorers import JudgeScorers
from regrade_tools.ports import Models
from regrade_tools.runs.lifecycle import Runs
from regrade_tools.runs.live import LiveRuns
from regrade_tools.runs.openings import Openings
from regrade_tools.runs.recording_files import RecordingFiles
from regrade_tools.suites.readings import Readings
from regrade_tools.suites.verbs import Suites


@dataclass(frozen=True)
class GroundFloor:
    """Regrade for one workspace, or for none. ``personal`` where a person's own hand is at work."""

    workspace: Workspace | None
    personal: bool = False
    store: SqliteStore | MemoryStore = field(init=False)
    live: LiveRuns = field(default_factory=LiveRuns)
    readings: Readings = field(default_factory=Readings)
    models: Models = field(default_factory=LanguageModels)

    def __post_init__(self) -> None:
        """Name the store; it is opened when it is first used."""
        store = (
            MemoryStore()
            if self.workspace is None
            else SqliteStore(self.workspace.state / "store.db", within=self.workspace.root)
        )
        object.__setattr__(self, "store", store)

    @property
    def host(self) -> LocalHost:
        """This machine."""
        return LocalHost(self.root)

    @property
    def suites(self) -> Suites:
        """What can be done with suites."""
        openings = Openings(self.store, Programs(self.root), self.models, self.workspace)
        runs = Runs(self.store, openings, self.live, self.host, self.scorers)
        return Suites(runs, self.workspace, self.readings)

    @property
    def scorers(self) -> JudgeScorers:
        """The scorers of the workspace, its judges among them."""
        programs = ScorerPrograms(self.root, Programs(self.root))
        return JudgeScorers(programs, self.bench, self.workspace)

    @property
    def bench(self) -> Bench:
        """Where judges sit."""
        return Bench(self.store, self.models, Programs(self.root), self.workspace)

    @property
    def baselines(self) -> Baselines:
        """The baselines of the workspace."""
        return Baselines(needed(self.workspace), self.store, self.host)

    @property
    def recordings(self) -> RecordingFiles:
        """What was answered before, and by which program."""
        return RecordingFiles(needed(self.workspace), self.store, self.host)

    @property
    def gating(self) -> Gating:
        """The gate."""
        return Gating(self.suites, self.baselines)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Self, None]:
        """Live until the context ends: then what runs is cancelled and the store is closed."""
        try:
            async with self.live.open():
                yield self
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the store, and what is kept of models between questions."""
        if isinstance(self.store, SqliteStore):
            self.store.close()
        with anyio.CancelScope(shield=True):
            await self.models.aclose()

    @property
    def root(self) -> Path | None:
        """The folder of the workspace."""
        return None if self.workspace is None else self.workspace.root
