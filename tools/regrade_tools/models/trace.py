"""A trace: what an LLM product was asked, what it answered, and the steps between."""

import json
from dataclasses import dataclass, field
from typing import Literal, get_args

from regrade_tools.models.feedback import Feedback
from regrade_tools.models.json import Json

_OPENING = 160
# So much of it is told beside what was asked last.
_FIRST = 50
_TOOLS = ("tool", "function")

Status = Literal["ok", "error"]
SpanKind = Literal["llm", "tool", "agent", "retrieval", "other"]
# What can be told to have gone wrong without anybody's judgement; see wrong.py.
WrongKind = Literal[
    "error", "tool_error", "repeated_call", "truncated", "filtered", "empty", "refusal"
]  # fmt: skip
WRONG_KINDS: tuple[WrongKind, ...] = get_args(WrongKind)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool by a model; ``arguments`` are parsed where they were JSON."""

    name: str
    arguments: Json = None
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
    """One timed step. Times are Unix seconds, durations milliseconds; None means not logged.

    ``tool`` is what the tool is called that it ran, where that is told and not its ``name``.
    ``ttft_ms`` is how long the first token of what it streamed was waited for. ``service`` is the
    program that logged it, where that is told and not that of the span around it.
    """

    id: str
    name: str
    kind: SpanKind = "other"
    parent_id: str = ""
    started_at: float | None = None
    duration_ms: float | None = None
    status: Status = "ok"
    error: str = ""
    model: str = ""
    input: Json = None
    output: Json = None
    tool: str = ""
    ttft_ms: float | None = None
    service: str = ""

    @property
    def call(self) -> ToolCall:
        """The call of the tool that it ran."""
        return ToolCall(self.tool or self.name, self.input, self.id)

    @property
    def returned(self) -> Json:
        """What a tool or retrieval gave, or its error; None of any other span."""
        if self.kind not in ("tool", "retrieval"):
            return None
        return self.error or None if self.output is None else self.output


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, what was answered, and the tools that were called for it."""

    input: Json
    output: Json
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """One request flow of the product.

    ``id`` is ours, made from the record's content, so the same record has the same id
    everywhere; ``external_id`` is what the log called it and need not be unique.
    ``started_at`` is Unix seconds, ``duration_ms`` milliseconds, ``cost_usd`` dollars; None
    means that the log did not say. ``ttft_ms`` is from the beginning of the whole to the first
    token of the last model call. ``raw`` is the record as it was read, secrets replaced.
    ``input`` and ``output`` are None where ``messages`` hold the exchange: read ``exchange``.
    ``calls`` and ``context`` are those that a record tells beside messages and spans: read
    ``tool_calls`` and ``returned``. Of a ``program`` that logs a span of its own around the calls
    of its models, ``input`` and ``output`` are what it was given and gave, beside the ``messages``
    of the last call: read ``called``. ``feedback`` is what was said of it where it was logged.
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
    input: Json = None
    output: Json = None
    program: bool = False
    calls: tuple[ToolCall, ...] = ()
    messages: tuple[Message, ...] = ()
    spans: tuple[Span, ...] = ()
    metadata: dict[str, Json] = field(default_factory=dict[str, Json])
    raw: Json = None
    ttft_ms: float | None = None
    context: tuple[Json, ...] = ()
    feedback: tuple[Feedback, ...] = ()

    @property
    def file(self) -> str:
        """The file of ``source``."""
        return file_of(self.source)

    @property
    def tokens(self) -> int | None:
        """Tokens in and out together, or None where neither was logged."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Every tool call in order: of the messages, of the record, or else of the tool spans."""
        said = [call for message in self.messages for call in message.tool_calls]
        return tuple(said) if said else self._span_calls

    @property
    def opening(self) -> str:
        """What the user said first, or else the input, in one line of at most 160 characters."""
        first = next((m.content for m in self.messages if m.role == "user" and m.content), None)
        said = self.input if first is None else first
        if isinstance(said, dict) and len(said) == 1:
            said = next(iter(said.values()))
        return _one_line(
            said if isinstance(said, str) else "" if said is None else json.dumps(said)
        )

    @property
    def preview(self) -> str:
        """What was asked last, which the output answers, in one line of at most 160 characters.

        Where the user spoke before, it says how often and how that began.
        """
        spoke = [place for place, message in enumerate(self.messages, 1) if _speaks(message)]
        asked = self.messages[: _begin(self.messages, spoke[-1])] if spoke else self.messages
        turns = [m.content for m in asked if m.role == "user" and m.content]
        last = _one_line(turns[-1]) if len(turns) > 1 else ""
        first = self.opening
        if last in ("", first):
            return first
        sign = f" (turn {len(turns)}; first: "
        room = _OPENING - len(sign) - 1
        last = _cut(last, room - min(len(first), _FIRST))
        return f"{last}{sign}{_cut(first, room - len(last))})"

    @property
    def exchange(self) -> Exchange:
        """What was asked last and what was answered, with the calls of tools in between."""
        if not self.messages:
            return Exchange(self.input, self.output, self._span_calls)
        spoke = [place for place, message in enumerate(self.messages) if _speaks(message)]
        if spoke:
            return self.turn(spoke[-1] + 1)
        return Exchange(_asked(self.messages), self.output, self.tool_calls)

    @property
    def called(self) -> Exchange:
        """What the program was given and gave, where it tells; else the ``exchange``.

        One that streams may tell no output: then it gave what its model said, unless it failed.
        """
        said = self.exchange
        if not self.program:
            return said
        silent = self.output is None and self.status == "ok"
        return Exchange(self.input, said.output if silent else self.output, said.tool_calls)

    def turn(self, step: int) -> Exchange:
        """The exchange whose answer is message ``step``, counted from 1.

        Its input ends with the user's last message before it, so that a program can be given
        it again; the calls and replies of tools after that are how the answer came about. The
        input is the text itself where it is one user message, else the list of messages in the
        shape of OpenAI's chat API.

        Raises:
            ValueError: Message ``step`` is not one in which the assistant says something.
        """
        if not 1 <= step <= len(self.messages) or not _speaks(self.messages[step - 1]):
            raise ValueError(f"step {step} is no answer of the assistant")
        begin = _begin(self.messages, step)
        since = self.messages[begin:step]
        calls = tuple(call for message in since for call in message.tool_calls)
        last = self.messages[step - 1]
        said: Json = last.content or [_written(call) for call in last.tool_calls]
        return Exchange(_asked(self.messages[:begin]), said, calls or self._span_calls)

    def returned(self, step: int | None = None) -> tuple[Json, ...]:
        """What an answer could draw on beside its input: what tools and retrieval gave for it.

        The answer is message ``step``, or else the last. What a span returned is of the last one,
        and of every one where no message tells what tools returned.
        """
        spoke = [place for place, message in enumerate(self.messages, 1) if _speaks(message)]
        end = (spoke[-1] if spoke else len(self.messages)) if step is None else step
        said = self.messages[_begin(self.messages, end) : end] if spoke else self.messages
        told: tuple[Json, ...] = tuple(m.content for m in said if m.role in _TOOLS)
        later = bool(spoke) and end < spoke[-1]
        if not (later and any(message.role in _TOOLS for message in self.messages)):
            given = (span.returned for span in self.spans)
            told = (*told, *(found for found in given if found not in (None, *told)))
        return (*self.context, *told)

    @property
    def _span_calls(self) -> tuple[ToolCall, ...]:
        if any(message.tool_calls for message in self.messages):
            return ()
        return self.calls or tuple([span.call for span in self.spans if span.kind == "tool"])


def _one_line(text: str) -> str:
    return " ".join(text[: _OPENING * 4].split())[:_OPENING]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 3]}..."


def file_of(place: str) -> str:
    """The file of a place such as ``log.jsonl:12``, without the line and the position in it."""
    for sign in "#:":
        before, found, number = place.rpartition(sign)
        if found and number.isdecimal():
            place = before
    return place


def _speaks(message: Message) -> bool:
    # Logs misspell the role; nothing else begins so.
    return message.role.startswith("as") and bool(message.content or message.tool_calls)


def _begin(messages: tuple[Message, ...], step: int) -> int:
    """The place after the last message of a user before message ``step``; its own without one."""
    users = [place for place in range(step - 1) if messages[place].role == "user"]
    return users[-1] + 1 if users else step - 1


def _asked(messages: tuple[Message, ...]) -> Json:
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    return [chat_message(message) for message in messages]


def chat_message(message: Message) -> dict[str, Json]:
    """``message`` in the shape of OpenAI's chat API, without its empty fields."""
    written: dict[str, Json] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [_written(call) for call in message.tool_calls]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.name:
        written["name"] = message.name
    return written


def _written(call: ToolCall) -> dict[str, Json]:
    return {"name": call.name, "arguments": call.arguments}
