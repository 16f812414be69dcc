"""Scorers beside a run: each is started once, asked for every answer, and read as a verdict."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, cast

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.assertions import Check, JudgeScorer, Scorer, UndecidableError
from regrade_tools.budget import Budget
from regrade_tools.fingerprint import canonical
from regrade_tools.models import Case, CheckResult, Grounds, Verdicts
from regrade_tools.ports import Reply, ScorerProgram, Scorers, TargetError
from regrade_tools.refusal import Refusal
from regrade_tools.runs.redacted import withheld
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.suites.planning import Planned
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.patterns import SlowPatternError

# Under this a judge tells, beside its verdict, what that rests on.
RESTS_ON = "rests_on"
# And under this, in the place of a verdict, why it has none.
UNDECIDED = "undecided"

_NONE = Verdicts()
_SHOWN = 12
_REASON = 600
_FORMS = 'a boolean, {"pass": ..., "reason": ...}, or a number where the assertion has a threshold'


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scorers that are under way, by what their assertions say."""

    programs: Mapping[Scorer, ScorerProgram] = field(default_factory=dict[Scorer, ScorerProgram])
    budget: Budget = field(default_factory=Budget)

    async def results(
        self, planned: Planned, reply: Reply, hidden: Redaction
    ) -> dict[str, CheckResult]:
        """What the scorers among the checks say of an answer, by the check's fingerprint.

        Programs are asked of it as it was given, judges without its secrets, which no reason tells.
        """
        # Judges spend of the same budget as the program that they judge.
        self.budget.spent += reply.cost_usd or 0
        found: dict[str, CheckResult] = {}
        for check in planned.checks if self.programs else ():
            if isinstance(check.assertion, Scorer) and check.assertion in self.programs:
                program = self.programs[check.assertion]
                offered = _offered(planned.case, reply)
                asked = _Asked(check, check.assertion, program, hidden)
                found[check.fingerprint] = await asked.result(offered)
        return found


@asynccontextmanager
async def scoring(  # noqa: PLR0913 - what scorers of a run are held to
    scorers: Scorers,
    plan: tuple[Planned, ...],
    concurrency: int,
    hidden: Redaction,
    budget: Budget | None = None,
    *,
    verdicts: Verdicts = _NONE,
    complete: bool = True,
) -> AsyncGenerator[Scoring, None]:
    """The scorers that ``plan`` asks, until the context ends; ``complete`` with every column.

    What judges said before, as far as the repository has it, is in ``verdicts``.

    What judges and the program under test spend together stays within ``budget``: a judge
    that could exceed it is not asked, and its check is errored.

    Raises:
        Refusal: One cannot be started, or asks for a column that a case does not have.
    """
    asked = dict.fromkeys(
        check.assertion
        for planned in plan
        for check in planned.checks
        if isinstance(check.assertion, Scorer)
    )
    budget = budget or Budget()
    async with AsyncExitStack() as stack:
        programs = {
            scorer: await stack.enter_async_context(
                scorers.open(scorer, concurrency, hidden.shown, budget, verdicts)
            )
            for scorer in asked
        }
        for planned in plan if programs and complete else ():
            _complete(planned, programs)
        yield Scoring(programs, budget)


def _complete(planned: Planned, programs: Mapping[Scorer, ScorerProgram]) -> None:
    """Make sure that every scorer of a case finds what it asks for."""
    there = _offered(planned.case, Reply(None))
    for check in planned.checks:
        if not isinstance(check.assertion, Scorer):
            continue
        missing = sorted(programs[check.assertion].columns.needs - set(there))
        if missing:
            raise Refusal(
                f"The scorer {check.assertion.name} asks for {missing[0]!r}, which the case "
                f"{planned.case.id} does not have (it has: {', '.join(sorted(there)[:_SHOWN])}).",
                next_step="Name a column of the row or of the input, or give it a default.",
            )


def _offered(case: Case, reply: Reply) -> dict[str, JsonValue]:
    """What a scorer may name: the fields of the input, the columns, and how the answer came."""
    # A row may have a column of this name, which then stands for it.
    offered: dict[str, JsonValue] = {"context": list(reply.context)}
    offered |= {"id": case.id, "input": case.input}
    if case.corrected_output is not None:
        offered["expected"] = case.corrected_output
    if isinstance(case.input, dict):
        offered |= case.input
    calls: list[JsonValue] = [
        {"name": call.name, "arguments": call.arguments} for call in reply.tool_calls
    ]
    return {
        **offered,
        **case.columns,
        "output": reply.output,
        "tool_calls": calls,
        "latency_ms": reply.latency_ms,
        "cost_usd": reply.cost_usd,
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """A scorer that is asked of one answer."""

    check: Check
    scorer: Scorer
    program: ScorerProgram
    hidden: Redaction

    async def result(self, offered: dict[str, JsonValue]) -> CheckResult:
        """What it says of the answer as given, in its words for the clean one: see ``Answer``.

        A judge is only ever asked of the clean one: what it is shown may leave the machine, and
        that is the answer that people label and that is recorded.
        """
        takes = self.program.columns.takes
        given = {key: value for key, value in offered.items() if takes is None or key in takes}
        if isinstance(self.scorer, JudgeScorer):
            shown = await to_thread.run_sync(self._clean, given)
            if shown is None:
                return CheckResult(self.check.spec, "errored", withheld(self.check, failed=False))
            return await self._said(shown)
        found = await self._said(given)
        if found.outcome == "passed":
            return found
        # There may be much to look through: the loop goes on meanwhile.
        clean = await to_thread.run_sync(self._clean, given)
        if clean == given:
            return found
        told = found if clean is None else await self._said(clean)
        if clean is not None and told.outcome == found.outcome:
            return told
        return replace(found, reason=withheld(self.check, failed=found.outcome == "failed"))

    def _clean(self, given: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
        """``given`` without its secrets; None where nobody can say what they are."""
        try:
            clean = self.hidden.apply(given)
        except (SlowPatternError, RecursionError):
            return None
        return clean if isinstance(clean, dict) else None

    async def _said(self, given: dict[str, JsonValue]) -> CheckResult:
        check, scorer = self.check, self.scorer
        ground: Grounds | None = None
        try:
            if missing := sorted(self.program.columns.needs - set(given)):
                raise TargetError(f"it asks for {missing[0]!r}, which is not there")  # noqa: TRY301 - as what it raises
            told = await self.program.score(given)
            ground = _ground(told) if isinstance(scorer, JudgeScorer) else None
            passed, reason = _read(told, scorer.least, self.hidden)
        except UndecidableError as problem:
            why = clip(self.hidden.shown(str(problem)), _REASON)
            return CheckResult(check.spec, "failed", f"{check.demand}, but {why}")
        except TargetError as problem:
            why = self.hidden.shown(str(problem)).replace("the target", "it")
            who = scorer.name if isinstance(scorer, JudgeScorer) else f"the scorer {scorer.name}"
            return CheckResult(check.spec, "errored", f"{who}: {why}", ground)
        if passed != check.negated:
            return CheckResult(check.spec, "passed", rests_on=ground)
        why = clip(self.hidden.shown(reason), _REASON)
        why = why or ("it does" if check.negated else "it does not")
        return CheckResult(check.spec, "failed", f"{check.demand}, but {why}", ground)


def _ground(told: JsonValue) -> Grounds | None:
    """What a judge says that its verdict rests on."""
    found = told.get(RESTS_ON) if isinstance(told, dict) else None
    return Grounds(**cast("dict[str, Any]", found)) if isinstance(found, dict) else None


def _read(value: JsonValue, threshold: float | None, hidden: Redaction) -> tuple[bool, str]:
    """Whether what a scorer returned means passed, and the reason that it gave.

    Raises:
        TargetError: It means neither.
    """
    told, reason = value, ""
    if isinstance(value, dict):
        if value.keys() == {UNDECIDED, RESTS_ON}:
            raise TargetError(str(value[UNDECIDED]))
        told, given = value.get("pass", value.get("score")), value.get("reason")
        reason = given if isinstance(given, str) else ""
    if isinstance(told, bool):
        return told, reason
    if isinstance(told, int | float) and isfinite(told) and threshold is not None:
        return told >= threshold, reason or f"its score is {told:g}"
    shown = clip(hidden.shown(canonical(value).decode(errors="replace")), 120)
    raise TargetError(f"it returned {shown}; a scorer returns {_FORMS}")
