"""The tool to begin with: what there is, what is wrong, what to do next."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.assertions import described
from regrade_tools.comparison.standing import Standing, standing
from regrade_tools.files.workspace import BUILT_IN, NO_WORKSPACE, Workspace
from regrade_tools.fingerprint import id_number
from regrade_tools.judges.alignments import Alignments
from regrade_tools.models import CaseResult
from regrade_tools.models.run import told_state
from regrade_tools.ports import Host, Store
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.runs.lifecycle import state_of
from regrade_tools.suites.audit import audit
from regrade_tools.suites.grid import grid, holes
from regrade_tools.suites.planning import Planned, planned_case
from regrade_tools.suites.soundness import Inspected, inspected, other_problems
from regrade_tools.texts.clipping import clip, clip_list
from regrade_tools.texts.paging import fit
from regrade_tools.texts.timestamps import iso

_RUNS = 5
_PROBLEMS, _TARGETS, _HOLES, _ROWS = 6_000, 1_000, 600, 12_000
_DESCRIPTION = 300
_WEAK = 1_200
_JUDGES = 20
_MEND = "Mend what `problems` names; the messages say how."


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is. Problems are files of ``evals/`` that cannot be used, and why.

    ``weak`` is what an audit of one suite found: nothing that keeps it from running.
    """

    workspace: str | None
    traces: int | None = None
    suites: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])
    targets: list[str] = field(default_factory=list[str])
    last_runs: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])
    problems: list[str] = field(default_factory=list[str])
    judges: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])
    weak: list[str] = field(default_factory=list[str])
    details: list[dict[str, JsonValue]] | None = None
    truncated: str | None = None
    next_step: str | None = None


@dataclass(frozen=True)
class Overviews:
    """What can be said of the whole."""

    store: Store
    workspace: Workspace | None
    host: Host

    async def overview(self, name: str | None = None) -> Overview:
        """Start here: suites, targets, last runs, what is wrong in evals/, the best next step.

        name: one suite; "assertions" for every kind with an example.
        """
        if name == "assertions":
            return Overview(workspace=self._place(), details=described())
        traces = await self.store.count()
        if self.workspace is None:
            return Overview(workspace=None, traces=traces, next_step=NO_WORKSPACE)
        if name is not None:
            return await self._suite(self.workspace, name, traces)
        # There may be many cases: other calls are answered while they are read.
        problems, rows = await to_thread.run_sync(_looked_through, self.workspace)
        shown = fit(rows, lambda row: row, 0, _ROWS, most=len(rows)).items
        return Overview(
            workspace=self._place(),
            traces=traces,
            suites=shown,
            targets=self._targets(self.workspace),
            last_runs=await self._runs(None),
            judges=self._judges(self.workspace),
            problems=clip_list(problems, _PROBLEMS),
            truncated=_left_out(len(rows) - len(shown), "suites", "overview(name) shows any one"),
            next_step=_next_step(traces, rows, problems),
        )

    async def _suite(self, workspace: Workspace, name: str, traces: int) -> Overview:
        if name not in workspace.suites():
            raise unknown(
                "suite",
                name,
                workspace.suites(),
                next_step='overview("assertions") tells the kinds of assertions.',
            )
        found = await to_thread.run_sync(inspected, workspace, name)
        problems = clip_list(found.problems, _PROBLEMS)
        row = _row(workspace, name, found)
        if (suite := found.suite) is None:
            return Overview(self._place(), traces, [row], problems=problems, next_step=_MEND)
        cases = found.accepted
        planned: list[Planned] = []
        for case in cases:
            # What is wrong with one stands among the problems.
            with suppress(Refusal):
                planned.append(planned_case(suite, case))
        runs = await self._measured(name)
        outcomes = runs[0][0].outcomes if runs else {}
        lines = grid(suite, cases, outcomes)
        filed = [case.provenance.trace for case in cases if case.provenance]
        # What was generated names no trace, and a file may name anything.
        traces_of = [trace for trace in filed if id_number(trace) is not None]
        labels = await self.store.labels(trace_ids=traces_of) if traces_of else ()
        shown = fit(lines, lambda line: line, 0, _ROWS, most=len(lines)).items
        return Overview(
            workspace=self._place(),
            traces=traces,
            suites=[row],
            targets=self._targets(workspace),
            last_runs=await self._runs(name),
            problems=problems,
            weak=[clip(told, _WEAK) for told in audit(planned, runs, labels)],
            details=shown,
            truncated=_left_out(
                len(lines) - len(shown), "scenarios", f"evals/suites/{name}.yaml holds them all"
            ),
            next_step=_waiting(name, len(found.cases) - len(cases)),
        )

    async def _measured(self, suite: str) -> list[tuple[Standing, tuple[CaseResult, ...]]]:
        """The last whole runs of a suite on a program, the newest first."""
        found: list[tuple[Standing, tuple[CaseResult, ...]]] = []
        for stored in await self.store.runs(suite, _RUNS):
            whole = stored.end and stored.end.state == "done" and not stored.run.select
            if whole and stored.run.target not in BUILT_IN:
                results = await self.store.results(stored.run.id)
                found.append((standing(stored.run, results), results))
        return found

    def _judges(self, workspace: Workspace) -> list[dict[str, JsonValue]]:
        """Each judge with its state, and what it still needs."""
        alignments = Alignments(workspace)
        rows: list[dict[str, JsonValue]] = []
        for name in alignments.files.names()[:_JUDGES]:
            try:
                found = alignments.assessment(name)
            except Refusal as refusal:
                rows.append({"judge": name, "problem": clip(refusal.problem, _DESCRIPTION)})
                continue
            row: dict[str, JsonValue] = {"judge": name, "state": found.state}
            if found.state != "aligned" and found.reasons:
                row["because"] = clip(found.reasons[0], _DESCRIPTION)
            if alignments.files.sitting(alignments.files.judge(name)).needs_an_agent:
                row["in_runs"] = "never: it has no model, and the agent that calls judges"
            rows.append(row)
        return rows

    def _targets(self, workspace: Workspace) -> list[str]:
        try:
            own = [*workspace.project().targets]
        except Refusal:
            return []
        return [*BUILT_IN, *clip_list(own, _TARGETS)]

    async def _runs(self, suite: str | None) -> list[dict[str, JsonValue]]:
        told: list[dict[str, JsonValue]] = []
        for stored in await self.store.runs(suite, _RUNS):
            found = standing(stored.run, await self.store.trials(stored.run.id))
            counted = Counter(found.asked.values())
            told.append(
                {
                    "run_id": stored.run.id,
                    "suite": stored.run.suite,
                    "target": stored.run.target,
                    "when": iso(stored.run.started_at),
                    "state": told_state(
                        state_of(stored, self.host), stored.end.problem if stored.end else None
                    ),
                    "passed": counted["passed"],
                    "failed": counted["failed"],
                    "errored": counted["errored"],
                    **({"not_asked": len(found.unasked)} if found.unasked else {}),
                }
            )
        return told

    def _place(self) -> str | None:
        if self.workspace is None:
            return None
        return f"{self.workspace.root} ({self.workspace.found_by})"


def _looked_through(workspace: Workspace) -> tuple[list[str], list[dict[str, JsonValue]]]:
    """What is wrong in ``evals/``, and a row for each suite."""
    problems = list(other_problems(workspace))
    rows: list[dict[str, JsonValue]] = []
    for name in workspace.suites():
        found = inspected(workspace, name)
        problems += found.problems
        rows.append(_row(workspace, name, found))
    return problems, rows


def _row(workspace: Workspace, name: str, found: Inspected) -> dict[str, JsonValue]:
    """A suite in a few fields."""
    if (suite := found.suite) is None:
        return {"suite": name, "problem": "a file of it is wrong, see problems"}
    cases = found.accepted
    row: dict[str, JsonValue] = {"suite": name, "cases": len(cases), "target": suite.target}
    if waiting := len(found.cases) - len(cases):
        row["candidates"] = waiting
    if suite.dataset and suite.dataset.query is not None:
        row["traces_as_cases"] = clip(suite.dataset.query, _DESCRIPTION)
    if suite.description:
        row["description"] = clip(suite.description, _DESCRIPTION)
    empty = holes(grid(suite, cases, {}))
    if empty:
        row["scenarios_without_a_case"] = [*clip_list(empty, _HOLES)]
    row["baseline"] = workspace.holds(workspace.baseline_path(name))
    return row


def _left_out(number: int, what: str, rest: str) -> str | None:
    return f"{number} {what} are left out; {rest}." if number else None


def _waiting(suite: str, candidates: int) -> str | None:
    """What a person is to do about candidates, where there are any."""
    if not candidates:
        return None
    return (
        f"{candidates} candidates of {suite} wait for a person: generate_inputs with accept asks "
        f"them at your client, or they run `regrade accept {suite}`."
    )


def _next_step(traces: int, rows: list[dict[str, JsonValue]], problems: list[str]) -> str:
    if problems:
        return _MEND
    if not traces:
        return "Import logs: import_traces, or `regrade import PATH` for a person."
    if not rows:
        return "Write a first suite: `regrade init`, or evals/suites/<suite>.yaml by hand."
    waiting = next((row for row in rows if row.get("candidates")), None)
    if waiting is not None:
        return _waiting(str(waiting["suite"]), int(str(waiting["candidates"]))) or ""
    asking = [row for row in rows if row.get("cases") != 0 or "traces_as_cases" in row]
    if not asking:
        return f"Suite {rows[0]['suite']} has no case: search_traces for a failure, then file_case."
    # The empty suite that `init` wrote stands in nobody's way.
    rows = asking
    holes = next((row for row in rows if "scenarios_without_a_case" in row), None)
    if holes is not None:
        return f"Suite {holes['suite']} has scenarios without a case: file one for each."
    bare = next((row for row in rows if not row.get("baseline")), None)
    if bare is None:
        return "run_suite after each change of the product; `regrade gate` in CI."
    save = f"`regrade run {bare['suite']} --save-baseline`"
    if bare.get("target") in BUILT_IN:
        return (
            f"Suite {bare['suite']} scores only what was recorded: name the program under "
            f"`targets` in evals/regrade.yaml and as the suite's `target`. When it passes, {save}."
        )
    return f"Suite {bare['suite']} has no baseline: {save}, commit it."
