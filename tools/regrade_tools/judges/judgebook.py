"""``evals/judgements/``: what a judge said of labelled items, and every look at its alignment.

With these two files and the labels anybody computes the same alignment, without a model and
without the traces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import Field, TypeAdapter, ValidationError

from regrade_tools.judges.alignment import Confusion
from regrade_tools.models import Judged, Split
from regrade_tools.models.document import Document
from regrade_tools.refusal import Refusal
from regrade_tools.texts.jsontext import lines


class Look(Document):
    """One measurement of a judge on a split: a line of its history. ``at`` is Unix seconds.

    ``added`` are the items that no look before it was of.
    """

    at: float
    fingerprint: str
    split: Split
    tp: int = Field(ge=0)
    fn: int = Field(ge=0)
    tn: int = Field(ge=0)
    fp: int = Field(ge=0)
    unknown: int = Field(default=0, ge=0)
    errored: int = Field(default=0, ge=0)
    added: tuple[str, ...] = ()

    @property
    def confusion(self) -> Confusion:
        """Its counts."""
        return Confusion(self.tp, self.fn, self.tn, self.fp)


@dataclass(frozen=True, slots=True)
class JudgeBook:
    """What is kept of a judge: its answers by item, as it is now, and its history."""

    answers: Mapping[str, Judged]
    history: tuple[Look, ...] = ()

    def looks(self, split: Split = "test") -> tuple[Look, ...]:
        """How often a split was looked at, and what was seen."""
        return tuple(look for look in self.history if look.split == split)

    def seen(self, split: Split = "test") -> frozenset[str]:
        """The items of a split that a look was ever of."""
        return frozenset(key for look in self.looks(split) for key in look.added)


@cache
def _judged() -> TypeAdapter[Judged]:
    return TypeAdapter(Judged)


def read_answers(text: str, shown: str) -> dict[str, Judged]:
    """The answers in a file of judgements, the latest by item.

    Raises:
        Refusal: A line is none.
    """
    found: dict[str, Judged] = {}
    for number, line in lines(text):
        try:
            judged = _judged().validate_json(line)
        except ValidationError:
            raise _broken(shown, number) from None
        found[judged.item] = judged
    return found


def read_history(text: str, shown: str) -> tuple[Look, ...]:
    """The looks in a file of history.

    Raises:
        Refusal: A line is none.
    """
    looks: list[Look] = []
    for number, line in lines(text):
        try:
            looks.append(Look.model_validate_json(line))
        except ValidationError:
            raise _broken(shown, number) from None
    return tuple(looks)


def answers_text(answers: Iterable[Judged]) -> str:
    """The text of a file of judgements, in the order of the items."""
    ordered = sorted(answers, key=lambda judged: judged.item)
    return "".join(
        _judged().dump_json(judged, exclude_defaults=True).decode() + "\n" for judged in ordered
    )


def history_text(looks: Iterable[Look]) -> str:
    """The text of a file of history."""
    return "".join(look.model_dump_json(exclude_defaults=True) + "\n" for look in looks)


def _broken(shown: str, number: int) -> Refusal:
    return Refusal(
        f"{shown}:{number} is not what align_judge wrote.",
        next_step="Take the file back to what version control has of it, or delete it and "
        "measure the judge anew.",
    )
