"""Asking the checks of one answer, all within one time, with a verdict whatever happens."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.assertions.verdicts import (
    PASSED,
    Assertion,
    Errored,
    Failed,
    Subject,
    UndecidableError,
    UnmeasuredError,
    Verdict,
)
from regrade_tools.models import CheckResult
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.deadline import OutOfTimeError, deadline, look
from regrade_tools.texts.patterns import SlowPatternError
from regrade_tools.texts.plaintext import encodable

_LOG = logging.getLogger(__name__)
# A reason is read by a model: enough to mend one thing.
_CLAIM, _FLAW = 400, 600
# Above this no step of a check is sure to end in time.
_LONGEST_OUTPUT = 10_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """An assertion as it stands in a file: ready to ask, negated or not.

    Its ``fingerprint`` says which one it is, in a baseline and among its neighbours.
    """

    assertion: Assertion
    spec: dict[str, JsonValue]
    fingerprint: str
    negated: bool = False
    # What is kept of it wherever it holds: of most answers, and each time the same.
    held: CheckResult = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make once what would be made for every answer."""
        object.__setattr__(self, "held", CheckResult(self.spec, "passed"))

    @property
    def demand(self) -> str:
        """What it asks, as reasons begin: ``the output must not contain "sorry"``."""
        claim = _told(self.assertion.claim, _CLAIM)
        return f"{self.assertion.subject} must {'not ' if self.negated else ''}{claim}"


def with_reference(checks: Iterable[Check]) -> list[str]:
    """The types of those that compare with the expected value of one case, each once.

    Asked of any other answer they say nothing.
    """
    named = (str(one.spec["type"]) for one in checks if not one.assertion.reference_free)
    return list(dict.fromkeys(named))


def check(asked: Check, subject: Subject) -> Verdict:
    """The verdict of one check on one answer; what cannot be computed is errored."""
    return check_all((asked,), subject)[0]


def check_all(checks: Iterable[Check], subject: Subject) -> list[Verdict]:
    """The verdict of each check on one answer, within the time for one answer.

    It computes, at worst for all of that time: call it in a thread.
    """
    with deadline():
        return verdicts_of(checks, subject)


def verdicts_of(checks: Iterable[Check], subject: Subject) -> list[Verdict]:
    """As ``check_all``, within the deadline that there is."""
    return [_verdict(asked, subject) for asked in checks]


def _verdict(asked: Check, subject: Subject) -> Verdict:
    try:
        look()
        if len(subject.text) > _LONGEST_OUTPUT:
            return Errored(f"the output is longer than {_LONGEST_OUTPUT:,} characters")
        return _asked(asked, subject)
    except (OutOfTimeError, UnmeasuredError, SlowPatternError) as problem:
        return Errored(_told(problem, _FLAW))
    except (RecursionError, MemoryError, ArithmeticError, ValueError) as problem:
        # Numbers too large to print, texts that are no texts: data that no rule foresaw.
        return Errored(f"it cannot be computed of this output: {_told(problem, _FLAW)}")
    except Exception as bug:  # noqa: BLE001 - one check's bug is not the end of a run
        _LOG.exception("the check %s failed by an error of Regrade itself", asked.spec.get("type"))
        return Errored(f"an error of Regrade itself, see its log: {_told(bug, _FLAW)}")


def _asked(asked: Check, subject: Subject) -> Verdict:
    try:
        flaw = asked.assertion.flaw(asked.assertion.part(subject))
    except UndecidableError as problem:
        return Failed(f"{asked.demand}, but {_told(problem, _FLAW)}", decided=False)
    if asked.negated:
        if flaw is None:
            return Failed(f"{asked.demand}, but it does")
        return PASSED
    if flaw is None:
        return PASSED
    return Failed(f"{asked.demand}, but {_told(flaw, _FLAW)}")


def _told(said: object, characters: int) -> str:
    """Fit to be sent: neither long nor with half of a character in it."""
    text = str(said) or type(said).__name__
    return encodable(clip(text, characters))
