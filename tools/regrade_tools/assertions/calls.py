"""Assertions about the calls of tools: which ones, in which order, and whether they are valid."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from regrade_tools.assertions.comparison import Comparison
from regrade_tools.assertions.verdicts import Assertion, Subject, UndecidableError, read_json
from regrade_tools.models import ToolCall
from regrade_tools.models.case import Spec

_SHOWN = 20


class ToolsCalled(Assertion):
    """These tools were called: in any order, in this order (others between), or exactly so."""

    kind = "tools-called"
    reads_output = False
    example: ClassVar[Spec] = {
        "type": "tools-called",
        "names": ["search_listings", "send_email"],
        "order": "in-order",
    }
    names: list[str] = Field(min_length=1, description="The names of the tools.")
    order: Literal["any", "in-order", "exact"] = Field(
        default="any", description="in-order lets other calls stand between, exact does not."
    )

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"come from calls of {self.names!r} ({self.order})"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        called = [call.name for call in subject.tool_calls]
        if self.order == "exact":
            right = called == self.names
        elif self.order == "any":
            right = set(self.names) <= set(called)
        else:
            following = iter(called)
            right = all(name in following for name in self.names)
        return None if right else f"the tools called were {called[:_SHOWN]!r}"


class ToolCallCount(Assertion):
    """All calls of tools together are so many: a bound for the steps of an agent."""

    kind = "tool-call-count"
    reads_output = False
    example: ClassVar[Spec] = {"type": "tool-call-count", "times": "<= 5"}
    times: Comparison

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"come from {self.times.counted('call')} of tools"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        number = len(subject.tool_calls)
        were = "was" if number == 1 else "were"
        return None if self.times.holds(number) else f"there {were} {number}"


class IsValidToolsCall(Assertion):
    """The output is calls of the `tools` given (OpenAI's form), with arguments by their schemas."""

    kind = "is-valid-openai-tools-call"
    example: ClassVar[Spec] = {
        "type": "is-valid-openai-tools-call",
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "search_listings",
                    "parameters": {"type": "object", "required": ["city"]},
                },
            }
        ],
    }
    tools: list[dict[str, JsonValue]] = Field(
        min_length=1, max_length=200, description="The tools that may be called, in OpenAI's form."
    )

    @field_validator("tools")
    @classmethod
    def _named(cls, value: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
        # A large library, imported when the first schema is read.
        from regrade_tools.assertions import schema  # noqa: PLC0415

        for tool in value:
            function = _function(tool)
            if function is None or not isinstance(function.get("name"), str):
                raise ValueError('each is {"type": "function", "function": {"name", "parameters"}}')
            parameters = function.get("parameters", {})
            if not isinstance(parameters, dict):
                raise ValueError("`parameters` is a JSON Schema")  # noqa: TRY004 - for pydantic
            schema.well_formed(parameters)
        return value

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "be valid calls of the tools given"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        known = {
            str(function["name"]): function for function in map(_function, self.tools) if function
        }
        calls = _calls(subject.data)
        if not calls:
            return "it has no call of a tool"
        return next(filter(None, (_call_flaw(call, known) for call in calls)), None)


class IsValidFunctionCall(IsValidToolsCall):
    """As is-valid-openai-tools-call, for one call: an object of `name` and `arguments`."""

    kind = "is-valid-function-call"
    example: ClassVar[Spec] = {**IsValidToolsCall.example, "type": "is-valid-function-call"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "be one valid call of the tools given"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        calls = _calls(subject.data)
        return super().flaw(subject) if len(calls) == 1 else f"it has {len(calls)} calls"


def _function(tool: JsonValue) -> dict[str, JsonValue] | None:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    return function if isinstance(function, dict) else None


def _calls(data: JsonValue) -> list[ToolCall]:
    """The calls that an output is made of, in OpenAI's form or without its wrapping."""
    if isinstance(data, dict) and isinstance(data.get("tool_calls"), list):
        data = data["tool_calls"]
    calls: list[ToolCall] = []
    for item in data if isinstance(data, list) else [data]:
        function = _function(item)
        name = function.get("name") if function else None
        if function is None or not isinstance(name, str):
            raise UndecidableError("it is not made of calls of tools")
        calls.append(ToolCall(name, function.get("arguments")))
    return calls


def _call_flaw(call: ToolCall, known: dict[str, dict[str, JsonValue]]) -> str | None:
    from regrade_tools.assertions import schema  # noqa: PLC0415 - as above

    if call.name not in known:
        return f"there is no tool {call.name!r}"
    given = call.arguments
    if isinstance(given, str):
        try:
            given = read_json(given)
        except ValueError:
            return f"the arguments of {call.name} are not JSON"
    arguments: JsonValue = given
    if not isinstance(arguments, dict):
        return f"the arguments of {call.name} are no object"
    parameters = known[call.name].get("parameters")
    problem = schema.violation(parameters, arguments) if isinstance(parameters, dict) else None
    return f"{call.name}: {problem}" if problem else None
