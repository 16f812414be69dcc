"""The fields that logs of every format share, under the names that they go by."""

from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import JsonValue

from regrade_tools.clipping import clip
from regrade_tools.jsontext import compact, unpacked
from regrade_tools.models import Message, Status, ToolCall
from regrade_tools.redaction import Redaction
from regrade_tools.timestamps import moment

Fields = Mapping[str, JsonValue]

_STARTED = ("timestamp", "created", "created_at", "start_time", "startTime", "time", "ts", "date")
_ID = ("id", "trace_id", "traceId", "request_id", "uuid")
_SESSION = ("session_id", "sessionId", "session", "conversation_id", "thread_id")
_LATENCY_MS = ("latency_ms", "duration_ms", "response_time_ms")
_COST = ("cost_usd", "cost", "total_cost")
_INPUT_TOKENS = ("input_tokens", "prompt_tokens")
_OUTPUT_TOKENS = ("output_tokens", "completion_tokens")
_COMMON = frozenset(
    (*_STARTED, *_ID, *_SESSION, *_LATENCY_MS, *_COST, *_INPUT_TOKENS, *_OUTPUT_TOKENS)
) | {"name", "model", "tags", "error", "status"}
_FAILED = frozenset({"error", "failed", "failure"})
# SQLite and JSON readers agree on integers up to here.
LARGEST_COUNT = 2**53
_METADATA_LENGTH = 2_000
# How many names of fields are told where none is known.
_LISTED = 12
_LONGEST_NAME = 40


def listed(fields: Fields) -> str:
    """The first names of ``fields``, to say what is there; each cut to the length of a name."""
    names = [clip(name, _LONGEST_NAME) for name in list(fields)[:_LISTED]]
    return ", ".join(names) or "none"


def redacted_names(fields: Fields, hidden: Redaction) -> str:
    """As ``listed``, for fields as they were logged.

    Names may hold secrets, and those of a table without headings are values.
    """
    clean = hidden.apply(dict.fromkeys(list(fields)[:_LISTED]))
    return listed(cast("Fields", clean))


def text(fields: Fields, names: Iterable[str]) -> str:
    """The first of ``names`` that holds a text or a whole number, as text; else empty."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number(fields: Fields, names: Iterable[str]) -> float | None:
    """The first of ``names`` that holds a number of zero or more, also one written as text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            found = float(value)
        except (ValueError, OverflowError):
            continue
        if 0 <= found < LARGEST_COUNT:
            return found
    return None


def count(fields: Fields, names: Iterable[str]) -> int | None:
    """As ``number``, for whole numbers."""
    found = number(fields, names)
    return None if found is None else int(found)


def started_at(fields: Fields) -> float | None:
    """When it began, in Unix seconds."""
    for name in _STARTED:
        found = moment(fields.get(name))
        if found is not None:
            return found
    return None


def tags(fields: Fields) -> tuple[str, ...]:
    """The tags, written as a list or separated by commas."""
    value = fields.get("tags")
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list):
        return tuple(dict.fromkeys(str(tag) for tag in value if isinstance(tag, str | int) and tag))
    return ()


def failure(fields: Fields) -> tuple[Status, str]:
    """The status, and what the error says where there is one."""
    error = fields.get("error")
    if error:
        return "error", error if isinstance(error, str) else compact(error)
    status = fields.get("status")
    if isinstance(status, str) and status.lower() in _FAILED:
        return "error", ""
    return "ok", ""


def common(fields: Fields) -> dict[str, object]:
    """What every format reads alike, as the fields of a ``Trace``."""
    usage = fields.get("usage")
    spent: Fields = usage if isinstance(usage, dict) else fields
    status, error = failure(fields)
    return {
        "external_id": text(fields, _ID),
        "name": text(fields, ("name", "operation", "route")),
        "session": text(fields, _SESSION),
        "model": text(fields, ("model",)),
        "status": status,
        "error": error,
        "started_at": started_at(fields),
        "duration_ms": number(fields, _LATENCY_MS),
        "input_tokens": count(spent, _INPUT_TOKENS),
        "output_tokens": count(spent, _OUTPUT_TOKENS),
        "cost_usd": number(fields, _COST),
        "tags": tags(fields),
    }


def remainder(fields: Fields, used: Iterable[str]) -> dict[str, JsonValue]:
    """The short plain fields that are not ``used``: what a reader wants beside the exchange."""
    taken = {*used, *_COMMON}
    return {
        key: value
        for key, value in fields.items()
        if key not in taken
        and (
            isinstance(value, bool | int | float)
            or (isinstance(value, str) and 0 < len(value) <= _METADATA_LENGTH)
        )
    }


def is_conversation(value: JsonValue) -> bool:
    """Whether ``value`` is a list of messages: objects that each have a role."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in value)
    )


def messages(value: JsonValue) -> tuple[Message, ...]:
    """The messages of a conversation in OpenAI's, Anthropic's or OpenTelemetry's shape."""
    if not is_conversation(value):
        return ()
    return tuple(_message(cast("Fields", item)) for item in cast("list[JsonValue]", value))


def _message(fields: Fields) -> Message:
    content = fields.get("content", fields.get("parts"))
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    calls = [*tool_calls(fields), *(_call(part) for part in parts if _is_call(part))]
    replies = [part for part in parts if part.get("type") in ("tool_result", "tool_call_response")]
    reply_id = text(replies[0], ("tool_use_id", "id")) if replies else ""
    return Message(
        role=text(fields, ("role",)),
        content=_content(content),
        tool_calls=tuple(calls),
        tool_call_id=text(fields, ("tool_call_id",)) or reply_id,
        name=text(fields, ("name",)),
    )


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
    if not isinstance(part, dict) or _is_call(part):
        return "" if isinstance(part, dict) else compact(part)
    for key in ("text", "content", "response", "result"):
        if key in part:
            return _content(part[key])
    return compact({key: value for key, value in part.items() if key != "data"})


def _is_call(part: Fields) -> bool:
    return part.get("type") in ("tool_use", "tool_call")


def tool_calls(fields: Fields) -> list[ToolCall]:
    """The tool calls that stand in ``fields``, in OpenAI's shape or plainly."""
    listed = fields.get("tool_calls")
    found = (
        [_call(item) for item in listed if isinstance(item, dict)]
        if isinstance(listed, list)
        else []
    )
    legacy = fields.get("function_call")
    return [*found, _call(legacy)] if isinstance(legacy, dict) else found


def _call(fields: Fields) -> ToolCall:
    function = fields.get("function")
    named: Fields = function if isinstance(function, dict) else fields
    arguments = named.get("arguments", named.get("input", named.get("args")))
    return ToolCall(
        name=text(named, ("name",)),
        arguments=unpacked(arguments),
        id=text(fields, ("id",)),
    )
