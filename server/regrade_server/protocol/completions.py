"""What fits where a client asks for the value of an argument of a prompt or a resource."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mcp.server import MCPServer
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from regrade_server.protocol.addresses import GUIDES, SCHEMAS
from regrade_server.protocol.entrance import Entrance
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import Query

_MOST = 100
_NEWEST = 50
# What is named only to whoever is shown the tool that reads it.
_TOLD_BY = {"trace_id": "get_trace", "run_id": "get_run"}


@dataclass(frozen=True, slots=True)
class Completions:
    """Names of what there is, the newest first where they have a time."""

    entrance: Entrance
    tools: Collection[str]

    async def values(self, name: str, place: str, given: Mapping[str, str]) -> list[str]:
        """Every value of the argument ``name`` of a prompt, or of the template ``place``."""
        workspace = self.entrance.house.workspace
        if name == "id":
            name = {"trace": "trace_id", "run": "run_id"}.get(place, "case")
        if name in _TOLD_BY and _TOLD_BY[name] not in self.tools:
            return []
        if name == "trace_id":
            page = await self.entrance.house.store.search(Query(), limit=_NEWEST)
            return [row.id for row in page.rows]
        if name == "run_id":
            return [one.run.id for one in await self.entrance.house.store.runs(None, _NEWEST)]
        if name in ("kind", "topic"):
            return list(SCHEMAS) if name == "kind" else list(GUIDES)
        if workspace is None:
            return []
        if name == "case" and given.get("suite") in workspace.suites():
            return workspace.names(f"cases/{given['suite']}", ".yaml")
        if name == "judge":
            return workspace.names("judges", ".md")
        return workspace.suites() if name == "suite" else []


def add_completions(server: MCPServer[None], entrance: Entrance, tools: Collection[str]) -> None:
    """Answer ``completion/complete``; ``tools`` are the names of those that are shown."""
    completions = Completions(entrance, tools)

    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        uri = ref.uri if isinstance(ref, ResourceTemplateReference) else ""
        place = uri.removeprefix("regrade://").partition("/")[0]
        given = (context.arguments if context else None) or {}
        try:
            values = await completions.values(argument.name, place, given)
        except Refusal:
            # Nothing fits where nothing can be read; the call itself will say why.
            values = []
        fitting = [value for value in values if value.startswith(argument.value)]
        more = len(fitting) > _MOST
        return Completion(values=fitting[:_MOST], total=len(fitting), has_more=more)

    server.completion()(complete)
