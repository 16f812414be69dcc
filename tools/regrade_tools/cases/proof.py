"""Whether assertions are red on a bad answer and green on a right one: else they prove nothing."""

import json
from dataclasses import dataclass, replace
from itertools import compress

from pydantic import JsonValue

from regrade_tools.assertions import Check, Errored, Failed, Passed, check_all, parse_all
from regrade_tools.refusal import Refusal
from regrade_tools.runs.redacted import Answer
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.deadline import SECONDS, OutOfTimeError, deadline
from regrade_tools.texts.jsontext import is_deep

_REASON, _REASONS, _GUARD = 600, 20, 200
_TOLD = 900


@dataclass(frozen=True, slots=True)
class Proof:
    """What failed on the bad answer, in the words of what caught it, and what passed.

    ``hidden`` where the answer as it is filed, without its secrets, shows no failure any more.
    """

    failed: tuple[str, ...]
    guards: tuple[str, ...]
    hidden: bool


def needs_one(assertions: list[dict[str, JsonValue]]) -> None:
    """Make sure that a case to be filed asks for something.

    Raises:
        Refusal: It does not.
    """
    if not assertions:
        raise Refusal(
            "A case needs an assertion that fails on the bad output.",
            next_step='For example {"type": "path", "at": "listings", "len": "> 1"}.',
        )


def own_checks(assertions: list[dict[str, JsonValue]], redaction: Redaction) -> tuple[Check, ...]:
    """The assertions of a case to be filed.

    Raises:
        Refusal: One is wrong or holds a secret, or they take too long to read.
    """
    for number, spec in enumerate(assertions, 1):
        # Redacted it would ask for something else, and pass for ever. A deep one is refused below.
        if not is_deep(spec) and redaction.apply(spec) != spec:
            raise Refusal(
                f"Assertion {number} holds a secret, which no file may.",
                next_step="Ask for its form with a regex, such as "
                '{"type": "not-regex", "value": "sk-[A-Za-z0-9_-]{20}"}.',
            )
    try:
        with deadline():
            return parse_all(assertions)
    except OutOfTimeError:
        raise Refusal(
            f"The assertions could not be read within {SECONDS:g} s.",
            next_step="Ask fewer at once, or simpler ones.",
        ) from None


def proven(checks: tuple[Check, ...], bad: Answer, corrected: JsonValue) -> Proof:
    """The proof that ``checks`` catch ``bad``.

    Raises:
        Refusal: They do not, one could not be measured, or one may be misspelt.
    """
    verdicts = bad.verdicts(checks)
    for verdict in verdicts:
        if isinstance(verdict, Errored):
            raise Refusal(
                "An assertion could not be measured on the bad output: "
                f"{clip(verdict.reason, _REASON)}.",
                next_step="Leave it out, or record what it needs.",
            )
    failures = [verdict for verdict in verdicts if isinstance(verdict, Failed)]
    passed = [isinstance(verdict, Passed) for verdict in verdicts]
    guards = tuple(map(_shown, compress(checks, passed)))
    if not failures:
        raise _not_red(guards, bad)
    first = clip(failures[0].reason, _REASON)
    if corrected is None and not any(verdict.decided for verdict in failures):
        raise Refusal(
            f"Not proven red: {first}. What the output does not have may be misspelt.",
            next_step="Mend the assertion, or give corrected_output, on which it must pass.",
        )
    red = [asked for asked, green in zip(checks, passed, strict=True) if not green]
    clean = failures if bad.given == bad.clean else check_all(red, bad.clean)
    return Proof(
        failed=tuple(clip(verdict.reason, _REASON) for verdict in failures[:_REASONS]),
        guards=guards[:_REASONS],
        hidden=all(isinstance(verdict, Passed) for verdict in clean),
    )


def _not_red(guards: tuple[str, ...], bad: Answer) -> Refusal:
    judged = clip(" ".join(bad.clean.text.split()), 160)
    return Refusal(
        "Not proven red: every assertion passes on the bad output: "
        f"{clip('; '.join(guards), _TOLD)}.",
        next_step=f"It would not have caught the bug. What was judged is {judged!r}; assert "
        "what is wrong with that, or give the step of another answer.",
    )


def _shown(asked: Check) -> str:
    return clip(json.dumps(asked.spec, ensure_ascii=False), _GUARD)


def agreed(checks: tuple[Check, ...], corrected: JsonValue, bad: Answer) -> None:
    """Make sure that what a person says is right passes, where anything was said.

    Raises:
        Refusal: It does not.
    """
    if corrected is None:
        return
    # How the corrected answer would come about is not known, only what it says.
    right = replace(bad.clean, output=corrected)
    judged = check_all((asked for asked in checks if asked.assertion.reads_output), right)
    failing = [verdict.reason for verdict in judged if not isinstance(verdict, Passed)]
    if failing:
        raise Refusal(
            f"The corrected output fails, too: {clip('; '.join(failing), _TOLD)}.",
            next_step="Mend the assertion or the corrected output until it passes.",
        )
