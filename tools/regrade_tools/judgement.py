"""Answers are judged as they were given, and told without their secrets."""

from dataclasses import dataclass, replace

from regrade_tools.assertions import Check, Passed, Subject, Verdict, check
from regrade_tools.models import ToolCall
from regrade_tools.redaction import Redaction


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given, and ``clean`` as it may be stored and shown."""

    given: Subject
    clean: Subject
    redaction: Redaction

    def verdict(self, asked: Check) -> Verdict:
        """What ``asked`` says of the answer as it was given, with a reason that tells no secret.

        A reason quotes only a part of the answer, and a part of a secret looks like none: so it
        is the clean answer's reason, where that fails as well.
        """
        verdict = check(asked, self.given)
        if isinstance(verdict, Passed):
            return verdict
        if self.given == self.clean:
            return replace(verdict, reason=self.redaction.text(verdict.reason))
        told = check(asked, self.clean)
        if isinstance(told, type(verdict)):
            return replace(verdict, reason=self.redaction.text(told.reason))
        claim = f"{'not ' if asked.negated else ''}{asked.assertion.claim}"
        does = "does" if asked.negated else "does not"
        reason = f"the output must {claim}, but it {does}; what shows it is redacted"
        return replace(verdict, reason=self.redaction.text(reason))


def answer(given: Subject, redaction: Redaction) -> Answer:
    """``given`` with what is left of it without its secrets.

    Raises:
        SlowPatternError: A pattern of the project backtracks on it.
    """
    clean = replace(
        given,
        output=redaction.apply(given.output),
        input=redaction.apply(given.input),
        tool_calls=tuple(
            ToolCall(
                redaction.text(call.name), redaction.apply(call.arguments), redaction.text(call.id)
            )
            for call in given.tool_calls
        ),
    )
    return Answer(given, clean, redaction)
