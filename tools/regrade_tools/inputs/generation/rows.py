"""Inputs that were made elsewhere, with the values they were made for: scored, and imported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from regrade_tools.formats import Record, Skipped, records
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.jsontext import unpacked

_SHOWN = 5
_MOST_ROWS = 100_000
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Row:
    """An input of a file: where it stands, its text, and the values that it was made for."""

    where: str
    text: str
    values: dict[str, str]


@dataclass(slots=True)
class Rows:
    """What a file holds; the first of what was skipped with the reasons."""

    rows: list[Row] = field(default_factory=list[Row])
    skipped: int = 0
    first: list[str] = field(default_factory=list[str])

    def skip(self, where: str, why: str) -> None:
        """Leave a row out, and say so."""
        self.skipped += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{where} {why}")


def read(path: Path, shown: str, text: str, values: Sequence[str]) -> Rows:
    """The inputs of a CSV or JSON file.

    Args:
        path: The file.
        shown: What it is called in messages.
        text: The field of the input.
        values: A field that holds an object of dimensions and values, as JSON or as it is; or
            fields that are dimensions themselves.

    Raises:
        Refusal: A field is not there, or there is nothing to read.
    """
    found = Rows()
    for record in records(path, shown):
        if isinstance(record, Skipped):
            found.skip(record.where, record.why)
        elif isinstance(record, Record):
            if len(found.rows) >= _MOST_ROWS:
                raise Refusal(f"{shown} holds more than {_MOST_ROWS:,} rows.")
            _take(found, record, text, values)
    if not found.rows:
        why = f" ({found.first[0]})" if found.first else ""
        raise Refusal(f"{shown} holds no input that can be read{why}.")
    return found


def _take(found: Rows, record: Record, text: str, values: Sequence[str]) -> None:
    held = record.value
    if not isinstance(held, Mapping):
        found.skip(record.where, "is no object")
        return
    for name in (text, *values):
        if name not in held:
            raise unknown("field", name, map(str, held), next_step="--text and --values name them.")
    said = held[text]
    if not isinstance(said, str) or not said.strip():
        found.skip(record.where, f"has no text in {text!r}")
        return
    told = dict(_values(held, values))
    if not told:
        found.skip(record.where, "has no values")
        return
    found.rows.append(Row(record.where, said, told))


def _values(held: Mapping[str, JsonValue], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = unpacked(held[name])
        pairs = value.items() if isinstance(value, dict) else ((name, value),)
        for key, one in pairs:
            if isinstance(one, str | int | float | bool) and str(one).strip():
                yield key, str(one)[:_LONGEST_VALUE]
