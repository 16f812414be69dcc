"""Good examples as OpenAI's chat format for fine-tuning: ``{"messages": [...]}`` a line."""

from collections.abc import Sequence

from pydantic import JsonValue

from regrade_tools.features import text_of
from regrade_tools.jsontext import compact
from regrade_tools.models import Case, Message, Trace

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


def example(trace: Trace) -> str | None:
    """``trace`` up to its last answer; None where it is no conversation that can be learnt from."""
    if not trace.messages:
        asked, said = text_of(trace.exchange.input), text_of(trace.exchange.output)
        return _line([_said("user", asked), _said("assistant", said)]) if asked and said else None
    answers = [n for n, m in enumerate(trace.messages) if m.role == "assistant" and m.content]
    kept = trace.messages[: answers[-1] + 1] if answers else ()
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
