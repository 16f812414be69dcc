"""MCP resources: what an agent or a person can attach by its address."""

from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any

from anyio import to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.types import Resource

from regrade_server.protocol.addresses import GUIDES, SCHEMAS
from regrade_server.protocol.entrance import Entrance
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import REPLY, clip

_RUNS = 10
_JSON, _MARKDOWN = "application/json", "text/markdown"


def add_resources(server: MCPServer[None], entrance: Entrance, tools: Collection[str]) -> None:
    """Add every resource; what a tool would tell only where that tool is shown."""
    if "get_trace" in tools:

        async def trace(id: str, ctx: Context[None, Any]) -> str:  # noqa: A002 - in the address
            return await _told(server, "get_trace", {"trace_id": id}, ctx)

        _add(server, "trace/{id}", "A trace", "Its digest, as get_trace tells it.", _JSON)(trace)
    if "get_run" in tools:

        async def run(id: str, ctx: Context[None, Any]) -> str:  # noqa: A002 - in the address
            return await _told(server, "get_run", {"run_id": id}, ctx)

        _add(server, "run/{id}", "A run", "Its figures and failures, as get_run tells.", _JSON)(run)

    async def case(suite: str, id: str) -> str:  # noqa: A002 - in the address
        place = entrance.house.workspace
        # There may be many rows: the loop goes on meanwhile.
        return await to_thread.run_sync(_found, lambda: _texts().case(place, suite, id))

    async def schema(kind: str) -> str:
        return _found(lambda: _texts().schema(kind))

    async def guide(topic: str) -> str:
        return _found(lambda: _texts().guide(topic))

    _add(
        server, "case/{suite}/{id}", "A case", "Its file in evals/cases/, or its row.", "text/yaml"
    )(case)
    _add(server, "schema/{kind}", "A schema", f"Of: {', '.join(SCHEMAS)}.", _JSON)(schema)
    _add(server, "guide/{topic}", "A guide", f"On: {', '.join(GUIDES)}.", _MARKDOWN)(guide)


async def listed(entrance: Entrance, tools: Collection[str]) -> list[Resource]:
    """What can be named without knowing an id: the guides, the schemas and the newest runs."""
    found = [
        *(_resource(f"guide/{topic}", f"Guide: {topic}", _MARKDOWN) for topic in GUIDES),
        *(_resource(f"schema/{kind}", f"Schema: {kind}", _JSON) for kind in SCHEMAS),
    ]
    if "get_run" not in tools:
        return found
    try:
        runs = await entrance.house.store.runs(None, _RUNS)
    except Refusal:
        # A store that cannot be read keeps nobody from the guides; `overview` says what is wrong.
        return found
    return [
        *found,
        *(_resource(f"run/{it.run.id}", f"Run of {it.run.suite}", _JSON) for it in runs),
    ]


def _resource(path: str, title: str, kind: str) -> Resource:
    return Resource(uri=f"regrade://{path}", name=path, title=title, mime_type=kind)


def _add(
    server: MCPServer[None], path: str, title: str, told: str, kind: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = path.partition("/")[0]
    return server.resource(
        f"regrade://{path}", name=name, title=title, description=told, mime_type=kind
    )


async def _told(
    server: MCPServer[None], tool: str, arguments: dict[str, Any], ctx: Context[None, Any]
) -> str:
    """What a tool replies: the same caps, the same rights."""
    try:
        reply = await server.call_tool(tool, arguments, ctx)
    except ToolError as refused:
        raise ResourceNotFoundError(str(refused)) from None
    told = " ".join(getattr(part, "text", "") for part in getattr(reply, "content", ()))
    if getattr(reply, "is_error", False):
        raise ResourceNotFoundError(told)
    return told


def _texts() -> ModuleType:
    # Only here: it loads what every file may hold.
    from regrade_server.protocol import texts  # noqa: PLC0415

    return texts


def _found(tell: Callable[[], str]) -> str:
    try:
        return clip(tell(), REPLY)
    except Refusal as refusal:
        raise ResourceNotFoundError(str(refusal)) from None
