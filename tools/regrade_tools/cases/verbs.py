"""The tool that files a failing case, and refuses one that would prove nothing."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock

from anyio import to_thread
from pydantic import JsonValue, ValidationError

from regrade_tools.assertions import Check, Subject, span_subject, subject_of
from regrade_tools.cases.filing import Filed, file
from regrade_tools.cases.proof import Proof, agreed, needs_one, own_checks, proven
from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Case, Span
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recorded import recorded
from regrade_tools.runs.redacted import answer
from regrade_tools.secrets.redaction import Redaction, redactable, redaction_of
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import is_deep
from regrade_tools.traces.verbs import stored_trace
from regrade_tools.traces.views import span_of

_SLUG_WORDS = 6
_HIDDEN = (
    "a target that runs the product shows it; the recorded output does not, for what was wrong "
    "with it is redacted."
)


@dataclass(frozen=True)
class Cases:
    """What can be done with cases."""

    store: Store
    workspace: Workspace | None
    _filing: Lock = field(default_factory=Lock, init=False, compare=False)

    async def file_case(  # noqa: PLR0913 - the fields of a case
        self,
        suite: str,
        assertions: list[dict[str, JsonValue]],
        reason: str,
        trace_id: str | None = None,
        step: int | None = None,
        span_id: str | None = None,
        input: JsonValue = None,  # noqa: A002 - the word of the file
        output: JsonValue = None,
        corrected_output: JsonValue = None,
        feature: str | None = None,
        scenario: str | None = None,
        tags: list[str] | None = None,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
    ) -> Filed:
        """File a failure as a regression case, once assertions are proven red.

        Give trace_id (step: a message number, if not the last answer; span_id: one span; input:
        what the program takes, if not as logged), or input with the bad output. At least one
        assertion must FAIL on it; with corrected_output all must pass on that. Such as
        [{"type": "path", "at": "listings", "len": "> 1"}]; overview("assertions") lists the
        kinds. Try dry_run first. The gate lets no case tagged critical fail.
        """
        workspace = needed(self.workspace)
        needs_one(assertions)
        found = await self._found(trace_id, step, span_id, input, output)
        bad = found.answer
        if any(map(is_deep, (bad.input, bad.output, corrected_output))):
            raise Refusal(
                "The input or an output is nested deeper than 100 levels.",
                next_step="Give it as it was said, as one text.",
            )
        told: dict[str, JsonValue] = {
            "feature": feature,
            "scenario": scenario,
            "tags": list[JsonValue](tags or ()),
            "corrected_output": corrected_output,
        }
        proposal = _Proposal(assertions, reason, found, told)
        # The checks may take their full time, and a suite may have thousands of cases to be
        # compared with: the loop goes on meanwhile.
        with redactable("The case"):
            case, proof = await to_thread.run_sync(proposal.proven, redaction_of(workspace))
        shows = _HIDDEN if proof.hidden else f'run_suite("{suite}") shows it.'
        failed, guards = list(proof.failed), list(proof.guards)
        filed = Filed("", "", created=False, failed=failed, guards=guards, hint=shows)
        return await to_thread.run_sync(
            partial(self._file, workspace, suite, case, filed, dry_run=dry_run)
        )

    def _file(
        self, workspace: Workspace, suite: str, case: Case, filed: Filed, *, dry_run: bool
    ) -> Filed:
        # Two calls at once could each miss the case of the other.
        with self._filing:
            return file(workspace, suite, case, filed, dry_run=dry_run)

    async def _found(
        self,
        trace_id: str | None,
        step: int | None,
        span_id: str | None,
        given: JsonValue,
        output: JsonValue,
    ) -> "_Found":
        """The bad answer."""
        if trace_id is None:
            if output is None:
                raise Refusal(
                    "There is no bad output to prove the assertions on.",
                    next_step="Give trace_id, or input and output.",
                )
            return _Found(Subject(output=output, input=given))
        if output is not None:
            raise Refusal(
                "A trace brings its own output.",
                next_step="Give trace_id, with input where the program takes another than was "
                "logged; or input and output.",
            )
        found = await self._logged(trace_id, step, span_id)
        if given is None:
            return found
        return replace(found, answer=replace(found.answer, input=given))

    async def _logged(self, trace_id: str, step: int | None, span_id: str | None) -> "_Found":
        """The bad answer as a trace tells it."""
        trace = await stored_trace(self.store, trace_id)
        if span_id is not None:
            if step is not None:
                raise Refusal("A step and a span are two answers.", next_step="Give one of them.")
            span = span_of(trace, span_id)
            if span.input is None or span.output is None:
                raise Refusal(
                    f"The span {clip(span_id, 60)!r} was logged without its input or its output.",
                    next_step='get_trace with view "spans" shows which have both.',
                )
            return _Found(span_subject(trace, span), span.error, trace.id, span)
        try:
            return _Found(subject_of(trace, step), trace.error, trace.id)
        except ValueError as problem:
            raise Refusal(
                f"In {trace_id} {problem}.", next_step="get_trace numbers its steps."
            ) from None


@dataclass(frozen=True, slots=True)
class _Found:
    """The bad answer, the error that was recorded with it, and where it was found."""

    answer: Subject
    error: str = ""
    trace_id: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A case as it was asked for; ``told`` are the fields that are taken over as they are."""

    assertions: list[dict[str, JsonValue]]
    reason: str
    found: _Found
    told: dict[str, JsonValue]

    def proven(self, hidden: Redaction) -> tuple[Case, Proof]:
        """The case without its secrets, and the proof that it was red.

        Raises:
            SlowPatternError: A pattern of the project backtracks on it.
            Refusal: It proves nothing.
        """
        why = _why(hidden.text(self.reason))
        checks = own_checks(self.assertions, hidden)
        bad = answer(self.found.answer, hidden)
        right = hidden.apply(self.told["corrected_output"])
        proof = proven(checks, bad, right)
        agreed(checks, right, bad)
        return _case(hidden.apply(self._written(bad.clean, checks, why, proof))), proof

    def _written(
        self, clean: Subject, checks: tuple[Check, ...], why: str, proof: Proof
    ) -> dict[str, JsonValue]:
        return {
            **self.told,
            "id": _case_id(clean.input, checks, why),
            "reason": why,
            "input": clean.input,
            "at_span": span.name or span.id if (span := self.found.span) else "",
            "assertions": [check.spec for check in checks],
            "recorded": recorded(clean, self.found.error).model_dump(mode="json"),
            "provenance": {
                "trace": self.found.trace_id,
                "span": self.found.span.id if self.found.span else "",
                "filed_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
                "failed": list[JsonValue](proof.failed),
            },
        }


def _why(reason: str) -> str:
    """The reason of a case, which its file is named after."""
    if not re.search(r"\w", reason):
        raise Refusal(
            "A case needs a reason: what the product did wrong, in one line.",
            next_step='For example "Ignores the price limit when it has a comma".',
        )
    return reason.strip()


def _case_id(given: JsonValue, checks: tuple[Check, ...], reason: str) -> str:
    words = re.findall(r"[a-z0-9]+", reason.lower())[:_SLUG_WORDS]
    specs: list[JsonValue] = [dict(check.spec) for check in checks]
    return f"case_{'-'.join(words)[:48] or 'filed'}-{fingerprint([given, specs])[:6]}"


def _case(written: JsonValue) -> Case:
    """The case, checked as if it had been read from its file."""
    try:
        return Case.model_validate(written)
    except ValidationError as problem:
        raise Refusal(
            f"The case cannot be filed: {mistakes_in(problem, Case)}.",
            next_step="feature and scenario are plain names: letters, digits, - and _.",
        ) from None
