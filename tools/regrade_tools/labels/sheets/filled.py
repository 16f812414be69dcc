"""A sheet as it comes back: what of it can be signed as the person's who filled it in.

A row is known by its trace, and what it shows is compared with the trace: a person signs what
they saw, or nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from regrade_tools.fingerprint import id_number
from regrade_tools.judges.population import item_of
from regrade_tools.labels.labelbook import LabelRow
from regrade_tools.labels.labelling import Answer, Criterion, Labelling, misfit
from regrade_tools.labels.sheets.table import ANSWERS, Table, columns, shown
from regrade_tools.models import Drawn, Item, Sampled, Verdict
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import plain

_OUTCOMES: dict[str, Verdict] = {"pass": "pass", "fail": "fail"}


@dataclass(frozen=True, slots=True)
class Filled:
    """What came back: answers to be signed, and each row that cannot be, with its reason.

    ``known`` were labelled so before; ``blank`` have no outcome. ``differs`` are rows that are
    signed though somebody else said otherwise of them.
    """

    criterion: str
    answers: list[Answer] = field(default_factory=list[Answer])
    conflicts: list[str] = field(default_factory=list[str])
    differs: list[str] = field(default_factory=list[str])
    known: int = 0
    blank: int = 0
    drawn: Drawn = field(default_factory=Drawn)


@dataclass(frozen=True)
class Sheets:
    """How sheets come back."""

    labelling: Labelling

    async def filled(self, criterion: Criterion, labeller: str, table: Table) -> Filled:
        """What ``labeller`` may sign of a sheet that was filled in.

        Raises:
            Refusal: It is a sheet of another criterion, or of other words of it.
        """
        _same(criterion, table)
        places = {name: place for place, name in enumerate(table.heading)}
        if missing := [name for name in (*columns(criterion), *ANSWERS) if name not in places]:
            raise Refusal(
                f"The sheet has no column {missing[0]!r}.",
                next_step="Leave its first line as it was written.",
            )
        # Where a process was killed while it signed, its labels are in the file alone.
        await self.labelling.restore(criterion)
        before = _before(self.labelling.book(criterion).rows, criterion)
        drawn = _drawn(table.about)
        rows = [
            {name: row[place] if place < len(row) else "" for name, place in places.items()}
            for row in table.rows
        ]
        counts = Counter(row["row"] for row in rows)
        found = Filled(criterion.name, blank=sum(map(_blank, rows)), drawn=drawn)
        known = 0
        for number, row in enumerate(rows, 2):
            if not any(row.values()) or _blank(row):
                continue
            came = await self._came(criterion, row, counts[row["row"]], drawn)
            said = before.get(came.item.key, {}) if isinstance(came, Answer) else {}
            mine = said.pop(labeller, None)
            if isinstance(came, Answer) and mine == came.verdict:
                known += 1
            elif isinstance(came, str) or mine is not None:
                told = came if isinstance(came, str) else f"you labelled it {mine} elsewhere"
                found.conflicts.append(f"row {number}: {told}")
            else:
                others = sorted(who for who, verdict in said.items() if verdict != came.verdict)
                found.differs.extend(f"row {number}: {who} said otherwise" for who in others)
                found.answers.append(came)
        return replace(found, known=known)

    async def _came(
        self, criterion: Criterion, row: Mapping[str, str | None], count: int, drawn: Drawn
    ) -> Answer | str:
        """What a row says, or why it cannot be signed."""
        problem = _problem(criterion, row)
        if not problem and count > 1:
            problem = f"{row['row']} stands in {count} rows"
        if problem:
            return problem
        item = await self._item(criterion, row)
        return _answer(row, item, drawn) if item else "it does not show what the trace holds now"

    async def _item(self, criterion: Criterion, row: Mapping[str, str | None]) -> Item | None:
        """What the row is of, where it still shows all of it."""
        trace = await self.labelling.store.trace(str(row["row"]))
        if trace is None:
            return None
        item = item_of(trace, context=criterion.context)
        held = [_even(text) for text in shown(criterion, item)]
        return item if [_even(row[name]) for name in columns(criterion)] == held else None


def _even(text: str | None) -> str:
    """As spreadsheets may change it without anybody's doing: line ends, and blanks at the end."""
    return "\n".join(line.rstrip() for line in (text or "").splitlines()).rstrip()


def _same(criterion: Criterion, table: Table) -> None:
    if table.about["criterion"] != criterion.name:
        raise Refusal(
            f"That is a sheet of {clip(table.about['criterion'], 80)!r}, not of "
            f"{criterion.name!r}.",
            next_step="Name the criterion that stands in its sheet `about`.",
        )
    if table.about["version"] != criterion.version:
        raise Refusal(
            f"The words of {criterion.name} have changed since that sheet was written.",
            next_step="Write a new one with --to: people label by the words that hold now.",
        )


def _drawn(about: Mapping[str, str]) -> Drawn:
    """How the rows were picked; a sheet of before does not say in which sample."""
    ways: dict[str, Sampled] = {way: way for way in get_args(Sampled)}
    way = ways.get(about["sampled"], "unknown")
    return Drawn(way, about.get("sample", ""), about.get("judge", ""))


def _before(rows: Sequence[LabelRow], criterion: Criterion) -> dict[str, dict[str, Verdict]]:
    """What people said before, by item and labeller, by the words of now."""
    found: dict[str, dict[str, Verdict]] = {}
    for row in rows:
        if row.label.source == "human" and row.label.version == criterion.version:
            found.setdefault(row.label.item, {})[row.label.labeller] = row.label.verdict
    return found


def _blank(row: Mapping[str, str | None]) -> bool:
    """Whether a row is there and nobody has answered it."""
    return any(row.values()) and all(
        row[name] is not None and not str(row[name]).strip() for name in ANSWERS
    )


def _problem(criterion: Criterion, row: Mapping[str, str | None]) -> str:
    """Why a row cannot be signed, or nothing."""
    if formula := [name for name in (*columns(criterion), *ANSWERS) if row[name] is None]:
        return f"its {formula[0]} is a formula; write text"
    outcome = str(row["outcome"]).strip().lower()
    if id_number(str(row["row"])) is None:
        return f"{clip(str(row['row']), 40)!r} is no trace"
    if outcome not in _OUTCOMES:
        return f"outcome is {clip(outcome, 40)!r}; write pass or fail"
    if not str(row["critique"]).strip():
        return "critique is empty; a label without a reason teaches nobody"
    return misfit(outcome, str(row["critique"]), str(row["mode"]).strip())


def _answer(row: Mapping[str, str | None], item: Item, drawn: Drawn) -> Answer:
    verdict = _OUTCOMES[str(row["outcome"]).strip().lower()]
    critique, mode = (plain(str(row[name]).strip()) for name in ("critique", "mode"))
    return Answer(item, verdict, critique, mode, drawn)
