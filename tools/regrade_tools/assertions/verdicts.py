"""What an assertion is asked about, and the three things it can say."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from regrade_tools.clipping import clip
from regrade_tools.models import ToolCall, Trace
from regrade_tools.patterns import SlowPatternError

_QUOTED = 600


@dataclass(frozen=True, slots=True)
class Passed:
    """It holds."""


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
    """One answer, with what is known of how it came about. Latency in milliseconds."""

    output: JsonValue
    input: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None

    @cached_property
    def text(self) -> str:
        """The output as text: itself, or its compact JSON."""
        if isinstance(self.output, str):
            return self.output
        if self.output is None:
            return ""
        return json.dumps(self.output, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def data(self) -> JsonValue:
        """The output as data: itself, or what its text says as JSON.

        Raises:
            UndecidableError: The output is a text that is not JSON.
        """
        if not isinstance(self.output, str):
            return self.output
        try:
            return json.loads(self.output, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise UndecidableError(f"the output is not JSON ({error})") from None


def _no_constant(name: str) -> JsonValue:
    # Python reads NaN and Infinity; JSON has neither.
    raise ValueError(f"{name} is not JSON")


def subject_of(trace: Trace, step: int | None = None) -> Subject:
    """``trace`` as an answer to be checked: its last one, or the one that is message ``step``.

    Raises:
        ValueError: Message ``step`` is no answer.
    """
    exchange = trace.exchange if step is None else trace.turn(step)
    return Subject(
        output=exchange.output,
        input=exchange.input,
        tool_calls=exchange.tool_calls,
        latency_ms=trace.duration_ms if step is None else None,
        cost_usd=trace.cost_usd if step is None else None,
    )


class Assertion(BaseModel):
    """One thing that must hold of an answer.

    A kind is a subclass with a ``kind`` (its ``type`` in files), a docstring whose first line
    tells an agent when to use it, an ``example``, ``claim`` and ``flaw``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: ClassVar[str]
    example: ClassVar[dict[str, JsonValue]]
    # Whether it can be asked of an output alone, without knowing how that came about.
    reads_output: ClassVar[bool] = True

    @property
    def claim(self) -> str:
        """What the output must do, as a verb: ``contain "San Jose"``."""
        raise NotImplementedError

    def flaw(self, subject: Subject) -> str | None:
        """Why ``subject`` does not do it, or None where it does.

        Raises:
            UndecidableError: The output lacks what the assertion speaks of.
            UnmeasuredError: What the assertion needs was not measured.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Check:
    """An assertion as it stands in a file: ready to ask, negated or not.

    Its ``fingerprint`` says which one it is, in a baseline and among its neighbours.
    """

    assertion: Assertion
    spec: dict[str, JsonValue]
    fingerprint: str
    negated: bool = False


def check(asked: Check, subject: Subject) -> Verdict:
    """The verdict of one check on one answer."""
    try:
        flaw = asked.assertion.flaw(subject)
    except UndecidableError as problem:
        return Failed(_but(asked, str(problem)), decided=False)
    except (UnmeasuredError, SlowPatternError) as problem:
        return Errored(str(problem))
    except RecursionError:
        return Failed(_but(asked, "it is nested too deep to be read"))
    if asked.negated:
        return Failed(_but(asked, "it does")) if flaw is None else Passed()
    return Passed() if flaw is None else Failed(_but(asked, flaw))


def _but(asked: Check, flaw: str) -> str:
    """What was claimed and what is so; both may quote a value, however long that is."""
    negation = "not " if asked.negated else ""
    claim = clip(asked.assertion.claim, _QUOTED)
    return f"the output must {negation}{claim}, but {clip(flaw, _QUOTED)}"
