"""What a source of records gives: a record, what could not be read, or a remark."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Record:
    """One record and its place, such as ``chats.jsonl:12``; its bytes there, where they are known.

    Of several in one line each has its share. ``written`` is the JSON of just this value as it
    stands there, where that is at hand.
    """

    where: str
    value: JsonValue
    size: int = field(default=0, compare=False)
    written: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be read, where, and why."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Unused:
    """Fields that a mapping does not use, and in how many records of a file each stands."""

    fields: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Note:
    """What was read otherwise than it stands there, and where."""

    where: str
    what: str
