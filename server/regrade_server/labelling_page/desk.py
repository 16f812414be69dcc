"""The desk at which a person sits: what they see, and what becomes of what they say."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import anyio
from pydantic import BaseModel, ConfigDict, JsonValue

from regrade_tools.labels.labelling import Answer, Criterion
from regrade_tools.labels.parts import Part, parts
from regrade_tools.labels.sitting import Sitting
from regrade_tools.models import Label, Verdict
from regrade_tools.refusal import Refusal
from regrade_tools.texts.plaintext import plain

# Characters of a part that are sent at first, and that are sent when more is asked for.
_FIRST, _MORE = 20_000, 100_000


class Move(BaseModel):
    """What a person does at the item that they see: another may be asked by now."""

    model_config = ConfigDict(extra="forbid")

    does: Literal["answer", "skip", "back"]
    place: int
    verdict: Verdict = "fail"
    critique: str = ""
    mode: str = ""


@dataclass(slots=True)
class Desk:
    """One sitting. ``keep`` signs an answer and returns when it is durable.

    ``about`` tells what is known of a trace. ``moved`` is set when the person does anything.
    """

    criterion: Criterion
    labeller: str
    sitting: Sitting
    keep: Callable[[Answer], Awaitable[None]]
    about: Callable[[str], Awaitable[dict[str, str]]]
    left: bool = False
    moved: anyio.Event = field(default_factory=anyio.Event)
    _one: anyio.Lock = field(default_factory=anyio.Lock, init=False)
    _parted: tuple[int, tuple[Part, ...]] = field(default=(-1, ()), init=False)

    async def move(self, move: Move) -> None:
        """Do what the person does; an answer is kept before the next item is asked.

        Raises:
            Refusal: They saw another item than is asked now, or it is no answer.
        """
        # One at a time: a key that is pressed twice answers one item and not two.
        async with self._one:
            sitting = self.sitting
            if move.place != sitting.place or self.left:
                raise Refusal("This was answered already, here or in another tab.")
            if move.does == "answer":
                answer = sitting.answer(move.verdict, move.critique, move.mode)
                await self.keep(answer)
                self.sitting = sitting.answered(answer)
            else:
                self.sitting = sitting.skipped() if move.does == "skip" else sitting.back()
        self._tell()

    def leave(self) -> None:
        """End the sitting."""
        self.left = True
        self._tell()

    def _tell(self) -> None:
        self.moved.set()
        self.moved = anyio.Event()

    def seen(self) -> dict[str, JsonValue]:
        """All that the page shows now."""
        sitting, item = self.sitting, self.sitting.item
        given = sitting.given(sitting.place)
        return {
            "criterion": self.criterion.name,
            "passes": plain(self.criterion.passes),
            "fails": plain(self.criterion.fails),
            "labeller": self.labeller,
            "place": sitting.place,
            "count": len(sitting.queue.items),
            "labelled": len(sitting.answers),
            "modes": list(sitting.modes),
            "trace": item.trace_id if item else "",
            "parts": [_shown(part) for part in self._parts()],
            "given": None if given is None else _said(given),
            "suggested": _suggested(sitting.suggestion(sitting.place), given),
            "before": _suggested(
                sitting.suggestion(sitting.place - 1), sitting.given(sitting.place - 1)
            ),
        }

    def rest(self, place: int, number: int, start: int) -> dict[str, JsonValue]:
        """More of a part of the item at ``place``, from a character on.

        Raises:
            Refusal: It is not what is asked now, or has no such part.
        """
        found = self._parts()
        if place != self.sitting.place or not 0 <= number < len(found) or start < 0:
            raise Refusal("This is not what is asked now.")
        return _piece(found[number].text, start, _MORE)

    async def facts(self) -> dict[str, str]:
        """What is known of the trace that is asked about."""
        item = self.sitting.item
        return {} if item is None else await self.about(item.trace_id)

    def _parts(self) -> tuple[Part, ...]:
        # Once an item: of a megabyte it takes a while, and its rest is asked for piece by piece.
        place, item = self.sitting.place, self.sitting.item
        if self._parted[0] != place:
            self._parted = (place, parts(item) if item else ())
        return self._parted[1]


def _said(answer: Answer) -> dict[str, JsonValue]:
    return {"verdict": answer.verdict, "critique": answer.critique, "mode": answer.mode}


def _suggested(label: Label | None, given: Answer | None) -> JsonValue:
    if label is None or given is None:
        return None
    return {
        "labeller": plain(label.labeller),
        "verdict": label.verdict,
        "critique": plain(label.critique),
        "mode": plain(label.mode),
        "given": given.verdict,
    }


def _shown(part: Part) -> JsonValue:
    piece = _piece(part.text, 0, 0 if part.folded else _FIRST)
    opening = part.opening if part.folded else ""
    named: dict[str, JsonValue] = {"kind": part.kind, "name": part.name, "data": part.data}
    return {**named, "folded": part.folded, "opening": opening, **piece}


def _piece(text: str, start: int, room: int) -> dict[str, JsonValue]:
    """Some of a text; ``next`` is where it goes on, or None."""
    end = min(start + room, len(text))
    # At the end of a line where there is one: pieces stand below one another.
    end = text.rfind("\n", start, end) + 1 or end if end < len(text) else end
    left = len(text) - end
    return {"text": text[start:end], "next": end if left else None, "left": left}
