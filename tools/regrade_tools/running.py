"""A plan and a target -> results: bounded fan-out, errored is not failed, nothing lost.

Answers flow through one stream. Whatever has gathered while the last batch was checked and
stored becomes the next batch, so that a quick target pays for few transactions and a slow
one sees every result stored at once.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from regrade_tools.assertions import Check, Errored, Failed, Subject, check
from regrade_tools.models import CaseResult, CheckResult, Outcome
from regrade_tools.planning import Planned
from regrade_tools.ports import Reply, Store, Target, TargetError
from regrade_tools.scoring import Scoring

Progress = Callable[[int, int, str], Awaitable[None]]

_BATCH = 256


async def silent(_done: int, _total: int, _message: str) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(frozen=True, slots=True)
class _Answered:
    planned: Planned
    trial: int
    reply: Reply | str  # a text says why there is no reply
    scored: Mapping[str, CheckResult]  # by the fingerprint of the check


async def measure(  # noqa: PLR0913 - everything a run needs, once
    run_id: str,
    plan: tuple[Planned, ...],
    target: Target,
    store: Store,
    *,
    trials: int,
    concurrency: int,
    progress: Progress = silent,
    scoring: Scoring | None = None,
) -> None:
    """Ask every case of ``plan`` ``trials`` times, check the answers, keep the results."""
    send, receive = anyio.create_memory_object_stream[_Answered](_BATCH)
    jobs = _jobs(plan, trials)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_keep, run_id, receive, store, len(plan) * trials, progress)
        async with send:
            for _ in range(min(concurrency, len(plan) * trials)):
                tasks.start_soon(_ask, jobs, target, scoring or Scoring(), send.clone())


def _jobs(plan: tuple[Planned, ...], trials: int) -> Iterator[tuple[Planned, int]]:
    # All cases once before any twice: a run that is cut short has seen each of them.
    return ((planned, trial) for trial in range(1, trials + 1) for planned in plan)


async def _ask(
    jobs: Iterator[tuple[Planned, int]],
    target: Target,
    scoring: Scoring,
    send: MemoryObjectSendStream[_Answered],
) -> None:
    async with send:
        for planned, trial in jobs:
            try:
                reply: Reply | str = await target.answer(planned.case)
            except TargetError as problem:
                reply = str(problem)
            scored = {} if isinstance(reply, str) else await scoring.results(planned, reply)
            await send.send(_Answered(planned, trial, reply, scored))


async def _keep(
    run_id: str,
    receive: MemoryObjectReceiveStream[_Answered],
    store: Store,
    total: int,
    progress: Progress,
) -> None:
    done = 0
    async with receive:
        async for first in receive:
            batch = [first, *_waiting(receive)]
            # A pattern may take its full second: the loop goes on while the checks run.
            results = await to_thread.run_sync(_results, batch)
            await store.add_results(run_id, results)
            done += len(results)
            await progress(done, total, f"{done} of {total} answers checked")


def _waiting(receive: MemoryObjectReceiveStream[_Answered]) -> Iterator[_Answered]:
    for _ in range(_BATCH - 1):
        try:
            yield receive.receive_nowait()
        except (anyio.WouldBlock, anyio.EndOfStream):
            return


def _results(batch: Iterable[_Answered]) -> list[CaseResult]:
    return [_result(answered) for answered in batch]


def _result(answered: _Answered) -> CaseResult:
    case_id, reply = answered.planned.case.id, answered.reply
    if isinstance(reply, str):
        return CaseResult(case_id, answered.trial, "errored", error=reply)
    subject = Subject(
        output=reply.output,
        input=answered.planned.case.input,
        tool_calls=reply.tool_calls,
        latency_ms=reply.latency_ms,
        cost_usd=reply.cost_usd,
    )
    checks = tuple(
        answered.scored.get(asked.fingerprint) or checked(asked, subject)
        for asked in answered.planned.checks
    )
    return CaseResult(
        case_id=case_id,
        trial=answered.trial,
        outcome=worst(result.outcome for result in checks),
        checks=checks,
        output=reply.output,
        latency_ms=reply.latency_ms,
        cost_usd=reply.cost_usd,
    )


def checked(asked: Check, subject: Subject) -> CheckResult:
    """What one check says of ``subject``, in the form that is kept."""
    verdict = check(asked, subject)
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
