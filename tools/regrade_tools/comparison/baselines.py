"""What a run is compared with: a file of the repository, a git reference, or an earlier run."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from anyio import to_thread

from regrade_tools.comparison.baseline_file import read_baseline, write_baseline
from regrade_tools.comparison.declared import as_declared
from regrade_tools.comparison.standing import UNMEASURED, Standing, standing, worded
from regrade_tools.files.repository import LARGEST_OF_OURS
from regrade_tools.files.workspace import SUFFIX, Workspace
from regrade_tools.fingerprint import is_run
from regrade_tools.gate.terms import all_terms
from regrade_tools.ports import Host, Reference, Store
from regrade_tools.refusal import Refusal
from regrade_tools.texts.plaintext import counted, listed

# A run id, ``git:`` and a reference, a file, a bare reference, or one that was looked up.
Told = str | Reference | None

_GIT = "git:"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Saved:
    """A baseline that was written; ``failing`` are cases that may go on failing by it."""

    path: str
    cases: int
    failing: list[str] = field(default_factory=list[str])
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Baselines:
    """The baselines of the suites of one workspace."""

    workspace: Workspace
    store: Store
    host: Host

    def resolved(self, told: str | Reference) -> str | Reference:
        """``told``, where it is a git reference with the commit that it stands for now.

        Raises:
            Refusal: It is neither a run, nor a file, nor a git reference.
        """
        if not isinstance(told, str) or not self._is_reference(told):
            return told
        # A reference may move meanwhile: all that is read of it is of one commit.
        return self.host.resolved(told.removeprefix(_GIT))

    async def find(self, suite: str, told: Told) -> Standing | None:
        """The baseline that was ``told``, else the suite's own file, else None.

        Told is a run id, ``git:`` and a reference, a file of the workspace, or a bare reference.

        Raises:
            Refusal: What was told is neither a run, nor a file, nor a git reference that has
                the suite's baseline, or that does not have the suite at all.
        """
        own = self.workspace.baseline_path(suite)
        if told is None:
            # What is there and cannot be read is refused: it is not the same as none.
            return self._own(own, suite)
        reference = self.resolved(told)
        if isinstance(reference, Reference):
            return await self._at(reference, suite)
        if is_run(reference):
            return await self._of_run(reference, suite)
        return self._of_file(self.workspace.root / reference, suite)

    async def _at(self, reference: Reference, suite: str) -> Standing | None:
        shown = self.workspace.shown(self.workspace.baseline_path(suite))
        declared = self.workspace.shown(self.workspace.suite_path(suite))
        there = self.host.files_at(reference, [shown, declared])
        text = there.get(shown)
        if text is None and declared not in there:
            # A suite that is new since has nothing to be compared with, and every case must pass.
            return None
        # One that is there and was never measured is known by what it asks. To refuse it would
        # refuse the very change that brings its baseline.
        known = (
            UNMEASURED if text is None else read_baseline(text, suite, f"{reference.name}:{shown}")
        )
        # There may be thousands of cases: other calls are answered while they are read.
        return await to_thread.run_sync(as_declared, known, suite, self.host, reference)

    def suites(self, before: Reference | None) -> list[str]:
        """The suites that are declared at a reference; without one, those that have a baseline."""
        if before is None:
            return self.workspace.names("baselines", ".json")
        folder = self.workspace.shown(self.workspace.evals / "suites")
        there = self.host.files_at(before, [folder])
        paths = (PurePosixPath(path) for path in there)
        own = (path.name for path in paths if str(path.parent) == folder)
        return self.workspace.named(own, SUFFIX)

    def named(self, suite: str, told: Told) -> str:
        """What was ``told``, in words; without that the suite's own file."""
        if isinstance(told, Reference):
            return told.name
        return told or f"{self.workspace.shown(self.workspace.baseline_path(suite))} as it is here"

    def is_gone(self, suite: str, told: Told) -> bool:
        """Whether ``told`` is a git reference, and what its baseline stands in is there no more."""
        own = self.workspace.baseline_path(suite)
        return self._is_reference(told) and not os.path.lexists(own)

    def _own(self, path: Path, suite: str) -> Standing | None:
        return self._of_file(path, suite) if os.path.lexists(path) else None

    def _is_reference(self, told: Told) -> bool:
        """Whether ``told`` is neither a run nor the path of a file, something but a folder.

        A baseline is called so: else a pull request could add a file with the name of a branch.
        """
        if not isinstance(told, str):
            return told is not None
        if is_run(told):
            return False
        if told.startswith(_GIT) or not told.endswith(".json"):
            return True
        path = self.workspace.root / told
        try:
            # A folder may have the name of a branch.
            return not os.path.lexists(path) or path.is_dir()
        except (OSError, ValueError):
            # No name of a file; it may still be a git reference.
            return True

    def _of_file(self, path: Path, suite: str) -> Standing:
        try:
            text = self.workspace.text(path, LARGEST_OF_OURS)
        except Refusal as refusal:
            raise Refusal(
                refusal.problem,
                next_step="A baseline is a file of the workspace that `regrade run "
                f"{suite} --save-baseline` wrote.",
            ) from None
        root = self.workspace.root
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        return read_baseline(text, suite, shown)

    async def _of_run(self, run_id: str, suite: str) -> Standing:
        stored = await self.store.run(run_id)
        if stored is None or stored.run.suite != suite:
            raise Refusal(
                f"There is no run {run_id!r} of the suite {suite!r}.",
                next_step="overview lists the last runs.",
            )
        results = await self.store.results(run_id)
        return worded(standing(stored.run, results), results)

    async def save(self, run_id: str) -> Saved:
        """Write the baseline of a run's suite from the run.

        Raises:
            Refusal: The run is not whole, or not everything could be measured.
        """
        stored = await self.store.run(run_id)
        if stored is None or stored.end is None or stored.end.state != "done" or stored.run.select:
            raise Refusal("A baseline is made from a whole run that came to its end.")
        if not stored.run.judges:
            raise Refusal("A baseline is made from a run that asked the judges, too.")
        results = await self.store.results(run_id)
        found = worded(standing(stored.run, results), results)
        errored = found.with_outcome("errored")
        if errored:
            raise Refusal(
                f"No baseline was written: {counted(len(errored), 'case')} errored, such as "
                f"{errored[0]}.",
                next_step="What could not be measured cannot be compared with: mend that first.",
            )
        suite = stored.run.suite
        gates = all_terms(self.workspace.suite(suite), self.workspace.project())
        path = self.workspace.baseline_path(suite)
        self.workspace.replace(path, write_baseline(suite, replace(found, gates=gates)))
        failing = found.with_outcome("failed")
        return Saved(
            path=path.relative_to(self.workspace.root).as_posix(),
            cases=len(found.outcomes),
            failing=failing,
            warning=_warning(failing, len(found.outcomes)),
        )


def _warning(failing: list[str], cases: int) -> str | None:
    if not failing:
        return None
    return (
        f"{len(failing)} of its {cases} cases fail, and the gate will let them go on failing: "
        f"{listed(failing, _NAMED)}."
    )
