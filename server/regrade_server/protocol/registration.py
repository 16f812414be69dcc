"""A tool of the catalog as the SDK calls it: its schemas, its arguments, its reply."""

import inspect
import json
from functools import cache
from typing import Any, cast, get_args, get_origin, get_type_hints

from mcp.server.mcpserver import Context, Resolve
from mcp.server.mcpserver.resolve import build_resolver_plans
from mcp.server.mcpserver.tools.base import Tool as Registered
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata, func_metadata
from mcp.types import CallToolResult, TextContent
from mcp.types import Tool as Listed
from pydantic import ConfigDict, JsonValue, TypeAdapter

from regrade_server.protocol import consent
from regrade_server.protocol.contract import ANNOTATIONS
from regrade_server.protocol.schemas import inputs, outline
from regrade_server.protocol.surface import Surface
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.runs.running import Progress
from regrade_tools.texts.clipping import REPLY, shrink
from regrade_tools.texts.jsontext import compact, whole
from regrade_tools.tool import Tool

_PROGRESS = "progress"
# The name of the client's program: an agent that judges is known by it.
_CLIENT = "client"
# What a note of what was cut takes, too.
_NOTE = 600
# What a person said to the question of a tool that asks.
_CONSENT = "consent"
# In the _meta of a refusal: nothing could be decided, as the exit code 3 of a command says.
UNDECIDED = "regrade/undecided"


def registered(tool: Tool, surface: Surface) -> Registered:
    """``tool`` with what ``surface`` allows, asking a person first where it asks."""
    method = tool.method
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
        fn=_called(tool, surface),
        name=tool.name,
        title=tool.title,
        description=inspect.getdoc(method) or "",
        parameters=inputs(model.model_json_schema(by_alias=True)),
        fn_metadata=_Arguments(arg_model=model, output_schema=outline(_reply(method))),
        is_async=True,
        context_kwarg="ctx",
        resolved_params=asked,
        resolver_plans=build_resolver_plans(asked, set(model.model_fields)),
        annotations=ANNOTATIONS[tool.effect],
    )


def listed(tool: Tool) -> Listed:
    """``tool`` as clients are told of it: what the contract has to say."""
    made = registered(tool, Surface())
    return Listed(
        name=made.name,
        title=made.title,
        description=made.description,
        input_schema=made.parameters,
        output_schema=made.output_schema,
        annotations=made.annotations,
    )


def _reply(method: Any) -> type[Any]:  # noqa: ANN401 - any tool
    return cast("type[Any]", get_type_hints(method)["return"])


@cache
def _adapter(reply: type[Any]) -> TypeAdapter[Any]:
    """What writes a reply; made when the first of its kind is written."""
    return TypeAdapter(reply)


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


def _called(tool: Tool, surface: Surface) -> Any:  # noqa: ANN401 - the SDK takes any callable
    kind = _reply(tool.method)
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
            surface.check(tool, arguments, ctx.request_context.request)
            reply = await tool.method(**arguments)
        except Refusal as refusal:
            return _refused(refusal)
        finally:
            # A run may go on when its call is answered, and then there is nobody to tell.
            telling.clear()
        dumped = _adapter(kind).dump_python(
            reply, mode="json", exclude_none=True, exclude_defaults=True
        )
        content = _affordable(tool, dumped)
        return CallToolResult(
            content=[TextContent(type="text", text=compact(content))], structured_content=content
        )

    return call


def _refused(refusal: Refusal) -> CallToolResult:
    """A refusal; scripts are told beside it where there is nothing that they could mend."""
    meta = {UNDECIDED: True} if isinstance(refusal, Unavailable) else None
    text = TextContent(type="text", text=str(refusal))
    return CallToolResult(content=[text], is_error=True, _meta=meta)


def _client(ctx: Context[None, Any]) -> str:
    """The name that the client gave itself, or nothing."""
    told = ctx.session.client_params
    return told.client_info.name if told and told.client_info else ""


def _affordable(tool: Tool, content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The last guard: no reply above the cap, and none with a text that cannot be written."""
    cut = shrink(content, REPLY - _NOTE)
    if cut is not content:
        cut["truncated"] = f"The reply was too long and what is longest in it was cut. {tool.rest}"
    return cast("dict[str, JsonValue]", whole(cut))


def _reporter(ctx: Context[None, Any], telling: list[bool]) -> Progress:
    async def report(done: int, total: int, message: str) -> None:
        if telling:
            await ctx.report_progress(done, total, message)

    return report
