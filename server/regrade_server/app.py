"""The catalog given a protocol: an MCP server whose tools are the catalog's methods."""

import inspect
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from typing import Any, cast, get_args, get_origin, get_type_hints

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import build_resolver_plans
from mcp.server.mcpserver.tools.base import Tool as Registered
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata, func_metadata
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ConfigDict, TypeAdapter, ValidationError

from regrade_prompts import render
from regrade_server import consent
from regrade_server.house import House
from regrade_server.schemas import lean, shallow
from regrade_tools.catalog import Effect, Tool
from regrade_tools.refusal import Refusal
from regrade_tools.running import Progress

_ANNOTATIONS: dict[Effect, ToolAnnotations] = {
    "reads": ToolAnnotations(read_only_hint=True, open_world_hint=False),
    "writes": ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
    # A program of the repository does whatever it does.
    "runs": ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
    ),
}
_PROGRESS = "progress"
# The name of the client's program: an agent that judges is known by it.
_CLIENT = "client"
# What a person said to the question of a tool that asks.
_CONSENT = "consent"
_SHOWN_ERRORS = 5


def build_server(house: House) -> MCPServer[None]:
    """An MCP server for ``house``: one object for both protocol eras and every transport."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncGenerator[None, None]:
        # stdout is the protocol's: whatever prints, prints to stderr.
        stdout, sys.stdout = sys.stdout, sys.stderr
        try:
            async with house.open():
                yield
        finally:
            sys.stdout = stdout

    return TeachingServer(
        "regrade",
        title="Regrade",
        version=version("regrade"),
        instructions=render("instructions"),
        tools=[_registered(tool) for tool in house.catalog],
        lifespan=lifespan,
        log_level="WARNING",
    )


class TeachingServer(MCPServer[None]):
    """A server whose refusals say what is valid."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """As the base class does, with every error that the caller can mend put into words."""
        known = {tool.name: tool for tool in self._tool_manager.list_tools()}
        if name not in known:
            near = get_close_matches(name, known, n=1)
            guess = f" (did you mean {near[0]!r}?)" if near else ""
            raise ToolError(f"There is no tool {name[:80]!r}{guess}; valid: {', '.join(known)}.")
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(_taught(known[name], cause)) from None
            if isinstance(cause, ToolError):
                # The refusal itself, without the SDK's "Error executing tool" before it.
                raise cause from None
            raise


def _registered(tool: Tool) -> Registered:
    method = tool.method
    name = cast("str", getattr(method, "__name__", ""))
    read = func_metadata(method, skip_names=[_PROGRESS, _CLIENT, _CONSENT], structured_output=False)
    model = type(
        read.arg_model.__name__,
        (read.arg_model,),
        {
            "__module__": __name__,
            "model_config": ConfigDict(extra="forbid", arbitrary_types_allowed=True),
        },
    )
    asked = {_CONSENT: (Resolve(consent.asking(tool.asks)), True)} if tool.asks else {}
    return Registered(
        fn=_called(tool),
        name=name,
        title=tool.title,
        description=inspect.getdoc(method) or "",
        parameters=lean(model.model_json_schema(by_alias=True)),
        fn_metadata=_Arguments(arg_model=model, output_schema=_output_schema(method)),
        is_async=True,
        context_kwarg="ctx",
        resolved_params=asked,
        resolver_plans=build_resolver_plans(asked, set(model.model_fields)),
        annotations=_ANNOTATIONS[tool.effect],
    )


def _output_schema(method: Any) -> dict[str, Any]:  # noqa: ANN401 - any tool
    return shallow(_adapter(get_type_hints(method)["return"]).json_schema())


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - the reply of any tool
    return TypeAdapter(kind)


class _Arguments(FuncMetadata):
    """Arguments as some clients send them: lists and objects written as a JSON text."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """Read a text as JSON only where nothing but a list or an object will do."""
        read = dict(data)
        for name, value in data.items():
            field = self.arg_model.model_fields.get(name)
            if field is None or not isinstance(value, str) or not _is_container(field.annotation):
                continue
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, list | dict):
                read[name] = found
        return read


def _is_container(annotation: Any) -> bool:  # noqa: ANN401 - a type
    options = get_args(annotation) if type(None) in get_args(annotation) else (annotation,)
    return any(get_origin(option) in (list, dict) for option in options)


def _called(tool: Tool) -> Any:  # noqa: ANN401 - the SDK takes any callable
    adapter = _adapter(get_type_hints(tool.method)["return"])
    takes = inspect.signature(tool.method).parameters

    async def call(ctx: Context[None, Any], **arguments: Any) -> CallToolResult:  # noqa: ANN401
        telling = [True]
        if _PROGRESS in takes:
            arguments[_PROGRESS] = _reporter(ctx, telling)
        if _CLIENT in takes:
            arguments[_CLIENT] = _client(ctx)
        if _CONSENT in arguments:
            arguments[_CONSENT] = consent.told(arguments[_CONSENT])
        try:
            reply = await tool.method(**arguments)
        except Refusal as refusal:
            raise ToolError(str(refusal)) from None
        finally:
            # A run may go on when its call is answered, and then there is nobody to tell.
            telling.clear()
        content = adapter.dump_python(reply, mode="json", exclude_none=True, exclude_defaults=True)
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=content
        )

    return call


def _client(ctx: Context[None, Any]) -> str:
    """The name that the client gave itself, or nothing."""
    told = ctx.session.client_params
    return told.client_info.name if told and told.client_info else ""


def _reporter(ctx: Context[None, Any], telling: list[bool]) -> Progress:
    async def report(done: int, total: int, message: str) -> None:
        if telling:
            await ctx.report_progress(done, total, message)

    return report


def _taught(tool: Registered, problem: ValidationError) -> str:
    """What is wrong with the arguments, and what they may be."""
    properties = cast("Mapping[str, Any]", tool.parameters.get("properties", {}))
    told: list[str] = []
    for error in problem.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in error["loc"])[:80]
        if error["type"] == "extra_forbidden":
            near = get_close_matches(where, properties, n=1)
            guess = f" (did you mean {near[0]!r}?)" if near else ""
            told.append(f"unknown argument {where!r}{guess}")
        elif error["type"] == "missing":
            told.append(f"{where!r} is missing")
        else:
            told.append(f"{where}: {error['msg']}")
    shown = "; ".join(dict.fromkeys(told[:_SHOWN_ERRORS]))
    return f"Invalid arguments for {tool.name}: {shown}. Valid: {', '.join(properties)}."
