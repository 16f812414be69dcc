"""The catalog given a protocol: an MCP server whose tools are the catalog's methods."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from mcp.server import MCPServer
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools.base import Tool as Registered
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult, Resource
from pydantic import ValidationError

from regrade_prompts import render
from regrade_server.protocol import notices
from regrade_server.protocol.completions import add_completions
from regrade_server.protocol.contract import contract
from regrade_server.protocol.deferral import deferred
from regrade_server.protocol.entrance import Entrance
from regrade_server.protocol.resources import add_resources, listed
from regrade_server.protocol.slash import add_prompts
from regrade_server.protocol.stdio import stdio
from regrade_server.protocol.surface import Listing, Surface
from regrade_tools.files.mistakes import mistakes
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.clipping import REFUSAL, clip

if TYPE_CHECKING:
    from regrade_server.house import House

# A server's tools and prompts are the same as long as it lives; which of them a caller may use is
# that caller's own matter.
_FIVE_MINUTES = CacheHint(ttl_ms=300_000, scope="private")
_FIXED: Mapping[CacheableMethod, CacheHint] = {
    "tools/list": _FIVE_MINUTES,
    "prompts/list": _FIVE_MINUTES,
    "resources/templates/list": _FIVE_MINUTES,
}

_BROKE = (
    "{} broke, which is a bug of Regrade and not of this call. "
    "The server's standard error, which clients keep as its log, says where."
)


def build_server(
    place: "Entrance | House",
    surface: Surface = Surface(),  # noqa: B008 - frozen
) -> MCPServer[None]:
    """An MCP server for a house: one object for both protocol eras and every transport."""
    entrance = place if isinstance(place, Entrance) else Entrance(None, place.live, place)

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncGenerator[None, None]:
        # stdout is the protocol's: whatever prints, prints to stderr.
        stdout, sys.stdout = sys.stdout, sys.stderr
        try:
            async with entrance.open():
                yield
        finally:
            sys.stdout = stdout

    tools = surface.of(contract())
    names = [tool.name for tool in tools]
    server = TeachingServer(
        "regrade",
        title="Regrade",
        version=version("regrade"),
        instructions=render("instructions"),
        tools=[deferred(tool, entrance, surface) for tool in tools],
        lifespan=lifespan,
        log_level="WARNING",
        cache_hints=_FIXED,
        middleware=[Listing({tool.name: tool for tool in tools})],
    )
    server.offered = partial(listed, entrance, names)
    add_prompts(server, names)
    add_resources(server, entrance, names)
    add_completions(server, entrance, names)
    return server


class TeachingServer(MCPServer[None]):
    """A server whose refusals say what is valid.

    ``offered`` makes what is listed of resources beside those that are registered.
    """

    offered: Callable[[], Awaitable[list[Resource]]] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the SDK's
        """As the base class is made; the older era, too, is promised what it is told."""
        super().__init__(*arguments, **options)
        server = self._lowlevel_server
        begin = partial(server.create_initialization_options, notices.PROMISED)
        server.create_initialization_options = begin  # type: ignore[method-assign]

    async def list_resources(self) -> list[Resource]:
        """As the base class does, and what is offered."""
        offered = [] if self.offered is None else await self.offered()
        return [*await super().list_resources(), *offered]

    async def run_stdio_async(self) -> None:
        """As the base class does, on a transport that answers whatever line comes."""
        server = self._lowlevel_server
        async with stdio(server) as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """As the base class does, with every error that the caller can mend put into words."""
        known = {tool.name: tool for tool in self._tool_manager.list_tools()}
        if name not in known:
            raise ToolError(str(unknown("tool", name, known)))
        try:
            reply = await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(str(Refusal(_taught(known[name], cause)))) from None
            if isinstance(error, UnexpectedToolError):
                # Of this kind, so that the SDK logs what happened.
                raise UnexpectedToolError(_BROKE.format(name)) from error
            raise ToolError(clip(str(error), REFUSAL)) from error
        refused = isinstance(reply, CallToolResult) and reply.is_error
        if context is not None and not refused:
            await notices.notify(name, context)
        return reply

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[None, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """As the base class does, with what is not there or not given put into words."""
        known = {prompt.name: prompt for prompt in self._prompt_manager.list_prompts()}
        if name not in known:
            raise MCPError(INVALID_PARAMS, str(unknown("prompt", name, known)))
        asked = [argument.name for argument in known[name].arguments or () if argument.required]
        missing = [wanted for wanted in asked if wanted not in (arguments or {})]
        if missing:
            raise MCPError(INVALID_PARAMS, f"{name} needs the argument {' and '.join(missing)}.")
        return await super().get_prompt(name, arguments, context)


def _taught(tool: Registered, problem: ValidationError) -> str:
    """What is wrong with the arguments, and what they may be."""
    told = mistakes(problem, tool.parameters, what="argument")
    return f"Invalid arguments for {tool.name}: {told}. Valid: {', '.join(_valid(tool))}."


def _valid(tool: Registered) -> list[str]:
    return list(cast("Mapping[str, Any]", tool.parameters.get("properties", {})))
