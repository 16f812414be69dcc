"""Tools that a client is told of by the contract and that are made when they are first called."""

from collections.abc import Callable
from functools import cache
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools.base import Tool as Registered
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from pydantic import Field

from regrade_server.protocol.contract import Told
from regrade_server.protocol.entrance import Entrance
from regrade_server.protocol.surface import Surface


class Deferred(Registered):
    """A tool as it is listed; ``make`` makes the one that is called."""

    make: Callable[[], Registered] = Field(exclude=True)

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: FBT001, FBT002 - the SDK's signature
    ) -> Any:  # noqa: ANN401 - as above
        """As the tool itself does."""
        return await self.make().run(arguments, context, convert_result)


def deferred(told: Told, entrance: Entrance, surface: Surface) -> Deferred:
    """The tool that clients are ``told`` of, with what ``surface`` allows."""

    @cache
    def make() -> Registered:
        # Only here: what reads a call is not needed to list what can be called.
        from regrade_server.protocol.registration import registered  # noqa: PLC0415

        tool = next(tool for tool in entrance.house.catalog if tool.name == told.name)
        return registered(tool, surface)

    return Deferred(
        # Nobody calls it: ``make`` has the arguments to call with.
        fn=make,
        name=told.name,
        title=told.tool.title,
        description=told.tool.description or "",
        parameters=told.tool.input_schema,
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=told.tool.output_schema),
        is_async=True,
        context_kwarg=None,
        annotations=told.tool.annotations,
        make=make,
    )
