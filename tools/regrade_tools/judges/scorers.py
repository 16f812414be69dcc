"""Judges as assertions: asked for every answer of a run, beside the scorers of the repository."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import cast

from pydantic import JsonValue

from regrade_tools.assertions import JudgeScorer, Scorer
from regrade_tools.budget import Budget
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import item_key
from regrade_tools.judges.alignment import Assessment
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.bench import Bench, Seat
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.models import Grounds, Item, Judged, ToolCall, Verdicts, shown_calls
from regrade_tools.ports import Columns, ScorerProgram, Scorers, TargetError
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recorded_verdicts import WITHHELD
from regrade_tools.runs.scoring import RESTS_ON, UNDECIDED
from regrade_tools.suites.planning import Planned
from regrade_tools.texts.jsontext import several

_COLUMNS = frozenset({"input", "output", "tool_calls"})


@dataclass(frozen=True)
class JudgeScorers:
    """The scorers of a workspace, its judges among them."""

    programs: Scorers
    bench: Bench
    workspace: Workspace | None

    def open(
        self,
        scorer: Scorer,
        concurrency: int,
        clean: Callable[[str], str],
        budget: Budget,
        verdicts: Verdicts,
    ) -> AbstractAsyncContextManager[ScorerProgram]:
        """As the port says."""
        if isinstance(scorer, JudgeScorer):
            return self._judge(scorer, budget, verdicts)
        return self.programs.open(scorer, concurrency, clean, budget, verdicts)

    @asynccontextmanager
    async def _judge(
        self, scorer: JudgeScorer, budget: Budget, verdicts: Verdicts
    ) -> AsyncGenerator[ScorerProgram, None]:
        files = JudgeFiles(needed(self.workspace))
        sitting = files.sitting(files.judge(scorer.judge))
        if sitting.needs_an_agent or sitting.judge.spec.pairwise:
            why = "compares answers" if sitting.judge.spec.pairwise else "has no model"
            raise Refusal(
                f"The judge {scorer.judge} cannot be asked in a run: it {why}.",
                next_step="Name in its file a `model`, a `jury`, a `python` function, or "
                "`recorded: FILE.jsonl` with lines of input, output, verdict and reasoning; then "
                "it is another judge, to be measured as that.",
            )
        async with self.bench.seat(sitting, budget) as seat:
            tested = Alignments(files.workspace).tested(sitting.judge.spec)
            context = files.reads_context(sitting.judge.spec.criterion)
            yield _JudgeProgram(self.bench, seat, tested, context, verdicts)


@dataclass(frozen=True)
class _JudgeProgram:
    bench: Bench
    seat: Seat
    tested: frozenset[str]
    context: bool
    verdicts: Verdicts

    @property
    def columns(self) -> Columns:
        """As the port says."""
        more = frozenset({"context"} if self.context else ())
        return Columns(frozenset(), _COLUMNS | more)

    async def score(self, given: dict[str, JsonValue]) -> JsonValue:
        """As the port says; an UNKNOWN is what the judge's file says that it counts as."""
        item = _item(given)
        recorded = self.verdicts.known.get((self.seat.sitting.fingerprint, item.key))
        judged = recorded or await self._judged(item)
        reason = judged.reasoning or judged.problem
        if item.key in self.tested:
            reason = WITHHELD
        ground = Grounds(judged.judge, judged.fingerprint, item.key, recorded is not None)
        passes = self._passes(judged)
        if passes is None:
            return {UNDECIDED: judged.problem or "it does not know", RESTS_ON: asdict(ground)}
        return {"pass": passes, "reason": reason, RESTS_ON: asdict(ground)}

    async def _judged(self, item: Item) -> Judged:
        """What it said of the same before at this machine, or says now."""
        known = await self.bench.known(self.seat.sitting, [item.key])
        if item.key in known:
            return known[item.key]
        if self.verdicts.only and self.seat.sitting.models:
            raise TargetError(
                "no recording holds what it, as it is now, says of this answer; "
                "`regrade run SUITE --record` asks it and records that"
            )
        judged = await self.seat.judged(item)
        await self.seat.keep([judged])
        return judged

    def _passes(self, judged: Judged) -> bool | None:
        """None where it does not know, and that counts as nothing."""
        policy = self.seat.sitting.judge.spec.unknown
        # What nobody could read is no answer, whatever an UNKNOWN counts as.
        if not judged.heard:
            raise TargetError(judged.problem or "it does not know")
        if judged.verdict == "unknown" and policy == "exclude":
            return None
        return judged.verdict == "pass" or (judged.verdict == "unknown" and policy == "as_pass")


def _item(given: dict[str, JsonValue]) -> Item:
    called = cast("list[dict[str, JsonValue]]", given.get("tool_calls") or [])
    calls = tuple(ToolCall(str(call["name"]), call.get("arguments")) for call in called)
    asked, answer = given.get("input"), given.get("output")
    # A column of a row may stand for it, and be one text.
    context = several(given.get("context"))
    key = item_key(asked, answer, shown_calls(calls), context)
    return Item(key, asked, answer, calls, context=context)


def unaligned(workspace: Workspace, plan: Iterable[Planned]) -> dict[str, Assessment]:
    """The judges that ``plan`` asks and that may not decide, with what each of them lacks."""
    names = {
        check.assertion.judge
        for planned in plan
        for check in planned.checks
        if isinstance(check.assertion, JudgeScorer)
    }
    found = {name: Alignments(workspace).assessment(name) for name in sorted(names)}
    return {name: one for name, one in found.items() if one.state != "aligned"}
