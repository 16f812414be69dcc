"""The verb behind `regrade gate`: run a suite, compare, decide."""

import shlex
from dataclasses import dataclass, replace
from functools import partial

from regrade_tools.comparison.baselines import Baselines, Told
from regrade_tools.comparison.comparison import Comparison, compare
from regrade_tools.comparison.rewording import is_reworded
from regrade_tools.comparison.slices import slices
from regrade_tools.comparison.standing import Standing, standing, worded
from regrade_tools.files.root import ENVIRONMENT
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import is_run
from regrade_tools.gate.beside import changed_beside
from regrade_tools.gate.decision import rule
from regrade_tools.gate.report import GateReport, judged
from regrade_tools.gate.terms import relaxed, terms
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.judges.scorers import unaligned
from regrade_tools.models import UNREADABLE, CaseResult, Mode, Profile, Run, StoredRun
from regrade_tools.models.run import told_state
from regrade_tools.ports import Reference
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.runs.reports import RunReport
from regrade_tools.runs.resuming import edited_since, other_cases
from regrade_tools.runs.running import Progress, silent
from regrade_tools.runs.summary import Summary
from regrade_tools.suites.planning import files_of, program
from regrade_tools.suites.selection import selected
from regrade_tools.suites.verbs import Prepared, Suites
from regrade_tools.texts.plaintext import often

_CARDS = 20
_TOLD = Profile()


@dataclass(frozen=True, slots=True)
class _Question:
    """What a gate is asked about."""

    name: str
    profile: str | None
    prepared: Prepared
    asked: Profile
    target: str | None

    @property
    def command(self) -> str:
        """What makes a run that fits."""
        words = ["regrade", "run", self.name]
        words += ["--target", self.target] if self.target else []
        words += ["--select", self.asked.select] if self.asked.select else []
        trials = self.asked.trials or 1
        words += [] if self.asked.judges else ["--no-judges"]
        words += ["--trials", str(trials)] if trials != self.prepared.suite.trials else []
        return shlex.join(words)


def _judges_may_decide(workspace: Workspace, question: "_Question") -> None:
    """Refuse a judge that nobody has shown to agree with people, and say what would show it."""
    for name, found in unaligned(workspace, question.prepared.planned).items():
        wanted = [f"it needs {need.told}. " for need in found.needs]
        criterion = JudgeFiles(workspace).judge(name).spec.criterion
        # Where labels are enough, or none would do, nobody is sent to give more.
        labels = any(need.more for need in found.needs)
        first = f"A person runs `regrade label {criterion}`, then " if labels else ""
        raise Refusal(
            f"The judge {name} may not gate: it is {found.state}: {'; '.join(found.reasons)}.",
            next_step=f'{"".join(wanted)}{first}align_judge("{name}", split="test") measures it. '
            "Until then a profile with `judges: false`, or --no-judges, decides by all else.",
        )


@dataclass(frozen=True, slots=True)
class Gating:
    """The gate of the suites of one workspace."""

    suites: Suites
    baselines: Baselines

    async def gate(  # noqa: PLR0913 - the options of the command
        self,
        suite: str,
        *,
        profile: str | None = None,
        told: Profile = _TOLD,
        target: str | None = None,
        baseline: Told = None,
        accepted: str = "",
        run_id: str | None = None,
        mode: Mode = "live",
        progress: Progress = silent,
    ) -> GateReport:
        """Decide on ``suite``, by a fresh run in ``mode`` or by the one that ``run_id`` names.

        What is not ``told`` is the profile's, else the suite's own; the baseline its file's.

        Raises:
            Refusal: A name or a file is wrong, or ``run_id`` measured something else.
        """
        workspace = self.baselines.workspace
        self._of_this_machine()
        question = await self._question(suite, profile, told, target)
        dataset = question.prepared.suite.dataset
        baseline = baseline and self.baselines.resolved(baseline)
        before = await self._baseline(question, baseline)
        report = await self._measured(question, run_id, mode, progress)
        stored = await self.suites.runs.stored(report.summary.run_id)
        results = await self._results(stored.run.id)
        found = standing(stored.run, results)
        before, beside = self._beside(question, baseline, before, found)
        if before and is_reworded(before, found):
            found = worded(found, results)
        ruling = rule(
            found,
            before,
            before and self._comparison(before, found, question, baseline),
            question.asked.gate,
            accepted=accepted,
            unfinished=_unfinished(report.summary),
            beside=beside,
        )
        return GateReport(
            ruling=ruling,
            summary=report.summary,
            cards=report.cards[:_CARDS],
            profile=profile,
            slices=slices(found, before),
            cases=judged(found, before, results, partial(workspace.place_of, suite, dataset)),
            baseline=self.baselines.named(suite, baseline) if before else None,
        )

    def _beside(
        self, question: _Question, told: Told, before: Standing | None, found: Standing
    ) -> tuple[Standing | None, list[str]]:
        """``before`` as ``found`` can be compared with it, and what is told beside it."""
        if before is None:
            return None, []
        before = before.narrowed(question.asked.select, found)
        if not isinstance(told, Reference):
            return before, []
        of, host, never = self.baselines.workspace, self.baselines.host, before.unmeasured
        beside = changed_beside(of, host, question.prepared, told, judges=never)
        # Where nothing was measured no fingerprint of a scorer is known: a person looks.
        return (
            (replace(before, doubts=(*before.doubts, *beside)), []) if never else (before, beside)
        )

    def _comparison(
        self, before: Standing, found: Standing, question: _Question, told: Told
    ) -> Comparison:
        was = before.gates.get(question.profile or "")
        least = 1 if before.unmeasured else 0
        laxer = relaxed(was, question.asked, least=least) if was else ()
        if not before.unmeasured and self.baselines.is_gone(question.name, told):
            laxer = (*laxer, "the file of the baseline is gone")
        return compare(before, found, select=question.asked.select, relaxed=laxer)

    async def _results(self, run_id: str) -> tuple[CaseResult, ...]:
        results = await self.suites.runs.store.results(run_id)
        if any(result.error.startswith(UNREADABLE) for result in results):
            # What it said may have been a failure: no allowance for errors covers that.
            raise Unavailable(
                f"A result of {run_id} cannot be read back: the store is damaged.",
                next_step="Run the gate without --run-id: it measures anew.",
            )
        return results

    def _of_this_machine(self) -> None:
        """Refuse a store, or a Python, that came with the repository.

        Whoever made them may have made results, and nobody reviews what is in them.
        """
        for own in (self.baselines.workspace.state.name, ENVIRONMENT):
            if self.baselines.host.tracked(own):
                raise Refusal(
                    f"{own} is committed, and what it holds may not decide.",
                    next_step=f"It is each machine's own: `git rm -r --cached {own}`, and delete "
                    "it.",
                )

    async def _question(
        self, suite: str, profile: str | None, told: Profile, target: str | None
    ) -> _Question:
        workspace = self.baselines.workspace
        declared = terms(workspace.suite(suite), workspace.project(), profile)
        asked = declared.overridden(told)
        prepared = await self.suites.prepare(suite, target, asked.select, judges=asked.judges)
        cases = (await self.suites.read(suite)).cases if asked.gate.slices else ()
        for key in asked.gate.slices:
            # A threshold for what is not there would hold nothing.
            if not any(selected(case, key) for case in cases):
                raise Refusal(
                    f"The gate has the slice {key!r}, which selects no case.",
                    next_step="Mend it in the suite's `gate`, or in the profile of regrade.yaml.",
                )
        question = _Question(suite, profile, prepared, asked, target)
        _judges_may_decide(workspace, question)
        return question

    async def _baseline(self, question: _Question, told: Told) -> Standing | None:
        """What the gate compares with; of a run only one that measured everything asked."""
        before = await self.baselines.find(question.name, told)
        if isinstance(told, str) and is_run(told):
            stored = await self.suites.runs.stored(told)
            whole = stored.run.select in ("", question.asked.select)
            if self.suites.runs.state(stored) != "done" or not whole:
                raise Refusal(
                    f"{told} is no baseline: it measured only a part of what the gate asks.",
                    next_step="Name a whole run that came to its end.",
                )
        return before

    async def _measured(
        self, question: _Question, run_id: str | None, mode: Mode, progress: Progress
    ) -> RunReport:
        asked = question.asked
        if run_id is not None:
            stored = await self.suites.runs.stored(run_id)
            misfit = self._misfit(stored, question)
            if misfit:
                raise Refusal(
                    f"{run_id} cannot decide on {question.name}: {misfit}.",
                    next_step=f"`{question.command}` makes a run that can; "
                    "without --run-id the gate makes one itself.",
                )
            return await self.suites.get_run(run_id)
        report = await self.suites.run_suite(
            question.name,
            question.target,
            asked.select,
            asked.trials,
            budget_usd=asked.budget_usd,
            mode=mode,
            judges=asked.judges,
            wait_s=600,
            progress=progress,
        )
        return await self.suites.ended(report)

    def _misfit(self, stored: StoredRun, question: _Question) -> str | None:
        """Why a run measured something else than the gate would measure now."""
        run, prepared = stored.run, question.prepared
        if self.suites.runs.state(stored) == "running":
            return "it is still running"
        if other := _asked_otherwise(run, question):
            return other
        here = self.suites.runs.host.commit()
        anything = files_of(prepared.spec) is None
        if anything and run.commit and here and run.commit.rstrip("+") != here.rstrip("+"):
            return f"it measured the commit {run.commit}, and this is {here}"
        sources, loose = self.suites.sources(prepared), self.suites.since_committed(prepared)
        if edited := edited_since(run, sources, prepared.scorers, loose):
            return f"{edited} since"
        if other := other_cases(run.cases, prepared.cases):
            return f"{len(other)} of its cases are other ones now, such as {other[0]}"
        return None


def _asked_otherwise(run: Run, question: _Question) -> str | None:
    """Why ``run`` was not told to measure what the gate would."""
    prepared, asked = question.prepared, question.asked
    if run.suite != question.name:
        return f"it is a run of the suite {run.suite}"
    if run.select != asked.select:
        return f"it selected {run.select or 'all'!r}, not {asked.select or 'all'!r}"
    if run.judges != prepared.judges:
        return f"it {'asked' if run.judges else 'did not ask'} the judges"
    if run.target != prepared.target:
        return f"it measured the target {run.target}, not {prepared.target}"
    if run.program and run.program != program(prepared.spec):
        return f"the target {run.target} stood for something else"
    if run.trials < (asked.trials or 1):
        return f"it asked each case {often(run.trials)}, not {often(asked.trials or 1)}"
    return None


def _unfinished(summary: Summary) -> str:
    if summary.state == "done":
        return ""
    # Of a budget that is spent the problem says so itself.
    state = told_state(summary.state, summary.problem).partition(":")[0]
    return f"the run is {state}{f': {summary.problem}' if summary.problem else ''}"
