"""Scoring the replies of a target: no reply ends a run."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue

from regrade_server.sqlite.store import SqliteStore
from regrade_tools.models import Case, CaseResult, Run, Suite
from regrade_tools.ports import Reply
from regrade_tools.runs.running import measure
from regrade_tools.secrets.redaction import redaction
from regrade_tools.suites.planning import Planned, plan

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Replies:
    """A target that answers each case with the reply of its id."""

    replies: dict[str, Reply]

    async def answer(self, case: Case) -> Reply:
        return self.replies[case.id]


def deep(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


def planned(*names: str) -> tuple[Planned, ...]:
    says: dict[str, JsonValue] = {"type": "not-contains", "value": "sorry"}
    quick: dict[str, JsonValue] = {"type": "latency", "threshold": 9}
    cases = (Case(id=name, assertions=(says, quick)) for name in names)
    return plan(Suite(), tuple(cases))


async def scored(path: Path, **replies: Reply) -> dict[str, CaseResult]:
    store = SqliteStore(path / "store.db")
    todo = planned(*replies)
    cases = tuple(one.scheduled("filed") for one in todo)
    run = Run("r", "s", "t", "n", 0, 1, cases)
    await store.start_run(run)
    await measure(run, todo, Replies(replies), store, concurrency=2, hidden=redaction())
    results = {result.case_id: result for result in await store.results("r")}
    store.close()
    return results


@pytest.mark.parametrize(
    "bad",
    [
        Reply("fine", latency_ms=10**400, cost_usd=10**400),
        Reply("fine", latency_ms=float("nan"), cost_usd=float("inf")),
        Reply(deep(300), latency_ms=1),
        Reply(deep(3_000), latency_ms=1),
        Reply({"a": "\ud800"}, latency_ms=1),
        Reply([10**5_000], latency_ms=1),
    ],
    ids=["endless measures", "no numbers", "deep", "deeper", "half a character", "long number"],
)
async def test_a_reply_that_no_rule_foresaw_is_errored_and_the_others_are_kept(
    bad: Reply, tmp_path: Path
) -> None:
    good = Reply("fine", latency_ms=1)
    found = await scored(tmp_path, first=good, bad=bad, last=good)
    outcomes = {name: result.outcome for name, result in found.items()}
    assert outcomes == {"first": "passed", "bad": "errored", "last": "passed"}
    said = [found["bad"].error, *(check.reason for check in found["bad"].checks)]
    assert any(said)
    assert "error of Regrade itself" not in " ".join(said)
