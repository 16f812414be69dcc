from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrade_tools.comparison.baseline_file import read_baseline, write_baseline
from regrade_tools.comparison.comparison import Comparison, compare
from regrade_tools.comparison.paired import Difference, difference, interval
from regrade_tools.comparison.slices import Slice, slices
from regrade_tools.comparison.standing import Standing, standing
from regrade_tools.fingerprint import fingerprint
from regrade_tools.gate.decision import Decision, Ruling, rule
from regrade_tools.gate.terms import relaxed, terms
from regrade_tools.models import (
    Case,
    CaseResult,
    Feature,
    GatePolicy,
    Outcome,
    Profile,
    Project,
    PythonTarget,
    RecordedTarget,
    Run,
    Scenario,
    Scheduled,
    SlicePolicy,
    Suite,
)
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal
from regrade_tools.suites.planning import plan, scored

POLICY = GatePolicy()
# A flaky case (x) failed in some trial.
ENDED: dict[str, Outcome] = {"p": "passed", "f": "failed", "x": "failed", "e": "errored"}


def stood(outcomes: str, *critical: int) -> Standing:
    """Cases c0, c1, ... that passed, failed, flapped or errored by a letter each."""
    cases = {
        f"c{place}": Scheduled(f"c{place}", tags=("critical",) if place in critical else ())
        for place in range(len(outcomes))
    }
    ended: dict[str, Outcome] = {f"c{n}": ENDED[letter] for n, letter in enumerate(outcomes)}
    flaky = frozenset(f"c{n}" for n, letter in enumerate(outcomes) if letter == "x")
    return Standing("run_a", ended, cases, flaky=flaky)


def ruled(
    now: Standing, before: Standing | None, policy: GatePolicy = POLICY, **more: Any
) -> Ruling:
    return rule(now, before, before and compare(before, now), policy, **more)


SHIP, HOLD, REVIEW, LACKING = "ship", "hold", "needs_review", "insufficient_evidence"


@pytest.mark.parametrize(
    ("now", "before", "policy", "decision", "reasons"),
    [
        ("pppp", "pppp", {}, SHIP, []),
        ("pppf", "ppff", {}, SHIP, []),
        # One case of many that passed and now fails is no matter of rates.
        ("f" + "p" * 59, "p" * 60, {}, HOLD, ["1 case passed in the baseline and now fails: c0"]),
        ("ffff", "pppp", {"max_broken": 3, "max_drop": 1}, HOLD,
         ["4 cases passed in the baseline and now fail (3 may): c0, c1, c2, c3"]),
        ("f" + "p" * 59, "p" * 60, {"max_broken": 1}, SHIP, []),
        # Exactly the drop that is allowed, in fractions that floats cannot hold.
        ("p" * 97 + "fff", "p" * 99 + "f", {"max_drop": 0.02, "max_broken": 2}, SHIP, []),
        ("p" * 7 + "fff", "p" * 8 + "ff", {"max_drop": 0.1, "max_broken": 1}, SHIP, []),
        ("p" * 96 + "ffff", "p" * 99 + "f", {"max_drop": 0.02, "max_broken": 9}, HOLD,
         ["the pass rate fell from 99.0% to 96.0%, by more than 2 points"]),
        ("pf", "pp", {"max_drop": 1, "max_broken": 1}, SHIP, []),
        # A failure that was removed makes no room for one that is new.
        ("ppf", "pppff", {"max_drop": 0.3, "max_broken": 1}, HOLD,
         ["the pass rate of the cases in both fell by 33.3 points, by more than 30 points"]),
        # A case that was not there before cannot have got worse.
        ("pppff", "ppp", {}, HOLD,
         [("2 new cases fail, and no case fell: c3, c4 "
          "(with this the pass rate goes from 100.0% to 60.0%, by more than 2 points)")]),
        ("pppf", "pppe", {}, HOLD,
         [("1 new case fails, and no case fell: c3 "
          "(with this the pass rate goes from 100.0% to 75.0%, by more than 2 points)")]),
        ("fppf", "ppp", {"max_broken": 1}, HOLD,
         ["the pass rate fell from 100.0% to 50.0%, by more than 2 points"]),
        # A case that flaps failed; a person decides what that means, unless the rate falls.
        ("x" + "p" * 99, "p" * 100, {}, REVIEW, ["1 case flaky since the baseline: c0"]),
        ("x" + "p" * 99, "x" + "p" * 99, {}, SHIP, []),
        ("f" + "p" * 99, "x" + "p" * 99, {}, REVIEW, ["1 case flaky since the baseline: c0"]),
        ("p" * 100, "x" + "p" * 99, {}, SHIP, []),
        ("x" + "p" * 99, "f" + "p" * 99, {}, REVIEW, ["1 case flaky since the baseline: c0"]),
        ("xp", "pp", {}, HOLD, ["the pass rate fell from 100.0% to 50.0%, by more than 2 points"]),
        ("x" + "p" * 99, "p" * 100, {"strict": True}, HOLD,
         ["1 case flaky since the baseline: c0"]),
        # Within what may fall, and yet not chance.
        ("f" * 6 + "p" * 94, "p" * 100, {"max_drop": 0.1, "max_broken": 9}, REVIEW,
         ["6 cases got worse and 0 better, which is not chance (p = 0.031)"]),
        ("f" * 5 + "p" * 95, "p" * 100, {"max_drop": 0.1, "max_broken": 9}, SHIP, []),
        ("ppp", None, {}, SHIP, []),
        ("ppf", None, {}, HOLD, ["the pass rate is 66.7%, below 100.0% (there is no baseline)"]),
        ("ppf", None, {"min_pass_rate": 0.6}, SHIP, []),
        ("ppf", "ppf", {"min_pass_rate": 0.7}, HOLD, ["the pass rate is 66.7%, below 70.0%"]),
        ("f" + "p" * 9, None, {"min_pass_rate": 0.9}, SHIP, []),
        # What errored is in no rate.
        ("ppee", "pppp", {"max_errored": 2}, SHIP, []),
        ("pfee", "pfpf", {"max_errored": 2}, SHIP, []),
        ("ppe", None, {}, LACKING, ["1 of 3 cases could not be measured (0 may be)"]),
        ("ppee", "pppp", {"max_errored": 1}, LACKING,
         ["2 of 4 cases could not be measured (1 may be)"]),
        ("ee", "pp", {"max_errored": 2}, LACKING, ["no case was decided"]),
        ("", None, {}, LACKING, ["no case was decided"]),
        ("ppp", "ppp", {"min_cases": 4}, LACKING, ["3 cases decided, fewer than 4"]),
        ("pp", "", {}, LACKING, ["no case that was decided is in the baseline"]),
        # A baseline in which nothing was decided has no rate to compare with.
        ("ff", "ee", {}, HOLD, ["the pass rate is 0.0%, below 100.0% (there is no baseline)"]),
    ],
)  # fmt: skip
def test_the_gate_decides_with_reasons(
    now: str, before: str | None, policy: dict[str, Any], decision: Decision, reasons: list[str]
) -> None:
    baseline = None if before is None else stood(before)
    # Nothing that was taken away is of interest here.
    if baseline and len(now) < len(before or ""):
        comparison = replace(compare(baseline, stood(now)), loosening=None)
        ruling = rule(stood(now), baseline, comparison, GatePolicy(**policy))
    else:
        ruling = ruled(stood(now), baseline, GatePolicy(**policy))
    assert (ruling.decision, ruling.reasons[:1]) == (decision, reasons)


def test_a_failure_stands_whatever_could_not_be_measured_beside_it() -> None:
    ruling = ruled(stood("pfe"), stood("ppp"))
    assert (ruling.decision, ruling.reasons, ruling.also) == (
        "hold",
        [
            "1 case passed in the baseline and now fails: c1",
            "the pass rate fell from 100.0% to 50.0%, by more than 2 points",
        ],
        ["1 of 3 cases could not be measured (0 may be)"],
    )


def test_a_critical_failure_holds_at_any_rate() -> None:
    found = stood("p" * 99 + "f", 99)
    assert ruled(found, stood("p" * 99 + "f", 99), GatePolicy(max_drop=1)) == Ruling(
        decision="hold",
        reasons=["the critical case c99 failed"],
        pass_rate=0.99,
        passed=99,
        failed=["c99"],
        errored=[],
        baseline_rate=0.99,
        comparison=Comparison(unchanged=100, difference=difference(0, 0, 100)),
    )


def test_a_critical_case_that_was_not_measured_leaves_too_little_evidence() -> None:
    reasons = ["the critical case c1 could not be measured"]
    ruling = ruled(stood("pep", 1), None, GatePolicy(max_errored=5))
    assert ruling == Ruling("insufficient_evidence", reasons, 1.0, 2, [], ["c1"])


def test_what_needs_a_review_ships_once_a_person_accepted_it_unless_the_gate_is_strict() -> None:
    now, before = stood("p"), stood("pp", 1)
    told = ["loosened since the baseline: 1 critical case gone"]
    refused = ruled(now, before)
    assert (refused.decision, refused.reasons, refused.also) == ("needs_review", told, [])
    accepted = ruled(now, before, accepted="it asked the wrong thing")
    assert (accepted.decision, accepted.reasons, accepted.also, accepted.accepted) == (
        "ship", [], told, "it asked the wrong thing",
    )  # fmt: skip
    strict = ruled(now, before, GatePolicy(strict=True), accepted="please")
    assert (strict.decision, strict.reasons, strict.accepted) == ("hold", told, None)
    nothing = ruled(before, before, accepted="whatever")
    assert (nothing.decision, nothing.accepted) == ("ship", None)


@pytest.mark.parametrize("accepted", ["", "go on"])
def test_a_run_that_did_not_end_is_too_little_evidence(accepted: str) -> None:
    ruling = ruled(stood("pp"), stood("pp"), unfinished="the run is broken", accepted=accepted)
    assert (ruling.decision, ruling.reasons) == (
        "insufficient_evidence", ["the run is broken"],
    )  # fmt: skip


def tagged(outcomes: str, tags: str) -> Standing:
    """As ``stood``, each case with the tag of its letter."""
    found = stood(outcomes)
    cases = {
        case_id: Scheduled(case_id, feature="f", scenario=tag, tags=(tag,))
        for (case_id, tag) in zip(found.outcomes, tags, strict=True)
    }
    return replace(found, cases=cases)


@pytest.mark.parametrize(
    ("slice_policy", "decision", "reasons"),
    [
        ({"tag:a": SlicePolicy(min_pass_rate=0.5)}, SHIP, []),
        ({"tag:a": SlicePolicy(min_pass_rate=0.6)}, HOLD,
         ["in tag:a, the pass rate is 50.0%, below 60.0%"]),
        ({"tag:a": SlicePolicy(max_drop=0.4)}, HOLD,
         ["in tag:a, the pass rate fell from 100.0% to 50.0%, by more than 40 points"]),
        ({"tag:a": SlicePolicy(max_drop=0.5)}, SHIP, []),
        ({"feature:f scenario:b": SlicePolicy(min_pass_rate=1, max_drop=0)}, SHIP, []),
        ({"tag:e": SlicePolicy(min_pass_rate=1)}, LACKING, ["in tag:e, no case was decided"]),
    ],
)  # fmt: skip
def test_a_slice_has_thresholds_of_its_own(
    slice_policy: dict[str, SlicePolicy], decision: Decision, reasons: list[str]
) -> None:
    now, before = tagged("pfppppe", "aabbbbe"), tagged("ppppppp", "aabbbbe")
    policy = GatePolicy(max_drop=1, max_broken=1, max_errored=1, slices=slice_policy)
    ruling = ruled(now, before, policy)
    assert (ruling.decision, ruling.reasons) == (decision, reasons)


def test_every_part_of_a_suite_is_told_with_the_worst_first() -> None:
    now, before = tagged("pfep", "aabb"), tagged("ppfp", "aabb")
    assert slices(now, before) == [
        Slice("feature:f scenario:a", 1, 1, 0, 0.5, 1.0, 0, 1, -0.5),
        Slice("feature:f scenario:b", 1, 0, 1, 1.0, 0.5, 0, 0, 0.0),
        Slice("tag:a", 1, 1, 0, 0.5, 1.0, 0, 1, -0.5),
        Slice("tag:b", 1, 0, 1, 1.0, 0.5, 0, 0, 0.0),
    ]
    assert [part.baseline_rate for part in slices(now, None)] == [None] * 4


OUTCOMES = st.text("pfxe", max_size=12)


@given(OUTCOMES, st.none() | OUTCOMES, st.integers(0, 9), st.sampled_from([0.0, 0.02, 1.0]))
def test_the_gate_ships_only_where_something_was_decided_and_no_reason_speaks_against_it(
    now: str, before: str | None, errored: int, drop: float
) -> None:
    baseline = None if before is None else stood(before)
    ruling = ruled(stood(now), baseline, GatePolicy(max_drop=drop, max_errored=errored))
    assert (ruling.decision == "ship") == (not ruling.reasons)
    assert ruling.decision != "ship" or (set(now) & {"p", "f", "x"} and now.count("e") <= errored)
    assert ruling.decision != "ship" or before is None or len(now) >= len(before)


def test_a_comparison_tells_what_was_fixed_broken_flaky_and_added() -> None:
    assert compare(stood("pfpfepx"), stood("fppfpxpp")) == Comparison(
        fixed=["c1"],
        broken=["c0"],
        flaky=["c5", "c6"],
        added=["c7"],
        unchanged=2,
        difference=Difference(6, 2, 2, 0.0, *interval(2, 2, 6), 1.0),
    )


def case(tags: tuple[str, ...] = (), given: str = "i", checks: tuple[str, ...] = ()) -> Standing:
    found = Scheduled("c", tags=tags, input=given, checks=checks)
    return Standing("run_a", {"c": "passed"}, {"c": found})


WAS = case(("critical", "eu"), "i", ("a", "b"))


@pytest.mark.parametrize(
    ("now", "loosened", "counted"),
    [
        (WAS, [], None),
        (case(("critical",), "i", ("b", "c", "a")), [], None),
        (Standing("run_b", {}, {}), ["c: the critical case is gone"], "1 critical case gone"),
        (case(("critical",), "i", ("a", "d")), ["c: 1 of its 2 assertions changed or gone"],
         "1 assertion changed or gone"),
        (case(("critical",), "i", ()), ["c: 2 of its 2 assertions changed or gone"],
         "2 assertions changed or gone"),
        (case(("critical",), "j", ("a", "b")), ["c: its input changed"], "1 input changed"),
        (case(("eu",), "i", ("a", "b")), ["c: it is no longer critical"],
         "1 case no longer critical"),
        (case((), "j", ("a", "b")), ["c: its input changed", "c: it is no longer critical"],
         "1 case no longer critical, 1 input changed"),
    ],
)  # fmt: skip
def test_what_was_loosened_is_listed_and_counted(
    now: Standing, loosened: list[str], counted: str | None
) -> None:
    found = compare(WAS, now)
    assert (found.loosened, found.loosening) == (loosened, counted)


def test_an_edit_of_a_suite_is_told_once_with_what_was_and_is_asked() -> None:
    def asked(*checks: str) -> Standing:
        cases = {f"c{n}": Scheduled(f"c{n}", checks=(*checks, f"own{n}")) for n in range(7)}
        wording: dict[str, Spec] = {
            mark: {"type": "contains", "value": mark} for mark in ("a", "b", "new")
        }
        return Standing("r", dict.fromkeys(cases, "passed"), cases, wording=wording)

    found = compare(asked("a", "b"), asked("a", "new"))
    assert (found.loosened, found.loosening) == (
        [
            (
                "7 cases (c0, c1, c2, c3, c4 and 2 more): 1 assertion changed or gone; was "
                '{"type":"contains","value":"b"}; now {"type":"contains","value":"new"}'
            )
        ],
        "1 assertion changed or gone",
    )


@pytest.mark.parametrize(
    ("failing", "checks", "fixed"),
    [
        ({"c": ("a",)}, ("a", "b"), ["c"]),
        ({"c": ("a",)}, ("a",), ["c"]),
        ({"c": ("a",)}, ("b",), []),
        # Where nobody knows what failed, all must still be asked.
        ({}, ("a", "b", "d"), ["c"]),
        ({}, ("a",), []),
    ],
)
def test_a_case_is_fixed_where_what_failed_is_still_asked(
    failing: dict[str, tuple[str, ...]], checks: tuple[str, ...], fixed: list[str]
) -> None:
    before = replace(WAS, outcomes={"c": "failed"}, failing=failing)
    assert compare(before, case(("critical",), "i", checks)).fixed == fixed


def test_an_edited_answer_that_is_scored_is_told() -> None:
    before, after = (
        Standing("r", {"c": "passed"}, {"c": Scheduled("c", answer=answer)}, "recorded")
        for answer in ("x", "y")
    )
    assert compare(before, after).loosened == ["c: the filed answer that is scored changed"]


def test_a_part_of_a_suite_misses_only_what_it_selects() -> None:
    before, after = tagged("ppp", "aab"), tagged("p", "a")
    assert compare(before, after, select="tag:a").loosened == [
        "c1: the case is gone, or is not selected any more"
    ]


def test_measurements_that_differ_in_more_than_the_product_are_not_comparable() -> None:
    before = replace(WAS, target="app", program="x", trials=3)
    after = replace(case(("critical",), "j", ("a", "b")), target="app", program="y")
    assert compare(before, after).not_comparable == [
        "another target was measured",
        "a case passes if 1 trial does, and if 3 did before",
        "1 of 1 cases were asked or checked otherwise",
    ]
    assert compare(before, Standing("r", {}, {}, "app", 3, program="x")).not_comparable == []
    assert compare(WAS, stood("p")).not_comparable == ["no case is in both"]


def test_over_trials_a_case_passes_if_all_do_and_a_missing_trial_is_errored() -> None:
    results = {"c0": "pp", "c1": "pf", "c2": "pe", "c3": "p", "c4": "fe", "c5": "f", "c6": ""}
    run = Run("run_a", "s", "t", "n", 0.0, 2, tuple(Scheduled(case_id) for case_id in results))
    ended = (CaseResult(case_id, trial, ENDED[letter])
             for case_id, letters in results.items()
             for trial, letter in enumerate(letters, 1))  # fmt: skip
    found = standing(run, ended)
    cases = {case.id: case for case in run.cases}
    outcomes = stood("pfeeffe").outcomes
    # And c3 and c6 have not erred: nobody has asked them to the end.
    unasked = frozenset(["c3", "c6"])
    assert found == Standing("run_a", outcomes, cases, "t", 2, frozenset(["c1"]), unasked=unasked)
    assert found.pass_rate == 0.25


def test_a_trial_that_was_kept_twice_or_of_no_case_counts_for_nothing() -> None:
    run = Run("run_a", "s", "t", "n", 0.0, 2, (Scheduled("c0"),))
    results = [CaseResult("c0", 1, "passed"), CaseResult("c0", 1, "passed"),
               CaseResult("c9", 1, "passed")]  # fmt: skip
    assert standing(run, results).outcomes == {"c0": "errored"}


def test_a_baseline_is_one_line_a_case_in_order() -> None:
    b = Scheduled("b", tags=("eu",), input="i1", checks=("x", "y"), answer="z")
    a = Scheduled("a", feature="f", input="i2")
    gates = {"": Profile(trials=2), "pr": Profile(trials=1, gate=GatePolicy(strict=True))}
    found = Standing("run_a", {"b": "passed", "a": "failed"}, {"b": b, "a": a}, "app", 2,
                     frozenset(["a"]), "q", gates)  # fmt: skip
    policy = (
        '{"max_drop": 0.02, "max_broken": 0, "strict": %s, "max_errored": 0, "min_cases": 1, '
        '"slices": {}}'
    )
    assert write_baseline("s", found) == (
        '{\n  "suite": "s",\n  "run": "run_a",\n  "target": "app",\n  "program": "q",\n'
        f'  "trials": 2,\n  "gate": {policy % "false"},\n  "profiles": {{\n'
        '    "pr": {"select": "", "trials": 1, "judges": true, '
        f'"gate": {policy % "true"}}}\n  }},\n'
        '  "pass_rate": 0.5,\n  "cases": {\n'
        '    "a": {"outcome": "failed", "flaky": true, "feature": "f", "input": "i2", '
        '"checks": []},\n'
        '    "b": {"outcome": "passed", "tags": ["eu"], "input": "i1", "checks": ["x", "y"], '
        '"answer": "z"}\n'
        "  }\n}\n"
    )


NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
WORDS = st.lists(TEXT, max_size=3).map(tuple)
SCHEDULED = st.builds(
    Scheduled, st.just(""), TEXT, TEXT, WORDS, st.text("abc", max_size=3), WORDS, TEXT
)
CASES = st.dictionaries(
    NAME, st.tuples(st.sampled_from(list(ENDED.values())), st.booleans(), SCHEDULED)
)
GATES = st.builds(
    Profile,
    select=st.sampled_from(["", "tag:a"]),
    trials=st.integers(1, 5),
    gate=st.builds(
        GatePolicy,
        max_drop=st.floats(0, 1),
        min_pass_rate=st.none() | st.floats(0, 1),
        slices=st.dictionaries(TEXT, st.builds(SlicePolicy, max_drop=st.none() | st.floats(0, 1))),
    ),
)


@given(NAME, CASES, GATES)
def test_a_baseline_that_was_written_is_read_back(
    suite: str, cases: dict[str, tuple[Outcome, bool, Scheduled]], gate: Profile
) -> None:
    found = Standing(
        "run_a",
        {name: outcome for name, (outcome, _, _) in cases.items()},
        {name: replace(scheduled, id=name) for name, (_, _, scheduled) in cases.items()},
        target="app",
        trials=3,
        flaky=frozenset(name for name, (_, flaky, _) in cases.items() if flaky),
        program="q",
        gates={"": Profile(trials=3), "pr": gate},
    )
    assert read_baseline(write_baseline(suite, found), suite, "b.json") == found


def test_a_baseline_of_an_earlier_release_is_still_read() -> None:
    text = (
        '{"suite": "s", "run": "run_a", "target": "app", "gate": {"max_drop": 0.5, '
        '"min_pass_rate": null, "strict": true, "max_errored": 0}, "pass_rate": 1.0, "cases": '
        '{"c": {"outcome": "passed", "input": "i", "checks": ["a"], "tags": ["eu"]}}}'
    )
    assert read_baseline(text, "s", "b.json") == Standing(
        "run_a",
        {"c": "passed"},
        {"c": Scheduled("c", tags=("eu",), input="i", checks=("a",))},
        "app",
        gates={"": Profile(trials=1, gate=GatePolicy(max_drop=0.5, strict=True))},
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"suite": "s"}', "\ud800", "[" * 10_000,
    '{"suite": "s", "cases": {"c": 9' + "9" * 5_000 + "}}",
    write_baseline("s", stood("p")).replace("passed", "good"),
    write_baseline("s", stood("p")).replace('"c0"', '"c0\\u001b[2J"'),
    write_baseline("s", stood("p")).replace("1.0", "2.0"),
    write_baseline("s", stood("p")).replace('"checks"', '"cheks"')])  # fmt: skip
def test_what_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match=r"^b\.json is no baseline: .*--save-baseline"):
        read_baseline(text, "s", "b.json")


def test_a_baseline_of_another_suite_is_refused() -> None:
    with pytest.raises(Refusal, match="is the baseline of the suite 'a', not of 's'"):
        read_baseline(write_baseline("a", stood("p")), "s", "b.json")


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
    assert planned.scheduled(scored(PythonTarget(python="a:b"))) == Scheduled(
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


@given(st.lists(st.sampled_from(["tag:", "id:", "-", "*", "case_a", " ", "["])).map("".join))
def test_any_selection_selects_some_cases_or_is_refused(select: str) -> None:
    try:
        planned = plan(SUITE, CASES_OF_SUITE, select)
    except Refusal:
        return
    assert set() < {each.case.id for each in planned} <= {each.id for each in CASES_OF_SUITE}


def test_another_target_and_fewer_trials_are_told_as_loosened() -> None:
    before = replace(stood("pp"), target="app", program="x", trials=3)
    loosened = [
        "the target was app and is corrected",
        "each case was asked 3 times and is asked once",
    ]
    assert compare(before, replace(stood("pp"), target="corrected")).loosened == loosened
    other = replace(before, program="y")
    told = "the target app stands for something else in regrade.yaml"
    assert compare(before, other).loosened == [told]


def test_laxer_terms_of_the_gate_are_told_as_loosened() -> None:
    tag = {"tag:a": SlicePolicy(min_pass_rate=0.9, max_drop=0.1), "tag:b": SlicePolicy()}
    was = Profile(trials=3, gate=GatePolicy(strict=True, min_pass_rate=0.8, slices=tag))
    lax = GatePolicy(max_drop=1, max_errored=9, max_broken=1, slices={"tag:a": SlicePolicy()})
    told = relaxed(was, Profile(select="tag:easy", gate=lax))
    assert told == (
        "the gate's max_drop was 0.02 and is 1.0",
        "the gate's min_pass_rate was 0.8 and is None",
        "the gate's max_broken was 0 and is 1",
        "the gate's strict was True and is False",
        "the gate's max_errored was 0 and is 9",
        "the gate selected 'all' and selects 'tag:easy'",
        "each case was asked 3 times and is asked once",
        "the min_pass_rate of 'tag:a' was 0.9 and is None",
        "the max_drop of 'tag:a' was 0.1 and is None",
        "the gate's slice 'tag:b' is gone",
    )
    found = compare(stood("p"), stood("p"), relaxed=told)
    assert (found.loosened, found.loosening) == ([*told], "10 laxer terms of the gate")
    assert relaxed(was, was) == relaxed(Profile(gate=lax), was)[:0] == ()


def test_each_term_of_a_gate_comes_from_the_last_that_sets_it() -> None:
    suite = Suite(
        trials=2,
        gate=GatePolicy(max_drop=0.5, max_broken=4, slices={"tag:a": SlicePolicy(max_drop=0)}),
    )
    own = GatePolicy(max_broken=1, slices={"tag:b": SlicePolicy(min_pass_rate=1)})
    project = Project(profiles={"release": Profile(budget_usd=2, gate=own), "mine": Profile()})
    assert terms(suite, project, None) == Profile(trials=2, gate=suite.gate)
    assert terms(suite, project, "mine") == Profile(trials=2, gate=suite.gate)
    assert terms(suite, project, "release") == Profile(
        trials=3,
        budget_usd=2,
        gate=GatePolicy(
            max_drop=0.5, max_broken=1, strict=True, slices={**suite.gate.slices, **own.slices}
        ),
    )
    told = terms(suite, project, "release").overridden(Profile(gate=GatePolicy(max_drop=0.1)))
    assert (told.trials, told.gate.max_drop, told.gate.strict) == (3, 0.1, True)
    with pytest.raises(Refusal, match=r"There is no profile 'relase' .did you mean 'release'"):
        terms(suite, project, "relase")


@pytest.mark.parametrize(
    ("recorded", "told"), [("filed", True), ("corrected", True), ("latest", False)]
)
def test_only_a_filed_answer_that_is_scored_is_part_of_a_case(recorded: Any, told: bool) -> None:  # noqa: FBT001
    planned = plan(SUITE, CASES_OF_SUITE, "id:case_a")[0]
    assert bool(planned.scheduled(scored(RecordedTarget(recorded=recorded))).answer) == told
