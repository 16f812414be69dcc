"""What was said in a model call, by the attributes and events of its span.

Several conventions stand side by side in one span: each has its reader here.
"""

import re
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.fields import objects, text
from regrade_tools.formats.messages import messages
from regrade_tools.models import Message
from regrade_tools.texts.jsontext import unpacked

Attributes = Mapping[str, JsonValue]

# Where the events of a span are kept among its attributes.
EVENTS = "events:"
_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
# prefix.N.rest, as Traceloop and OpenInference flatten a list of messages.
_FLAT = (
    ("gen_ai.prompt.", "gen_ai.completion."),
    ("llm.input_messages.", "llm.output_messages."),
)
# How the names of all attributes begin that hold messages; most spans have none.
TELLING = (
    "gen_ai.input.", "gen_ai.output.", "gen_ai.system_instructions", "gen_ai.prompt",
    "gen_ai.completion", "llm.input_messages.", "llm.output_messages.", "ai.prompt",
    "ai.response.", "ai.result.", "pydantic_ai.", "all_messages", EVENTS,
)  # fmt: skip
_INDEXED = re.compile(r"(\d{1,4})\.(.+)")
_TURN_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


def said(found: Attributes) -> tuple[Message, ...]:
    """The messages that the attributes tell whose names begin as ``TELLING`` says."""
    return next(filter(None, (told(found) for told in _TOLD)), ())


def thrown(found: Attributes) -> str:
    """What the last exception of the span says."""
    said = [about.get("exception.message") for name, about in _events(found) if name == "exception"]
    return said[-1] if said and isinstance(said[-1], str) else ""


def _structured(found: Attributes) -> tuple[Message, ...]:
    asked = messages(unpacked(found.get("gen_ai.input.messages")))
    answered = messages(unpacked(found.get("gen_ai.output.messages")))
    if not asked and not answered:
        return ()
    parts = unpacked(found.get("gen_ai.system_instructions"))
    listed = isinstance(parts, list) and bool(parts)
    system = messages([{"role": "system", "parts": parts}]) if listed else ()
    return (*system, *asked, *answered)


def _vercel(found: Attributes) -> tuple[Message, ...]:
    asked = payload.asked(found.get("ai.prompt.messages", found.get("ai.prompt")))
    said = text(found, ("ai.response.text", "ai.result.text", "ai.response.object"))
    calls = unpacked(found.get("ai.response.toolCalls", found.get("ai.result.toolCalls")))
    if not said and not objects(calls):
        return asked
    return (*asked, *messages([{"role": "assistant", "content": said, "tool_calls": calls}]))


def _details(found: Attributes) -> tuple[Message, ...]:
    for name, about in _events(found):
        if name == _DETAILS:
            return _structured(about)
    return ()


def _from_events(found: Attributes) -> tuple[Message, ...]:
    said: list[JsonValue] = []
    choices: list[JsonValue] = []
    for name, about in _events(found):
        inner = unpacked(about.get("gen_ai.event.content"))
        event = {**about, **inner} if isinstance(inner, dict) else dict(about)
        turn = _TURN_EVENT.fullmatch(name)
        if turn:
            if turn[1] == "tool" and "id" in event:
                event.setdefault("tool_call_id", event["id"])
            said.append({"role": turn[1], **event})
        elif name == _CHOICE:
            inner = unpacked(event.get("message"))
            choices.append({"role": "assistant", **(inner if isinstance(inner, dict) else event)})
    return messages([*said, *choices])


def _from_content_events(found: Attributes) -> tuple[Message, ...]:
    asked: tuple[Message, ...] = ()
    answered: tuple[Message, ...] = ()
    for name, about in _events(found):
        if name == "gen_ai.content.prompt":
            asked = (*asked, *payload.asked(about.get("gen_ai.prompt")))
        elif name == "gen_ai.content.completion":
            answered = (*answered, *payload.answered(about.get("gen_ai.completion")))
    return (*asked, *answered)


def _pydantic_ai(found: Attributes) -> tuple[Message, ...]:
    for key in ("pydantic_ai.all_messages", "all_messages_events"):
        said = messages(unpacked(found.get(key)))
        if said:
            return said
    return ()


def _flattened(found: Attributes) -> tuple[Message, ...]:
    for into, out in _FLAT:
        flat = (*_flat(found, into), *_flat(found, out))
        if flat:
            return flat
    return ()


def _whole(found: Attributes) -> tuple[Message, ...]:
    """Older OpenLit and Traceloop: the whole prompt as one text."""
    asked = payload.asked(found.get("gen_ai.prompt"))
    return (*asked, *payload.answered(found.get("gen_ai.completion")))


# Who is asked first: several conventions stand side by side in one span.
_TOLD: tuple[Callable[[Attributes], tuple[Message, ...]], ...] = (
    _vercel, _details, _from_events, _from_content_events, _structured, _flattened,
    _pydantic_ai, _whole,
)  # fmt: skip


def _events(found: Attributes) -> list[tuple[str, Attributes]]:
    logged = found.get(EVENTS)
    pairs = cast("list[list[JsonValue]]", logged) if isinstance(logged, list) else []
    return [(cast("str", name), cast("Attributes", about)) for name, about in pairs]


def _flat(found: Attributes, prefix: str) -> tuple[Message, ...]:
    by_index: dict[int, dict[str, JsonValue]] = {}
    for key, value in found.items():
        match = _INDEXED.fullmatch(key, len(prefix)) if key.startswith(prefix) else None
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
