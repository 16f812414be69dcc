"""``3``, ``"> 1"``, ``"2..5"``: a condition on a number, as it is written in a file."""

import re
from dataclasses import dataclass
from math import inf
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_OPERATORS = {"==": eq, "=": eq, "!=": ne, ">=": ge, "<=": le, ">": gt, "<": lt}
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
_CONDITION = re.compile(rf"\s*(==|=|!=|>=|<=|>|<)?\s*({_NUMBER})\s*")
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with the text that it was written in."""

    text: str
    sign: str
    bound: float
    upper: float | None = None

    def holds(self, number: float) -> bool:
        """Whether ``number`` meets the condition; a range includes both its ends."""
        if self.upper is not None:
            return self.bound <= number <= self.upper
        return bool(_OPERATORS[self.sign](number, self.bound))

    def counted(self, noun: str) -> str:
        """The condition with what it counts, such as ``<= 5 calls``."""
        return f"{self.text} {noun}{'' if self.upper is None and self.bound == 1 else 's'}"

    def within(self, other: "Condition") -> bool:
        """Whether every number that meets this one surely meets ``other``, too."""
        if other.sign == "!=":
            return not self.holds(other.bound)
        if self.sign == "!=":
            return False
        (low, high), (least, most) = self.ends, other.ends
        return least <= low and high <= most

    @property
    def ends(self) -> tuple[tuple[float, int], tuple[float, int]]:
        """The least and the greatest number, each moved by 1 of nothing where it is not met."""
        if self.upper is not None:
            return (self.bound, 0), (self.upper, 0)
        below, above = (-inf, 0), (inf, 0)
        exact = (self.bound, 0)
        ends = {
            ">": ((self.bound, 1), above),
            ">=": (exact, above),
            "<": (below, (self.bound, -1)),
            "<=": (below, exact),
        }
        return ends.get(self.sign, (exact, exact))


def condition(value: object) -> Condition:
    """Read a condition.

    Raises:
        ValueError: ``value`` is neither a number nor a text such as ``"> 1"`` or ``"2..5"``.
    """
    text = str(value)
    if isinstance(value, int | float | str) and not isinstance(value, bool) and len(text) <= 64:  # noqa: PLR2004 - longer than any condition
        if match := _CONDITION.fullmatch(text):
            return Condition(text.strip(), match[1] or "==", float(match[2]))
        if match := _RANGE.fullmatch(text):
            low, high = float(match[1]), float(match[2])
            if low > high:
                raise ValueError(f"nothing lies between {match[1]} and {match[2]}")
            return Condition(text.strip(), "..", low, high)
    raise ValueError('write a number, or a text such as "> 1", ">= 2", "!= 0" or "2..5"')


def _written(value: Condition) -> Any:  # noqa: ANN401 - a number or a text, as it was given
    return value.text


Comparison = Annotated[
    Condition,
    PlainValidator(condition),
    PlainSerializer(_written),
    WithJsonSchema(
        {"type": ["number", "string"], "description": 'A number, "> 1", "!= 0" or "2..5".'}
    ),
]
