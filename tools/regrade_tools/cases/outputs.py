"""The tool that checks one output: the assertions of the suites as a guardrail."""

from dataclasses import dataclass, field, replace

from anyio import to_thread
from pydantic import JsonValue

from regrade_prompts import render
from regrade_tools.assertions import Check, Subject, parse_all, with_reference
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.runs.redacted import answer
from regrade_tools.runs.running import with_scores
from regrade_tools.secrets.redaction import redactable, redaction_of
from regrade_tools.suites.planning import planned_case
from regrade_tools.texts.clipping import PAGE, clip
from regrade_tools.texts.deadline import SECONDS, OutOfTimeError, deadline
from regrade_tools.texts.jsontext import is_deep, several
from regrade_tools.texts.paging import fit

# What failed is told twice, once for the agent and once for the model that is asked again.
_REASONS = PAGE // 3


@dataclass(frozen=True, slots=True)
class Checked:
    """What the assertions say of one output; ``retry`` is fit to be sent to the model.

    ``not_asked`` are the kinds that need more than an output: tool calls, latency, cost.
    ``with_reference`` are those that compare with the expected value of one case: they say nothing
    of an answer to another question.
    """

    passed: bool
    failed: list[str]
    errored: list[str]
    checks: int
    not_asked: list[str] = field(default_factory=list[str])
    with_reference: list[str] = field(default_factory=list[str])
    retry: str | None = None


@dataclass(frozen=True)
class Outputs:
    """What can be done with one output."""

    workspace: Workspace | None

    async def check_output(  # noqa: PLR0913 - what can be said of it
        self,
        output: JsonValue,
        suite: str | None = None,
        assertions: list[dict[str, JsonValue]] | None = None,
        input: JsonValue = None,  # noqa: A002 - the word of the file
        case_id: str | None = None,
        context: JsonValue = None,
    ) -> Checked:
        """Check one output against assertions or a suite, before it is sent.

        suite alone: what it asks of every answer; with case_id: all that this case must meet.
        context: what tools returned, for grounded-urls. retry: a message for its model.
        """
        # They may take their full time: the loop goes on meanwhile.
        subject = Subject(output=output, input=input, context=several(context))
        return await to_thread.run_sync(self._checked, subject, suite, assertions, case_id)

    def _checked(
        self,
        subject: Subject,
        suite: str | None,
        assertions: list[dict[str, JsonValue]] | None,
        case_id: str | None,
    ) -> Checked:
        if any(is_deep(one) for one in (subject.output, subject.input, list(subject.context))):
            raise Refusal(
                "The output, the input or the context is nested deeper than 100 levels.",
                next_step="Give it as it was said, as one text.",
            )
        try:
            # Reading the checks and asking them share the time of one answer.
            with deadline():
                checks = self._checks(suite, assertions, case_id)
                references = [] if case_id is not None else with_reference(checks)
                return replace(self._verdicts(subject, checks), with_reference=references)
        except OutOfTimeError:
            raise Refusal(
                f"The assertions could not be read within {SECONDS:g} s.",
                next_step="Ask fewer at once, or simpler ones.",
            ) from None

    def _verdicts(self, subject: Subject, checks: tuple[Check, ...]) -> Checked:
        asked = [check for check in checks if check.assertion.reads_output]
        left_out = [str(check.spec["type"]) for check in checks if not check.assertion.reads_output]
        if not asked:
            raise Refusal(
                f"Nothing can be asked of an output alone: {clip(', '.join(left_out), 400)}.",
                next_step="Tool calls, latency and cost are known of a run: run_suite.",
            )
        with redactable("The output"):
            results = with_scores(asked, answer(subject, redaction_of(self.workspace)), {})
        failed = _shown([result.reason for result in results if result.outcome == "failed"])
        errored = _shown([result.reason for result in results if result.outcome == "errored"])
        retry = render("retry", failures=failed, total=len(asked)) if failed else None
        passed = not failed and not errored
        return Checked(passed, failed, errored, len(asked), left_out, retry=retry)

    def _checks(
        self, suite: str | None, assertions: list[dict[str, JsonValue]] | None, case_id: str | None
    ) -> tuple[Check, ...]:
        own = parse_all(assertions or ())
        if suite is None:
            if case_id is not None:
                raise Refusal("case_id needs its suite.", next_step="Give suite, too.")
            if not own:
                raise Refusal("There is nothing to check.", next_step="Give assertions or suite.")
            return own
        workspace = needed(self.workspace)
        found = workspace.suite(suite)
        if case_id is None:
            checks = (*parse_all(found.assertions, programs=True), *own)
            if not checks:
                raise Refusal(
                    f"The suite {suite!r} asks nothing of every answer.",
                    next_step="Give case_id, or assertions.",
                )
            return checks
        cases = {case.id: case for case in workspace.cases(suite)}
        if case_id not in cases:
            raise unknown("case", case_id, cases)
        return (*planned_case(found, cases[case_id]).checks, *own)


def _shown(reasons: list[str]) -> list[str]:
    """As many as a reply can hold, and how many more there are."""
    fitted = fit(reasons, str, 0, _REASONS)
    more = len(reasons) - len(fitted.items)
    return [*fitted.items, f"{more} more checks like these"] if more else fitted.items
