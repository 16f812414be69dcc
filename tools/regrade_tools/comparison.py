"""Two measurements of one suite side by side: what was fixed, broken, added and loosened."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from regrade_tools.models import CaseResult, GatePolicy, Outcome, Run, Scheduled
from regrade_tools.refusal import Refusal
from regrade_tools.running import pass_rate, worst


@dataclass(frozen=True, slots=True)
class Standing:
    """How each case of a suite stands; over several trials a case passes if all of them do.

    ``policy`` is the gate's of when a baseline was written; a run has none of its own.
    """

    run_id: str
    outcomes: dict[str, Outcome]
    cases: dict[str, Scheduled]
    target: str = ""
    trials: int = 1
    policy: GatePolicy | None = None

    @property
    def pass_rate(self) -> float | None:
        """Of the decided cases, between 0 and 1."""
        return pass_rate(self.outcomes.values())

    def with_outcome(self, outcome: Outcome) -> list[str]:
        """The ids of the cases that ended so."""
        return [case_id for case_id, ended in self.outcomes.items() if ended == outcome]


def standing(run: Run, results: Iterable[CaseResult]) -> Standing:
    """How the cases of ``run`` stand; a case with a trial missing is errored."""
    trials: dict[str, list[Outcome]] = {case.id: [] for case in run.cases}
    for result in results:
        trials.setdefault(result.case_id, []).append(result.outcome)
    outcomes: dict[str, Outcome] = {
        case_id: worst(ended if len(ended) >= run.trials else [*ended, "errored"])
        for case_id, ended in trials.items()
    }
    cases = {case.id: case for case in run.cases}
    return Standing(run.id, outcomes, cases, run.target, run.trials)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two standings, as ids of cases.

    ``loosened`` tells, one line each, of a case that is gone, that lost an assertion or whose
    input changed, of another target and of fewer trials: a rate that rose this way did not rise
    because the product got better.
    """

    fixed: list[str]
    broken: list[str]
    added: list[str]
    loosened: list[str]


def compare(before: Standing, after: Standing, *, whole: bool = True) -> Comparison:
    """What changed from ``before`` to ``after``; not ``whole`` where only a part was run."""
    common = [case_id for case_id in after.outcomes if case_id in before.outcomes]
    changes = {case_id: (before.outcomes[case_id], after.outcomes[case_id]) for case_id in common}
    return Comparison(
        fixed=[case_id for case_id, change in changes.items() if change == ("failed", "passed")],
        broken=[case_id for case_id, change in changes.items() if change == ("passed", "failed")],
        added=[case_id for case_id in after.outcomes if case_id not in before.outcomes],
        loosened=_loosened(before, after, whole=whole),
    )


def _loosened(before: Standing, after: Standing, *, whole: bool) -> list[str]:
    told: list[str] = []
    if before.target and before.target != after.target:
        told.append(f"the target was {before.target} and is {after.target}")
    if before.trials > after.trials:
        told.append(f"each case was asked {before.trials} times and is asked {after.trials}")
    for case_id, was in before.cases.items():
        now = after.cases.get(case_id)
        if now is None:
            if whole:
                told.append(f"{case_id}: the case is gone")
            continue
        lost = len(set(was.checks) - set(now.checks))
        if lost:
            told.append(f"{case_id}: {lost} of its {len(was.checks)} assertions changed or gone")
        if was.input != now.input:
            told.append(f"{case_id}: its input changed")
        if "critical" in was.tags and "critical" not in now.tags:
            told.append(f"{case_id}: it is no longer critical")
    return told


class _BaselineCase(BaseModel):
    model_config = ConfigDict(extra="forbid")
    outcome: Outcome
    input: str
    checks: tuple[str, ...]
    tags: tuple[str, ...] = ()


class _Baseline(BaseModel):
    model_config = ConfigDict(extra="forbid")
    suite: str
    run: str
    target: str
    trials: int = 1
    gate: GatePolicy
    pass_rate: Annotated[float, Field(ge=0, le=1)] | None
    cases: dict[str, _BaselineCase]


def write_baseline(suite: str, found: Standing, policy: GatePolicy) -> str:
    """The text of a baseline file: one line a case, sorted, so that a diff is easy to review."""
    cases: dict[str, Any] = {}
    for case_id in sorted(found.outcomes):
        case = found.cases[case_id]
        cases[case_id] = {
            "outcome": found.outcomes[case_id],
            "input": case.input,
            "checks": list(case.checks),
            **({"tags": list(case.tags)} if case.tags else {}),
        }
    lines = ",\n".join(
        f"    {json.dumps(case_id)}: {json.dumps(case)}" for case_id, case in cases.items()
    )
    rate: JsonValue = None if found.pass_rate is None else round(found.pass_rate, 6)
    head = {
        "suite": suite,
        "run": found.run_id,
        "target": found.target,
        "trials": found.trials,
        "gate": policy.model_dump(mode="json"),
        "pass_rate": rate,
    }
    top = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    return f'{{\n{top}  "cases": {{\n{lines}\n  }}\n}}\n'


def read_baseline(text: str, suite: str, where: str) -> Standing:
    """A baseline file read back.

    Raises:
        Refusal: ``text`` is no baseline, or one of another suite.
    """
    try:
        read = _Baseline.model_validate_json(text)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        raise Refusal(
            f"{where} is no baseline: {first['msg']}.",
            next_step=f"`regrade run {suite} --save-baseline` writes one.",
        ) from None
    if read.suite != suite:
        raise Refusal(f"{where} is the baseline of the suite {read.suite!r}, not of {suite!r}.")
    return Standing(
        run_id=read.run,
        outcomes={case_id: case.outcome for case_id, case in read.cases.items()},
        cases={
            case_id: Scheduled(case_id, tags=case.tags, input=case.input, checks=case.checks)
            for case_id, case in read.cases.items()
        },
        target=read.target,
        trials=read.trials,
        policy=read.gate,
    )
