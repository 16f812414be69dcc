"""How each case of a suite stands, by a run or by a baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import CaseResult, Outcome, Profile, Run, Scheduled, Trial
from regrade_tools.models.case import Spec
from regrade_tools.runs.measures import Amounts, amounts
from regrade_tools.runs.running import pass_rate, worst
from regrade_tools.suites.selection import selected

Value = TypeVar("Value")

_JUDGES = ("judge", "not-judge")


@dataclass(frozen=True, slots=True)
class Standing:
    """How each case of a suite stands; over several trials a case passes if all of them do.

    ``flaky`` are those that passed in some trials and failed in others. ``gates`` are the gate's
    own terms of when a baseline was written, by profile ("" without one); a run has none.
    ``scorers`` are fingerprints of what stood behind each scorer, by its name. ``took`` is what
    each case took, as far as that was measured. ``unasked`` are those that count as errored only
    because an answer is missing: nothing went wrong with them, the run ended before. ``wording``
    is what assertions say, by their fingerprints, and ``failing`` the fingerprints of those that
    failed, by case, as far as somebody looked: ``worded``. ``cases`` may hold some without an
    outcome: declared, and not measured yet. ``doubts`` tell what could not be read of it.
    ``judges`` says whether judges were asked, ``renamed`` what cases were called before.
    """

    run_id: str
    outcomes: dict[str, Outcome]
    cases: dict[str, Scheduled]
    target: str = ""
    trials: int = 1
    flaky: frozenset[str] = frozenset()
    program: str = ""
    gates: dict[str, Profile] = field(default_factory=dict[str, Profile])
    scorers: dict[str, str] = field(default_factory=dict[str, str])
    took: dict[str, Amounts] = field(default_factory=dict[str, Amounts])
    unasked: frozenset[str] = frozenset()
    wording: dict[str, Spec] = field(default_factory=dict[str, Spec])
    failing: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    doubts: tuple[str, ...] = ()
    judges: bool = True
    renamed: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def unmeasured(self) -> bool:
        """Whether it is known by what it asks alone."""
        return not self.run_id

    @property
    def pass_rate(self) -> float | None:
        """Of the decided cases, between 0 and 1."""
        return pass_rate(self.outcomes.values())

    @property
    def asked(self) -> dict[str, Outcome]:
        """How each case ended whose answers are all there, or that failed or erred before."""
        ended = self.outcomes.items()
        return {case_id: outcome for case_id, outcome in ended if case_id not in self.unasked}

    def with_outcome(self, outcome: Outcome) -> list[str]:
        """The ids of the cases that ended so."""
        return [case_id for case_id, ended in self.outcomes.items() if ended == outcome]

    def narrowed(self, select: str, measured: "Standing") -> "Standing":
        """What of this a run of ``select`` can be compared with: what it had, and what it has.

        Where that run asked no judge, without what judges were asked; and a case by the name that
        it has in that run.
        """
        if not measured.judges and self.judges:
            return self._unjudged().narrowed(select, measured)
        if names := self._renamed(measured):
            return self._called(names).narrowed(select, measured)
        if not select:
            return self
        cases = {
            case_id: case
            for case_id, case in self.cases.items()
            if case_id in measured.cases or selected(case, select)
        }
        ended = self.outcomes.items()
        outcomes = {case_id: outcome for case_id, outcome in ended if case_id in cases}
        return replace(self, outcomes=outcomes, cases=cases)

    def _renamed(self, measured: "Standing") -> dict[str, str]:
        """By their ids the cases that ``measured`` has under another: the same in all but that."""
        gone = [case for case_id, case in self.cases.items() if case_id not in measured.cases]
        if not gone:
            return {}
        new: dict[Scheduled, list[str]] = {}
        for case_id, case in measured.cases.items():
            if case_id not in self.cases:
                new.setdefault(replace(case, id=""), []).append(case_id)
        return {case.id: new[same].pop(0) for case in gone if new.get(same := replace(case, id=""))}

    def _called(self, names: Mapping[str, str]) -> "Standing":
        """With other ids for some of the cases."""

        def by_name(told: Mapping[str, Value]) -> dict[str, Value]:
            return {names.get(case_id, case_id): value for case_id, value in told.items()}

        cases = {
            case_id: replace(case, id=case_id) for case_id, case in by_name(self.cases).items()
        }
        return replace(
            self,
            cases=cases,
            outcomes=by_name(self.outcomes),
            failing=by_name(self.failing),
            took=by_name(self.took),
            flaky=frozenset(names.get(case_id, case_id) for case_id in self.flaky),
            unasked=frozenset(names.get(case_id, case_id) for case_id in self.unasked),
            renamed={**self.renamed, **names},
        )

    def _unjudged(self) -> "Standing":
        """Without what judges were asked, as far as the words of the assertions are known.

        A case that nothing but a judge failed has passed all else that is asked.
        """
        judged = {mark for mark, spec in self.wording.items() if spec.get("type") in _JUDGES}
        cases = {
            case_id: replace(case, checks=checks)
            for case_id, case in self.cases.items()
            if (checks := tuple(mark for mark in case.checks if mark not in judged))
        }
        failing = {
            case_id: tuple(mark for mark in marks if mark not in judged)
            for case_id, marks in self.failing.items()
        }
        outcomes: dict[str, Outcome] = {
            case_id: "passed" if outcome == "failed" and failing.get(case_id) == () else outcome
            for case_id, outcome in self.outcomes.items()
            if case_id in cases
        }
        return replace(self, cases=cases, outcomes=outcomes, failing=failing, judges=False)


UNMEASURED = Standing("", {}, {})


def standing(run: Run, results: Iterable[Trial | CaseResult]) -> Standing:
    """How the cases of ``run`` stand; a case with a trial missing is errored.

    Unless the run is adaptive: then a flaky one was asked no more on purpose.
    """
    results = tuple(results)
    trials: dict[str, dict[int, Outcome]] = {case.id: {} for case in run.cases}
    for result in results:
        if result.case_id in trials:
            trials[result.case_id][result.trial] = result.outcome
    outcomes: dict[str, Outcome] = {}
    flaky: set[str] = set()
    unasked: set[str] = set()
    for case_id, ended in trials.items():
        seen = set(ended.values())
        flaps = {"passed", "failed"} <= seen
        whole = len(ended) >= run.trials or (run.adaptive and flaps)
        outcomes[case_id] = worst(seen if whole else {*seen, "errored"})
        if outcomes[case_id] == "errored" and "errored" not in seen:
            unasked.add(case_id)
        if flaps:
            flaky.add(case_id)
    return Standing(
        run_id=run.id,
        outcomes=outcomes,
        cases={case.id: case for case in run.cases},
        target=run.target,
        trials=run.trials,
        flaky=frozenset(flaky),
        program=run.program,
        scorers=run.scorers,
        judges=run.judges,
        took=amounts(results),
        unasked=frozenset(unasked),
    )


def worded(found: Standing, results: Iterable[CaseResult]) -> Standing:
    """``found`` with what its assertions say and which of them failed."""
    wording: dict[str, Spec] = {}
    failing: dict[str, dict[str, None]] = {}
    for result in results:
        for check in result.checks:
            mark = fingerprint(check.check)
            wording[mark] = check.check
            if check.outcome == "failed":
                failing.setdefault(result.case_id, {})[mark] = None
    told = {case_id: tuple(marks) for case_id, marks in failing.items()}
    return replace(found, wording=wording, failing=told)
