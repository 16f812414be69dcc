"""The suite's three checks in pydantic-evals: ROWS.jsonl COUNTED.json."""
# ruff: noqa: D101, D102 - a contender is as short as its users write it
# pyright: basic, reportMissingImports=false

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Evaluator, EvaluatorContext

rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
said = {row["id"]: row["output"] for row in rows}


@dataclass
class Contains(Evaluator):
    value: str

    def evaluate(self, ctx: EvaluatorContext) -> dict[str, bool]:
        return {"contains": self.value in ctx.output}


@dataclass
class Matches(Evaluator):
    value: str

    def evaluate(self, ctx: EvaluatorContext) -> dict[str, bool]:
        return {"regex": re.search(self.value, ctx.output) is not None}


@dataclass
class IsJson(Evaluator):
    def evaluate(self, ctx: EvaluatorContext) -> dict[str, bool]:
        try:
            json.loads(ctx.output)
        except ValueError:
            return {"is-json": False}
        return {"is-json": True}


async def task(case_id: str) -> str:
    """What was recorded."""
    return said[case_id]


cases = [
    Case(
        name=row["id"],
        inputs=row["id"],
        evaluators=(Contains(row["order"]), Matches(row["shape"])),
    )
    for row in rows
]
dataset = Dataset(name="orders", cases=cases, evaluators=[IsJson()])
report = dataset.evaluate_sync(task, progress=False, max_concurrency=8)
passed = sum(all(found.value for found in case.assertions.values()) for case in report.cases)
Path(sys.argv[2]).write_text(json.dumps({"passed": passed, "failed": len(rows) - passed}))
