"""What an assertion is asked about, and the three things it can say."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from regrade_tools.models import Span, ToolCall, Trace
from regrade_tools.texts.jsontext import DEEPEST, compact, is_deep


@dataclass(frozen=True, slots=True)
class Passed:
    """It holds."""


PASSED = Passed()


@dataclass(frozen=True, slots=True)
class Failed:
    """It does not hold; ``reason`` is fit for a retry prompt.

    Not ``decided`` where the answer lacks what the assertion speaks of, negated or not.
    """

    reason: str
    decided: bool = True


@dataclass(frozen=True, slots=True)
class Errored:
    """It could not be measured, which says nothing about the answer."""

    reason: str


Verdict = Passed | Failed | Errored


class UndecidableError(Exception):
    """The answer lacks what the assertion speaks of: it fails, negated or not."""


class UnmeasuredError(Exception):
    """The evaluation lacks what the assertion needs: it is errored."""


@dataclass(frozen=True)
class Subject:
    """One answer, with what is known of how it came about; None where nobody measured it.

    Times in milliseconds; tokens in and out; ``steps`` are spans, and ``errors`` the names of those
    that failed; ``context`` is what tools returned and what was retrieved.
    """

    output: JsonValue
    input: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    ttft_ms: float | None = None
    steps: int | None = None
    errors: tuple[str, ...] | None = None
    context: tuple[JsonValue, ...] = ()

    @property
    def text(self) -> str:
        """The output as text: itself, or its compact JSON."""
        return self.output if isinstance(self.output, str) else self._written

    @cached_property
    def _written(self) -> str:
        return "" if self.output is None else compact(self.output)

    @cached_property
    def data(self) -> JsonValue:
        """The output as data: itself, or what its text says as JSON.

        Raises:
            UndecidableError: The output is a text that is not JSON, or nested too deep.
        """
        value, brackets = self.output, DEEPEST + 1
        if isinstance(value, str):
            brackets = value.count("[") + value.count("{")
            try:
                value = read_json(value)
            except ValueError as error:
                raise UndecidableError(f"the output is not JSON ({error})") from None
        # Nearly all texts are too short to be deep.
        if brackets > DEEPEST and is_deep(value):
            raise UndecidableError("the output is nested too deep to be read")
        return value


def read_json(text: str) -> JsonValue:
    """The value of ``text``, read by the letter of the standard.

    Raises:
        ValueError: It is not JSON, or it holds a number that is too large for any reader.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


def _no_constant(name: str) -> JsonValue:
    # Python reads NaN and Infinity; JSON has neither.
    raise ValueError(f"{name} is not JSON")


# Made once: json.loads would make one for every answer.
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def subject_of(trace: Trace, step: int | None = None) -> Subject:
    """``trace`` as an answer to be checked: its last one, or the one that is message ``step``.

    Raises:
        ValueError: Message ``step`` is no answer.
    """
    exchange = trace.called if step is None else trace.turn(step)
    return Subject(
        output=exchange.output,
        input=exchange.input,
        tool_calls=exchange.tool_calls,
        latency_ms=trace.duration_ms if step is None else None,
        cost_usd=trace.cost_usd if step is None else None,
        tokens=trace.tokens if step is None else None,
        ttft_ms=trace.ttft_ms if step is None else None,
        steps=len(trace.spans) or None if step is None else None,
        errors=_errors(trace) if step is None else None,
        context=trace.returned(step),
    )


def span_subject(trace: Trace, span: Span) -> Subject:
    """``span`` as an answer to be checked: what it was given and gave, with the spans under it."""
    inside = {span.id}
    # Parents mostly stand before their children; where not, another look finds them.
    while more := {one.id for one in trace.spans if one.parent_id in inside} - inside:
        inside |= more
    under = [one for one in trace.spans if one.id in inside]
    return Subject(
        output=span.output,
        input=span.input,
        tool_calls=tuple(one.call for one in under if one.kind == "tool" and one is not span),
        latency_ms=span.duration_ms,
        ttft_ms=span.ttft_ms,
        steps=len(under),
        errors=tuple(one.name for one in under if one.status == "error"),
        context=tuple(
            found for one in under if one is not span and (found := one.returned) is not None
        ),
    )


def _errors(trace: Trace) -> tuple[str, ...] | None:
    """The names of the spans that failed; of a trace without spans its own status tells."""
    if trace.spans:
        return tuple(span.name for span in trace.spans if span.status == "error")
    return (trace.name or "the request",) if trace.status == "error" else None


class Assertion(BaseModel):
    """One thing that must hold of an answer.

    A kind is a subclass with a ``kind`` (its ``type`` in files), a docstring whose first line
    tells an agent when to use it, an ``example``, ``claim`` and ``flaw``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    kind: ClassVar[str]
    example: ClassVar[dict[str, JsonValue]]
    # Whether it can be asked of an output alone, without knowing how that came about.
    reads_output: ClassVar[bool] = True
    # Whether it looks at what tools returned and what was retrieved.
    reads_context: ClassVar[bool] = False
    # Whether it asks the same of every answer: no expected value of one case.
    reference_free: ClassVar[bool] = True
    # Whether its reasons may repeat a part of the output.
    quotes: ClassVar[bool] = True
    # Whether it starts a program: then it stands in a file of the suite, or nowhere.
    is_program: ClassVar[bool] = False

    @property
    def claim(self) -> str:
        """What the output must do, as a verb: ``contain "San Jose"``."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What it speaks of, as reasons begin."""
        return "the output"

    def part(self, subject: Subject) -> Subject:
        """What of ``subject`` it judges.

        Raises:
            UndecidableError: There is no such part.
        """
        return subject

    def flaw(self, subject: Subject) -> str | None:
        """Why ``subject`` does not do it, or None where it does.

        Raises:
            UndecidableError: The output lacks what the assertion speaks of.
            UnmeasuredError: What the assertion needs was not measured.
        """
        raise NotImplementedError
