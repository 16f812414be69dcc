"""The target that runs nothing: what is stored is scored."""

from dataclasses import dataclass, replace

from regrade_tools.assertions import Subject, subject_of
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Case, RecordedTarget
from regrade_tools.models.case import Recorded
from regrade_tools.ports import Reply, Store, TargetError
from regrade_tools.runs.recordings import reply_of


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """Answers from the case's own file, or from the traces of the store."""

    spec: RecordedTarget
    store: Store

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        if self.spec.recorded == "latest":
            return await self._latest(case)
        if self.spec.recorded == "corrected":
            if case.corrected_output is None:
                raise TargetError(
                    "the case has no corrected_output; write one, or run another target"
                )
            return Reply(case.corrected_output)
        if case.recorded is None:
            raise TargetError("the case has no recorded output; run a target that answers")
        return reply_of(case.recorded)

    async def _latest(self, case: Case) -> Reply:
        if case.at_span:
            raise TargetError("the answers of a step are not looked up; run a target that answers")
        given = fingerprint(case.input)
        trace = await self.store.latest(given)
        if trace is None:
            raise TargetError("no stored trace was given this input; import newer logs")
        subject = subject_of(trace)
        # A case of the call of its model is found in a program's trace, too.
        as_program = fingerprint(subject.input) == given
        answer = subject if as_program else replace(subject, output=trace.exchange.output)
        return reply_of(recorded(answer))


def recorded(answer: Subject, error: str = "") -> Recorded:
    """An answer as a case keeps it, with all that was measured of it: it is scored alike."""
    return Recorded(
        output=answer.output,
        tool_calls=answer.tool_calls,
        # Times that were told in seconds since 1970 are not known to less than a microsecond.
        latency_ms=_rounded(answer.latency_ms),
        cost_usd=answer.cost_usd,
        tokens=answer.tokens,
        ttft_ms=_rounded(answer.ttft_ms),
        steps=answer.steps,
        errors=answer.errors,
        context=answer.context,
        error=error,
    )


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


@dataclass(frozen=True, slots=True)
class NothingRecorded:
    """Who stands where a program would, in a run that asks nobody."""

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        raise TargetError(f"nobody is asked for an answer to {case.id} here")
