"""MCP prompts, which clients show as slash commands."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from regrade_prompts import render
from regrade_tools.texts.clipping import clip

_LONGEST_ARGUMENT = 2_000


@dataclass(frozen=True, slots=True)
class Command:
    """A prompt: its arguments by name with what they are; those not ``optional`` are required."""

    name: str
    title: str
    told: str
    arguments: Mapping[str, str]
    optional: frozenset[str] = field(default_factory=frozenset[str])

    def text(self, tools: Collection[str], given: Mapping[str, Any]) -> str:
        """What the agent is told to do.

        Raises:
            MCPError: An argument is unknown.
        """
        for name in given:
            if name not in self.arguments:
                valid = ", ".join(self.arguments)
                raise MCPError(INVALID_PARAMS, f"Unknown argument {name[:80]!r}; valid: {valid}.")
        values = {name: _value(given, name) for name in self.arguments}
        return render(f"commands/{self.name}", tools=tools, **values)


def _value(given: Mapping[str, Any], name: str) -> str:
    return clip(str(given.get(name, "")), _LONGEST_ARGUMENT)


_TRACE = "a trace id (tr_...)"
COMMANDS = (
    Command(
        "error_analysis", "Error analysis", "Read traces, name what goes wrong, count it.",
        {"query": "which traces, as search_traces takes it; all by default"},
        frozenset({"query"}),
    ),
    Command(
        "add_regression_case", "Add a regression case", "Make a case of a failure.",
        {"suite": "the suite", "trace_id": _TRACE, "complaint": "what is wrong, in plain words"},
        frozenset({"trace_id", "complaint"}),
    ),
    Command(
        "write_assertions", "Write assertions", "Say what must hold in a suite, and prove it.",
        {"suite": "the suite", "trace_id": _TRACE},
        frozenset({"trace_id"}),
    ),
    Command(
        "generate_test_inputs", "Generate test inputs", "Write inputs along dimensions.",
        {"suite": "the suite", "n": "how many; 20 by default"},
        frozenset({"n"}),
    ),
    Command(
        "align_judge", "Align a judge", "Bring a judge into agreement with human labels.",
        {"judge": "the judge"},
    ),
    Command(
        "review_run", "Review a run", "Find the causes of a run's failures, change nothing.",
        {"run_id": "a run id (run_...); the last by default"},
        frozenset({"run_id"}),
    ),
)  # fmt: skip


def add_prompts(server: MCPServer[None], tools: Collection[str]) -> None:
    """Add every command; ``tools`` are the names of those that are there."""
    for command in COMMANDS:
        server.add_prompt(_prompt(command, tools))


def _prompt(command: Command, tools: Collection[str]) -> Prompt:
    async def fill(**given: str) -> str:
        return command.text(tools, given)

    return Prompt(
        name=command.name,
        title=command.title,
        description=command.told,
        arguments=[
            PromptArgument(name=name, description=told, required=name not in command.optional)
            for name, told in command.arguments.items()
        ],
        fn=fill,
        icons=None,
        context_kwarg=None,
    )
