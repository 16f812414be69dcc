"""Assertions about how an answer came about."""

from typing import ClassVar

from pydantic import Field, JsonValue

from regrade_tools.assertions.comparison import Comparison, condition
from regrade_tools.assertions.equality import same
from regrade_tools.assertions.verdicts import Assertion, Subject
from regrade_tools.models import ToolCall
from regrade_tools.models.case import Spec
from regrade_tools.texts.jsontext import quoted
from regrade_tools.texts.plaintext import counted


class ToolCalled(Assertion):
    """A tool was called, with these arguments (others may be there), so many times."""

    kind = "tool-called"
    reads_output = False
    example: ClassVar[Spec] = {
        "type": "tool-called",
        "name": "search_listings",
        "arguments": {"city": "San Jose"},
    }
    name: str = Field(min_length=1, description="The name of the tool.")
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Arguments that the call had; it may have had others, too.",
    )
    times: Comparison = Field(
        default_factory=lambda: condition(">= 1"), description="How often; >= 1 by default."
    )

    @property
    def claim(self) -> str:
        """As the base class says."""
        given = f" with {quoted(self.arguments)}" if self.arguments else ""
        often = "" if self.times.text == ">= 1" else f" {self.times.counted('time')}"
        return f"come from a call of {self.name}{given}{often}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        matching = [call for call in subject.tool_calls if self._matches(call)]
        if self.times.holds(len(matching)):
            return None
        called = ", ".join(dict.fromkeys(call.name for call in subject.tool_calls)) or "none"
        were = "was" if len(matching) == 1 else "were"
        return f"there {were} {counted(len(matching), 'such call')} (tools called: {called})"

    def _matches(self, call: ToolCall) -> bool:
        if call.name != self.name:
            return False
        if not self.arguments:
            return True
        given = call.arguments
        return isinstance(given, dict) and all(
            key in given and same(given[key], value) for key, value in self.arguments.items()
        )
