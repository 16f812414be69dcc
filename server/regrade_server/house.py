"""Everything put together: the one place that knows which adapter stands behind which port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from regrade_server.host import LocalHost
from regrade_server.keys import Keys, default_folder
from regrade_server.llm import LanguageModels
from regrade_server.memory import MemoryStore
from regrade_server.program import Programs, ScorerPrograms
from regrade_server.sqlite import SqliteStore
from regrade_tools.baselines import Baselines
from regrade_tools.bench import Bench
from regrade_tools.cases import Cases
from regrade_tools.catalog import catalog
from regrade_tools.errands import Errands
from regrade_tools.exports import Exports
from regrade_tools.gating import Gating
from regrade_tools.inputs import InputMaker
from regrade_tools.judge_scorers import JudgeScorers
from regrade_tools.judges import Judges
from regrade_tools.labelling import Labelling
from regrade_tools.labels import Labels
from regrade_tools.live import LiveRuns
from regrade_tools.openings import Openings
from regrade_tools.outputs import Outputs
from regrade_tools.overview import Overviews
from regrade_tools.ports import Models
from regrade_tools.recording_files import RecordingFiles
from regrade_tools.retention import Retention
from regrade_tools.runs import Runs
from regrade_tools.suites import Suites
from regrade_tools.summaries import Summaries
from regrade_tools.tool import Tool
from regrade_tools.traces import Traces
from regrade_tools.workspace import Workspace, needed


@dataclass(frozen=True)
class House:
    """Regrade for one workspace, or for none. ``personal`` where a person's own hand is at work."""

    workspace: Workspace | None
    personal: bool = False
    store: SqliteStore | MemoryStore = field(init=False)
    live: LiveRuns = field(default_factory=LiveRuns)
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
        return LocalHost(self._root)

    @property
    def traces(self) -> Traces:
        """What can be done with traces."""
        return Traces(self.store, self.workspace, read_anywhere=self.personal)

    @property
    def summaries(self) -> Summaries:
        """What traces come to in figures."""
        return Summaries(self.store)

    @property
    def retention(self) -> Retention:
        """How long traces are kept; no tool of an agent's removes any."""
        return Retention(self.store, self.workspace)

    @property
    def exports(self) -> Exports:
        """How traces are written out."""
        return Exports(self.store, self.workspace)

    @property
    def suites(self) -> Suites:
        """What can be done with suites."""
        openings = Openings(self.store, Programs(self._root), self.models, self.workspace)
        runs = Runs(self.store, openings, self.live, self.host, self.scorers)
        return Suites(runs, self.workspace)

    @property
    def scorers(self) -> JudgeScorers:
        """The scorers of the workspace, its judges among them."""
        programs = ScorerPrograms(self._root, Programs(self._root))
        return JudgeScorers(programs, self._bench, self.workspace)

    @property
    def _bench(self) -> Bench:
        return Bench(self.store, self.models, Programs(self._root), self.workspace)

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

    @property
    def judges(self) -> Judges:
        """What can be done with judges."""
        return Judges(self._bench, self.errands, self.workspace)

    @property
    def errands(self) -> Errands:
        """Work for agents."""
        return Errands(self.store, self.workspace)

    @property
    def inputs(self) -> InputMaker:
        """What can be done for a suite that needs inputs."""
        return InputMaker(self.store, self.models, self.errands, self.workspace)

    @property
    def keys(self) -> Keys:
        """The keys of the people at this machine."""
        return Keys(default_folder(), self._root)

    @property
    def labelling(self) -> Labelling:
        """How labels are made and kept."""
        return Labelling(self.store, needed(self.workspace), self.keys)

    @property
    def catalog(self) -> list[Tool]:
        """Every tool."""
        return catalog(
            Overviews(self.store, self.workspace, self.host),
            self.traces,
            self.summaries,
            Cases(self.store, self.workspace),
            self.suites,
            Outputs(self.workspace),
            self.judges,
            self.errands,
            Labels(self.store, self.workspace, self.keys),
            self.inputs,
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["House", None]:
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
    def _root(self) -> Path | None:
        return None if self.workspace is None else self.workspace.root
