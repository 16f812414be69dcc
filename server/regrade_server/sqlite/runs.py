"""Runs and their results."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from regrade_server.sqlite.transaction import transaction
from regrade_tools.models import UNREADABLE, CaseResult, Outcome, Run, RunEnd, StoredRun, Trial

# The id of a result that was damaged before its case was kept beside it.
_NO_CASE = "unreadable"


@cache
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


@cache
def _results() -> TypeAdapter[CaseResult]:
    return TypeAdapter(CaseResult)


def start(connection: sqlite3.Connection, run: Run) -> None:
    """Keep what a run is about to measure."""
    body = _runs().dump_json(run, exclude_defaults=True).decode()
    connection.execute(
        "INSERT INTO run(id, suite, started_at, body) VALUES(?,?,?,?)",
        (run.id, run.suite, run.started_at, body),
    )


def add_results(connection: sqlite3.Connection, run_id: str, results: Sequence[CaseResult]) -> None:
    """Keep results, all of them or none."""
    dump = _results().dump_json
    rows = [
        (run_id, result.outcome, result.case_id, dump(result, exclude_defaults=True).decode())
        for result in results
    ]
    with transaction(connection):
        connection.executemany(
            "INSERT INTO result(run_id, outcome, case_id, body) VALUES(?,?,?,?)", rows
        )


def take_over(connection: sqlite3.Connection, run_id: str, owner: str, by: str) -> bool:
    """Let ``by`` measure a run on; whether ``owner`` was still the one who did."""
    with transaction(connection):
        stored = run(connection, run_id)
        if stored is None or stored.has_ended or stored.owner != owner:
            return False
        connection.execute("DELETE FROM run_end WHERE run_id = ?", (run_id,))
        connection.execute(
            "INSERT INTO run_owner SELECT ?1, count(*) + 1, ?2 FROM run_owner WHERE run_id = ?1",
            (run_id, by),
        )
        return True


def end(connection: sqlite3.Connection, run_id: str, ended: RunEnd) -> None:
    """Keep how a run ended; the first end stands."""
    connection.execute(
        "INSERT OR IGNORE INTO run_end VALUES(?,?,?,?)",
        (run_id, ended.state, ended.finished_at, ended.problem),
    )


def run(connection: sqlite3.Connection, run_id: str) -> StoredRun | None:
    """One run."""
    row = connection.execute("SELECT body FROM run WHERE id = ?", (run_id,)).fetchone()
    return None if row is None else _stored(connection, row[0])


def newest(connection: sqlite3.Connection, suite: str | None, limit: int) -> tuple[StoredRun, ...]:
    """The newest runs first."""
    rows = connection.execute(
        "SELECT body FROM run WHERE ?1 IS NULL OR suite = ?1 ORDER BY started_at DESC LIMIT ?2",
        (suite, limit),
    ).fetchall()
    return tuple(_stored(connection, row[0]) for row in rows)


# A result that cannot be read is errored; see ``_result``.
_OUTCOME = """
CASE WHEN json_valid(body) AND json_extract(body, '$.outcome') = outcome
  THEN outcome ELSE 'errored' END
"""
_TRIALS = f"""
SELECT case_id, CASE WHEN json_valid(body) THEN json_extract(body, '$.trial') END, {_OUTCOME},
  CASE WHEN json_valid(body) THEN json_extract(body, '$.replayed') END,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.latency_ms') END,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.cost_usd') END,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.tokens') END,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.verdicts_replayed') END
FROM result WHERE run_id = ? ORDER BY id
"""  # noqa: S608 - of constants
_RESULTS = f"""
SELECT case_id, body FROM result
WHERE run_id = ?1 AND (?2 IS NULL OR case_id = ?2)
  AND (?3 IS NULL OR {_OUTCOME} IN (SELECT value FROM json_each(?3)))
ORDER BY id
"""  # noqa: S608 - of constants


def trials(connection: sqlite3.Connection, run_id: str) -> tuple[Trial, ...]:
    """How every trial of a run ended, in the order they came."""
    return tuple(
        Trial(
            case_id or _NO_CASE,
            1 if trial is None else trial,
            outcome,
            bool(replayed),
            *took,
            verdicts_replayed=verdicts or 0,
        )
        for case_id, trial, outcome, replayed, *took, verdicts in connection.execute(
            _TRIALS, (run_id,)
        )
    )


def results(
    connection: sqlite3.Connection,
    run_id: str,
    case_id: str | None = None,
    outcomes: Collection[Outcome] | None = None,
) -> tuple[CaseResult, ...]:
    """The results of a run in the order they came: all, or of one case or some outcomes."""
    ended = None if outcomes is None else json.dumps(sorted(outcomes))
    rows = connection.execute(_RESULTS, (run_id, case_id, ended))
    return tuple(_result(*row) for row in rows)


# The target of a run, as the index of the runs by their targets knows it: see ``schema``.
_TARGET = "CASE WHEN json_valid(body) THEN json_extract(body, '$.target') END"
# The passes of each case are gone through from the newest, until one is of a run like this.
_PASSED = f"""
SELECT result.case_id, result.body FROM json_each(?4) AS wanted
CROSS JOIN result ON result.id = (
  SELECT one.id FROM result AS one
  WHERE one.case_id = wanted.value AND one.outcome = 'passed' AND one.run_id IN (
    SELECT id FROM run WHERE suite = ?1 AND {_TARGET} = ?2 AND started_at < ?3
  )
  ORDER BY one.id DESC LIMIT 1
)
"""  # noqa: S608 - of constants


def last_passed(
    connection: sqlite3.Connection, run_id: str, case_ids: Collection[str]
) -> dict[str, CaseResult]:
    """How cases passed last, on the suite and target of a run, in any run before it."""
    asked = connection.execute(
        f"SELECT suite, {_TARGET}, started_at FROM run WHERE id = ?",  # noqa: S608 - of constants
        (run_id,),
    ).fetchone()
    rows = connection.execute(_PASSED, (*asked, json.dumps(sorted(case_ids)))) if asked else ()
    return {case_id: _result(case_id, body) for case_id, body in rows}


def _result(case_id: str, body: str) -> CaseResult:
    """A result as it was kept; one that cannot be read is errored, and hides no other."""
    try:
        return _results().validate_json(body)
    except ValidationError as problem:
        told = problem.errors(include_url=False, include_input=False)[0]["msg"]
        return CaseResult(case_id or _NO_CASE, 1, "errored", error=f"{UNREADABLE}: {told}")


def _stored(connection: sqlite3.Connection, body: str) -> StoredRun:
    found = _runs().validate_json(body)
    ended: Any = connection.execute(
        "SELECT state, finished_at, problem FROM run_end WHERE run_id = ?", (found.id,)
    ).fetchone()
    counts: dict[Outcome, int] = dict(
        connection.execute(
            "SELECT outcome, count(*) FROM result WHERE run_id = ? GROUP BY outcome", (found.id,)
        ).fetchall()
    )
    resumed: Any = connection.execute(
        "SELECT owner FROM run_owner WHERE run_id = ? ORDER BY turn DESC LIMIT 1", (found.id,)
    ).fetchone()
    return StoredRun(
        run=found,
        end=None if ended is None else RunEnd(*ended),
        done=sum(counts.values()),
        counts=counts,
        resumed_by=resumed[0] if resumed else "",
    )
