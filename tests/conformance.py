"""The product with what the conformance suite asks for by name: a server for its tests alone.

    python tests/conformance.py

The same server, its class, middleware and HTTP listener; only tools, prompts and resources are
added, and an event store, without which there is nothing to resume.
"""

import base64
import json
from functools import partial
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Prompt, UserMessage
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    JSONRPCMessage,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)
from pydantic import BaseModel, Field, JsonValue

from regrade_server.house import House
from regrade_server.http import Address, listen, mcp_site, read_tokens
from regrade_server.protocol.app import build_server

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5Er"
    "kJggg=="
)
SOUND = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
TOLD = "For the conformance suite."
# The call is answered by a question.
Asking = InputRequiredResult


class Events(EventStore):
    """The messages of every stream, in their order."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self.kept.append((stream_id, message))
        return str(len(self.kept))

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        last = int(last_event_id)
        stream = self.kept[last - 1][0]
        for number, (of, message) in enumerate(self.kept[last:], last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def image() -> ImageContent:
    return ImageContent(type="image", data=PIXEL, mime_type="image/png")


def text(told: str) -> TextContent:
    return TextContent(type="text", text=told)


def embedded(uri: str, told: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(
        type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=told)
    )


def add_contents(server: MCPServer[None]) -> None:
    """Tools that answer with every kind of content."""

    @server.tool(description=TOLD)
    async def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description=TOLD)
    async def test_image_content() -> list[ImageContent]:
        return [image()]

    @server.tool(description=TOLD)
    async def test_audio_content() -> list[AudioContent]:
        return [AudioContent(type="audio", data=SOUND, mime_type="audio/wav")]

    @server.tool(description=TOLD)
    async def test_embedded_resource() -> list[EmbeddedResource]:
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(description=TOLD)
    async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        told = json.dumps({"test": "data", "value": 123})
        mixed = embedded("test://mixed-content-resource", told, "application/json")
        return [text("Multiple content types test:"), image(), mixed]

    @server.tool(description=TOLD)
    async def test_error_handling() -> str:
        raise RuntimeError

    @server.tool(description=TOLD)
    async def test_x_mcp_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "<none>",
    ) -> str:
        return f"region={region}"


def add_channels(server: MCPServer[None]) -> None:  # noqa: C901 - many small ones
    """Tools that tell or ask something while they run."""

    @server.tool(description=TOLD)
    async def test_tool_with_logging(ctx: Context[None, Any]) -> str:
        for told in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(told)  # pyright: ignore[reportDeprecated] - the older era has it
        return "Tool with logging executed successfully"

    @server.tool(description=TOLD)
    async def test_tool_with_progress(ctx: Context[None, Any]) -> str:
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        return "done"

    @server.tool(description=TOLD)
    async def test_reconnection(ctx: Context[None, Any]) -> str:
        await ctx.close_sse_stream()
        await anyio.sleep(0.2)  # the client is to notice and to come back meanwhile
        return "Reconnection test completed"

    @server.tool(description=TOLD)
    async def test_sampling(prompt: str, ctx: Context[None, Any]) -> str:
        result = await ctx.session.create_message(  # pyright: ignore[reportDeprecated] - as above
            messages=[SamplingMessage(role="user", content=text(prompt))],
            max_tokens=100,
            related_request_id=ctx.request_id,
        )
        return f"LLM response: {getattr(result.content, 'text', '')}"

    @server.tool(description=TOLD)
    async def test_missing_capability(ctx: Context[None, Any]) -> str:
        capabilities = ctx.session.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            raise MCPError(
                MISSING_REQUIRED_CLIENT_CAPABILITY,
                "This tool requires the client 'sampling' capability",
                {"requiredCapabilities": {"sampling": {}}},
            )
        return "Client declared sampling capability; proceeding."

    @server.tool(description=TOLD)
    async def test_trigger_tool_change(ctx: Context[None, Any]) -> str:
        server.add_tool(_dynamic, name="test_dynamic_tool")
        server.remove_tool("test_dynamic_tool")
        await ctx.notify_tools_changed()
        return "tool list changed"

    @server.tool(description=TOLD)
    async def test_trigger_prompt_change(ctx: Context[None, Any]) -> str:
        server.add_prompt(Prompt.from_function(_dynamic, name="test_dynamic_prompt"))
        server.remove_prompt("test_dynamic_prompt")
        await ctx.notify_prompts_changed()
        return "prompt list changed"


async def _dynamic() -> str:
    """Come and gone."""
    return "dynamic"


class Response(BaseModel):
    response: str = Field(description="User's response")


def one_of(*names: str, **more: Any) -> Any:
    return Field(json_schema_extra={"enum": list(names), **more})


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: str = Field("active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = True


TITLED: list[JsonValue] = [{"const": "low", "title": "Low"}, {"const": "high", "title": "High"}]


class Enums(BaseModel):
    """The names are those that the suite looks for."""

    untitledSingle: str = one_of("active", "inactive", "pending")  # noqa: N815 - as above
    titledSingle: str = Field(json_schema_extra={"oneOf": TITLED})  # noqa: N815
    untitledMulti: list[str] = Field(  # noqa: N815
        json_schema_extra={"items": {"type": "string", "enum": ["read", "write"]}}
    )
    titledMulti: list[str] = Field(json_schema_extra={"items": {"anyOf": TITLED}})  # noqa: N815
    legacyEnum: str = one_of("small", "large", enumNames=["Small", "Large"])  # noqa: N815


def add_elicitations(server: MCPServer[None]) -> None:
    """Tools that ask the person as the older era does."""

    async def asked(ctx: Context[None, Any], message: str, schema: type[BaseModel]) -> str:
        result = await ctx.elicit(message=message, schema=schema)
        content = result.data.model_dump_json() if result.action == "accept" else "{}"
        return f"action={result.action}, content={content}"

    @server.tool(description=TOLD)
    async def test_elicitation(message: str, ctx: Context[None, Any]) -> str:
        return await asked(ctx, message, Response)

    @server.tool(description=TOLD)
    async def test_elicitation_sep1034_defaults(ctx: Context[None, Any]) -> str:
        return await asked(ctx, "Please provide user information", Defaults)

    @server.tool(description=TOLD)
    async def test_elicitation_sep1330_enums(ctx: Context[None, Any]) -> str:
        return await asked(ctx, "Please select values", Enums)


def form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampled(prompt: str) -> CreateMessageRequest:
    messages = [SamplingMessage(role="user", content=text(prompt))]
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=messages, max_tokens=100)
    )


def said(answer: object, name: str) -> str:
    """What a form or a model answered."""
    if isinstance(answer, ElicitResult) and answer.content:
        return str(answer.content.get(name))
    if isinstance(answer, CreateMessageResult):
        return str(getattr(answer.content, "text", ""))
    return "?"


def add_questions(server: MCPServer[None]) -> None:  # noqa: C901 - many small ones
    """Tools that answer with a question, as the newer era does."""

    @server.tool(description=TOLD)
    async def test_input_required_result_elicitation(ctx: Context[None, Any]) -> str | Asking:
        given = ctx.input_responses or {}
        if "user_name" in given:
            return f"Hello, {said(given['user_name'], 'name')}!"
        return InputRequiredResult(input_requests={"user_name": form("Your name?", "name")})

    @server.tool(description=TOLD)
    async def test_input_required_result_sampling(ctx: Context[None, Any]) -> str | Asking:
        given = ctx.input_responses or {}
        if "capital_question" in given:
            return f"Model said: {said(given['capital_question'], '')}"
        question = sampled("What is the capital of France?")
        return InputRequiredResult(input_requests={"capital_question": question})

    @server.tool(description=TOLD)
    async def test_input_required_result_list_roots(ctx: Context[None, Any]) -> str | Asking:
        if "client_roots" in (ctx.input_responses or {}):
            return "Client exposed its roots."
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})

    @server.tool(description=TOLD)
    async def test_input_required_result_multiple_inputs(ctx: Context[None, Any]) -> str | Asking:
        requests: dict[str, InputRequest] = {
            "user_name": form("Your name?", "name"),
            "greeting": sampled("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        }
        if requests.keys() <= (ctx.input_responses or {}).keys():
            return "All inputs received."
        return InputRequiredResult(input_requests=requests, request_state="multiple-inputs")

    @server.tool(description=TOLD)
    async def test_input_required_result_capabilities(ctx: Context[None, Any]) -> Asking:
        able = ctx.client_capabilities
        requests: dict[str, InputRequest] = {}
        if able is None or able.sampling is not None:
            requests["sample"] = sampled("Say hello")
        if able is None or able.elicitation is not None:
            requests["ask"] = form("Your name?", "name")
        return InputRequiredResult(input_requests=requests, request_state="capability-gated")


def add_rounds(server: MCPServer[None]) -> None:
    """Tools that ask more than once, and keep their state at the client."""

    @server.tool(description=TOLD)
    async def test_input_required_result_request_state(ctx: Context[None, Any]) -> str | Asking:
        if "confirm" in (ctx.input_responses or {}) and ctx.request_state == "nonce":
            return "state-ok: confirmation received"
        confirm = form("Please confirm", "ok", "boolean")
        return InputRequiredResult(input_requests={"confirm": confirm}, request_state="nonce")

    @server.tool(description=TOLD)
    async def test_input_required_result_tampered_state(ctx: Context[None, Any]) -> str | Asking:
        if ctx.request_state is not None:
            return f"state-ok: {ctx.request_state}"
        confirm = form("Please confirm", "ok", "boolean")
        return InputRequiredResult(input_requests={"confirm": confirm}, request_state="round-1")

    @server.tool(description=TOLD)
    async def test_input_required_result_multi_round(ctx: Context[None, Any]) -> str | Asking:
        given, state = ctx.input_responses or {}, json.loads(ctx.request_state or '{"round": 0}')
        if state["round"] == 2 and "step2" in given:
            return f"{state['name']} likes {said(given['step2'], 'color')}."
        if state["round"] == 1 and "step1" in given:
            name = said(given["step1"], "name")
            return InputRequiredResult(
                input_requests={"step2": form("Step 2: your favourite colour?", "color")},
                request_state=json.dumps({"round": 2, "name": name}),
            )
        return InputRequiredResult(
            input_requests={"step1": form("Step 1: your name?", "name")},
            request_state=json.dumps({"round": 1}),
        )


# Every keyword of JSON Schema 2020-12 that the suite looks for.
KEYWORDS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {
        "street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {
        "name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"}, "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}  # fmt: skip


def add_schema(server: MCPServer[None]) -> None:
    """A tool whose schema is to come through as it is."""

    @server.tool(description=TOLD)
    async def json_schema_2020_12_tool() -> str:
        return "done"

    held = server._tool_manager.get_tool("json_schema_2020_12_tool")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the SDK takes no schema
    assert held
    held.parameters = KEYWORDS


def add_resources(server: MCPServer[None]) -> None:
    """Resources, and what subscribes to them in the older era."""

    @server.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        return base64.b64decode(PIXEL)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:  # noqa: A002 - in the address
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", mime_type="text/plain")
    async def watched() -> str:
        return "Watched resource content"

    async def done(_: ServerRequestContext[Any], __: object) -> EmptyResult:
        return EmptyResult()

    inner = server._lowlevel_server  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
    inner.add_request_handler("logging/setLevel", SetLevelRequestParams, done)
    inner.add_request_handler("resources/subscribe", SubscribeRequestParams, done)
    inner.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, done)


def add_prompts(server: MCPServer[None]) -> None:
    """Prompts of every kind of content."""

    @server.prompt(description=TOLD)
    async def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage("This is a simple prompt for testing.")]

    @server.prompt(description=TOLD)
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]

    @server.prompt(description=TOLD)
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - as asked
        return [UserMessage(embedded(resourceUri, "Embedded resource content for testing."))]

    @server.prompt(description=TOLD)
    async def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]

    @server.prompt(description=TOLD)
    async def test_input_required_result_prompt(
        ctx: Context[None, Any],
    ) -> list[UserMessage] | Asking:
        given = ctx.input_responses or {}
        if "user_context" in given:
            return [UserMessage(f"Use this context: {said(given['user_context'], 'context')}")]
        return InputRequiredResult(input_requests={"user_context": form("Which?", "context")})


def add_fixtures(server: MCPServer[None]) -> None:
    """Everything that the suite asks for by name."""
    for add in (
        add_contents, add_channels, add_elicitations, add_questions, add_rounds, add_schema,
        add_resources, add_prompts,
    ):  # fmt: skip
        add(server)
    server.streamable_http_app = partial(  # type: ignore[method-assign]
        server.streamable_http_app, event_store=Events(), retry_interval=100
    )


def main() -> None:
    """Serve on a free port until a signal comes."""
    server = build_server(House(None))
    add_fixtures(server)
    site = mcp_site(server, Address.read("127.0.0.1:0"), read_tokens({}, None), 1_000_000)
    anyio.run(listen, [site])


if __name__ == "__main__":
    main()
