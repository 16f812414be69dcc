from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regrade_tools.comparison import (
    Comparison,
    Standing,
    compare,
    read_baseline,
    standing,
    write_baseline,
)
from regrade_tools.fingerprint import fingerprint
from regrade_tools.gate import Decision, Ruling, rule
from regrade_tools.models import (
    Case,
    CaseResult,
    Feature,
    GatePolicy,
    Outcome,
    Run,
    Scenario,
    Scheduled,
    Suite,
)
from regrade_tools.planning import plan
from regrade_tools.refusal import Refusal

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
POLICY = GatePolicy()
ENDED: dict[str, Outcome] = {"p": "passed", "f": "failed", "e": "errored"}


def stood(outcomes: str, *critical: int) -> Standing:
    """Cases c0, c1, ... that passed, failed or errored by a letter each."""
    cases = {
        f"c{place}": Scheduled(f"c{place}", tags=("critical",) if place in critical else ())
        for place in range(len(outcomes))
    }
    ended: dict[str, Outcome] = {f"c{n}": ENDED[letter] for n, letter in enumerate(outcomes)}
    return Standing("run_a", ended, cases)


NO_CHANGE = Comparison(fixed=[], broken=[], added=[], loosened=[])


@pytest.mark.parametrize(
    ("now", "before", "policy", "decision", "reasons"),
    [
        ("pppp", "pppp", {}, "green", []),
        ("pppf", "ppff", {}, "green", []),
        # Exactly the drop that is allowed, in fractions that floats cannot hold.
        ("p" * 97 + "fff", "p" * 99 + "f", {"max_drop": 0.02}, "green", []),
        ("p" * 7 + "fff", "p" * 8 + "ff", {"max_drop": 0.1}, "green", []),
        ("p" * 96 + "ffff", "p" * 99 + "f", {"max_drop": 0.02}, "red",
         ["the pass rate fell from 99.0% to 96.0%, by more than 2 points"]),
        ("pf", "pp", {}, "red", ["the pass rate fell from 100.0% to 50.0%, by more than 2 points"]),
        ("pf", "pp", {"max_drop": 1}, "green", []),
        ("ppp", None, {}, "green", []),
        ("ppf", None, {}, "red", ["the pass rate is 66.7%, below 100.0% (there is no baseline)"]),
        ("ppf", None, {"min_pass_rate": 0.6}, "green", []),
        ("ppf", "ppf", {"min_pass_rate": 0.7}, "red", ["the pass rate is 66.7%, below 70.0%"]),
        ("f" + "p" * 9, None, {"min_pass_rate": 0.9}, "green", []),
        # What errored is in no rate.
        ("ppee", "pppp", {"max_errored": 2}, "green", []),
        ("pfee", "pfpf", {"max_errored": 2}, "green", []),
        ("ppe", None, {}, "undecided", ["1 of 3 cases could not be measured (0 may be)"]),
        ("ppee", "pppp", {"max_errored": 1}, "undecided",
         ["2 of 4 cases could not be measured (1 may be)"]),
        ("ee", "pp", {"max_errored": 2}, "undecided", ["no case was decided"]),
        ("", None, {}, "undecided", ["no case was decided"]),
        # A failure stands, whatever could not be measured beside it.
        ("pfe", "ppp", {}, "red",
         ["the pass rate fell from 100.0% to 50.0%, by more than 2 points",
          "1 of 3 cases could not be measured (0 may be)"]),
        # A baseline in which nothing was decided has no rate to compare with.
        ("ff", "ee", {}, "red", ["the pass rate is 0.0%, below 100.0%"]),
        ("pp", "ee", {}, "green", []),
    ],
)  # fmt: skip
def test_the_gate_decides_with_reasons(
    now: str, before: str | None, policy: dict[str, Any], decision: Decision, reasons: list[str]
) -> None:
    baseline = None if before is None else stood(before)
    ruling = rule(stood(now), baseline, GatePolicy(**policy))
    assert ruling.decision == decision
    assert len(ruling.reasons) == len(reasons)
    assert all(
        told.startswith(reason) for told, reason in zip(ruling.reasons, reasons, strict=True)
    )


def test_a_critical_failure_is_red_at_any_rate() -> None:
    found = stood("p" * 99 + "f", 99)
    ruling = rule(found, stood("p" * 99 + "f", 99), GatePolicy(max_drop=1))
    reasons = ["the critical case c99 failed"]
    assert ruling == Ruling("red", reasons, 0.99, 99, ["c99"], [], 0.99, NO_CHANGE)


def test_a_critical_case_that_was_not_measured_leaves_the_gate_undecided() -> None:
    reasons = ["the critical case c1 could not be measured"]
    ruling = rule(stood("pep", 1), None, GatePolicy(max_errored=5))
    assert ruling == Ruling("undecided", reasons, 1.0, 2, [], ["c1"], None, None)


OUTCOMES = st.text("pfe", max_size=12)


@UNTIMED
@given(OUTCOMES, st.none() | OUTCOMES, st.integers(0, 9), st.sampled_from([0.0, 0.02, 1.0]))
def test_the_gate_is_green_only_where_something_was_decided_and_no_reason_speaks_against_it(
    now: str, before: str | None, errored: int, drop: float
) -> None:
    baseline = None if before is None else stood(before)
    ruling = rule(stood(now), baseline, GatePolicy(max_drop=drop, max_errored=errored))
    assert (ruling.decision == "green") == (not ruling.reasons)
    assert ruling.decision != "green" or (set(now) & {"p", "f"} and now.count("e") <= errored)


def test_a_comparison_tells_what_was_fixed_broken_and_added() -> None:
    assert compare(stood("pfpfe"), stood("fppfpp")) == Comparison(
        fixed=["c1"], broken=["c0"], added=["c5"], loosened=[]
    )


def case(tags: tuple[str, ...] = (), given: str = "i", checks: tuple[str, ...] = ()) -> Standing:
    found = Scheduled("c", tags=tags, input=given, checks=checks)
    return Standing("run_a", {"c": "passed"}, {"c": found})


WAS = case(("critical", "eu"), "i", ("a", "b"))


@pytest.mark.parametrize(
    ("now", "loosened"),
    [
        (WAS, []),
        (case(("critical",), "i", ("b", "c", "a")), []),
        (Standing("run_b", {}, {}), ["c: the case is gone"]),
        (case(("critical",), "i", ("a", "d")), ["c: 1 of its 2 assertions changed or gone"]),
        (case(("critical",), "j", ("a", "b")), ["c: its input changed"]),
        (case(("eu",), "i", ("a", "b")), ["c: it is no longer critical"]),
        (case((), "j", ("a", "b")), ["c: its input changed", "c: it is no longer critical"]),
    ],
)
def test_what_was_loosened_is_listed(now: Standing, loosened: list[str]) -> None:
    assert compare(WAS, now).loosened == loosened


def test_a_part_of_a_suite_does_not_make_the_rest_look_removed() -> None:
    assert compare(stood("pp"), stood("p"), whole=False) == NO_CHANGE


def test_over_trials_a_case_passes_if_all_do_and_a_missing_trial_is_errored() -> None:
    results = {"c0": "pp", "c1": "pf", "c2": "pe", "c3": "p", "c4": "fe", "c5": "f", "c6": ""}
    run = Run("run_a", "s", "t", "n", 0.0, 2, tuple(Scheduled(case_id) for case_id in results))
    ended = (CaseResult(case_id, trial, ENDED[letter])
             for case_id, letters in results.items()
             for trial, letter in enumerate(letters, 1))  # fmt: skip
    found = standing(run, ended)
    cases = {case.id: case for case in run.cases}
    assert found == Standing("run_a", stood("pfeeffe").outcomes, cases, "t", run.trials)
    assert found.pass_rate == 0.25


def test_a_baseline_is_one_line_a_case_in_order() -> None:
    b = Scheduled("b", tags=("eu",), input="i1", checks=("x", "y"))
    a = Scheduled("a", feature="f", input="i2")
    found = Standing("run_a", {"b": "passed", "a": "failed"}, {"b": b, "a": a}, "app")
    assert write_baseline("s", found, POLICY) == (
        '{\n  "suite": "s",\n  "run": "run_a",\n  "target": "app",\n  "trials": 1,\n'
        '  "gate": {"max_drop": 0.02, "min_pass_rate": null, "strict": false, "max_errored": 0},\n'
        '  "pass_rate": 0.5,\n  "cases": {\n'
        '    "a": {"outcome": "failed", "input": "i2", "checks": []},\n'
        '    "b": {"outcome": "passed", "input": "i1", "checks": ["x", "y"], "tags": ["eu"]}\n'
        "  }\n}\n"
    )


NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple)
CASES = st.dictionaries(
    NAME, st.tuples(st.sampled_from(list(ENDED.values())), WORDS, st.text("abc", max_size=3), WORDS)
)


@UNTIMED
@given(NAME, CASES)
def test_a_baseline_that_was_written_is_read_back(
    suite: str, cases: dict[str, tuple[Outcome, tuple[str, ...], str, tuple[str, ...]]]
) -> None:
    found = Standing(
        "run_a",
        {name: outcome for name, (outcome, _, _, _) in cases.items()},
        {
            name: Scheduled(name, tags=tags, input=given, checks=checks)
            for name, (_, tags, given, checks) in cases.items()
        },
        target="app",
        trials=3,
        policy=POLICY,
    )
    assert read_baseline(write_baseline(suite, found, POLICY), suite, "b.json") == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"suite": "s"}', "\ud800",
    write_baseline("s", stood("p"), POLICY).replace("passed", "good"),
    write_baseline("s", stood("p"), POLICY).replace("1.0", "2.0"),
    write_baseline("s", stood("p"), POLICY).replace('"checks"', '"cheks"')])  # fmt: skip
def test_what_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match=r"^b\.json is no baseline: .*--save-baseline"):
        read_baseline(text, "s", "b.json")


def test_a_baseline_of_another_suite_is_refused() -> None:
    with pytest.raises(Refusal, match="is the baseline of the suite 'a', not of 's'"):
        read_baseline(write_baseline("a", stood("p"), POLICY), "s", "b.json")


def one(value: str) -> dict[str, Any]:
    return {"type": "contains", "value": value}


FIND = Feature(
    assertions=(one("feature"),),
    scenarios={"none": Scenario(), "one": Scenario(assertions=(one("scenario"),))},
)
SUITE = Suite(assertions=(one("suite"),), features={"find": FIND, "book": Feature()})
CASES_OF_SUITE = (
    Case(id="case_a", feature="find", scenario="one", tags=("critical", "eu"), input={"q": 1},
         assertions=(one("case"),)),
    Case(id="case_b", feature="find", scenario="none", tags=("eu",)),
    Case(id="other", feature="book"),
)  # fmt: skip


def test_a_case_must_hold_what_its_suite_feature_scenario_and_itself_ask() -> None:
    values = [
        [check.spec["value"] for check in planned.checks] for planned in plan(SUITE, CASES_OF_SUITE)
    ]
    assert values == [["suite", "feature", "scenario", "case"], ["suite", "feature"], ["suite"]]


def test_a_planned_case_is_scheduled_with_the_fingerprints_of_input_and_assertions() -> None:
    planned = plan(SUITE, CASES_OF_SUITE, "id:case_a")[0]
    assert planned.scheduled == Scheduled(
        id="case_a",
        feature="find",
        scenario="one",
        tags=("critical", "eu"),
        input=fingerprint({"q": 1}),
        checks=tuple(fingerprint(one(of)) for of in ("suite", "feature", "scenario", "case")),
    )


@pytest.mark.parametrize(
    ("select", "ids"),
    [("", "case_a case_b other"), ("case_a", "case_a"), ("case_*", "case_a case_b"),
     ("-id:case_*", "other"), ("tag:eu -tag:critical", "case_b"), ("feature:find", "case_a case_b"),
     ("scenario:one", "case_a"), ("-feature:find", "other"), ("scenario:n* tag:eu", "case_b")],
)  # fmt: skip
def test_cases_are_selected(select: str, ids: str) -> None:
    assert [planned.case.id for planned in plan(SUITE, CASES_OF_SUITE, select)] == ids.split()


@pytest.mark.parametrize(
    ("cases", "select", "told"),
    [
        (
            CASES_OF_SUITE,
            "tags:eu",
            "There is no selector 'tags' (did you mean 'tag'?); valid: fea",
        ),
        (CASES_OF_SUITE, "tag:us", "None of the 3 cases is selected by 'tag:us'. overview"),
        ((), "", "The suite has no case yet. file_case"),
        ([Case(id="c", feature="fnd")], "", "There is no feature 'fnd' (did you mean 'find'?)"),
        ([Case(id="c", feature="find", scenario="on")], "", "There is no scenario 'on' (did you"),
        ([Case(id="c", assertions=({"type": "x"},))], "", "In case c: Assertion 1: There is no"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(cases: list[Case], select: str, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan(SUITE, tuple(cases), select)
    assert str(refused.value).startswith(told)


def test_a_case_without_any_assertion_is_refused() -> None:
    with pytest.raises(Refusal, match="case c has no assertion, so nothing of it could fail"):
        plan(Suite(), (Case(id="c"),))


@UNTIMED
@given(st.lists(st.sampled_from(["tag:", "id:", "-", "*", "case_a", " ", "["])).map("".join))
def test_any_selection_selects_some_cases_or_is_refused(select: str) -> None:
    try:
        planned = plan(SUITE, CASES_OF_SUITE, select)
    except Refusal:
        return
    assert set() < {each.case.id for each in planned} <= {each.id for each in CASES_OF_SUITE}


def test_another_target_fewer_trials_and_a_laxer_policy_are_told_as_loosened() -> None:
    before = Standing("run_a", *_parts("pp"), "app", trials=3, policy=GatePolicy(strict=True))
    after = Standing("run_b", *_parts("pp"), "corrected")
    lax = GatePolicy(max_drop=1, max_errored=9)
    loosened = [
        "the target was app and is corrected",
        "each case was asked 3 times and is asked 1",
        "the gate's max_drop was 0.02 and is 1.0",
        "the gate's max_errored was 0 and is 9",
        "the gate's strict was True and is False",
    ]
    told = rule(after, before, lax)
    assert (told.decision, told.comparison and told.comparison.loosened) == ("green", loosened)
    strict = rule(after, before, GatePolicy(strict=True))
    assert (strict.decision, strict.reasons) == (
        "red",
        [f"loosened since the baseline: {line}" for line in loosened[:2]],
    )


def _parts(outcomes: str) -> tuple[dict[str, Outcome], dict[str, Scheduled]]:
    found = stood(outcomes)
    return found.outcomes, found.cases
