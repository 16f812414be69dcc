"""What clients of both eras are told when there is something new to read."""

from typing import Any

from mcp.server.lowlevel import NotificationOptions
from mcp.server.mcpserver import Context
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

# The tools after which the list of resources is another one.
_ADDING = frozenset({"run_suite"})
# What a client of the older era is promised when it initializes.
PROMISED = NotificationOptions(resources_changed=True)


async def notify(tool: str, ctx: Context[None, Any]) -> None:
    """Tell of what the call of ``tool`` has added to the list of resources, if it has."""
    if tool not in _ADDING:
        return
    await ctx.notify_resources_changed()
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        await ctx.session.send_resource_list_changed()
