"""The verb behind `regrade gate`: run a suite, compare, decide."""

from dataclasses import dataclass

from regrade_tools.baselines import Baselines
from regrade_tools.cards import Card, Summary
from regrade_tools.comparison import standing
from regrade_tools.gate import Ruling, rule
from regrade_tools.models import GatePolicy
from regrade_tools.running import Progress, silent
from regrade_tools.suites import RunReport, Suites

_CARDS = 20


@dataclass(frozen=True, slots=True)
class GateReport:
    """The ruling, the run it is about, and the cards of what failed."""

    ruling: Ruling
    summary: Summary
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Gating:
    """The gate of the suites of one workspace."""

    suites: Suites
    baselines: Baselines

    async def gate(  # noqa: PLR0913 - the options of the command
        self,
        suite: str,
        *,
        target: str | None = None,
        baseline: str | None = None,
        max_drop: float | None = None,
        min_pass_rate: float | None = None,
        strict: bool = False,
        run_id: str | None = None,
        progress: Progress = silent,
    ) -> GateReport:
        """Decide on ``suite``, by a fresh run or by the one that ``run_id`` names.

        What is not given is taken from the suite's own policy; the baseline from its file.
        """
        own = self.baselines.workspace.suite(suite).gate
        policy = GatePolicy(
            max_drop=own.max_drop if max_drop is None else max_drop,
            min_pass_rate=own.min_pass_rate if min_pass_rate is None else min_pass_rate,
            max_errored=own.max_errored,
            strict=own.strict or strict,
        )
        before = await self.baselines.find(suite, baseline)
        report = await self._measured(suite, target, run_id, progress)
        stored = await self.suites.runs.store.run(report.summary.run_id)
        if stored is None:
            raise LookupError(report.summary.run_id)
        found = standing(stored.run, await self.suites.runs.store.results(stored.run.id))
        return GateReport(rule(found, before, policy), report.summary, report.cards[:_CARDS])

    async def _measured(
        self, suite: str, target: str | None, run_id: str | None, progress: Progress
    ) -> RunReport:
        if run_id is not None:
            return await self.suites.get_run(run_id)
        report = await self.suites.run_suite(suite, target, wait_s=600, progress=progress)
        while report.summary.state == "running":
            report = await self.suites.get_run(report.summary.run_id, wait_s=600)
        return report
