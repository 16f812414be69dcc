"""The file of a baseline: how it is written, and how it is read back."""

import json
from typing import Annotated, Any

from pydantic import Field, JsonValue, ValidationError

from regrade_tools.comparison.standing import Standing
from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.models import GatePolicy, Outcome, Profile, Scheduled
from regrade_tools.models.case import Name, Spec
from regrade_tools.models.document import Document
from regrade_tools.refusal import Refusal
from regrade_tools.runs.measures import Amounts, rounded


class _BaselineCase(Document):
    outcome: Outcome
    flaky: bool = False
    feature: str = ""
    scenario: str = ""
    tags: tuple[str, ...] = ()
    input: str
    checks: tuple[str, ...]
    answer: str = ""
    expected: str = ""
    failed: tuple[str, ...] | None = None


class _Baseline(Document):
    suite: str
    run: str
    target: str
    program: str = ""
    scorers: dict[str, str] = Field(default_factory=dict[str, str])
    trials: int = 1
    gate: GatePolicy
    profiles: dict[str, Profile] = Field(default_factory=dict[str, Profile])
    pass_rate: Annotated[float, Field(ge=0, le=1)] | None
    cases: dict[Name, _BaselineCase]
    # What the checks say, by their fingerprints.
    assertions: dict[str, Spec] = Field(default_factory=dict[str, Spec])
    # Of each case the milliseconds, the tokens and the dollars.
    took: dict[Name, tuple[float | None, float | None, float | None]] = Field(
        default_factory=dict[str, tuple[float | None, float | None, float | None]]
    )


def write_baseline(suite: str, found: Standing) -> str:
    """The text of a baseline file: one line a case, sorted, so that a diff is easy to review."""
    cases = {case_id: _case(found, case_id) for case_id in sorted(found.outcomes)}
    lines = ",\n".join(
        f"    {json.dumps(case_id)}: {json.dumps(case)}" for case_id, case in cases.items()
    )
    gates = {
        name: profile.model_dump(mode="json", exclude_none=True)
        for name, profile in sorted(found.gates.items())
    }
    own = gates.pop("", Profile().model_dump(mode="json", exclude_none=True))
    rate: JsonValue = None if found.pass_rate is None else round(found.pass_rate, 6)
    head = {
        "suite": suite,
        "run": found.run_id,
        "target": found.target,
        **({"program": found.program} if found.program else {}),
        **({"scorers": found.scorers} if found.scorers else {}),
        "trials": found.trials,
        "gate": own["gate"],
    }
    top = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    if gates:
        told = ",\n".join(f"    {json.dumps(name)}: {json.dumps(it)}" for name, it in gates.items())
        top = f'{top}  "profiles": {{\n{told}\n  }},\n'
    wording = sorted(found.wording.items())
    words = ",\n".join(f"    {json.dumps(mark)}: {json.dumps(it)}" for mark, it in wording)
    said = f',\n  "assertions": {{\n{words}\n  }}' if words else ""
    # In one line, for it is another with every run.
    took = {case_id: [*map(rounded, found.took[case_id])] for case_id in sorted(found.took)}
    last = f',\n  "took": {json.dumps(took)}' if took else ""
    cases_told = f'  "pass_rate": {json.dumps(rate)},\n  "cases": {{\n{lines}\n  }}'
    return f"{{\n{top}{cases_told}{said}{last}\n}}\n"


def _case(found: Standing, case_id: str) -> dict[str, Any]:
    case = found.cases[case_id]
    optional = {
        "flaky": case_id in found.flaky,
        "feature": case.feature,
        "scenario": case.scenario,
        "tags": list(case.tags),
    }
    return {
        "outcome": found.outcomes[case_id],
        **{key: value for key, value in optional.items() if value},
        "input": case.input,
        "checks": list(case.checks),
        **({"answer": case.answer} if case.answer else {}),
        **({"expected": case.expected} if case.expected else {}),
        **({"failed": list(found.failing[case_id])} if case_id in found.failing else {}),
    }


def read_baseline(text: str | bytes, suite: str, where: str) -> Standing:
    """A baseline file read back.

    Raises:
        Refusal: ``text`` is no baseline, or one of another suite.
    """
    try:
        read = _Baseline.model_validate_json(text)
    except ValidationError as problem:
        raise Refusal(
            f"{where} is no baseline: {mistakes_in(problem, _Baseline)}.",
            next_step=f"`regrade run {suite} --save-baseline` writes one.",
        ) from None
    if read.suite != suite:
        raise Refusal(
            f"{where} is the baseline of the suite {read.suite!r}, not of {suite!r}.",
            next_step=f"`regrade run {suite} --save-baseline` writes that of {suite!r}.",
        )
    return Standing(
        run_id=read.run,
        outcomes={case_id: case.outcome for case_id, case in read.cases.items()},
        cases={case_id: _scheduled(case_id, case) for case_id, case in read.cases.items()},
        target=read.target,
        trials=read.trials,
        flaky=frozenset(case_id for case_id, case in read.cases.items() if case.flaky),
        program=read.program,
        scorers=read.scorers,
        wording=read.assertions,
        failing={key: case.failed for key, case in read.cases.items() if case.failed is not None},
        took={case_id: Amounts(*told) for case_id, told in read.took.items()},
        gates={"": Profile(trials=read.trials, gate=read.gate), **read.profiles},
    )


def _scheduled(case_id: str, case: _BaselineCase) -> Scheduled:
    return Scheduled(
        id=case_id,
        feature=case.feature,
        scenario=case.scenario,
        tags=case.tags,
        input=case.input,
        checks=case.checks,
        answer=case.answer,
        expected=case.expected,
    )
