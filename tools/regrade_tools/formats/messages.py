"""The messages of a conversation, in the shape of any provider or framework.

OpenAI's chat and Responses, Anthropic's and Vercel's content blocks, Gemini's and
OpenTelemetry's parts, LangChain's and pydantic-ai's own objects. What was thought aloud is no
message; a result of a tool is a message of its own, wherever it stood.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats.fields import Fields, inside, objects, text
from regrade_tools.models import Message, ToolCall
from regrade_tools.texts.jsontext import compact, unpacked

# Names that the frameworks document for the roles; any other stays as it was written.
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "AIMessageChunk": "assistant"}
_LANGCHAIN = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant",
              "system": "system", "tool": "tool", "function": "tool"}  # fmt: skip
_LANGCHAIN_CLASSES = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system",
                      "ToolMessage": "tool", "FunctionMessage": "tool",
                      "HumanMessageChunk": "user", "AIMessageChunk": "assistant"}  # fmt: skip
_PYDANTIC_AI = {"system-prompt": "system", "user-prompt": "user", "tool-return": "tool",
                "retry-prompt": "tool"}  # fmt: skip
_CALLS = frozenset({"tool_use", "server_tool_use", "tool_call", "tool-call", "server_tool_call"})
_RESULTS = frozenset({"tool_result", "tool_call_response", "tool-result", "tool-return"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning"})
_CALL_ID = ("id", "call_id", "toolCallId", "tool_call_id")
_RESULT_ID = ("tool_use_id", "tool_call_id", "toolCallId", "call_id", "id")
_NAME = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "input", "args")


def is_conversation(value: JsonValue) -> bool:
    """Whether ``value`` is a list of messages: objects that each have a role, or tell one."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and _is_message(item) for item in value)
    )


def messages(value: JsonValue) -> tuple[Message, ...]:
    """The messages of a conversation; none where ``value`` is no conversation."""
    if not is_conversation(value):
        return ()
    opened = (_opened(item) for item in objects(value))
    return tuple(turn for item in opened if not _is_definition(item) for turn in _turns(item))


def tool_calls(fields: Fields) -> list[ToolCall]:
    """The tool calls that stand in ``fields``, in OpenAI's shape or plainly."""
    listed = fields.get("tool_calls", fields.get("toolCalls"))
    if not listed:
        more = fields.get("additional_kwargs")
        listed = more.get("tool_calls") if isinstance(more, dict) else None
    found = [_call(item) for item in objects(unpacked(listed))]
    legacy = fields.get("function_call")
    return [*found, _call(legacy)] if isinstance(legacy, dict) else found


def _is_message(item: Fields) -> bool:
    if isinstance(item.get("role"), str):
        return True
    kind = item.get("type")
    if kind in ("function_call", "function_call_output"):
        return "call_id" in item
    if item.get("kind") in ("request", "response"):
        return isinstance(item.get("parts"), list)
    return _langchain_role(item) is not None


def _langchain_role(item: Fields) -> str | None:
    """The role of one of LangChain's messages, serialised in any of its three ways."""
    path, kind = item.get("id"), item.get("type")
    if "lc" in item and isinstance(path, list) and path and isinstance(path[-1], str):
        return _LANGCHAIN_CLASSES.get(path[-1])
    if isinstance(kind, str) and ("content" in item or isinstance(item.get("data"), dict)):
        return _LANGCHAIN.get(kind)
    return None


def _opened(item: Fields) -> Fields:
    """``item`` with its role, and without the envelope that LangChain puts around it."""
    if isinstance(item.get("role"), str):
        return item
    role = _langchain_role(item)
    if role is None:
        return item
    inner = item.get("kwargs", item.get("data"))
    return {**(inner if isinstance(inner, dict) else item), "role": role}


def _is_definition(item: Fields) -> bool:
    """Whether it is the description of a tool, which LangChain logs among the messages."""
    content = item.get("content")
    return isinstance(content, dict) and "parameters" in inside(content, "function")


def _turns(item: Fields) -> Iterator[Message]:
    if item.get("type") == "function_call" and "call_id" in item:
        yield Message("assistant", tool_calls=(_call({**item, "id": item["call_id"]}),))
        return
    if item.get("type") == "function_call_output":
        yield Message("tool", _content(item.get("output")), (), text(item, ("call_id",)))
        return
    if "role" not in item and isinstance(item.get("parts"), list):
        yield from _pydantic_ai(item)
        return
    yield from _turn(item)


def _turn(fields: Fields) -> Iterator[Message]:
    content = fields.get("content")
    content = fields.get("parts") if content is None else content
    parts = objects(content)
    name = text(fields, ("name", "function"))
    role = text(fields, ("role",))
    # In a message of anybody else it is that one's own name.
    tool = name if role == "tool" else ""
    replies = [_named(reply, tool) for part in parts if (reply := _reply(part))]
    calls = [*tool_calls(fields), *(call for part in parts if (call := _called(part)))]
    yield from replies
    said = _content([part for part in content if not _is_reply(part)]) if replies and isinstance(
        content, list) else _content(content)  # fmt: skip
    if said or calls or not replies:
        reply_id = text(fields, ("tool_call_id", "toolCallId"))
        yield Message(_ROLES.get(role, role), said, tuple(calls), reply_id, name)


def _named(reply: Message, name: str) -> Message:
    """``reply`` with the name that stands beside it, where its own part has none."""
    return reply if reply.name or not name else replace(reply, name=name)


def _pydantic_ai(item: Fields) -> Iterator[Message]:
    """The messages of one request or response: a request holds one for each of its parts."""
    parts = objects(item.get("parts"))
    if item.get("kind") == "response":
        spoken = [part for part in parts if part.get("part_kind") == "text"]
        calls = tuple(_call(part) for part in parts if part.get("part_kind") == "tool-call")
        yield Message("assistant", _content(cast("JsonValue", spoken)), calls)
        return
    for part in parts:
        role = _PYDANTIC_AI.get(str(part.get("part_kind")), "")
        if role == "tool" and not part.get("tool_name"):
            role = "user"
        name, reply_id = text(part, ("tool_name",)), text(part, ("tool_call_id",))
        yield Message(role, _content(part.get("content")), (), reply_id, name)


def _is_reply(part: JsonValue) -> bool:
    return isinstance(part, dict) and _reply(part) is not None


def _reply(part: Fields) -> Message | None:
    """The result of a tool that ``part`` is, if it is one."""
    if text(part, ("type",)) in _RESULTS:
        held = next((part[key] for key in ("content", "response", "result", "output")
                     if key in part), None)  # fmt: skip
        if isinstance(held, dict) and "value" in held and "type" in held:
            held = held["value"]
        return Message("tool", _content(held), (), text(part, _RESULT_ID), text(part, _NAME))
    for key in ("function_response", "functionResponse"):
        inner = part.get(key)
        if isinstance(inner, dict):
            told = _content(inner.get("response"))
            return Message("tool", told, (), text(inner, ("id",)), text(inner, ("name",)))
    return None


def _called(part: Fields) -> ToolCall | None:
    """The call of a tool that ``part`` is, if it is one."""
    if text(part, ("type",)) in _CALLS:
        return _call(part)
    inner = part.get("function_call", part.get("functionCall"))
    return _call(inner) if isinstance(inner, dict) else None


def _call(fields: Fields) -> ToolCall:
    function = fields.get("function")
    named: Fields = function if isinstance(function, dict) else fields
    arguments = next((named[key] for key in _ARGUMENTS if named.get(key) is not None), None)
    return ToolCall(text(named, _NAME), unpacked(arguments), text(fields, _CALL_ID))


def _content(content: JsonValue) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return compact(content)
    return "\n".join(filter(None, (_part(part) for part in content)))


def _part(part: JsonValue) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return compact(part)
    if text(part, ("type",)) in _THOUGHTS or _called(part) is not None:
        return ""
    for key in ("text", "content", "response", "result", "refusal"):
        if key in part:
            return _content(part[key])
    return compact({key: value for key, value in part.items() if key != "data"})
