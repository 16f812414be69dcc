"""How much of the catalog is shown, and what a caller may do with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from regrade_tools.refusal import Refusal, unknown
from regrade_tools.tool import Effect

# The scope that a token needs for a tool of each effect.
SCOPES: Mapping[Effect, str] = {"reads": "read", "writes": "write", "runs": "spend"}
# Tools that write only where one argument says so, and read where it does not.
_WRITES_BY = {"get_run": "cancel"}


class Named(Protocol):
    """A tool, as far as it matters here."""

    @property
    def name(self) -> str:
        """What an agent calls it."""
        ...

    @property
    def effect(self) -> Effect:
        """What its calls do."""
        ...


Shown = TypeVar("Shown", bound=Named)


@dataclass(frozen=True, slots=True)
class Surface:
    """What a server shows: ``names`` are its tools, all where there are none."""

    read_only: bool = False
    names: tuple[str, ...] = ()

    def of(self, catalog: Iterable[Shown]) -> list[Shown]:
        """The tools of ``catalog`` that are shown.

        Raises:
            Refusal: A name is that of no tool, or none is left.
        """
        tools = {tool.name: tool for tool in catalog}
        for name in self.names:
            if name not in tools:
                raise unknown("tool", name, tools)
        shown = [tool for name, tool in tools.items() if name in (self.names or tools)]
        if self.read_only:
            shown = [tool for tool in shown if _least(tool) == "reads"]
        if not shown:
            raise Refusal("No tool is left.", next_step="--read-only leaves none of --tools.")
        return shown

    def check(self, tool: Named, arguments: Mapping[str, Any], request: object) -> None:
        """Make sure that this call is allowed to whoever makes it.

        Raises:
            Refusal: The server is read-only, or the token has not the scope.
        """
        effect = _effect(tool, arguments)
        if self.read_only and effect != "reads":
            raise Refusal(f"This server is read-only: {tool.name} would not only read.")
        opened = granted(request)
        if opened is not None and SCOPES[effect] not in opened:
            raise Refusal(
                f"{tool.name} needs the scope {SCOPES[effect]!r}; "
                f"this token has {', '.join(sorted(opened))}.",
                next_step="Ask whoever runs the server for a token that has it.",
            )


@dataclass(frozen=True, slots=True)
class Listing:
    """Leaves out of ``tools/list`` what the caller's token does not allow."""

    tools: Mapping[str, Named]

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """As the SDK's middleware is called."""
        result = await call_next(ctx)
        opened = granted(ctx.request) if ctx.method == "tools/list" else None
        if opened is None or not isinstance(result, dict):
            return result
        allowed = [
            tool for tool in result["tools"] if SCOPES[_least(self.tools[tool["name"]])] in opened
        ]
        return {**result, "tools": allowed}


def _least(tool: Named) -> Effect:
    return _effect(tool, {})


def _effect(tool: Named, arguments: Mapping[str, Any]) -> Effect:
    by = _WRITES_BY.get(tool.name)
    # Whatever is said there, such as "false", may count as true once it is validated.
    return "reads" if by is not None and arguments.get(by, False) is False else tool.effect


def granted(request: object) -> frozenset[str] | None:
    """The scopes of the token of an HTTP request; None where no token was asked for."""
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    user = scope.get("user")
    return frozenset(user.scopes) if isinstance(user, AuthenticatedUser) else None
