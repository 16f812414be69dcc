"""Answers are judged as they were given, and told without their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from regrade_tools.assertions import (
    Check,
    Errored,
    Failed,
    Passed,
    Subject,
    Verdict,
    check,
    verdicts_of,
)
from regrade_tools.models import ToolCall
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.deadline import deadline


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given, and ``clean`` as it may be stored and shown."""

    given: Subject
    clean: Subject
    redaction: Redaction

    def verdicts(self, checks: Sequence[Check]) -> list[Verdict]:
        """What each check says of the answer as it was given, with a reason that tells no secret.

        A reason quotes only a part of the answer, and a part of a secret looks like none: so it
        is the clean answer's reason, where that fails as well.
        """
        # Asked a second time, too, they share the time of one answer.
        with deadline():
            found = verdicts_of(checks, self.given)
            return [
                verdict if isinstance(verdict, Passed) else self._told(asked, verdict)
                for asked, verdict in zip(checks, found, strict=True)
            ]

    def _told(self, asked: Check, verdict: Failed | Errored) -> Verdict:
        """``verdict`` with the reason of the clean answer's."""
        own = isinstance(verdict, Failed) and verdict.decided and not asked.assertion.quotes
        clean = verdict if own or self.given is self.clean else check(asked, self.clean)
        if isinstance(clean, type(verdict)):
            return replace(verdict, reason=self.redaction.text(clean.reason))
        reason = withheld(asked, failed=isinstance(verdict, Failed))
        return replace(verdict, reason=self.redaction.text(reason))


def withheld(asked: Check, *, failed: bool) -> str:
    """The reason of a check that failed, or errored, where its own would show a secret."""
    if not failed:
        return "it could not be measured; what shows why is redacted"
    # A claim may itself be worded in the negative, as "show no secret".
    does = "it does" if asked.negated else "that does not hold"
    return f"{asked.demand}, but {does}; what shows it is redacted"


def answer(given: Subject, redaction: Redaction) -> Answer:
    """``given`` with what is left of it without its secrets.

    Raises:
        SlowPatternError: A pattern of the project backtracks on it.
        RecursionError: It is nested too deep to be looked through.
    """
    output, asked = redaction.apply(given.output), redaction.apply(given.input)
    calls = tuple(
        ToolCall(
            redaction.text(call.name), redaction.apply(call.arguments), redaction.text(call.id)
        )
        for call in given.tool_calls
    )
    errors = None if given.errors is None else tuple(map(redaction.text, given.errors))
    context = tuple(map(redaction.apply, given.context))
    told = (given.output, given.input, given.tool_calls, given.errors, given.context)
    if (output, asked, calls, errors, context) == told:
        # What was read of the one, such as its JSON, is then read of the other.
        return Answer(given, given, redaction)
    clean = replace(
        given, output=output, input=asked, tool_calls=calls, errors=errors, context=context
    )
    return Answer(given, clean, redaction)
