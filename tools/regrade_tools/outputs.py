"""The tool that checks one output: the assertions of the suites as a guardrail."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_prompts import render
from regrade_tools.assertions import Check, Subject, check, parse_all
from regrade_tools.planning import planned_case
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.running import kept
from regrade_tools.workspace import Workspace, needed


@dataclass(frozen=True, slots=True)
class Checked:
    """What the assertions say of one output; ``retry`` is fit to be sent to the model.

    ``not_asked`` are the kinds that need more than an output: tool calls, latency, cost.
    """

    passed: bool
    failed: list[str]
    errored: list[str]
    checks: int
    not_asked: list[str] = field(default_factory=list[str])
    retry: str | None = None


@dataclass(frozen=True)
class Outputs:
    """What can be done with one output."""

    workspace: Workspace | None

    async def check_output(
        self,
        output: JsonValue,
        suite: str | None = None,
        assertions: list[dict[str, JsonValue]] | None = None,
        input: JsonValue = None,  # noqa: A002 - the word of the file
        case_id: str | None = None,
    ) -> Checked:
        """Check one output against assertions or a suite's, for instance before it is sent.

        Give assertions, or suite for what it asks of every answer, or suite and case_id for all
        that this case must meet. retry is a message for the model that wrote the output.
        """
        checks = self._checks(suite, assertions, case_id)
        subject = Subject(output=output, input=input)
        asked = [one for one in checks if one.assertion.reads_output]
        left_out = [str(one.spec["type"]) for one in checks if one not in asked]
        if not asked:
            raise Refusal(
                f"Nothing can be asked of an output alone: {', '.join(left_out)}.",
                next_step="Tool calls, latency and cost are known of a run: run_suite.",
            )
        results = [kept(one, check(one, subject)) for one in asked]
        failed = [result.reason for result in results if result.outcome == "failed"]
        errored = [result.reason for result in results if result.outcome == "errored"]
        retry = render("retry", failures=failed, total=len(asked)) if failed else None
        return Checked(not failed and not errored, failed, errored, len(asked), left_out, retry)

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
            checks = (*parse_all(found.assertions), *own)
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
