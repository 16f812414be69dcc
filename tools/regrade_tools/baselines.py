"""What a run is compared with: a file of the repository, a git reference, or an earlier run."""

from dataclasses import dataclass

from regrade_tools.comparison import Standing, read_baseline, standing, write_baseline
from regrade_tools.ports import Host, Store
from regrade_tools.refusal import Refusal
from regrade_tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Baselines:
    """The baselines of the suites of one workspace."""

    workspace: Workspace
    store: Store
    host: Host

    async def find(self, suite: str, told: str | None) -> Standing | None:
        """The baseline that was ``told``, else the suite's own file, else None.

        Raises:
            Refusal: What was told is neither a run, nor a file, nor a git reference that has
                the suite's baseline.
        """
        own = self.workspace.baseline_path(suite)
        shown = own.relative_to(self.workspace.root).as_posix()
        if told is None:
            return read_baseline(own.read_text("utf-8"), suite, shown) if own.is_file() else None
        if told.startswith("run_"):
            return await self._of_run(told, suite)
        if self._is_file(told):
            inside = self.workspace.readable(told)
            return read_baseline(inside.read_text("utf-8"), suite, told)
        text = self.host.file_at(told, shown)
        if text is None:
            raise Refusal(
                f"At {told!r} there is no {shown}.",
                next_step=f"`regrade run {suite} --save-baseline` writes it; commit it.",
            )
        return read_baseline(text, suite, f"{told}:{shown}")

    def _is_file(self, told: str) -> bool:
        try:
            return (self.workspace.root / told).is_file()
        except (OSError, ValueError):
            # No name of a file; it may still be a git reference.
            return False

    async def _of_run(self, run_id: str, suite: str) -> Standing:
        stored = await self.store.run(run_id)
        if stored is None or stored.run.suite != suite:
            raise Refusal(
                f"There is no run {run_id!r} of the suite {suite!r}.",
                next_step="overview lists the last runs.",
            )
        return standing(stored.run, await self.store.results(run_id))

    async def save(self, run_id: str) -> str:
        """Write the baseline of a run's suite from the run; its path in the workspace."""
        stored = await self.store.run(run_id)
        if stored is None or stored.end is None or stored.end.state != "done" or stored.run.select:
            raise Refusal("A baseline is made from a whole run that came to its end.")
        found = standing(stored.run, await self.store.results(run_id))
        errored = found.with_outcome("errored")
        if errored:
            raise Refusal(
                f"No baseline was written: {len(errored)} cases are errored, such as {errored[0]}.",
                next_step="What could not be measured cannot be compared with: mend that first.",
            )
        suite = stored.run.suite
        policy = self.workspace.suite(suite).gate
        path = self.workspace.baseline_path(suite)
        self.workspace.replace(path, write_baseline(suite, found, policy))
        return path.relative_to(self.workspace.root).as_posix()
