"""Assertions that are programs of the repository: a function in Python, or a command.

They are asked beside the run, in processes of their own; here stands only what a file may say.
"""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from regrade_tools.assertions.verdicts import Assertion, Subject, UnmeasuredError
from regrade_tools.models.case import Spec


class Scorer(Assertion):
    """A program of the repository that says whether an answer is good."""

    reads_output = False
    is_program = True
    timeout_s: float = Field(default=30, gt=0, le=3600, description="Seconds for one answer.")

    def flaw(self, subject: Subject) -> str | None:  # noqa: ARG002 - as the base class
        """As the base class says; nobody but a run starts programs."""
        raise UnmeasuredError(f"{self.name} is a program, which only a run asks")

    @property
    def name(self) -> str:
        """What it is called in reasons."""
        raise NotImplementedError

    @property
    def least(self) -> float | None:
        """The least score that passes, where it gives scores."""
        return None

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"pass {self.name}"


class Graded(Scorer):
    """A scorer that may give a score."""

    threshold: float | None = Field(
        default=None, description="The least score that passes, where it gives one."
    )

    @property
    def least(self) -> float | None:
        """As the base class says."""
        return self.threshold

    @property
    def claim(self) -> str:
        """As the base class says."""
        reached = "" if self.threshold is None else f" with a score of {self.threshold:g} or more"
        return f"{super().claim}{reached}"


class PythonScorer(Graded):
    """A function of a repository file passes: it takes output and the columns that it names."""

    kind = "python"
    reads_context = True
    example: ClassVar[Spec] = {"type": "python", "ref": "evals/scorers.py:is_polite"}
    ref: str = Field(
        pattern=r"^[^:]+\.py:[A-Za-z_]\w*$", description="The file and the function in it."
    )
    interpreter: str | None = Field(
        default=None, description="The Python that runs it; the project's own by default."
    )

    @property
    def name(self) -> str:
        """As the base class says."""
        return self.ref


class JudgeScorer(Graded):
    """A judge of evals/judges/ passes the answer; the gate wants it aligned with people."""

    kind = "judge"
    reads_context = True
    example: ClassVar[Spec] = {"type": "judge", "judge": "substantiated"}
    judge: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$", description="Its name.")

    @property
    def name(self) -> str:
        """As the base class says."""
        return f"the judge {self.judge}"


class CommandScorer(Graded):
    """A program passes: it reads the case as JSON on stdin and prints {"pass", "reason"}."""

    kind = "command"
    reads_context = True
    example: ClassVar[Spec] = {"type": "command", "run": ["./evals/score.sh"]}
    # Not strict: a list of a file becomes a tuple, so that two scorers can be told apart.
    run: tuple[str, ...] = Field(
        min_length=1, strict=False, description="The program and its arguments."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.run[0]:
            raise ValueError("run begins with the name of a program")
        return self

    @property
    def name(self) -> str:
        """As the base class says."""
        return " ".join(self.run)
