"""What the answers of a run took, in its summary and beside another run."""

import json
import sys
from pathlib import Path
from typing import Any

from console import answered, spoken

# Says of each question what it took, as the file `took.json` has it.
PROGRAM = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    with open("took.json") as file:
        took = json.load(file)[asked["id"]]
    print(json.dumps({"output": asked["input"], **took}), flush=True)
"""


def suite(root: Path, **took: dict[str, Any]) -> None:
    """A suite with a case for each name, and what its answer takes."""
    evals = root / "evals"
    for folder in (evals / "suites", evals / "cases" / "s"):
        folder.mkdir(parents=True, exist_ok=True)
    target = {"command": [sys.executable, "-c", PROGRAM]}
    (evals / "regrade.yaml").write_text(json.dumps({"targets": {"app": target}}))
    (evals / "suites" / "s.yaml").write_text(json.dumps({"target": "app"}))
    (root / "took.json").write_text(json.dumps(took))
    for name in took:
        case = {"id": name, "input": "a", "assertions": [{"type": "equals", "value": "a"}]}
        (evals / "cases" / "s" / f"{name}.yaml").write_text(json.dumps(case))


def took(milliseconds: float, **beside: float) -> dict[str, Any]:
    return {"latency_ms": milliseconds, **beside}


def ran(root: Path, *arguments: str) -> dict[str, Any]:
    code, told = answered("run", "s", "--root", str(root), *arguments)
    assert code == 0, told
    return told


def test_a_run_tells_what_its_answers_took_as_far_as_they_tell_it(tmp_path: Path) -> None:
    suite(
        tmp_path,
        a=took(100, tokens=30, cost_usd=0.002),
        b=took(300, tokens=20),
        c=took(12_345.678),
    )
    assert ran(tmp_path)["summary"]["took"] == {
        "latency_p50_ms": 300.0,
        "latency_p95_ms": 11140.0,
        "tokens": 50,
        "cost_usd": 0.002,
        "partly": {"tokens": "2 of 3 answers", "cost_usd": "1 of 3 answers"},
    }
    _, shown, _ = spoken("run", "s", "--root", str(tmp_path))
    assert shown.splitlines()[2] == (
        "  latency p50 300 ms, p95 11,140 ms; 50 tokens (2 of 3 answers); $0.002 (1 of 3 answers)"
    )


def test_a_comparison_tells_how_what_the_cases_in_both_took_has_moved(tmp_path: Path) -> None:
    suite(tmp_path, a=took(100, tokens=30), b=took(300, tokens=10, cost_usd=1))
    first = ran(tmp_path, "--save-baseline")["summary"]["run_id"]
    suite(tmp_path, a=took(50, tokens=40), b=took(250, tokens=20), c=took(9_000, tokens=900))
    expected = {
        "latency_p50_ms": {"before": 200.0, "after": 150.0, "cases": 2},
        "latency_p95_ms": {"before": 290.0, "after": 240.0, "cases": 2},
        "tokens": {"before": 20.0, "after": 30.0, "cases": 2},
    }
    second = ran(tmp_path, "--baseline", first)
    assert second["comparison"]["took"] == expected
    # The file of a baseline keeps what each case took.
    _, gated = answered(
        "gate", "s", "--root", str(tmp_path), "--run-id", second["summary"]["run_id"]
    )
    assert gated["ruling"]["comparison"]["took"] == expected
    _, shown, _ = spoken("gate", "s", "--root", str(tmp_path))
    assert (
        "  latency p50 200 ms -> 150 ms, p95 290 ms -> 240 ms, tokens a case 20 -> 30 "
        "(over 2 cases)"
    ) in shown.splitlines()


def test_a_run_in_which_nothing_was_measured_tells_nothing(tmp_path: Path) -> None:
    suite(tmp_path, a=took(100, tokens=30))
    case = tmp_path / "evals" / "cases" / "s" / "a.yaml"
    case.write_text(json.dumps({**json.loads(case.read_text()), "recorded": {"output": "a"}}))
    assert "took" not in ran(tmp_path, "--target", "recorded")["summary"]
