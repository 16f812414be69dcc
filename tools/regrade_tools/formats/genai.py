"""What the attributes of a span say of a model call, by the conventions of who wrote them.

OpenTelemetry GenAI in both generations, OpenInference, Traceloop, OpenLit, Vercel's AI SDK,
pydantic-ai and Langfuse.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.fields import (
    count,
    first_token_ms,
    number,
    objects,
    remainder,
    text,
)
from regrade_tools.formats.messages import messages
from regrade_tools.jsontext import unpacked
from regrade_tools.models import Message, SpanKind
from regrade_tools.timestamps import moment

Attributes = Mapping[str, JsonValue]

# Where the events of a span are kept among its attributes.
EVENTS = "events:"
_INPUT_TOKENS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
_OUTPUT_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
_COST = ("gen_ai.usage.cost", "llm.cost.total")
_MODEL = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.model_name",
    "ai.response.model",
    "ai.model.id",
    "langfuse.observation.model.name",
)
# Some in seconds, some in milliseconds, and one the moment itself. Not read is
# gen_ai.server.time_to_first_token: some write seconds under that name, others milliseconds.
_FIRST_TOKEN = {
    "gen_ai.response.time_to_first_chunk": 1_000,
    "gen_ai.response.time_to_first_token": 1_000,
    "gen_ai.latency.time_to_first_token": 1_000,
    "ai.response.msToFirstChunk": 1,
    "ai.stream.msToFirstChunk": 1,
}
_FIRST_MOMENT = "langfuse.observation.completion_start_time"
# Events by which instrumentations tell that a chunk came, and where the moment of the first one
# is kept among the attributes.
CHUNKS = ("First Token Stream Event", "llm.content.completion.chunk")
FIRST_CHUNK = "first_chunk:"
_SESSION = (
    "session.id",
    "langfuse.session.id",
    "gen_ai.conversation.id",
    "ai.telemetry.metadata.sessionId",
    "traceloop.association.properties.session_id",
)
_TAGS = ("tag.tags", "langfuse.trace.tags", "ai.telemetry.metadata.tags")
_KIND = (
    "gen_ai.operation.name",
    "openinference.span.kind",
    "langfuse.observation.type",
    "llm.request.type",
    "traceloop.span.kind",
    "mlflow.spanType",
)
_KINDS: dict[str, SpanKind] = {
    "chat": "llm",
    "text_completion": "llm",
    "completion": "llm",
    "generate_content": "llm",
    "llm": "llm",
    "chat_model": "llm",
    "generation": "llm",
    "execute_tool": "tool",
    "tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "agent": "agent",
    "retrieval": "retrieval",
    "retriever": "retrieval",
    "reranker": "retrieval",
}
# The plain input and output of a span of any kind.
_INPUT = (
    "langfuse.observation.input",
    "input.value",
    "traceloop.entity.input",
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "ai.toolCall.args",
    "mlflow.spanInputs",
)
_OUTPUT = (
    "langfuse.observation.output",
    "output.value",
    "traceloop.entity.output",
    "gen_ai.tool.call.result",
    "tool_response",
    "ai.toolCall.result",
    "mlflow.spanOutputs",
)
# What the tool is called that a span ran; its span may be called otherwise.
_TOOL = (
    "gen_ai.tool.name",
    "tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
    "tool_call.function.name",
)
_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
# prefix.N.rest, as Traceloop and OpenInference flatten a list of messages.
_FLAT = (
    ("gen_ai.prompt.", "gen_ai.completion."),
    ("llm.input_messages.", "llm.output_messages."),
)
# How the names of all attributes begin that hold messages; most spans have none.
_TELLING = (
    "gen_ai.input.", "gen_ai.output.", "gen_ai.system_instructions", "gen_ai.prompt",
    "gen_ai.completion", "llm.input_messages.", "llm.output_messages.", "ai.prompt",
    "ai.response.", "ai.result.", "pydantic_ai.", "all_messages", EVENTS,
)  # fmt: skip
# Of one instrumentation all spans of a kind have the same names; longer ones are not remembered.
_REMEMBERED, _LONGEST = 1_024, 4_000
_INDEXED = re.compile(r"(\d{1,4})\.(.+)")
_TURN_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


@dataclass(frozen=True, slots=True)
class Named:
    """Which of the names that say something stand in a span, who is asked first before others."""

    kind: tuple[str, ...]
    model: tuple[str, ...]
    session: tuple[str, ...]
    tags: tuple[str, ...]
    given: tuple[str, ...]
    said: tuple[str, ...]
    cost: tuple[str, ...]
    tool: tuple[str, ...]
    first: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    telling: tuple[str, ...]


def named(found: Attributes) -> Named:
    """The names of ``found``: a look at all that there may be, once for spans that are alike."""
    names = tuple(found)
    look = _named if sum(map(len, names)) < _LONGEST else _named.__wrapped__
    return look(names)


@lru_cache(_REMEMBERED)
def _named(names: tuple[str, ...]) -> Named:
    have = frozenset(names)

    def present(group: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in group if name in have)

    return Named(
        kind=present(_KIND),
        model=present(_MODEL),
        session=present(_SESSION),
        tags=present(_TAGS),
        given=present(_INPUT_TOKENS),
        said=present(_OUTPUT_TOKENS),
        cost=present(_COST),
        tool=present(_TOOL),
        first=present((*_FIRST_TOKEN, _FIRST_MOMENT, FIRST_CHUNK)),
        asked=present(_INPUT),
        answered=present(_OUTPUT),
        telling=tuple(name for name in names if name.startswith(_TELLING)),
    )


def kind(found: Attributes, names: Named) -> SpanKind:
    """What the span does, as far as it is told outright."""
    for key in names.kind:
        told = found.get(key)
        if isinstance(told, str) and told:
            return _KINDS.get(told.lower(), "other")
    told = found.get("ai.operationId")
    if isinstance(told, str):
        return "tool" if told == "ai.toolCall" else "other" if "embed" in told else "llm"
    return "other"


def model(found: Attributes, names: Named) -> str:
    """The model that answered, or else the one that was asked for."""
    return text(found, names.model)


def tool(found: Attributes, names: Named) -> str:
    """What the tool is called that the span ran."""
    return text(found, names.tool)


def usage(found: Attributes, names: Named) -> tuple[int | None, int | None, float | None]:
    """Tokens in and out, and dollars, where the instrumentation wrote them."""
    return count(found, names.given), count(found, names.said), number(found, names.cost)


def first_token(
    found: Attributes, names: Named, began: float | None, ended: float | None
) -> float | None:
    """Milliseconds from the beginning of the call to the first that came of its answer."""
    for name in names.first:
        told = found.get(name)
        if name in _FIRST_TOKEN:
            waited = number(found, (name,))
            took = None if waited is None else waited * _FIRST_TOKEN[name]
        else:
            # As a text of JSON it stands in quotes.
            first = moment(told.strip('"') if isinstance(told, str) else told)
            took = first_token_ms(began, first, ended)
        if took is not None:
            return took
    return None


def is_chunk(event: Attributes) -> bool:
    """Whether an event of a span tells that a chunk of the answer came."""
    return event.get("name") in CHUNKS


def session(found: Attributes, names: Named) -> str:
    """The conversation that the span belongs to."""
    return text(found, names.session)


def tags(found: Attributes, names: Named) -> tuple[str, ...]:
    """The tags of the trace."""
    for key in names.tags:
        listed = unpacked(found.get(key))
        if isinstance(listed, list):
            return tuple(tag for tag in listed if isinstance(tag, str) and tag)
    return ()


def metadata(found: Attributes) -> dict[str, JsonValue]:
    """The short plain facts that OpenInference keeps of a trace."""
    told = unpacked(found["metadata"]) if "metadata" in found else None
    return remainder(told, ()) if isinstance(told, dict) else {}


def exchange(found: Attributes, names: Named) -> tuple[JsonValue, JsonValue]:
    """The plain input and output of a span of any kind."""
    asked = found[names.asked[0]] if names.asked else None
    answered = found[names.answered[0]] if names.answered else None
    return unpacked(asked), unpacked(answered)


def conversation(found: Attributes, names: Named) -> tuple[Message, ...]:
    """The messages into and out of a model call; empty where the span holds none."""
    if not names.telling:
        return ()
    about = {key: found[key] for key in names.telling}
    return next(filter(None, (told(about) for told in _TOLD)), ())


def payload_of(asked: JsonValue, answered: JsonValue) -> tuple[Message, ...]:
    """The messages in what a model call was given and gave back, where they are told so only."""
    if not isinstance(asked, dict | list):
        return ()
    given = payload.asked(asked)
    return (*given, *payload.answered(answered)) if given else ()


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


def thrown(found: Attributes) -> str:
    """What the last exception of the span says."""
    said = [about.get("exception.message") for name, about in _events(found) if name == "exception"]
    return said[-1] if said and isinstance(said[-1], str) else ""


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
