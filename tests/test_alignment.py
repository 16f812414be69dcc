"""How far a judge can be trusted, against figures that others have published or computed."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrade_tools.judges.alignment import (
    Confusion,
    Labelled,
    Pair,
    Rate,
    assign,
    cohen,
    confusion,
    consensus,
    corrected_rate,
    fleiss,
    labels_needed,
    post_stratified,
    rogan_gladen,
    wilson,
)
from regrade_tools.judges.alignment.pairwise import Choice, Comparison, preference
from regrade_tools.models import Judgement, Sampled, Split, Verdict

_VERDICTS: dict[str, Any] = {
    "PASS": "pass",
    "FAIL": "fail",
    "UNKNOWN": "unknown",
    "ERROR": "errored",
}
_counts = st.integers(0, 40)


@pytest.fixture(scope="module")
def golden(data: Path) -> dict[str, Any]:
    return json.loads((data / "golden.json").read_text())


def _recorded(data: Path, name: str) -> Iterator[Pair]:
    for row in json.loads((data / "recipe_hw3" / name).read_text()):
        yield Pair(_VERDICTS[row["true_label"]], _VERDICTS[row["predicted_label"]])


def test_the_recorded_judge_of_the_recipe_bot_has_its_known_figures(
    data: Path, golden: dict[str, Any]
) -> None:
    expected = golden["recipe_hw3"]
    found = confusion(_recorded(data, "test_predictions.json"), "as_fail")
    assert found == Confusion(tp=31, fn=3, tn=10, fp=2)
    assert found.tpr.value == pytest.approx(expected["tpr"], abs=1e-12)
    assert found.tnr.value == pytest.approx(expected["tnr"], abs=1e-12)
    assert found.kappa == pytest.approx(expected["kappa"], abs=1e-12)
    assert found.mcc == pytest.approx(expected["mcc"], abs=1e-12)
    judged = Rate(2056, expected["n_unlabeled"])
    estimate = rogan_gladen(found, judged)
    assert estimate.value == pytest.approx(expected["theta_rogan_gladen"], abs=1e-12)
    assert estimate.interval is not None
    assert [estimate.interval.low, estimate.interval.high] == pytest.approx(
        expected["lang_reiczigel_ci95"], abs=5e-5
    )


@pytest.mark.parametrize("policy", ["exclude", "as_fail", "as_pass"])
def test_unknown_counts_as_the_policy_says(policy: Any, data: Path, golden: dict[str, Any]) -> None:
    expected = golden["recipe_hw3"]["unknown_verdict_policies"][policy]
    found = confusion(_recorded(data, "test_predictions.json"), policy)
    estimate = rogan_gladen(found, Rate(2056, 2400))
    assert (found.n, found.tpr.value, found.tnr.value, round(estimate.value or 0, 4)) == (
        expected["n"],
        pytest.approx(expected["tpr"], abs=1e-12),
        pytest.approx(expected["tnr"], abs=1e-12),
        expected["theta"],
    )


def test_forty_errors_give_no_comparable_row_and_no_rate(data: Path) -> None:
    found = confusion(_recorded(data, "dev_predictions.json"), "as_fail")
    assert (found.n, found.tpr.value, found.tnr.value, found.kappa, found.mcc) == (
        0,
        None,
        None,
        None,
        None,
    )


def test_a_judge_that_passes_everything_is_told_beside_the_majority(
    data: Path, golden: dict[str, Any]
) -> None:
    expected = golden["smollm2_judge_hw3"]
    rows = (data / "recipe_hw3" / "smollm2_135m_judge_local.jsonl").read_text().splitlines()
    read = [json.loads(row) for row in rows]
    found = confusion(Pair(_VERDICTS[row["label"]], _VERDICTS[row["judge"]]) for row in read)
    assert found == Confusion(
        tp=expected["tp"], fn=expected["fn"], tn=expected["tn"], fp=expected["fp"]
    )
    assert found.agreement == pytest.approx(expected["accuracy"], abs=1e-12)
    assert found.majority is not None
    assert found.majority > expected["accuracy"]
    assert rogan_gladen(found, Rate(80, 100)).why == (
        "cannot estimate: on these labels the judge is no better than chance"
    )


@pytest.mark.parametrize("name", ["judgy_readme", "judgy_docstring"])
def test_the_point_estimate_is_that_of_judgy(name: str, golden: dict[str, Any]) -> None:
    example = golden[name]
    verdict: dict[int, Any] = {1: "pass", 0: "fail"}
    pairs = [
        Pair(verdict[label], verdict[said])
        for label, said in zip(example["test_labels"], example["test_preds"], strict=True)
    ]
    found, judged = confusion(pairs), Rate(sum(example["unlabeled"]), len(example["unlabeled"]))
    # So few labels do not show that the judge is better than chance, and then nothing is claimed.
    assert rogan_gladen(found, judged).value is None
    tpr, tnr = found.tpr.value or 0, found.tnr.value or 0
    assert (judged.hits / judged.n + tnr - 1) / (tpr + tnr - 1) == pytest.approx(example["theta"])


def test_the_example_of_rogan_and_gladen(golden: dict[str, Any]) -> None:
    example = golden["evals_skills_example"]
    found = rogan_gladen(Confusion(tp=92, fn=8, tn=88, fp=12), Rate(800, 1000))
    assert found.value == pytest.approx(example["theta"])


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (18, 20, 0.699, 0.972),
        (27, 30, 0.744, 0.965),
        (45, 50, 0.786, 0.957),
        (90, 100, 0.826, 0.945),
    ],
)
def test_the_interval_is_wilsons(hits: int, n: int, low: float, high: float) -> None:
    found = wilson(hits, n)
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


@pytest.mark.parametrize(
    ("share", "bound", "labels"),
    [(0.9, 0.8, 62), (0.95, 0.9, 139), (0.8, 0.8, None), (1.0, 0.9, 35)],
)
def test_it_is_said_how_many_labels_a_bound_needs(
    share: float, bound: float, labels: int | None
) -> None:
    assert labels_needed(share, bound) == labels


@given(st.integers(1, 300), st.data())
def test_an_interval_holds_its_rate_and_narrows_with_labels(n: int, draw: st.DataObject) -> None:
    hits = draw.draw(st.integers(0, n))
    found, more = wilson(hits, n), wilson(hits * 10, n * 10)
    assert 0 <= found.low <= hits / n <= found.high <= 1
    assert more.high - more.low < found.high - found.low


@given(_counts, _counts, _counts, _counts)
def test_a_metric_is_a_number_in_its_range_or_nothing(tp: int, fn: int, tn: int, fp: int) -> None:
    found = Confusion(tp, fn, tn, fp)
    for share in (found.tpr.value, found.tnr.value, found.f1_pass, found.f1_fail, found.agreement):
        assert share is None or 0 <= share <= 1
    for coefficient in (found.kappa, found.mcc, found.informedness):
        assert coefficient is None or -1 - 1e-9 <= coefficient <= 1 + 1e-9


@given(
    st.lists(st.tuples(st.sampled_from(get_args(Verdict)), st.sampled_from(get_args(Judgement))))
)
def test_no_policy_counts_an_error(rows: list[tuple[Verdict, Judgement]]) -> None:
    pairs = [Pair(human, judge) for human, judge in rows]
    errored = sum(judge == "errored" for _, judge in rows)
    unknown = sum(judge == "unknown" for _, judge in rows)
    assert confusion(pairs, "as_fail").n == confusion(pairs, "as_pass").n == len(rows) - errored
    assert confusion(pairs, "exclude").n == len(rows) - errored - unknown


def _votes(data: Path) -> list[tuple[int, int, int]]:
    rows = json.loads((data / "pandalm" / "testset-v1.json").read_text())
    return [(row["annotator1"], row["annotator2"], row["annotator3"]) for row in rows]


def test_people_agree_with_each_other_as_published(data: Path, golden: dict[str, Any]) -> None:
    votes, expected = _votes(data), golden["pandalm"]
    columns = list(zip(*votes, strict=True))
    kappas = {
        f"{a + 1}-{b + 1}": round(cohen(columns[a], columns[b]) or 0, 4)
        for a, b in ((0, 1), (0, 2), (1, 2))
    }
    assert kappas == expected["iaa_cohen_kappa"]
    assert round(fleiss(votes) or 0, 4) == expected["fleiss"]
    majority = [consensus(row) for row in votes]
    assert {str(vote): majority.count(vote) for vote in (0, 1, 2)} == expected["majority"]


def test_two_labellers_who_always_say_the_same_have_no_kappa() -> None:
    assert cohen(["pass"] * 5, ["pass"] * 5) is None
    assert fleiss([["pass", "pass"]] * 5) is None
    assert consensus(["pass", "fail"]) is None


def test_a_judge_that_prefers_a_place_is_seen(data: Path, golden: dict[str, Any]) -> None:
    expected = golden["smollm2_pairwise_pandalm"]
    rows = (data / "pandalm" / "smollm2_pandalm_swap.jsonl").read_text().splitlines()
    place: dict[str, tuple[Choice, Choice]] = {"A": ("a", "b"), "B": ("b", "a")}
    found = preference(
        Comparison(forward=place[row["first"]][0], backward=place[row["swapped"]][1])
        for row in map(json.loads, rows)
    )
    assert found.pairs == expected["n_pairs"]
    assert found.first_shown.value == pytest.approx(expected["first_shown_rate"])
    assert 1 - (found.flipped.value or 0) == pytest.approx(expected["swap_consistency"])


def _choice(vote: Any) -> Choice | None:
    found: dict[str, Choice] = {"1": "a", "2": "b", "0": "tie", "Tie": "tie"}
    return found.get(str(vote))


def _compared(data: Path, file: str, field: str) -> list[Comparison]:
    """What a judge that was recorded says of the pairs, and what most people say."""
    pairs = json.loads((data / "pandalm" / "testset-v1.json").read_text())
    said = json.loads((data / "pandalm" / file).read_text())
    verdicts: dict[int, Choice | None] = {row["idx"]: _choice(row[field]) for row in said}
    rows: list[Comparison] = []
    for pair, votes in zip(pairs, _votes(data), strict=True):
        verdict: Choice | None = verdicts[pair["idx"]]
        one, two = len(str(pair["response1"])), len(str(pair["response2"]))
        longer: Choice = "a" if one > two else "b" if two > one else "tie"
        rows.append(Comparison(verdict, verdict, longer, _choice(consensus(votes))))
    return rows


def test_a_judge_that_was_trained_to_compare_has_its_known_figures(
    data: Path, golden: dict[str, Any]
) -> None:
    rows = _compared(data, "pandalm-7b-testset-v1.json", "pandalm_result")
    found, expected = preference(rows), golden["pandalm"]
    assert round(found.agreement.value or 0, 4) == expected["pandalm7b"]["acc"]
    both = [(row.human, row.winner) for row in rows if row.winner is not None]
    kappa = cohen([human for human, _ in both], [winner for _, winner in both])
    assert round(kappa or 0, 4) == expected["pandalm7b"]["kappa"]
    assert round(found.longer.value or 0, 4) == expected["prefers_longer"]["pandalm7b"]
    assert round(found.longer_human.value or 0, 4) == expected["prefers_longer"]["human"]
    assert sum(len(set(votes)) == 1 for votes in _votes(data)) == expected["unanimous"]


def test_a_recorded_comparison_counts_garbage_as_no_verdict(
    data: Path, golden: dict[str, Any]
) -> None:
    expected = golden["pandalm"]["gpt35"]
    rows = _compared(data, "gpt-3.5-turbo-testset-v1.json", "gpt_result")
    found = preference(rows)
    assert found.pairs - found.judged == expected["garbage"]
    assert found.wins["tie"] == expected["tie"]
    assert [found.agreement.n, round(found.agreement.value or 0, 4)] == expected["acc_drop_garbage"]
    assert [found.pairs, round(found.agreement.hits / found.pairs, 4)] == (
        expected["acc_garbage_wrong"]
    )
    decided = found.agreement_decided
    assert [decided.n, round(decided.value or 0, 4)] == expected["no_tie_agreement"]
    both = [(row.human, row.winner) for row in rows if row.winner is not None]
    kappa = cohen([human for human, _ in both], [winner for _, winner in both])
    assert round(kappa or 0, 4) == expected["kappa_drop"]
    assert round(found.longer.value or 0, 4) == golden["pandalm"]["prefers_longer"]["gpt35"]


_COVERAGE = [
    # rate, TPR, TNR, labels, population, how labels were picked
    (0.85, 0.92, 0.88, 100, 500, "random"),
    (0.85, 0.92, 0.88, 100, 500, "by_verdict"),
    (0.85, 0.92, 0.88, 100, 500, "by_label"),
    (0.95, 0.95, 0.70, 80, 500, "by_verdict"),
    (0.50, 0.80, 0.70, 60, 300, "by_label"),
    (0.85, 0.92, 0.88, 100, 500, "random, then by_verdict"),
    (0.95, 0.95, 0.70, 80, 500, "random, then by_verdict"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "tpr", "tnr", "labels", "population", "sampled"), _COVERAGE)
def test_the_interval_covers_the_truth_as_often_as_it_says(  # noqa: PLR0913 - one setting
    rate: float, tpr: float, tnr: float, labels: int, population: int, sampled: Any
) -> None:
    draw = random.Random(f"{rate} {tpr} {sampled}")  # noqa: S311 - a simulation
    runs, told, covered = 400, 0, 0

    def halves(people: list[tuple[Verdict, Verdict]], n: int) -> list[tuple[Verdict, Verdict]]:
        split = {v: [row for row in people if row[1] == v] for v in ("pass", "fail")}
        drawn = [draw.sample(rows, min(n // 2, len(rows))) for rows in split.values()]
        return [row for rows in drawn for row in rows]

    def one(passes: bool) -> tuple[Verdict, Verdict]:  # noqa: FBT001 - what people say
        right = draw.random() < (tpr if passes else tnr)
        return ("pass" if passes else "fail"), ("pass" if passes == right else "fail")

    for _ in range(runs):
        people = [one(draw.random() < rate) for _ in range(population)]
        passed = sum(said == "pass" for _, said in people)
        picked: dict[Sampled, list[tuple[Verdict, Verdict]]] = {}
        if sampled.startswith("random"):
            draw.shuffle(people)
            drawn = labels if sampled == "random" else labels // 2
            picked["random"] = people[:drawn]
            picked["by_verdict"] = halves(people[drawn:], labels - drawn)
        elif sampled == "by_verdict":
            picked["by_verdict"] = halves(people, labels)
        else:
            equally = [one(passes=half) for half in (True, False) for _ in range(labels // 2)]
            picked["by_label"] = equally
        found = corrected_rate(
            {way: confusion(Pair(*row) for row in rows) for way, rows in picked.items()},
            Rate(passed, population),
        )
        # Where nothing can be estimated nothing is claimed, and nothing is covered either.
        if found.interval is not None:
            told += 1
            covered += found.interval.low <= rate <= found.interval.high
    assert told / runs > 0.9
    assert covered / told >= 0.93


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
@pytest.mark.parametrize("passed", [0, 1, 3])
def test_the_interval_of_a_corrected_rate_holds_the_rate_also_at_its_ends(
    passes: int, passed: int
) -> None:
    labelled = Confusion(tp=passes, fp=3 - passes, fn=passes, tn=3 - passes)
    found = post_stratified(labelled, Rate(passed, 3))
    assert found.value is not None
    assert found.interval is not None
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


@pytest.mark.parametrize("n", [12, 20, 34, 50, 100, 200])
def test_wilsons_interval_covers_a_rate_as_often_as_it_says(n: int) -> None:
    def coverage(rate: float) -> float:
        chances = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
        intervals = [wilson(k, n) for k in range(n + 1)]
        return sum(
            chance
            for chance, found in zip(chances, intervals, strict=True)
            if found.low <= rate <= found.high
        )

    found = [coverage(hundredths / 100) for hundredths in range(50, 99)]
    # It goes up and down with the rate, for labels are counted in whole ones.
    assert sum(found) / len(found) >= 0.945
    assert min(found) >= 0.89


def test_labels_picked_by_verdict_are_not_corrected_as_if_picked_by_label() -> None:
    labelled = Confusion(tp=48, fp=2, fn=25, tn=25)
    judged = Rate(900, 1000)
    assert corrected_rate({"by_verdict": labelled}, judged).value == pytest.approx(0.914)
    picked = replace(rogan_gladen(labelled, judged), ways=("by_label",))
    assert corrected_rate({"by_label": labelled}, judged) == picked
    assert corrected_rate({"unknown": labelled}, judged).value is None
    assert post_stratified(Confusion(tp=5), judged).why == (
        "no row that the judge calls FAIL was labelled by a person"
    )


_items = st.builds(
    Labelled,
    item=st.uuids().map(str),
    group=st.sampled_from([f"session {n}" for n in range(12)]),
    verdict=st.sampled_from(get_args(Verdict)),
)


@given(st.lists(_items, unique_by=lambda item: item.item), st.lists(_items, max_size=5))
def test_a_split_is_frozen_and_no_session_straddles_two(
    items: list[Labelled], more: list[Labelled]
) -> None:
    first = assign(items, {}, "seed")
    later = assign([*items, *more], first, "seed")
    assert {item.item: later[item.item] for item in items} == first
    groups: dict[str, set[Split]] = {}
    for item in [*items, *more]:
        groups.setdefault(item.group, set()).add(later[item.item])
    assert all(len(splits) == 1 for splits in groups.values())
    assert assign(list(reversed(items)), {}, "seed") == first


def test_each_split_has_its_share_of_both_classes() -> None:
    items = [Labelled(str(n), f"group {n}", "fail" if n % 4 == 0 else "pass") for n in range(200)]
    dealt = assign(items, {}, "seed")
    counted = {
        (split, verdict): sum(
            dealt[item.item] == split and item.verdict == verdict for item in items
        )
        for split in get_args(Split)
        for verdict in get_args(Verdict)
    }
    assert counted == {
        ("train", "pass"): 23,
        ("train", "fail"): 8,
        ("dev", "pass"): 64,
        ("dev", "fail"): 21,
        ("test", "pass"): 63,
        ("test", "fail"): 21,
    }
