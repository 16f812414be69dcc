"""What clients are told of the tools, as it was reviewed: a file that a test holds to the tools."""

import json
from dataclasses import dataclass
from pathlib import Path

from mcp.types import Tool as Listed
from mcp.types import ToolAnnotations

from regrade_tools.tool import Effect

FILE = Path(__file__).parent / "contract.json"
# What the protocol takes for granted is left unsaid: not read-only, not idempotent, open.
ANNOTATIONS: dict[Effect, ToolAnnotations] = {
    "reads": ToolAnnotations(read_only_hint=True, open_world_hint=False),
    "writes": ToolAnnotations(destructive_hint=False, idempotent_hint=True, open_world_hint=False),
    # A program of the repository does whatever it does.
    "runs": ToolAnnotations(destructive_hint=False),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A tool as a client is told of it, and what its calls do."""

    tool: Listed
    effect: Effect

    @property
    def name(self) -> str:
        """What an agent calls it."""
        return self.tool.name


def contract() -> list[Told]:
    """Every tool, in the order in which an agent needs them."""
    return [_told(Listed.model_validate(tool)) for tool in json.loads(FILE.read_bytes())]


def _told(tool: Listed) -> Told:
    effects: list[Effect] = [it for it, known in ANNOTATIONS.items() if known == tool.annotations]
    [effect] = effects
    return Told(tool, effect)
