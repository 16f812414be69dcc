"""A trace: what an LLM product was asked, what it answered, and the steps between."""

import json
import re
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

_OPENING = 160
_PLACE = re.compile(r"(:\d+)?(#\d+)?$")

Status = Literal["ok", "error"]
SpanKind = Literal["llm", "tool", "agent", "retrieval", "other"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool by a model; ``arguments`` are parsed where they were JSON."""

    name: str
    arguments: JsonValue = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, its content flattened to text.

    ``role`` is kept as it was written, misspelt or not; ``tool_call_id`` and ``name`` are
    set on the reply of a tool.
    """

    role: str
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """One timed step. Times are Unix seconds, durations milliseconds; None means not logged."""

    id: str
    name: str
    kind: SpanKind = "other"
    parent_id: str = ""
    started_at: float | None = None
    duration_ms: float | None = None
    status: Status = "ok"
    error: str = ""
    model: str = ""
    input: JsonValue = None
    output: JsonValue = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and what was finally answered."""

    input: JsonValue
    output: JsonValue


@dataclass(frozen=True, slots=True)
class Trace:
    """One request flow of the product.

    ``id`` is ours, made from the record's content, so the same record has the same id
    everywhere; ``external_id`` is what the log called it and need not be unique.
    ``started_at`` is Unix seconds, ``duration_ms`` milliseconds, ``cost_usd`` dollars; None
    means that the log did not say. ``raw`` is the record as it was read, secrets replaced.
    ``input`` and ``output`` are None where ``messages`` hold the exchange: read ``exchange``.
    """

    id: str
    source: str
    format: str
    external_id: str = ""
    name: str = ""
    session: str = ""
    model: str = ""
    status: Status = "ok"
    error: str = ""
    started_at: float | None = None
    duration_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    tags: tuple[str, ...] = ()
    input: JsonValue = None
    output: JsonValue = None
    messages: tuple[Message, ...] = ()
    spans: tuple[Span, ...] = ()
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    raw: JsonValue = None

    @property
    def file(self) -> str:
        """The file of ``source``, without the line and the position in it."""
        return _PLACE.sub("", self.source)

    @property
    def tokens(self) -> int | None:
        """Tokens in and out together, or None where neither was logged."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Every tool call in order: of the messages, or of the tool spans where none is there."""
        said = tuple(call for message in self.messages for call in message.tool_calls)
        return said or tuple(
            ToolCall(span.name, span.input, span.id) for span in self.spans if span.kind == "tool"
        )

    @property
    def opening(self) -> str:
        """What the user said first, or else the input, in one line of at most 160 characters."""
        first = next((m.content for m in self.messages if m.role == "user" and m.content), None)
        said = self.input if first is None else first
        if isinstance(said, dict) and len(said) == 1:
            said = next(iter(said.values()))
        whole = said if isinstance(said, str) else "" if said is None else json.dumps(said)
        return " ".join(whole[: _OPENING * 4].split())[:_OPENING]

    @property
    def exchange(self) -> Exchange:
        """The input and the final output.

        Of a conversation the output is the last thing the assistant said, and the input
        everything before it: the text itself where that is one user message, else the list
        of messages in the shape of OpenAI's chat API.
        """
        if not self.messages:
            return Exchange(self.input, self.output)
        spoke = [
            index
            for index, message in enumerate(self.messages)
            if message.role.startswith("as") and (message.content or message.tool_calls)
        ]
        if not spoke:
            return Exchange(_asked(self.messages), self.output)
        last = self.messages[spoke[-1]]
        said: JsonValue = last.content or [_written(call) for call in last.tool_calls]
        return Exchange(_asked(self.messages[: spoke[-1]]), said)


def _asked(messages: tuple[Message, ...]) -> JsonValue:
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    return [chat_message(message) for message in messages]


def chat_message(message: Message) -> dict[str, JsonValue]:
    """``message`` in the shape of OpenAI's chat API, without its empty fields."""
    written: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [_written(call) for call in message.tool_calls]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.name:
        written["name"] = message.name
    return written


def _written(call: ToolCall) -> dict[str, JsonValue]:
    return {"name": call.name, "arguments": call.arguments}
