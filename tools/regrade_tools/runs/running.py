"""A plan and a target -> results: bounded fan-out, errored is not failed, nothing lost.

Answers flow through one stream. Whatever has gathered while the last batch was checked and
stored becomes the next batch, so that a quick target pays for few transactions and a slow
one sees every result stored at once.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
from anyio import from_thread, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from regrade_tools.assertions import Check, Failed, Passed, Subject, Verdict
from regrade_tools.budget import Budget
from regrade_tools.models import Case, CaseResult, CheckResult, Outcome, Run
from regrade_tools.models.run import SPENT
from regrade_tools.ports import Reply, Store, Target, TargetError
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recorded_verdicts import grounds
from regrade_tools.runs.recordings import Replay
from regrade_tools.runs.redacted import Answer, answer
from regrade_tools.runs.resuming import Answered, measured
from regrade_tools.runs.scoring import Scoring
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.suites.planning import Planned
from regrade_tools.texts.patterns import SlowPatternError

Progress = Callable[[int, int, str], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_LIVE = Replay()
_BATCH = 256
_UNWRITTEN = "the answer cannot be stored: it is nested too deep or holds what JSON cannot say"


async def silent(_done: int, _total: int, _message: str) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(slots=True)
class _Tally:
    """How far a run has come: answers and dollars, and how the trials of each case ended."""

    run: Run
    answers: int
    done: int = 0
    cost: float = 0
    budget: Budget = field(default_factory=Budget)
    _ended: dict[str, set[Outcome]] = field(default_factory=dict[str, set[Outcome]])

    def add(self, results: Iterable[CaseResult]) -> None:
        for result in results:
            self.done += 1
            self.cost += result.cost_usd or 0
            self._ended.setdefault(result.case_id, set()).add(result.outcome)

    def settled(self, case_id: str) -> bool:
        """Whether another trial of this case would say nothing new: it is flaky already."""
        return self.run.adaptive and {"passed", "failed"} <= self._ended.get(case_id, set())

    def afford(self) -> None:
        """Go on, unless the budget is spent.

        Raises:
            Refusal: It is.
        """
        budget = self.run.budget_usd
        # What judges were paid is in the budget and in no result.
        cost = max(self.cost, self.budget.spent)
        if budget is not None and cost > budget and self.done < self.answers:
            raise Refusal(
                f"{SPENT} ${budget:g} is spent: "
                f"{self.done} of {self.answers} answers cost ${cost:.4g}.",
                next_step="Raise budget_usd, or select fewer cases.",
            )


@dataclass(frozen=True, slots=True)
class _Answered:
    planned: Planned
    trial: int
    reply: Reply | str  # a text says why there is no reply
    replayed: bool
    scored: Mapping[str, CheckResult]  # by the fingerprint of the check


async def measure(  # noqa: PLR0913 - everything a run needs, once
    run: Run,
    plan: tuple[Planned, ...],
    target: Target,
    store: Store,
    *,
    concurrency: int,
    hidden: Redaction,
    progress: Progress = silent,
    scoring: Scoring | None = None,
    known: Sequence[CaseResult] = (),
    replay: Replay = _LIVE,
) -> None:
    """Ask every case of ``plan`` as often as ``run`` says, check the answers, keep the results.

    Answers are checked as they came and kept without their secrets. What is ``known`` of this
    run already is not asked again, and what ``replay`` holds is not asked at all.

    Raises:
        Refusal: The answers have cost more than the budget of the run, or a pattern of the
            project has taken too long to look through them; what came is kept.
    """
    # Who decides whom to ask by what was answered does not run ahead of the checks.
    ahead = 0 if run.adaptive else _BATCH
    send, receive = anyio.create_memory_object_stream[_Answered](ahead)
    asking = scoring or Scoring()
    tally = _Tally(run, len(plan) * run.trials, budget=asking.budget)
    tally.add(known)
    tally.budget.spent += tally.cost
    jobs = _jobs(plan, tally, measured(known))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_keep, receive, store, tally, hidden, progress)
        async with send:
            for _ in range(min(concurrency, tally.answers)):
                asked = (jobs, target, replay, asking, hidden, send.clone())
                tasks.start_soon(_ask, *asked)


def _jobs(
    plan: tuple[Planned, ...], tally: _Tally, known: Answered
) -> Iterator[tuple[Planned, int]]:
    # All cases once before any twice: a run that is cut short has seen each of them.
    for trial in range(1, tally.run.trials + 1):
        for planned in plan:
            if (planned.case.id, trial) in known:
                continue
            if tally.settled(planned.case.id):
                tally.answers -= 1
            else:
                yield planned, trial


async def _ask(  # noqa: PLR0913 - as above
    jobs: Iterator[tuple[Planned, int]],
    target: Target,
    replay: Replay,
    scoring: Scoring,
    hidden: Redaction,
    send: MemoryObjectSendStream[_Answered],
) -> None:
    async with send:
        for planned, trial in jobs:
            recorded = replay.find(planned.case, trial)
            try:
                reply: Reply | str = recorded or await _asked(planned.case, trial, target, replay)
            except TargetError as problem:
                reply = str(problem)
            scored: Mapping[str, CheckResult] = {}
            if not isinstance(reply, str):
                scored = await scoring.results(planned, reply, hidden)
            answered = _Answered(planned, trial, reply, recorded is not None, scored)
            try:
                # Where there is room nobody has to wait, and a batch grows to its full size.
                send.send_nowait(answered)
            except anyio.WouldBlock:
                await send.send(answered)


async def _asked(case: Case, trial: int, target: Target, replay: Replay) -> Reply:
    """What ``target`` answers, where somebody may be asked."""
    if replay.mode == "replay":
        raise TargetError(replay.absence(case, trial))
    return await target.answer(case)


async def _keep(
    receive: MemoryObjectReceiveStream[_Answered],
    store: Store,
    tally: _Tally,
    hidden: Redaction,
    progress: Progress,
) -> None:
    async with receive:
        async for first in receive:
            batch = [first, *_waiting(receive)]
            # The checks of an answer may take their full time: the loop goes on meanwhile.
            results = await to_thread.run_sync(_results, batch, hidden)
            await _stored(tally.run.id, results, store)
            tally.add(results)
            told = f"{tally.done} of {tally.answers} answers checked"
            await progress(tally.done, tally.answers, told)
            tally.afford()


async def _stored(run_id: str, results: list[CaseResult], store: Store) -> None:
    """Keep ``results``; one that cannot be written down is kept as errored."""
    try:
        await store.add_results(run_id, results)
    except (ValueError, RecursionError):
        # A number without an end or half of a character: seldom, so nobody looks before.
        if len(results) > 1:
            for result in results:
                await _stored(run_id, [result], store)
        elif results[0] != (plain := _unwritten(results[0])):
            await _stored(run_id, [plain], store)
        else:
            raise


def _unwritten(result: CaseResult) -> CaseResult:
    return CaseResult(result.case_id, result.trial, "errored", error=_UNWRITTEN)


def _waiting(receive: MemoryObjectReceiveStream[_Answered]) -> Iterator[_Answered]:
    for _ in range(_BATCH - 1):
        try:
            yield receive.receive_nowait()
        except (anyio.WouldBlock, anyio.EndOfStream):
            return


def _results(batch: Iterable[_Answered], hidden: Redaction) -> list[CaseResult]:
    results: list[CaseResult] = []
    for answered in batch:
        # A run that is cancelled waits for one answer, not for the batch.
        from_thread.check_cancelled()
        results.append(_result(answered, hidden))
    return results


def _result(answered: _Answered, hidden: Redaction) -> CaseResult:
    """What the checks say of one answer; what goes wrong with it is told of it alone."""
    case_id = answered.planned.case.id
    try:
        return _scored(answered, hidden)
    except Refusal:
        # What a person has to mend first is wrong with every answer.
        raise
    except SlowPatternError as slow:
        # Nobody can say that it is clean, so nothing of it is kept.
        problem = f"the answer cannot be redacted: {slow}"
    except RecursionError:
        problem = _UNWRITTEN
    except Exception as bug:  # noqa: BLE001 - nor is one answer's the end of the others
        _LOG.exception("the answer to %s was not scored by an error of Regrade itself", case_id)
        problem = f"an error of Regrade itself, see its log: {type(bug).__name__}"
    return CaseResult(case_id, answered.trial, "errored", error=problem)


def _scored(answered: _Answered, hidden: Redaction) -> CaseResult:
    case_id, reply = answered.planned.case.id, answered.reply
    if isinstance(reply, str):
        return CaseResult(case_id, answered.trial, "errored", error=hidden.text(reply))
    given = Subject(
        output=reply.output,
        input=answered.planned.case.input,
        tool_calls=reply.tool_calls,
        latency_ms=_finite(reply.latency_ms),
        cost_usd=_finite(reply.cost_usd),
        tokens=reply.tokens,
        ttft_ms=_finite(reply.ttft_ms),
        steps=reply.steps,
        errors=reply.errors,
        context=reply.context,
    )
    judged = answer(given, hidden)
    checks = with_scores(answered.planned.checks, judged, answered.scored)
    return CaseResult(
        case_id=case_id,
        trial=answered.trial,
        outcome=worst({result.outcome for result in checks}),
        checks=checks,
        output=judged.clean.output,
        tool_calls=judged.clean.tool_calls,
        latency_ms=given.latency_ms,
        # What is replayed has been paid for.
        cost_usd=None if answered.replayed else given.cost_usd,
        tokens=given.tokens,
        ttft_ms=given.ttft_ms,
        steps=given.steps,
        errors=judged.clean.errors,
        context=judged.clean.context,
        replayed=answered.replayed,
        verdicts_replayed=sum(one.recorded for one in grounds(checks)) if answered.scored else 0,
    )


def _finite(number: float | None) -> float | None:
    """A measure that can be one; what is none was not measured."""
    try:
        return number if number is None or math.isfinite(number) else None
    except OverflowError:  # a whole number beyond every float
        return None


def with_scores(
    checks: Sequence[Check], judged: Answer, scored: Mapping[str, CheckResult]
) -> tuple[CheckResult, ...]:
    """What every check says, where programs have said theirs already; by fingerprint."""
    if not scored:
        return tuple(map(_kept, checks, judged.verdicts(checks)))
    own = [asked for asked in checks if asked.fingerprint not in scored]
    verdicts = iter(judged.verdicts(own))
    return tuple(scored.get(asked.fingerprint) or _kept(asked, next(verdicts)) for asked in checks)


def _kept(asked: Check, verdict: Verdict) -> CheckResult:
    if isinstance(verdict, Passed):
        return asked.held
    failed = isinstance(verdict, Failed)
    return CheckResult(asked.spec, "failed" if failed else "errored", verdict.reason)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Failed where any failed, else errored where any errored, else passed.

    A failure stands whatever else could not be measured; but where nothing failed and
    something could not be measured, nobody knows.
    """
    seen = set(outcomes)
    return "failed" if "failed" in seen else "errored" if "errored" in seen else "passed"


def pass_rate(outcomes: Iterable[Outcome]) -> float | None:
    """Passed over passed and failed; errored are in neither. None where nothing was decided."""
    counted = list(outcomes)
    passed, failed = counted.count("passed"), counted.count("failed")
    rate = passed / (passed + failed) if passed + failed else math.nan
    return None if math.isnan(rate) else rate
