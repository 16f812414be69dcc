"""Judges, through an MCP client: what they say, how far they are right, and when they may gate."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from calling import client_of, refused, replied
from labelled import judge_file, know, label_row, write_labels

from regrade_server.cli import main
from regrade_tools.models import ToolCall

pytestmark = pytest.mark.anyio


def recorded(root: Path, rows: list[dict[str, Any]]) -> None:
    """Write the answers of a judge that was asked elsewhere."""
    (root / "evals").mkdir(exist_ok=True)
    lines = [json.dumps(row) for row in rows]
    (root / "evals" / "said.jsonl").write_text("\n".join(lines) + "\n")


def recipe_bot(root: Path, data: Path, tpr: float, tnr: float) -> None:
    """The recipe bot's labelled test rows, with the judge that was recorded on them."""
    rows = json.loads((data / "recipe_hw3" / "test_predictions.json").read_text())
    items = [({"query": r["query"], "diet": r["dietary_restriction"]}, r["response"]) for r in rows]
    recorded(
        root,
        [
            {"input": given, "output": output, "verdict": r["predicted_label"], "reasoning": "so"}
            for (given, output), r in zip(items, rows, strict=True)
        ],
    )
    know(root, "ada")
    write_labels(
        root,
        (
            label_row(given, output, r["true_label"].lower(), split="test", sampled="by_label")
            for (given, output), r in zip(items, rows, strict=True)
        ),
    )
    more = f"recorded: evals/said.jsonl\nthresholds: {{tpr: {tpr}, tnr: {tnr}}}"
    judge_file(root, "diet", more)


async def test_a_recorded_judge_is_aligned_where_its_lower_bounds_reach_the_thresholds(
    tmp_path: Path, data: Path
) -> None:
    recipe_bot(tmp_path, data, 0.75, 0.5)
    async with client_of(tmp_path) as client:
        before = await replied(client, "align_judge", judge="diet", split="dev")
        assert (before["state"], before["labels"], before["comparable"]) == ("draft", 0, 0)
        found = await replied(client, "align_judge", judge="diet", split="test")
    assert found["state"] == "aligned"
    assert found["confusion"] == {"tp": 31, "fn": 3, "tn": 10, "fp": 2}
    assert found["tpr"] == {"value": 0.9118, "low": 0.7704, "high": 0.9695, "of": "31 of 34"}
    assert found["tnr"] == {"value": 0.8333, "low": 0.552, "high": 0.953, "of": "10 of 12"}
    assert (found["kappa"], found["mcc"], found["unknown"]) == (0.7255, 0.7266, 4)
    assert found["policies"] == {
        "exclude": {"tpr": 1.0, "tnr": 0.8182},
        "as_fail": {"tpr": 0.9118, "tnr": 0.8333},
        "as_pass": {"tpr": 1.0, "tnr": 0.75},
    }
    assert found["looks"] == 1
    assert "disagreements" not in found


async def test_a_judge_below_its_thresholds_is_told_how_many_labels_it_needs(
    tmp_path: Path, data: Path
) -> None:
    recipe_bot(tmp_path, data, 0.8, 0.8)
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="test")
    assert found["state"] == "draft"
    assert found["reasons"] == [
        "TPR is 0.912 (31 of 34), and its lower bound 0.77 is below 0.8",
        "TNR is 0.833 (10 of 12), and its lower bound 0.55 is below 0.8",
    ]
    assert [(need["verdict"], need["have"], need["more"]) for need in found["needs"]] == [
        ("pass", 34, 16),
        ("fail", 12, 542),
    ]


async def test_a_judge_that_passes_everything_is_refused_with_the_reason(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (data / "recipe_hw3" / "smollm2_135m_judge_local.jsonl").read_text().splitlines()
    read = [json.loads(row) for row in rows]
    recorded(
        tmp_path,
        [
            {"input": r["trace_id"], "output": "", "verdict": r["judge"], "reasoning": "so"}
            for r in read
        ],
    )
    know(tmp_path, "ada")
    write_labels(
        tmp_path, (label_row(r["trace_id"], "", r["label"].lower(), split="test") for r in read)
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="test")
    assert found["confusion"] == {"tp": 73, "fn": 2, "tn": 0, "fp": 26}
    assert (found["state"], found["agreement"], found["majority"]) == ("draft", 0.7228, 0.7426)
    assert found["reasons"] == ["TNR is 0.000 (0 of 26), and its lower bound 0.00 is below 0.8"]
    assert [(need["verdict"], need.get("more")) for need in found["needs"]] == [("fail", None)]
    gated_suite(tmp_path, data)
    assert await to_thread.run_sync(main, ["gate", "diets", "--root", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "The judge diet may not gate: it is draft" in told
    assert "TNR is 0.000 (0 of 26), and its lower bound 0.00 is below 0.8" in told


def labelled_dozens(root: Path, split: str = "test", count: int = 24) -> None:
    """Labels of one person on made-up recipes, every third of them a failure."""
    know(root, "ada")
    write_labels(
        root,
        (
            label_row(f"question {n}", f"answer {n}", "fail" if n % 3 == 0 else "pass", split=split)
            for n in range(count)
        ),
    )


def answer(item: dict[str, Any], verdict: str = "PASS") -> dict[str, Any]:
    return {"n": item["n"], "reasoning": "it keeps to the diet", "verdict": verdict}


async def test_a_judge_without_a_model_hands_its_work_to_the_agent_that_calls(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    labelled_dozens(tmp_path)
    judge_file(tmp_path, "diet", "")
    async with client_of(tmp_path) as client:
        handed = await replied(client, "align_judge", judge="diet", split="test")
        work = handed["work"]
        assert (work["of"], work["left"], len(work["items"])) == (24, 24, 20)
        # Nothing of a label, a split or a trace is in what is handed out.
        assert {key for item in work["items"] for key in item} == {"n", "data"}
        submitted = await replied(
            client,
            "submit_answers",
            packet_id=work["packet_id"],
            answers=[answer(item) for item in work["items"]],
        )
        assert (submitted["accepted"], submitted["left"]) == (20, 4)
        rest = submitted["work"]["items"]
        # Who has answered has the instructions; who has lost them asks again with no answer.
        assert submitted["work"] == {
            "packet_id": work["packet_id"],
            "instructions": "As in the first part; submit_answers with answers [] gives them "
            "again.",
            "items": rest,
            "of": 24,
            "left": 4,
        }
        again = await replied(client, "submit_answers", packet_id=work["packet_id"], answers=[])
        assert again["work"] == {**work, "items": rest, "left": 4}
        last = await replied(
            client,
            "submit_answers",
            packet_id=work["packet_id"],
            answers=[
                *(answer(item, "FAIL") for item in rest),
                answer(rest[0]),
                {"n": 99, "reasoning": "so", "verdict": "PASS"},
                {"n": "1", "verdict": "PASS"},
                {"n": 2, "verdict": "MAYBE"},
            ],
        )
        assert (last["accepted"], last["left"]) == (4, 0)
        assert last["hint"].startswith("All 24 answered: 20 pass, 4 fail, 0 unknown. ")
        assert last["refused"] == [
            f"n={rest[0]['n']} was answered before, and an answer stays",
            "n=99: it is a whole number from 1 to 24",
            "n=1: it is a whole number from 1 to 24",
            "n=2 was answered before, and an answer stays",
        ]
        found = await replied(client, "align_judge", judge="diet", split="test")
    assert found["comparable"] == 24
    assert found["fingerprint"].startswith("agent:mcp:")
    assert found["state"] == "draft"
    assert "run_suite and the gate cannot ask it, aligned or not" in found["hint"]


async def test_what_people_did_not_sign_counts_as_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    genuine = label_row("q", "a", "pass", split="dev")
    unsigned = label_row("q2", "a2", "pass", split="dev", sign=False)
    stranger = label_row("q3", "a3", "pass", split="dev", labeller="eve")
    edited = label_row("q4", "a4", "pass", split="dev")
    edited = edited.model_copy(update={"label": replace(edited.label, verdict="fail")})
    write_labels(tmp_path, [genuine, unsigned, stranger, edited])
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    recorded(tmp_path, [{"input": "q", "output": "a", "verdict": "PASS"}])
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="dev")
    assert (found["labels"], found["comparable"]) == (1, 1)
    assert found["label_problems"] == [
        "3 labels claim to be a person's and no known key signed them: they count as suggestions"
    ]


async def test_the_tool_calls_are_part_of_what_was_labelled_signed_and_judged(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    booked = label_row("q", "a", "pass", split="dev", calls=(ToolCall("book", {"n": 1}),))
    looked = label_row("q", "a", "fail", split="dev", calls=(ToolCall("look", {"n": 1}),))
    write_labels(tmp_path, [booked, looked])
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    calls = [{"name": "book", "arguments": {"n": 1}}]
    recorded(
        tmp_path,
        [
            {"input": "q", "output": "a", "tool_calls": calls, "verdict": "PASS"},
            {"item": looked.label.item, "verdict": "FAIL"},
        ],
    )
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="dev")
        assert found["confusion"] == {"tp": 1, "fn": 0, "tn": 1, "fp": 0}
        write_labels(tmp_path, [booked.model_copy(update={"tool_calls": looked.tool_calls})])
        told = await refused(client, "align_judge", judge="diet", split="dev")
    assert "diet.jsonl:1 holds another input, output, tool call or context" in told


async def test_what_a_judge_says_of_the_test_split_is_shown_by_no_tool(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    labelled_dozens(tmp_path)
    items = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(30)]
    recorded(tmp_path, [{**item, "verdict": "FAIL", "reasoning": "SAID"} for item in items])
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    (tmp_path / "evals" / "suites").mkdir()
    suite = "assertions: [{type: judge, judge: diet}]\n"
    (tmp_path / "evals" / "suites" / "diets.yaml").write_text(suite)
    (tmp_path / "evals" / "cases" / "diets").mkdir(parents=True)
    case = {"id": "one", "input": "question 1", "recorded": {"output": "answer 1"}}
    (tmp_path / "evals" / "cases" / "diets" / "one.yaml").write_text(json.dumps(case))
    async with client_of(tmp_path) as client:
        told = await refused(client, "run_judge", judge="diet", outputs=items[:1])
        assert "of the test split, of which nobody sees what a judge says" in told
        few = await replied(client, "run_judge", judge="diet", outputs=[items[0], items[25]])
        assert few["population"] == "2 given outputs; 1 of the test split are left out"
        assert few["judged"] == 1
        many = await replied(client, "run_judge", judge="diet", outputs=items)
        assert many["population"] == "30 given outputs; 24 of the test split are not shown"
        assert many["judged"] == 30
        assert {card["place"] for card in many["verdicts"]} == {
            f"output {n}" for n in range(25, 31)
        }
        run = await replied(client, "run_suite", suite="diets")
        assert "its reason is withheld" in str(run)
        assert "SAID" not in str(run)
        found = await replied(client, "align_judge", judge="diet", split="test")
    assert "SAID" not in str(found)
    assert "SAID" not in (tmp_path / "evals" / "judgements" / "diet.jsonl").read_text()


@pytest.mark.parametrize("mind", ["recorded", "python"])
async def test_a_judge_whose_file_of_judgements_or_function_changes_is_another_judge(
    mind: str, tmp_path: Path
) -> None:
    (tmp_path / "evals").mkdir()
    labelled_dozens(tmp_path)
    items = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(24)]

    def write(reason: str) -> None:
        recorded(tmp_path, [{**item, "verdict": "PASS", "reasoning": reason} for item in items])
        (tmp_path / "bot.py").write_text(f"def classify(given):\n    return True  # {reason}\n")

    more = {"recorded": "recorded: evals/said.jsonl", "python": "python: bot:classify"}
    judge_file(tmp_path, "diet", f"{more[mind]}\nthresholds: {{tpr: 0.5, tnr: 0}}")
    write("so")
    async with client_of(tmp_path) as client:
        first = await replied(client, "align_judge", judge="diet", split="test")
        write("otherwise")
        second = await replied(client, "align_judge", judge="diet", split="dev")
    assert (first["state"], second["state"]) == ("aligned", "stale")
    assert first["fingerprint"] != second["fingerprint"]


async def test_the_disagreements_of_dev_are_shown_with_both_reasons(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    write_labels(
        tmp_path,
        [
            label_row("q", "with butter", "fail", split="dev", critique="butter is not vegan"),
            label_row("q", "with oil", "pass", split="dev"),
        ],
    )
    recorded(
        tmp_path,
        [
            {"input": "q", "output": "with butter", "verdict": "PASS", "reasoning": "no meat"},
            {"input": "q", "output": "with oil", "verdict": "PASS", "reasoning": "no meat"},
        ],
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="dev")
    (shown,) = found["disagreements"]
    assert {key: shown[key] for key in ("people", "judge", "critique", "reasoning", "output")} == {
        "people": "fail",
        "judge": "pass",
        "critique": "butter is not vegan",
        "reasoning": "no meat",
        "output": "with butter",
    }


async def test_a_judge_is_set_beside_another_and_beside_what_it_was_on_the_same_rows(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    labelled_dozens(tmp_path, "dev")
    items = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(24)]
    recorded(
        tmp_path,
        [{**item, "verdict": "FAIL" if n % 3 == 0 else "PASS"} for n, item in enumerate(items)],
    )
    (tmp_path / "bot.py").write_text("def classify(given):\n    return True\n")
    judge_file(tmp_path, "good", "recorded: evals/said.jsonl")
    judge_file(tmp_path, "lax", "python: bot:classify")
    other = (tmp_path / "evals" / "judges" / "lax.md").read_text()
    (tmp_path / "evals" / "judges" / "kind.md").write_text(other.replace("diet", "kind", 1))
    async with client_of(tmp_path) as client:
        told = await refused(client, "align_judge", judge="good", versus="lax")
        assert "Nothing is kept of what lax said of these rows" in told
        lax = await replied(client, "align_judge", judge="lax")
        found = await replied(client, "align_judge", judge="good", versus="lax")
        assert found["versus"] == {
            "other": "lax",
            "rows": 24,
            "only_this": 8,
            "only_other": 0,
            "change": 0.3333,
            "low": 0.1494,
            "high": 0.5329,
            "p_value": 0.0078,
            "other_tpr": {"value": 1.0, "low": 0.8064, "high": 1.0, "of": "16 of 16"},
            "other_tnr": {"value": 0.0, "low": 0.0, "high": 0.3244, "of": "0 of 8"},
        }
        told = await refused(client, "align_judge", judge="good", versus="kind")
        assert "kind judges kind, not diet" in told
        (tmp_path / "bot.py").write_text("def classify(given):\n    return False\n")
        now = await replied(client, "align_judge", judge="lax", versus=lax["fingerprint"])
        told = await refused(client, "align_judge", judge="lax", versus="0123456789ab")
    assert (now["versus"]["only_this"], now["versus"]["only_other"]) == (8, 16)
    assert [(one["fingerprint"], one["tnr"]["of"]) for one in now["history"]] == [
        (now["fingerprint"], "8 of 8"),
        (lax["fingerprint"], "0 of 8"),
    ]
    assert "judge or version" in told


async def test_a_label_that_is_moved_out_of_the_test_split_makes_its_judge_stale(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    labelled_dozens(tmp_path)
    items = [{"input": f"question {n}", "output": f"answer {n}"} for n in range(24)]
    recorded(
        tmp_path,
        [{**item, "verdict": "FAIL" if n % 3 == 0 else "PASS"} for n, item in enumerate(items)],
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl\nthresholds: {tpr: 0.5, tnr: 0.5}")
    labels = tmp_path / "evals" / "labels" / "diet.jsonl"
    whole = labels.read_text()
    async with client_of(tmp_path) as client:
        found = await replied(client, "align_judge", judge="diet", split="test")
        assert found["state"] == "aligned"
        for changed in (
            whole.replace('"split":"test"', '"split":"dev"', 1),
            "".join(whole.splitlines(keepends=True)[1:]),
        ):
            labels.write_text(changed)
            found = await replied(client, "align_judge", judge="diet", split="dev")
            assert found["state"] == "stale"
            assert found["reasons"] == [
                "1 label of the test split taken out of it since it was measured"
            ]
        labels.write_text(whole)
        found = await replied(client, "align_judge", judge="diet", split="dev")
    assert found["state"] == "aligned"


async def test_fresh_labels_on_which_a_judge_errs_otherwise_make_it_stale(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    before = [label_row("q", f"old {n}", "pass", split="test") for n in range(100)]
    fails = [label_row("q", f"bad {n}", "fail", split="test") for n in range(10)]
    later = time.time() + 3_600
    fresh = [label_row("q", f"new {n}", "fail", split="test", at=later) for n in range(10)]
    more = [label_row("q", f"good {n}", "pass", split="test", at=later) for n in range(20)]
    said = {"old": "PASS", "bad": "FAIL", "new": "FAIL", "good": "FAIL"}
    rows = [*before, *fails, *fresh, *more]
    recorded(
        tmp_path,
        [
            {"input": "q", "output": row.output, "verdict": said[str(row.output).split()[0]]}
            for row in rows
        ],
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl\nthresholds: {tpr: 0.6, tnr: 0.6}")
    async with client_of(tmp_path) as client:
        write_labels(tmp_path, [*before, *fails])
        first = await replied(client, "align_judge", judge="diet", split="test")
        write_labels(tmp_path, rows)
        unasked = await replied(client, "align_judge", judge="diet", split="dev")
        asked = await replied(client, "align_judge", judge="diet", split="test")
    assert (first["state"], unasked["state"], asked["state"]) == ("aligned", "stale", "stale")
    assert unasked["reasons"][0].startswith("30 labels of the test split without an answer of it")
    assert asked["reasons"] == ["on 20 fresh labels its TPR is 0.00, and was 0.83"]


async def test_a_new_label_makes_a_judge_stale_only_where_it_could_change_the_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    rows = [label_row("q", f"good {n}", "pass", split="test") for n in range(40)]
    rows += [label_row("q", f"bad {n}", "fail", split="test") for n in range(16)]
    said = {"good": "PASS", "bad": "FAIL"}
    recorded(
        tmp_path,
        [
            {"input": "q", "output": r.output, "verdict": said[str(r.output).split()[0]]}
            for r in rows
        ],
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    write_labels(tmp_path, rows)
    (tmp_path / "evals" / "suites").mkdir()
    (tmp_path / "evals" / "suites" / "s.yaml").write_text(
        "assertions: [{type: judge, judge: diet}]"
    )
    (tmp_path / "evals" / "cases" / "s").mkdir(parents=True)
    case = {"id": "one", "input": "q", "recorded": {"output": "good 1"}}
    (tmp_path / "evals" / "cases" / "s" / "one.yaml").write_text(json.dumps(case))
    gate = ["gate", "s", "--root", str(tmp_path)]
    async with client_of(tmp_path) as client:
        await replied(client, "align_judge", judge="diet", split="test")
        # Wrong on two more of 42 it would still reach .8; on one more of 17 it would not.
        write_labels(tmp_path, [*rows, label_row("q", "new", "pass", split="test")])
        held = await replied(client, "align_judge", judge="diet", split="dev")
        assert await to_thread.run_sync(main, gate) == 0
        write_labels(tmp_path, [*rows, label_row("q", "new", "fail", split="test")])
        lapsed = await replied(client, "align_judge", judge="diet", split="dev")
    unasked = "1 label of the test split without an answer of it"
    assert (held["state"], held["reasons"]) == (
        "aligned", [f"{unasked}, and wrong on all of them it would be aligned still"]
    )  # fmt: skip
    assert (lapsed["state"], lapsed["reasons"]) == (
        "stale", [f"{unasked}: measured on the test split it answers them"]
    )  # fmt: skip
    capsys.readouterr()
    assert await to_thread.run_sync(main, gate) == 2
    told = capsys.readouterr().err
    assert "`regrade align diet --split test` measures it" in told
    assert "regrade label" not in told


async def test_an_example_may_only_come_from_the_train_split(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada")
    row = label_row("q", "a", "pass", split="test")
    write_labels(tmp_path, [row])
    judge_file(tmp_path, "diet", f"model: openai/none\nexamples: [{row.label.item}]")
    async with client_of(tmp_path) as client:
        told = await refused(client, "align_judge", judge="diet")
    assert "which is in the test split: it would be measured on what it was told" in told


async def test_a_prompt_that_no_reply_could_hold_whole_is_handed_to_no_agent(
    tmp_path: Path,
) -> None:
    judge_file(tmp_path, "diet", "")
    judge = tmp_path / "evals" / "judges" / "diet.md"
    judge.write_text(judge.read_text().replace("fails: ", f"fails: {'Much. ' * 2_000}"))
    async with client_of(tmp_path) as client:
        told = await refused(client, "run_judge", judge="diet", outputs=[{"output": "a"}])
    assert "larger than 10,000 bytes, too large to be handed to an agent" in told


async def test_given_outputs_are_judged_and_the_rate_is_only_corrected_by_labels(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    outputs = [{"input": "q", "output": f"answer {n}"} for n in range(10)]
    recorded(
        tmp_path,
        [
            {**given, "verdict": "FAIL" if n < 4 else "PASS", "reasoning": "so"}
            for n, given in enumerate(outputs)
        ],
    )
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    async with client_of(tmp_path) as client:
        found = await replied(client, "run_judge", judge="diet", outputs=outputs)
        wrongs: list[dict[str, Any]] = [
            {},
            {"outputs": [{"answer": "x"}]},
            {"outputs": [], "traces": ""},
            {"outputs": []},
            {"run_id": "run_x"},
            {"outputs": outputs, "budget_usd": -1},
        ]
        for wrong in wrongs:
            await refused(client, "run_judge", judge="diet", **wrong)
        assert "did you mean 'diet'" in await refused(
            client, "run_judge", judge="diets", outputs=outputs
        )
    assert (found["judged"], found["passed"], found["failed"]) == (10, 6, 4)
    assert found["raw_rate"]["value"] == 0.6
    assert found["corrected_rate"]["why"].startswith("no person has labelled any")
    assert [card["verdict"] for card in found["verdicts"]] == ["fail"] * 4 + ["pass"] * 6


async def test_pairs_are_judged_in_both_orders_and_a_bias_for_a_place_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "evals").mkdir()
    pairs = [
        {"input": f"q{n}", "a": f"long answer {n}", "b": f"b{n}", "human": "a"} for n in range(4)
    ]
    said: list[dict[str, Any]] = []
    for n, pair in enumerate(pairs):
        orders = [(pair["a"], pair["b"]), (pair["b"], pair["a"])]
        # Always the first; always a; always a tie; and once nothing that can be read.
        winners = [("FIRST", "FIRST"), ("FIRST", "SECOND"), ("TIE", "TIE"), ("FIRST", "?")][n]
        said.extend(
            {
                "input": pair["input"],
                "output": {"first": first, "second": second},
                "winner": winner,
                "reasoning": "so",
            }
            for (first, second), winner in zip(orders, winners, strict=True)
        )
    recorded(tmp_path, said)
    judge_file(tmp_path, "better", "pairwise: true\nrecorded: evals/said.jsonl")
    judge_file(tmp_path, "diet", "recorded: evals/said.jsonl")
    async with client_of(tmp_path) as client:
        found = (await replied(client, "run_judge", judge="better", pairs=pairs))["preference"]
        wrongs: list[tuple[str, dict[str, Any]]] = [
            ("better", {"outputs": [{"output": "x"}]}),
            ("diet", {"pairs": pairs}),
            ("better", {"pairs": [{"a": "x"}]}),
            ("better", {"pairs": [{**pairs[0], "human": "me"}]}),
        ]
        for judge, arguments in wrongs:
            await refused(client, "run_judge", judge=judge, **arguments)
    assert (found["pairs"], found["judged"]) == (4, 3)
    assert (found["a_wins"], found["b_wins"], found["ties"]) == (1, 0, 2)
    assert found["flipped"]["of"] == "1 of 3"
    assert found["first_shown"]["of"] == "3 of 4"
    assert found["longer_wins"]["of"] == "1 of 1"
    assert found["agreement"]["of"] == "1 of 3"
    assert found["agreement_decided"]["of"] == "1 of 1"


def gated_suite(root: Path, data: Path) -> None:
    """Two recorded answers of the recipe bot, which must pass the judge."""
    rows = json.loads((data / "recipe_hw3" / "test_predictions.json").read_text())
    passing = [r for r in rows if r["predicted_label"] == "PASS"][:2]
    (root / "evals" / "suites").mkdir(parents=True)
    (root / "evals" / "suites" / "diets.yaml").write_text(
        "assertions: [{type: judge, judge: diet}]\n"
    )
    (root / "evals" / "cases" / "diets").mkdir(parents=True)
    for number, row in enumerate(passing):
        case = {
            "id": f"case_{number}",
            "input": {"query": row["query"], "diet": row["dietary_restriction"]},
            "recorded": {"output": row["response"]},
        }
        (root / "evals" / "cases" / "diets" / f"case_{number}.yaml").write_text(json.dumps(case))


async def test_the_gate_refuses_a_judge_until_it_is_aligned_and_says_what_is_missing(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe_bot(tmp_path, data, 0.75, 0.5)
    gated_suite(tmp_path, data)
    gate = ["gate", "diets", "--root", str(tmp_path)]
    assert await to_thread.run_sync(main, gate) == 2
    told = capsys.readouterr().err
    assert "The judge diet may not gate: it is draft: it was never measured" in told
    assert "`regrade align diet --split test` measures it" in told
    async with client_of(tmp_path) as client:
        # To look at what it says is free: only to decide needs trust.
        run = await replied(client, "run_suite", suite="diets")
        assert (run["summary"]["passed"], run["summary"]["failed"]) == (2, 0)
        await replied(client, "align_judge", judge="diet", split="test")
    assert await to_thread.run_sync(main, gate) == 0
    capsys.readouterr()
    # A change of its words is another judge, and its old figures are no longer its own.
    judge = tmp_path / "evals" / "judges" / "diet.md"
    judge.write_text(judge.read_text() + "\nBe strict.\n")
    assert await to_thread.run_sync(main, gate) == 2
    assert "it is stale" in capsys.readouterr().err
    recipe_bot(tmp_path, data, 0.8, 0.8)
    async with client_of(tmp_path) as client:
        await replied(client, "align_judge", judge="diet", split="test")
    assert await to_thread.run_sync(main, gate) == 2
    told = capsys.readouterr().err
    assert "TNR is 0.833 (10 of 12), and its lower bound 0.55 is below 0.8" in told
    assert "it needs about 38 more PASS, of which 16 fall to test" in told
    assert "about 1276 more FAIL, of which 542 fall to test" in told


async def test_a_judge_is_no_assertion_of_a_tools_argument(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    async with client_of(tmp_path) as client:
        told = await refused(
            client, "check_output", output="x", assertions=[{"type": "judge", "judge": "diet"}]
        )
    assert "must stand in a file of a suite or a case" in told


async def test_neither_a_judge_nor_its_record_is_given_a_secret(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "regrade.yaml").write_text('redact: {staff: "EMP-[0-9]+"}\n')
    judge_file(tmp_path, "diet", "")
    outputs = [{"input": "of EMP-1234", "output": "by EMP-1234"}]
    async with client_of(tmp_path) as client:
        handed = await replied(client, "run_judge", judge="diet", outputs=outputs)
        told = {"n": 1, "reasoning": "EMP-1234 is named", "verdict": "FAIL"}
        packet = handed["work"]["packet_id"]
        await replied(client, "submit_answers", packet_id=packet, answers=[told])
        found = await replied(client, "run_judge", judge="diet", outputs=outputs)
    assert found["verdicts"][0]["reasoning"] == "[redacted:staff] is named"
    assert "[redacted:staff]" in str(handed)
    assert "EMP-" not in str((handed, found))


async def test_what_a_classifier_says_is_kept_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "regrade.yaml").write_text('redact: {staff: "EMP-[0-9]+"}\n')
    (tmp_path / "bot.py").write_text(
        "def classify(given):\n    if given['output'] == 'b': raise ValueError('EMP-99')\n"
        "    return {'verdict': 'FAIL', 'reasoning': 'asked EMP-1234'}\n"
    )
    judge_file(tmp_path, "diet", "python: bot:classify")
    outputs = [{"input": "q", "output": output} for output in "ab"]
    async with client_of(tmp_path) as client:
        found = await replied(client, "run_judge", judge="diet", outputs=outputs)
    assert "asked [redacted:staff]" in str(found)
    assert "EMP-" not in str(found)


async def test_a_classifier_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    judge_file(tmp_path, "diet", "python: absent:classify")
    async with client_of(tmp_path) as client:
        told = await refused(client, "run_judge", judge="diet", outputs=[{"output": "a"}])
    assert "The target 'absent:classify' cannot be imported" in told
