"""A plan and a target -> results: bounded fan-out, errored is not failed, nothing lost.

Answers flow through one stream. Whatever has gathered while the last batch was checked and
stored becomes the next batch, so that a quick target pays for few transactions and a slow
one sees every result stored at once.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from regrade_tools.assertions import Check, Errored, Failed, Subject, Verdict
from regrade_tools.judgement import answer
from regrade_tools.models import CaseResult, CheckResult, Outcome
from regrade_tools.patterns import SlowPatternError
from regrade_tools.planning import Planned
from regrade_tools.ports import Reply, Store, Target, TargetError
from regrade_tools.redaction import Redaction

Progress = Callable[[int, int, str], Awaitable[None]]

_BATCH = 256


async def silent(_done: int, _total: int, _message: str) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(frozen=True, slots=True)
class _Answered:
    planned: Planned
    trial: int
    reply: Reply | str  # a text says why there is no reply


async def measure(  # noqa: PLR0913 - everything a run needs, once
    run_id: str,
    plan: tuple[Planned, ...],
    target: Target,
    store: Store,
    *,
    trials: int,
    concurrency: int,
    hidden: Redaction,
    progress: Progress = silent,
) -> None:
    """Ask every case of ``plan`` ``trials`` times, check the answers, keep the results.

    Answers are checked as they came and kept without their secrets.
    """
    send, receive = anyio.create_memory_object_stream[_Answered](_BATCH)
    jobs = _jobs(plan, trials)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_keep, run_id, receive, store, len(plan) * trials, hidden, progress)
        async with send:
            for _ in range(min(concurrency, len(plan) * trials)):
                tasks.start_soon(_ask, jobs, target, send.clone())


def _jobs(plan: tuple[Planned, ...], trials: int) -> Iterator[tuple[Planned, int]]:
    # All cases once before any twice: a run that is cut short has seen each of them.
    return ((planned, trial) for trial in range(1, trials + 1) for planned in plan)


async def _ask(
    jobs: Iterator[tuple[Planned, int]], target: Target, send: MemoryObjectSendStream[_Answered]
) -> None:
    async with send:
        for planned, trial in jobs:
            try:
                reply: Reply | str = await target.answer(planned.case)
            except TargetError as problem:
                reply = str(problem)
            await send.send(_Answered(planned, trial, reply))


async def _keep(  # noqa: PLR0913 - as above
    run_id: str,
    receive: MemoryObjectReceiveStream[_Answered],
    store: Store,
    total: int,
    hidden: Redaction,
    progress: Progress,
) -> None:
    done = 0
    async with receive:
        async for first in receive:
            batch = [first, *_waiting(receive)]
            # A pattern may take its full second: the loop goes on while the checks run.
            results = await to_thread.run_sync(_results, batch, hidden)
            await store.add_results(run_id, results)
            done += len(results)
            await progress(done, total, f"{done} of {total} answers checked")


def _waiting(receive: MemoryObjectReceiveStream[_Answered]) -> Iterator[_Answered]:
    for _ in range(_BATCH - 1):
        try:
            yield receive.receive_nowait()
        except (anyio.WouldBlock, anyio.EndOfStream):
            return


def _results(batch: Iterable[_Answered], hidden: Redaction) -> list[CaseResult]:
    return [_result(answered, hidden) for answered in batch]


def _result(answered: _Answered, hidden: Redaction) -> CaseResult:
    case_id, reply = answered.planned.case.id, answered.reply
    try:
        if isinstance(reply, str):
            return CaseResult(case_id, answered.trial, "errored", error=hidden.text(reply))
        return _checked(answered, reply, hidden)
    except SlowPatternError as problem:
        # Nobody can say that it is clean, so nothing of it is kept.
        error = f"the answer cannot be redacted: {problem}"
        return CaseResult(case_id, answered.trial, "errored", error=error)


def _checked(answered: _Answered, reply: Reply, hidden: Redaction) -> CaseResult:
    given = Subject(
        output=reply.output,
        input=answered.planned.case.input,
        tool_calls=reply.tool_calls,
        latency_ms=reply.latency_ms,
        cost_usd=reply.cost_usd,
    )
    judged = answer(given, hidden)
    checks = tuple(kept(asked, judged.verdict(asked)) for asked in answered.planned.checks)
    return CaseResult(
        case_id=answered.planned.case.id,
        trial=answered.trial,
        outcome=worst(result.outcome for result in checks),
        checks=checks,
        output=judged.clean.output,
        latency_ms=reply.latency_ms,
        cost_usd=reply.cost_usd,
    )


def kept(asked: Check, verdict: Verdict) -> CheckResult:
    """What one check said of an answer, in the form that is kept."""
    if isinstance(verdict, Failed):
        return CheckResult(asked.spec, "failed", verdict.reason)
    if isinstance(verdict, Errored):
        return CheckResult(asked.spec, "errored", verdict.reason)
    return CheckResult(asked.spec, "passed")


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
