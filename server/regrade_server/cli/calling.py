"""`regrade call`: any tool through the protocol, as a scripted client would, in this process."""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
from pydantic import JsonValue

from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.texts.jsontext import read


def add_to(verb: Adder) -> None:
    """Add the command."""
    parser = verb("call", call)
    parser.add_argument("tool", nargs="?", help="its name; without one all are listed")
    parser.add_argument(
        "arguments", nargs="*", metavar="JSON|NAME=VALUE",
        help="a JSON object, - to read it, or names with their values, which are JSON where the "
        "tool wants no text",
    )  # fmt: skip


def call(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Call a tool, or list all."""
    # Only here: no other command needs the protocol.
    from mcp import Client  # noqa: PLC0415

    from regrade_server.protocol.app import build_server  # noqa: PLC0415
    from regrade_server.protocol.registration import UNDECIDED  # noqa: PLC0415

    whole = _whole(told.arguments)
    # Before there is a client: what is refused beside its tasks would be told in a group.
    named = _named(told.arguments) if whole is None else {}

    async def work() -> Any:  # noqa: ANN401 - the reply of any tool
        async with Client(build_server(House(workspace))) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            if told.tool is None:
                return tools
            schema = tools[told.tool].input_schema if told.tool in tools else {}
            typed = _typed(named, schema.get("properties", {}))
            return await client.call_tool(told.tool, typed if whole is None else whole)

    reply = anyio.run(work)
    if told.tool is None:
        width = max(map(len, reply))
        about = {name: (tool.description or "").partition("\n")[0] for name, tool in reply.items()}
        console.say("\n".join(f"{name:{width}}  {first}" for name, first in about.items()))
        return 0
    if reply.is_error:
        undecided = bool(reply.meta) and UNDECIDED in reply.meta
        text = " ".join(getattr(part, "text", "") for part in reply.content)
        raise Unavailable(text) if undecided else Refusal(text)
    console.data(reply.structured_content)
    return _code(reply.structured_content or {})


def _code(reply: Mapping[str, Any]) -> int:
    """As `check` ends: by how the output that was checked did."""
    if reply.get("passed") is not False:
        return Exit.GOOD
    return Exit.FAILED if reply.get("failed") else Exit.UNDECIDED


def _whole(words: Sequence[str]) -> dict[str, JsonValue] | None:
    """The arguments where they are one JSON text; None where they are named one by one."""
    if not words:
        return {}
    if len(words) > 1 or _is_named(words[0]):
        return None
    try:
        arguments = read(sys.stdin.read() if words[0] == "-" else words[0])
    except ValueError as problem:
        raise Refusal(
            f"The arguments are not JSON: {problem}.", next_step="Or name each: limit=5 query=red."
        ) from None
    if not isinstance(arguments, dict):
        raise Refusal(
            "The arguments are a JSON object.", next_step="Such as '{\"limit\": 5}', or limit=5."
        )
    return arguments


def _named(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if not _is_named(word):
            raise Refusal(f"{word[:40]!r} names no argument.", next_step="Write limit=5 query=red.")
    pairs = (word.partition("=") for word in words)
    return {name: value for name, _, value in pairs}


def _typed(
    named: Mapping[str, str], fields: Mapping[str, Mapping[str, Any]]
) -> dict[str, JsonValue]:
    """Each argument as its tool takes it: a text is one, whatever it looks like."""
    return {name: _value(value, fields.get(name, {})) for name, value in named.items()}


def _value(value: str, field: Mapping[str, Any]) -> JsonValue:
    if field.get("type") == "string":
        return value
    found = _read(value)
    words = field.get("type") == "array" and field["items"].get("type") == "string"
    # One word is a list of one.
    return [value] if words and not isinstance(found, list) else found


def _is_named(word: str) -> bool:
    return "=" in word and word.partition("=")[0].isidentifier()


def _read(value: str) -> JsonValue:
    """JSON where it is that: what is none is for the tool to refuse."""
    try:
        return read(value)
    except ValueError:
        return value
