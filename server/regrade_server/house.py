"""Everything put together, upon the ground floor: the rooms that the tools work in."""

from dataclasses import dataclass

from regrade_server.ground_floor import GroundFloor
from regrade_server.keys import Keys, default_folder
from regrade_tools.cases.outputs import Outputs
from regrade_tools.cases.verbs import Cases
from regrade_tools.catalog import catalog
from regrade_tools.errands import Errands
from regrade_tools.files.workspace import needed
from regrade_tools.inputs.verbs import InputMaker
from regrade_tools.judges.verbs import Judges
from regrade_tools.labels.labelling import Labelling
from regrade_tools.labels.verbs import Labels
from regrade_tools.overview import Overviews
from regrade_tools.tool import Tool
from regrade_tools.traces.exports import Exports
from regrade_tools.traces.retention import Retention
from regrade_tools.traces.summaries import Summaries
from regrade_tools.traces.verbs import Traces


@dataclass(frozen=True)
class House(GroundFloor):
    """The whole of Regrade for one workspace, or for none."""

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
    def judges(self) -> Judges:
        """What can be done with judges."""
        return Judges(self.bench, self.errands, self.workspace)

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
        return Keys(default_folder(), self.root)

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
