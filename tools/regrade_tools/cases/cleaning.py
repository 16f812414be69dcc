"""The verb that checks rows of data: what every answer must meet, row by row, for cleaning."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO, get_args

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.assertions import Check, Subject, parse_all, with_reference
from regrade_tools.files.temporary import appearing
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.formats import Record, Skipped
from regrade_tools.formats.exchange import OUTPUTS
from regrade_tools.formats.fields import redacted_names
from regrade_tools.formats.lines import RECORD_BYTES
from regrade_tools.models import Case, CheckResult, Outcome
from regrade_tools.models.case import Spec
from regrade_tools.ports import Reply, Scorers
from regrade_tools.refusal import Refusal, why
from regrade_tools.runs.redacted import answer
from regrade_tools.runs.running import with_scores, worst
from regrade_tools.runs.scoring import Scoring, scoring
from regrade_tools.secrets.redaction import Redaction, redaction_of
from regrade_tools.suites.datasets import rows
from regrade_tools.suites.planning import Planned
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.patterns import SlowPatternError

_BATCH = 256
_SHOWN = 100
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row that did not pass, and why. ``outcome`` is failed, errored or unreadable."""

    where: str
    outcome: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class AssertionCount:
    """How often one assertion passed, failed and could not be measured."""

    assertion: Spec
    passed: int
    failed: int
    errored: int


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """What the assertions say of a file; the first hundred rows that did not pass.

    ``with_reference`` are kinds that compare with the expected value of one case: asked of every
    row they mean that value for all.
    """

    rows: int
    passed: int
    failed: int
    errored: int
    unreadable: int
    assertions: list[AssertionCount] = field(default_factory=list[AssertionCount])
    first: list[CheckedRow] = field(default_factory=list[CheckedRow])
    not_asked: list[str] = field(default_factory=list[str])
    with_reference: list[str] = field(default_factory=list[str])
    written: str | None = None


@dataclass(frozen=True)
class Cleaning:
    """Checks of data, with the scorers of a workspace where its suite names some."""

    workspace: Workspace | None
    scorers: Scorers

    async def check_rows(  # noqa: PLR0913 - what the command line can say
        self,
        path: Path,
        *,
        suite: str | None = None,
        assertions: Path | None = None,
        output: str = "output",
        given: str = "input",
        clean: Path | None = None,
    ) -> CheckedRows:
        """Ask every row of ``path`` what ``suite`` asks of every answer, or a file's assertions.

        ``output`` and ``given`` name the fields of the answer and the input (which may be
        absent); rows that pass are written to ``clean`` as they were read.

        Raises:
            Refusal: There is nothing to ask, a file cannot be read, or ``clean`` exists.
        """
        checks = self._checks(suite, assertions)
        asked = tuple(one for one in checks if _askable(one))
        if not asked:
            raise Refusal(
                "Nothing of this can be asked of a row of data.",
                next_step="Tool calls, latency and cost are known of a run.",
            )
        table = rows(path, path.name)
        hidden = redaction_of(self.workspace)
        counting = _Counting(asked, output, given, hidden)
        plan = (Planned(Case(id="row"), asked),)
        with _written(clean) as keep:
            async with scoring(self.scorers, plan, _AT_ONCE, hidden, complete=False) as scorers:
                async for batch in _batches(table):
                    await counting.add(batch, scorers, keep)
        left_out = [str(one.spec["type"]) for one in checks if one not in asked]
        return counting.told(left_out, clean)

    def _checks(self, suite: str | None, assertions: Path | None) -> tuple[Check, ...]:
        if (suite is None) == (assertions is None):
            raise Refusal("Give either --suite or --assertions.")
        if suite is not None:
            specs = needed(self.workspace).suite(suite).assertions
            if not specs:
                raise Refusal(
                    f"The suite {suite!r} asks nothing of every answer.",
                    next_step="Write `assertions` in its file, or give --assertions FILE.",
                )
            return parse_all(specs, programs=True)
        return parse_all(_listed(assertions or Path()))


def _askable(check: Check) -> bool:
    return check.assertion.reads_output or check.assertion.is_program


def _listed(path: Path) -> list[Spec]:
    # Imported with the first file, as everywhere: `regrade serve` reads none.
    from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

    try:
        held = load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, DocumentError) as problem:
        raise Refusal(f"The assertions {str(path)!r} cannot be read: {problem}.") from None
    told = held.get("assertions") if isinstance(held, dict) else held
    listed = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    if not listed or len(listed) != len(told if isinstance(told, list) else []):
        raise Refusal(
            f"{str(path)!r} holds no list of assertions.",
            next_step='For example [{"type": "contains", "value": "San Jose"}].',
        )
    return listed


@contextmanager
def _written(path: Path | None) -> Generator[TextIO | None]:
    """A new file, whole or not at all; None where nothing is to be written."""
    if path is None:
        yield None
        return
    taken = Refusal(f"{str(path)!r} is there already.", next_step="Give --out another name.")
    # Told before the rows are checked, which may take long.
    if os.path.lexists(path):
        raise taken
    try:
        with appearing(path) as file:
            yield file
    except FileExistsError:
        raise taken from None
    except OSError as problem:
        raise Refusal(f"{str(path)!r} cannot be written: {why(problem)}.") from None


async def _batches(table: Iterator[Record | Skipped]) -> AsyncIterator[list[Record | Skipped]]:
    while batch := await to_thread.run_sync(_batch, table):
        yield batch


def _batch(table: Iterator[Record | Skipped]) -> list[Record | Skipped]:
    """The next rows: many small ones, or a few that are large."""
    found: list[Record | Skipped] = []
    held = 0
    for row in islice(table, _BATCH):
        found.append(row)
        held += row.size if isinstance(row, Record) else 0
        if held > RECORD_BYTES:
            break
    return found


@dataclass(slots=True)
class _Counting:
    """The verdicts so far."""

    checks: tuple[Check, ...]
    output: str
    given: str
    hidden: Redaction
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    by_check: Counter[tuple[str, Outcome]] = field(default_factory=Counter[tuple[str, Outcome]])
    first: list[CheckedRow] = field(default_factory=list[CheckedRow])

    async def add(
        self, batch: list[Record | Skipped], scorers: Scoring, keep: TextIO | None
    ) -> None:
        """Check a batch of rows: scorers here, the rest in a thread, as a pattern may take long."""
        if not self.rows:
            self._expect_output(batch)
        scored = [await self._scored(record, scorers) for record in batch]
        await to_thread.run_sync(lambda: self._judge(zip(batch, scored, strict=True), keep))

    def _expect_output(self, batch: list[Record | Skipped]) -> None:
        """Make sure that the first rows are not all without the field that is asked for."""
        values = [record.value for record in batch if isinstance(record, Record)]
        rows = [value for value in values if isinstance(value, dict)]
        if not rows or any(self.output in row for row in rows):
            return
        likely = next((name for name in OUTPUTS if name in rows[0]), None)
        raise Refusal(
            f"No row has the field {self.output!r} (the fields of the first: "
            f"{redacted_names(rows[0], self.hidden)}).",
            next_step=f"Name that of the answer: --output {likely or 'FIELD'}.",
        )

    async def _scored(self, record: Record | Skipped, scorers: Scoring) -> dict[str, CheckResult]:
        row = self._row(record)
        if not scorers.programs or isinstance(row, str):
            return {}
        case = Case(id="row", input=row.get(self.given), columns=row)
        reply = Reply(row[self.output])
        return await scorers.results(Planned(case, self.checks), reply, self.hidden)

    def _row(self, record: Record | Skipped) -> dict[str, JsonValue] | str:
        """The fields of a row, or why it cannot be checked."""
        if isinstance(record, Skipped):
            return record.why
        row = record.value if isinstance(record.value, dict) else {}
        if self.output in row:
            return row
        names = redacted_names(row, self.hidden)
        return f"it has no field {self.output!r} (its fields: {names})"

    def _judge(
        self,
        batch: Iterable[tuple[Record | Skipped, dict[str, CheckResult]]],
        keep: TextIO | None,
    ) -> None:
        for record, scored in batch:
            self.rows += 1
            row = self._row(record)
            if isinstance(row, str):
                self._leave(record.where, "unreadable", [row])
                continue
            subject = Subject(row[self.output], row.get(self.given))
            try:
                results = with_scores(self.checks, answer(subject, self.hidden), scored)
            except SlowPatternError as problem:
                self._leave(record.where, "errored", [f"the row cannot be redacted: {problem}"])
                continue
            self.by_check.update(
                (check.fingerprint, result.outcome)
                for check, result in zip(self.checks, results, strict=True)
            )
            outcome = worst(result.outcome for result in results)
            if outcome != "passed":
                self._leave(record.where, outcome, [one.reason for one in results if one.reason])
                continue
            self.outcomes["passed"] += 1
            if keep is not None:
                keep.write(f"{compact(row)}\n")

    def _leave(self, where: str, outcome: str, reasons: list[str]) -> None:
        self.outcomes[outcome] += 1
        if len(self.first) < _SHOWN:
            self.first.append(CheckedRow(where, outcome, reasons))

    def told(self, not_asked: list[str], clean: Path | None) -> CheckedRows:
        """The figures."""
        return CheckedRows(
            rows=self.rows,
            passed=self.outcomes["passed"],
            failed=self.outcomes["failed"],
            errored=self.outcomes["errored"],
            unreadable=self.outcomes["unreadable"],
            assertions=[self._counted(check) for check in self.checks],
            first=self.first,
            not_asked=not_asked,
            with_reference=with_reference(self.checks),
            written=None if clean is None else str(clean),
        )

    def _counted(self, check: Check) -> AssertionCount:
        passed, failed, errored = (
            self.by_check[check.fingerprint, outcome] for outcome in get_args(Outcome)
        )
        return AssertionCount(check.spec, passed, failed, errored)
