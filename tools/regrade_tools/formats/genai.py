"""What the attributes of a span say of a model call, by the conventions of who wrote them.

OpenTelemetry GenAI in both generations, OpenInference, Traceloop, OpenLit, Vercel's AI SDK,
pydantic-ai and Langfuse.
"""

from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from regrade_tools.formats import feedback as feedbacks
from regrade_tools.formats import payload, retrieved
from regrade_tools.formats.fields import (
    count,
    first_token_ms,
    number,
    remainder,
    text,
    told_facts,
)
from regrade_tools.formats.genai_said import EVENTS, TELLING, Attributes, said
from regrade_tools.models import Feedback, Message, SpanKind
from regrade_tools.texts.jsontext import unpacked
from regrade_tools.texts.timestamps import moment

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
_USER = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "ai.telemetry.metadata.userId",
    "traceloop.association.properties.user_id",
)
# How the names of attributes begin that are facts of the trace, each by its own name.
_FACTS = (
    "langfuse.trace.metadata.", "ai.telemetry.metadata.", "traceloop.association.properties.",
)  # fmt: skip
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
    "gen_ai.retrieval.query.text",
)
_OUTPUT = (
    "langfuse.observation.output",
    "output.value",
    "traceloop.entity.output",
    "gen_ai.tool.call.result",
    "tool_response",
    "ai.toolCall.result",
    "mlflow.spanOutputs",
    "gen_ai.retrieval.documents",
)
# What the tool is called that a span ran; its span may be called otherwise.
_TOOL = (
    "gen_ai.tool.name",
    "tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
    "tool_call.function.name",
)
# Of one instrumentation all spans of a kind have the same names; longer ones are not remembered.
_REMEMBERED, _LONGEST = 1_024, 4_000


@dataclass(frozen=True, slots=True)
class Named:
    """Which of the names that say something stand in a span, who is asked first before others."""

    kind: tuple[str, ...]
    model: tuple[str, ...]
    session: tuple[str, ...]
    tags: tuple[str, ...]
    user: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    given: tuple[str, ...]
    said: tuple[str, ...]
    cost: tuple[str, ...]
    tool: tuple[str, ...]
    first: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    telling: tuple[str, ...]
    feedback: tuple[str, ...]
    documents: tuple[str, ...]


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
        user=present(_USER),
        facts=tuple(
            (name, name.removeprefix(begin))
            for begin in _FACTS
            for name in names
            if name.startswith(begin) and name not in (*_USER, *_SESSION, *_TAGS)
        ),
        given=present(_INPUT_TOKENS),
        said=present(_OUTPUT_TOKENS),
        cost=present(_COST),
        tool=present(_TOOL),
        first=present((*_FIRST_TOKEN, _FIRST_MOMENT, FIRST_CHUNK)),
        asked=present(_INPUT),
        answered=present(_OUTPUT),
        telling=tuple(name for name in names if name.startswith(TELLING)),
        documents=tuple(name for name in names if name.startswith(retrieved.NAMES)),
        feedback=tuple(name for name in names if name.startswith((*feedbacks.NAMES, EVENTS))),
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


def user(found: Attributes, names: Named) -> str:
    """The id of the user whom the trace is of."""
    return text(found, names.user)


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


def metadata(found: Attributes, names: Named) -> dict[str, JsonValue]:
    """The short facts of a trace: of OpenInference, and what stands in names of its own."""
    told = told_facts(found)
    if not names.facts:
        return told
    return {**remainder({ours: found[name] for name, ours in names.facts}, ()), **told}


def exchange(found: Attributes, names: Named) -> tuple[JsonValue, JsonValue]:
    """The plain input and output of a span of any kind."""
    asked = found[names.asked[0]] if names.asked else None
    answered = found[names.answered[0]] if names.answered else None
    if answered is None and names.documents:
        answered = retrieved.documents(found, names.documents)
    return unpacked(asked), unpacked(answered)


def conversation(found: Attributes, names: Named) -> tuple[Message, ...]:
    """The messages into and out of a model call; empty where the span holds none."""
    if not names.telling:
        return ()
    return said({key: found[key] for key in names.telling})


def feedback(found: Attributes, names: Named, span_id: str) -> tuple[Feedback, ...]:
    """What was said of the span and of its trace."""
    if not names.feedback:
        return ()
    return feedbacks.of_attributes(found, names.feedback, EVENTS, span_id)


def payload_of(asked: JsonValue, answered: JsonValue) -> tuple[Message, ...]:
    """The messages in what a model call was given and gave back, where they are told so only."""
    if not isinstance(asked, dict | list):
        return ()
    given = payload.asked(asked)
    return (*given, *payload.answered(answered)) if given else ()
