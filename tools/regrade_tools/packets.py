"""Work for the calling agent where no model is configured: handed out part by part."""

from collections.abc import Container
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.models import Packet
from regrade_tools.texts.clipping import clip, size

# A part must be read and answered in one go, beside everything else an agent has in mind.
_PART = 20
_PART_BYTES = 16_000
_NUMBERED = (
    "To submit_answers give one such object an item, with `n` in it: the number of the item."
)
_AS_BEFORE = "As in the first part; submit_answers with answers [] gives them again."


@dataclass(frozen=True, slots=True)
class Work:
    """A part of a packet, as an agent is handed it; ``left`` of ``of`` items are unanswered.

    A part that follows answers has no ``answer_schema``, and says where the instructions stand.
    """

    packet_id: str
    instructions: str
    items: list[dict[str, JsonValue]]
    answer_schema: dict[str, JsonValue] | None
    of: int
    left: int
    next_step: str = "submit_answers(packet_id, answers): one object an item, n as given here."


def fits(item: dict[str, JsonValue]) -> bool:
    """Whether an item can be handed out at all: it is shown whole or not at all."""
    return size(item) <= _PART_BYTES


def misnumbered(number: JsonValue, packet: Packet) -> str:
    """Why ``number`` names no item of ``packet``, or nothing."""
    most = len(packet.items)
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= most:
        return ""
    given = "there is no n" if number is None else f"n={clip(str(number), 20)}"
    return f"{given}: it is a whole number from 1 to {most}"


def _numbered(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """``schema`` as submit_answers takes it: with the number of the item that is answered."""
    properties, required = schema.get("properties"), schema.get("required")
    number: dict[str, JsonValue] = {"type": "integer"}
    return {
        **schema,
        "properties": {"n": number, **(properties if isinstance(properties, dict) else {})},
        "required": ["n", *(required if isinstance(required, list) else [])],
    }


def part(packet: Packet, answered: Container[int], *, follows: bool = False) -> Work | None:
    """The next items that nobody has answered, as many as fit; None when all are.

    ``follows`` where answers were just accepted: whoever wrote them has the instructions.
    """
    waiting = [number for number in range(1, len(packet.items) + 1) if number not in answered]
    shown: list[dict[str, JsonValue]] = []
    used = 0
    for number in waiting[:_PART]:
        item: dict[str, JsonValue] = {"n": number, **packet.items[number - 1]}
        used += size(item)
        if shown and used > _PART_BYTES:
            break
        shown.append(item)
    if not shown:
        return None
    of, left = len(packet.items), len(waiting)
    if follows:
        return Work(packet.id, _AS_BEFORE, shown, None, of, left)
    told = f"{packet.instructions}\n\n{_NUMBERED}"
    return Work(packet.id, told, shown, _numbered(packet.answer_schema), of, left)
