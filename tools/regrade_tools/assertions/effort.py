"""Assertions about what an answer took: time, money, tokens, steps, and errors on the way."""

from typing import ClassVar

from pydantic import Field

from regrade_tools.assertions.verdicts import Assertion, Subject, UnmeasuredError
from regrade_tools.models.case import Spec


class Latency(Assertion):
    """The answer took at most `threshold` milliseconds."""

    kind = "latency"
    reads_output = False
    example: ClassVar[Spec] = {"type": "latency", "threshold": 2000}
    threshold: float = Field(gt=0, description="Milliseconds.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"come within {self.threshold:g} ms"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        took = _measured(subject.latency_ms, "latency")
        return None if took <= self.threshold else f"it took {_above(took, self.threshold)} ms"


class TimeToFirstToken(Assertion):
    """The answer began within `threshold` milliseconds."""

    kind = "time-to-first-token"
    reads_output = False
    example: ClassVar[Spec] = {"type": "time-to-first-token", "threshold": 800}
    threshold: float = Field(gt=0, description="Milliseconds.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"begin within {self.threshold:g} ms"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        took = _measured(subject.ttft_ms, "time to the first token")
        return (
            None if took <= self.threshold else f"it began after {_above(took, self.threshold)} ms"
        )


class Cost(Assertion):
    """The answer cost at most `threshold` dollars."""

    kind = "cost"
    reads_output = False
    example: ClassVar[Spec] = {"type": "cost", "threshold": 0.01}
    threshold: float = Field(ge=0, description="Dollars.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"cost at most ${self.threshold:g}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        spent = _measured(subject.cost_usd, "cost")
        return None if spent <= self.threshold else f"it cost ${spent:.6g}"


class Tokens(Assertion):
    """The answer took at most `threshold` tokens, of the question and of the answer together."""

    kind = "tokens"
    reads_output = False
    example: ClassVar[Spec] = {"type": "tokens", "threshold": 4000}
    threshold: int = Field(ge=0, description="Tokens, in and out.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"take at most {self.threshold:,} tokens"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        spent = _measured(subject.tokens, "number of tokens")
        return None if spent <= self.threshold else f"it took {spent:,.0f} tokens"


class Steps(Assertion):
    """The answer took at most `threshold` steps: calls of models, of tools and of agents."""

    kind = "steps"
    reads_output = False
    example: ClassVar[Spec] = {"type": "steps", "threshold": 12}
    threshold: int = Field(ge=1, description="Steps: the spans of a trace.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"take at most {self.threshold:,} steps"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        taken = _measured(subject.steps, "number of steps")
        return None if taken <= self.threshold else f"it took {taken:,.0f} steps"


class NoErrors(Assertion):
    """No step on the way to the answer failed: no span with an error, no tool that gave one."""

    kind = "no-errors"
    reads_output = False
    example: ClassVar[Spec] = {"type": "no-errors"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "come about without an error on the way"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        if subject.errors is None:
            raise UnmeasuredError("no steps were recorded for this answer")
        if not subject.errors:
            return None
        return f"{len(subject.errors)} steps failed: {', '.join(dict.fromkeys(subject.errors))}"


def _above(took: float, threshold: float) -> str:
    """``took`` with as few digits as show that it is over the threshold."""
    shown = (f"{took:.0f}", f"{took:.3g}", f"{took:.6g}", str(took))
    return next((one for one in shown if float(one) > threshold), shown[-1])


def _measured(value: float | None, what: str) -> float:
    if value is None:
        raise UnmeasuredError(f"no {what} was recorded for this answer")
    return value
