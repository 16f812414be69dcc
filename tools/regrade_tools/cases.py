"""The tool that files a failing case, and refuses one that would prove nothing."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import unified_diff
from functools import partial
from threading import Lock

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.assertions import (
    Check,
    Errored,
    Failed,
    Passed,
    Subject,
    check_all,
    parse_all,
    subject_of,
)
from regrade_tools.clipping import clip, size
from regrade_tools.deadline import SECONDS, OutOfTimeError, deadline
from regrade_tools.fingerprint import fingerprint, id_number
from regrade_tools.jsontext import is_deep
from regrade_tools.models import Case, Provenance, Recorded
from regrade_tools.planning import planned_case
from regrade_tools.ports import Store
from regrade_tools.redaction import redaction
from regrade_tools.refusal import Refusal
from regrade_tools.similarity import comparable, similarity
from regrade_tools.workspace import Workspace, needed

# Below this two inputs only share their form; measured on greetings and small edits.
_ALIKE = 0.9
_SLUG_WORDS = 6
_DIFF = 2_500
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Similar:
    """A case whose input is nearly the same."""

    case_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Filed:
    """What was filed: ``failed`` is the proof, ``guards`` passed and prove nothing yet."""

    case_id: str
    path: str
    created: bool
    failed: list[str]
    guards: list[str] = field(default_factory=list[str])
    similar: list[Similar] = field(default_factory=list[Similar])
    diff: str | None = None
    hint: str | None = None


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
        input: JsonValue = None,  # noqa: A002 - the word of the file
        output: JsonValue = None,
        corrected_output: JsonValue = None,
        feature: str | None = None,
        scenario: str | None = None,
        tags: list[str] | None = None,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
    ) -> Filed:
        """File a failure as a regression case, once the assertions are proven red.

        Give trace_id (with step, a message number of the digest, for another answer than the
        last), or input with the bad output. At least one assertion must FAIL on that output, else
        nothing is filed; with corrected_output all must pass on it. Example: [{"type": "path",
        "at": "listings", "len": "> 1"}, {"type": "not-contains", "value": "sorry"}];
        overview("assertions") lists the kinds. Try dry_run first. Writes
        evals/cases/<suite>/<id>.yaml and returns its diff. Tag critical for a case the gate never
        lets fail.
        """
        needed(self.workspace)
        _needs_one(assertions)
        subject, case = await self._recorded(trace_id, step, input, output)
        # The checks may take their full time: the loop goes on meanwhile.
        checks, failed, guards = await to_thread.run_sync(
            _proven, assertions, subject, corrected_output
        )
        case = case.model_copy(
            update={
                "id": _case_id(case.input, checks, reason),
                "feature": feature,
                "scenario": scenario,
                "tags": tuple(tags or ()),
                "assertions": tuple(check.spec for check in checks),
                "reason": reason.strip(),
                "corrected_output": corrected_output,
                "provenance": Provenance(
                    trace=trace_id or "",
                    filed_at=datetime.now(UTC).replace(microsecond=0),
                    failed=tuple(failed),
                ),
            }
        )
        filed = Filed("", "", created=False, failed=failed, guards=guards)
        return await to_thread.run_sync(
            partial(self._file, suite, _valid(case), filed, dry_run=dry_run)
        )

    async def _recorded(
        self, trace_id: str | None, step: int | None, given: JsonValue, output: JsonValue
    ) -> tuple[Subject, Case]:
        """The bad answer, and a case that holds it and its input."""
        if trace_id is None:
            if output is None:
                raise Refusal(
                    "There is no bad output to prove the assertions on.",
                    next_step="Give trace_id, or input and output.",
                )
            if is_deep(given) or is_deep(output):
                raise Refusal(
                    "The input or the output is nested deeper than 100 levels.",
                    next_step="Give it as it was said, as one text.",
                )
            clean = redaction()
            given, output = clean.apply(given), clean.apply(output)
            case = Case(id="new", input=given, recorded=Recorded(output=output))
            return Subject(output=output, input=given), case
        if given is not None or output is not None:
            raise Refusal(
                "A trace brings its own input and output.",
                next_step="Give trace_id, or input and output, not both.",
            )
        trace = await self.store.trace(trace_id) if id_number(trace_id) is not None else None
        if trace is None:
            raise Refusal(
                f"There is no trace {clip(trace_id, 60)!r}.", next_step="search_traces finds them."
            )
        try:
            subject = subject_of(trace, step)
        except ValueError as problem:
            raise Refusal(
                f"In {trace_id} {problem}.", next_step="get_trace numbers its steps."
            ) from None
        recorded = Recorded(
            output=subject.output,
            tool_calls=subject.tool_calls,
            latency_ms=subject.latency_ms,
            cost_usd=subject.cost_usd,
            error=trace.error,
        )
        return subject, Case(id="new", input=subject.input, recorded=recorded)

    def _file(self, suite: str, case: Case, filed: Filed, *, dry_run: bool) -> Filed:
        # Two calls at once could each miss the case of the other.
        with self._filing:
            return self._filed(suite, case, filed, dry_run=dry_run)

    def _filed(self, suite: str, case: Case, filed: Filed, *, dry_run: bool) -> Filed:
        workspace = needed(self.workspace)
        planned_case(workspace.suite(suite), case)
        others = workspace.cases(suite)
        path = workspace.case_path(suite, case.id)
        shown = workspace.shown(path)
        known = next((other for other in others if _same(other, case)), None)
        if known is not None:
            return replace(
                filed,
                case_id=known.id,
                path=workspace.shown(workspace.case_path(suite, known.id)),
                hint="This very case is filed already; nothing was written.",
            )
        text = _text(case)
        diff = "".join(unified_diff([], text.splitlines(keepends=True), "/dev/null", f"b/{shown}"))
        filed = replace(
            filed,
            case_id=case.id,
            path=shown,
            similar=_similar(others, case),
            diff=clip(diff, _DIFF),
        )
        if dry_run:
            return replace(filed, hint="Nothing was written: dry_run. File it without dry_run.")
        workspace.write_new(path, text)
        return replace(
            filed,
            created=True,
            hint=f'It is red until the product is mended: run_suite("{suite}") shows it.',
        )


def _needs_one(assertions: list[dict[str, JsonValue]]) -> None:
    if not assertions:
        raise Refusal(
            "A case needs an assertion that fails on the bad output.",
            next_step='For example {"type": "path", "at": "listings", "len": "> 1"}.',
        )


def _proven(
    assertions: list[dict[str, JsonValue]], subject: Subject, corrected: JsonValue
) -> tuple[tuple[Check, ...], list[str], list[str]]:
    """The checks, with why they fail on the bad output, and those that pass on it."""
    try:
        with deadline():
            checks = parse_all(assertions)
    except OutOfTimeError:
        raise Refusal(
            f"The assertions could not be read within {SECONDS:g} s.",
            next_step="Ask fewer at once, or simpler ones.",
        ) from None
    failed, guards = _proof(checks, subject, corrected)
    _corrected(checks, corrected, subject)
    return checks, failed, guards


def _proof(
    checks: tuple[Check, ...], subject: Subject, corrected: JsonValue
) -> tuple[list[str], list[str]]:
    """Why the bad output is bad, in the words of what caught it; and what did not."""
    verdicts = list(zip(checks, check_all(checks, subject), strict=True))
    for _, verdict in verdicts:
        if isinstance(verdict, Errored):
            raise Refusal(
                f"An assertion could not be measured on the bad output: {verdict.reason}.",
                next_step="Leave it out, or record what it needs.",
            )
    failures = [verdict for _, verdict in verdicts if isinstance(verdict, Failed)]
    passed = [_shown(asked) for asked, verdict in verdicts if isinstance(verdict, Passed)]
    judged = clip(" ".join(subject.text.split()), 160)
    if not failures:
        listed = clip("; ".join(passed), 900)
        raise Refusal(
            f"Not proven red: every assertion passes on the bad output: {listed}.",
            next_step=f"It would not have caught the bug. What was judged is {judged!r}; assert "
            "what is wrong with that, or give the step of another answer.",
        )
    if corrected is None and not any(verdict.decided for verdict in failures):
        raise Refusal(
            f"Not proven red: {failures[0].reason}. What the output does not have may be misspelt.",
            next_step="Mend the assertion, or give corrected_output, on which it must pass.",
        )
    return [verdict.reason for verdict in failures], passed


def _shown(asked: Check) -> str:
    return clip(json.dumps(asked.spec, ensure_ascii=False), 200)


def _corrected(checks: tuple[Check, ...], corrected: JsonValue, subject: Subject) -> None:
    if corrected is None:
        return
    # How the corrected answer would come about is not known, only what it says.
    right = replace(subject, output=corrected)
    judged = check_all((asked for asked in checks if asked.assertion.reads_output), right)
    failing = [verdict.reason for verdict in judged if not isinstance(verdict, Passed)]
    if failing:
        raise Refusal(
            f"The corrected output fails, too: {clip('; '.join(failing), 2_000)}.",
            next_step="Mend the assertion or the corrected output until it passes.",
        )


def _case_id(given: JsonValue, checks: tuple[Check, ...], reason: str) -> str:
    words = re.findall(r"[a-z0-9]+", reason.lower())[:_SLUG_WORDS]
    specs: list[JsonValue] = [dict(check.spec) for check in checks]
    return f"case_{'-'.join(words)[:48] or 'filed'}-{fingerprint([given, specs])[:6]}"


def _valid(case: Case) -> Case:
    """The case with its names checked, as if it had been read from its file."""
    try:
        return Case.model_validate(case.model_dump())
    except ValueError as problem:
        raise Refusal(
            f"The case cannot be filed: {clip(str(problem), 300)}.",
            next_step="feature and scenario are plain names: letters, digits, - and _.",
        ) from None


def _same(left: Case, right: Case) -> bool:
    return left.input == right.input and {fingerprint(dict(s)) for s in left.assertions} == {
        fingerprint(dict(s)) for s in right.assertions
    }


def _similar(others: tuple[Case, ...], case: Case) -> list[Similar]:
    mine = comparable(case.input)
    scored = ((other.id, similarity(comparable(other.input), mine, _ALIKE)) for other in others)
    found = [Similar(case_id, round(score, 3)) for case_id, score in scored if score >= _ALIKE]
    return sorted(found, key=lambda item: -item.similarity)[:5]


def _text(case: Case) -> str:
    """The file of a case, in the order in which a person reads it."""
    # Imported with the first case: a server that lists its tools writes none.
    from regrade_tools.documents import DocumentError, dump, load  # noqa: PLC0415

    written = case.model_dump(mode="json", exclude_defaults=True)
    if size(written) > _LARGEST:
        raise Refusal(
            f"The case is larger than {_LARGEST:,} characters: nobody would review its file.",
            next_step="Record less of the input or the output.",
        )
    order = ("id", "reason", "feature", "scenario", "tags", "input", "assertions")
    first = {key: written[key] for key in order if key in written}
    text = dump({**first, **written})
    try:
        load(text)
    except DocumentError as problem:
        raise Refusal(
            f"The case could not be read back from a file: it {problem}.",
            next_step="Record less of the input or the output.",
        ) from None
    return text
