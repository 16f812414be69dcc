"""Good examples as OpenAI's chat format for fine-tuning: ``{"messages": [...]}`` a line."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from regrade_tools.models import Case, Message, Span, Trace
from regrade_tools.texts.jsontext import compact
from regrade_tools.traces.features import text_of

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


def example(trace: Trace) -> str | None:
    """``trace`` up to its last answer; None where it is no conversation that can be learnt from."""
    messages = trace.messages or _exchanged(trace)
    answers = [n for n, m in enumerate(messages) if m.role == "assistant" and m.content]
    kept = messages[: answers[-1] + 1] if answers else ()
    if not any(message.tool_calls for message in messages):
        kept = _with_calls(kept, trace)
    fits = bool(kept) and all(m.role in _ROLES for m in kept) and _paired(kept)
    return _line([_message(message) for message in kept]) if fits else None


def corrected(case: Case) -> str | None:
    """A case's input with the answer that a person says it should have had; None without one."""
    if case.corrected_output is None or case.input in (None, "", [], {}):
        return None
    asked: list[JsonValue] = [_said("user", text_of(case.input))]
    if isinstance(case.input, list):
        roles = [m.get("role") if isinstance(m, dict) else None for m in case.input]
        if not set(roles) <= {"system", "developer", "user", "assistant"}:
            return None
        asked = [*case.input]
    return _line([*asked, _said("assistant", text_of(case.corrected_output))])


def _exchanged(trace: Trace) -> tuple[Message, ...]:
    asked, said = text_of(trace.exchange.input), text_of(trace.exchange.output)
    return (Message("user", asked), Message("assistant", said)) if asked and said else ()


def _with_calls(said: tuple[Message, ...], trace: Trace) -> tuple[Message, ...]:
    """What was said, with the tools that a model or an agent called for its last answer.

    They are spans inside its own; those that the program called itself are none of the model's.
    """
    parents = {span.id: span for span in trace.spans}
    called = [s for s in trace.spans if s.kind == "tool" and _is_asked_for(s, parents)]
    if not called or not said:
        return said
    users = [place for place, message in enumerate(said) if message.role == "user"]
    at = users[-1] + 1 if users else len(said) - 1
    turns = [
        message
        for span in called
        for message in (
            Message("assistant", tool_calls=(span.call,)),
            Message("tool", text_of(span.output), tool_call_id=span.id),
        )
    ]
    return (*said[:at], *turns, *said[at:])


def _is_asked_for(span: Span, spans: Mapping[str, Span]) -> bool:
    seen: set[str] = set()
    above = spans.get(span.parent_id)
    while above is not None and above.id not in seen:
        if above.kind in ("llm", "agent"):
            return True
        seen.add(above.id)
        above = spans.get(above.parent_id)
    return False


def _paired(messages: Sequence[Message]) -> bool:
    """Whether every call of a tool has its reply and every reply its call, as OpenAI wants it."""
    called = [call.id for message in messages for call in message.tool_calls]
    replied = [message.tool_call_id for message in messages if message.role == "tool"]
    return all(called) and len(set(called)) == len(called) and sorted(called) == sorted(replied)


def _message(message: Message) -> JsonValue:
    told: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        told["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": compact(call.arguments or {})},
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        told["tool_call_id"] = message.tool_call_id
    return told


def _said(role: str, text: str) -> JsonValue:
    return {"role": role, "content": text}


def _line(messages: list[JsonValue]) -> str:
    return compact({"messages": messages}) + "\n"
