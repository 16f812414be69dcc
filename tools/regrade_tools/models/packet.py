"""A packet: work for the calling agent, where no model is configured to do it."""

from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

PacketKind = Literal["judge", "inputs"]


@dataclass(frozen=True, slots=True)
class Packet:
    """Work that was handed out, written once: what comes back is kept where it belongs.

    ``about`` says what it is for, in the words of its kind; ``items`` are numbered from 1.
    ``created_at`` is Unix seconds.
    """

    id: str
    kind: PacketKind
    created_at: float
    about: dict[str, JsonValue]
    instructions: str
    items: tuple[dict[str, JsonValue], ...]
    answer_schema: dict[str, JsonValue]
