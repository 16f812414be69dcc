"""The conversation inside a span: OpenTelemetry GenAI in both generations, and OpenInference."""

import re
from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats.fields import count, messages, number, text
from regrade_tools.jsontext import unpacked
from regrade_tools.models import Message

Attributes = Mapping[str, JsonValue]

INPUT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
OUTPUT_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
_COST = ("gen_ai.usage.cost", "llm.cost.total")
_MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
# prefix.N.rest, as Traceloop and OpenInference flatten a list of messages.
_FLAT = (
    ("gen_ai.prompt.", "gen_ai.completion."),
    ("llm.input_messages.", "llm.output_messages."),
)
_INDEXED = re.compile(r"(\d{1,4})\.(.+)")
_EVENTS = ("system", "user", "assistant", "tool")


def model(found: Attributes) -> str:
    """The model that answered, or else the one that was asked for."""
    return text(found, _MODEL)


def tokens(found: Attributes, names: tuple[str, ...]) -> int | None:
    """The first of the counts ``names``."""
    return count(found, names)


def cost(found: Attributes) -> float | None:
    """Dollars, where the instrumentation wrote them."""
    return number(found, _COST)


def exchange(found: Attributes) -> tuple[JsonValue, JsonValue]:
    """The plain input and output of a span of any kind."""
    asked = found.get("input.value", found.get("gen_ai.tool.call.arguments"))
    answered = found.get("output.value", found.get("gen_ai.tool.call.result"))
    return unpacked(asked), unpacked(answered)


def conversation(found: Attributes) -> tuple[Message, ...]:
    """The messages into and out of a model call; empty where the span holds none."""
    asked = messages(unpacked(found.get("gen_ai.input.messages")))
    answered = messages(unpacked(found.get("gen_ai.output.messages")))
    if asked or answered:
        system = _instructions(unpacked(found.get("gen_ai.system_instructions")))
        return (*system, *asked, *answered)
    for into, out in _FLAT:
        flat = (*_flat(found, into), *_flat(found, out))
        if flat:
            return flat
    return _from_events(found)


def _instructions(parts: JsonValue) -> tuple[Message, ...]:
    if isinstance(parts, list) and parts:
        return messages([{"role": "system", "parts": parts}])
    return ()


def _flat(found: Attributes, prefix: str) -> tuple[Message, ...]:
    by_index: dict[int, dict[str, JsonValue]] = {}
    for key, value in found.items():
        match = _INDEXED.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
        if match:
            name = match[2].removeprefix("message.")
            by_index.setdefault(int(match[1]), {})[name] = value
    # A message without a role is the model's: only completions are written so.
    return messages(
        [{"role": "assistant", **_nested(by_index[index])} for index in sorted(by_index)]
    )


def _nested(flat: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Tool calls and content parts back from keys such as ``tool_calls.0.function.name``."""
    plain: dict[str, JsonValue] = {key: value for key, value in flat.items() if "." not in key}
    calls: dict[str, dict[str, JsonValue]] = {}
    parts: dict[str, JsonValue] = {}
    for key, value in flat.items():
        kind, _, rest = key.partition(".")
        index, _, name = rest.partition(".")
        if kind == "tool_calls" and name:
            last = name.rsplit(".", 1)[-1]
            calls.setdefault(index, {})[last] = value
        elif kind == "contents" and name.endswith("text"):
            parts[index] = value
    if calls:
        plain["tool_calls"] = cast("JsonValue", list(calls.values()))
    if parts and "content" not in plain:
        plain["content"] = "\n".join(str(part) for part in parts.values())
    return plain


def _from_events(found: Attributes) -> tuple[Message, ...]:
    said: list[JsonValue] = []
    for role in _EVENTS:
        events = found.get(f"event:gen_ai.{role}.message")
        if isinstance(events, list):
            said.extend({"role": role, **event} for event in events if isinstance(event, dict))
    choices = found.get("event:gen_ai.choice")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            inner = unpacked(choice.get("message"))
            said.append({"role": "assistant", **(inner if isinstance(inner, dict) else choice)})
    return messages(said)
