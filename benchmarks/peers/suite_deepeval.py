"""The suite's three checks in DeepEval, as custom metrics: ROWS.jsonl COUNTED.json."""
# ruff: noqa: D101, D102, ANN001, ANN002, ANN003, ANN201, ARG002 - as short as its users write it
# pyright: basic, reportMissingImports=false

import json
import re
import sys
from pathlib import Path

from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase

rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]


class Check(BaseMetric):
    async_mode = False
    threshold = 1

    def found(self, test_case) -> bool:
        raise NotImplementedError

    def measure(self, test_case, *args, **kwargs):
        self.score = float(self.found(test_case))
        self.success = bool(self.score)
        return self.score

    async def a_measure(self, test_case, *args, **kwargs):
        return self.measure(test_case)

    def is_successful(self):
        return self.success


class Contains(Check):
    def found(self, test_case) -> bool:
        return test_case.expected_output.split("\n")[0] in test_case.actual_output


class Matches(Check):
    def found(self, test_case) -> bool:
        pattern = test_case.expected_output.split("\n")[1]
        return re.search(pattern, test_case.actual_output) is not None


class IsJson(Check):
    def found(self, test_case) -> bool:
        try:
            json.loads(test_case.actual_output)
        except ValueError:
            return False
        return True


cases = [
    LLMTestCase(
        name=row["id"],
        input=row["input"],
        actual_output=row["output"],
        expected_output=f"{row['order']}\n{row['shape']}",
    )
    for row in rows
]
result = evaluate(
    test_cases=cases,
    metrics=[Contains(), Matches(), IsJson()],
    async_config=AsyncConfig(run_async=False),
    display_config=DisplayConfig(show_indicator=False, print_results=False),
    cache_config=CacheConfig(write_cache=False, use_cache=False),
)
passed = sum(bool(found.success) for found in result.test_results)
Path(sys.argv[2]).write_text(json.dumps({"passed": passed, "failed": len(rows) - passed}))
