"""What a model call was given and what it gave back, in the shapes of the providers' APIs."""

from collections.abc import Iterator

from pydantic import JsonValue

from regrade_tools.formats.fields import Fields, inside, objects
from regrade_tools.formats.messages import is_conversation, messages, tool_calls
from regrade_tools.models import Message
from regrade_tools.texts.jsontext import unpacked

# Where a request or an answer keeps its messages, or another envelope of them.
_LISTS = ("messages", "contents", "input", "prompt", "output")
_TEXTS = ("contents", "input", "prompt", "output")
_SINGLE = ("message", "new_message", "content", "response", "kwargs")
_REQUESTS = ("request", "body", "kwargs")
_RESPONSES = ("response", "completion", "answer")
_SYSTEM = ("system", "system_instruction", "systemInstruction", "instructions")
_DEEPEST = 6


def request(record: Fields) -> Fields:
    """What was sent, where it is logged beside what came back; else the record itself."""
    return next((inside(record, name) for name in _REQUESTS if inside(record, name)), record)


def response(record: Fields) -> Fields:
    """What came back; else the record itself."""
    return next((inside(record, name) for name in _RESPONSES if inside(record, name)), record)


def asked(value: JsonValue) -> tuple[Message, ...]:
    """The messages that a call was given; a plain text is the user's."""
    found = unpacked(value)
    if isinstance(found, str):
        return (Message("user", found),) if found else ()
    if not isinstance(found, dict):
        return _spoken(found, "user", _DEEPEST)
    said = _spoken(found, "user", _DEEPEST)
    return said if any(m.role == "system" for m in said) else (*_system(found), *said)


def answered(value: JsonValue) -> tuple[Message, ...]:
    """The messages that a call gave back; a plain text is the assistant's."""
    found = unpacked(value)
    if isinstance(found, str):
        return (Message("assistant", found),) if found else ()
    return _spoken(found, "assistant", _DEEPEST)


def _system(request: Fields) -> Iterator[Message]:
    """What stands beside the messages and is said to the model before them."""
    for fields in (request, inside(request, "config")):
        for name in _SYSTEM:
            held = fields.get(name)
            if isinstance(held, dict):
                held = held.get("parts")
            if held:
                yield from messages([{"role": "system", "content": held}])
                return


def _spoken(value: JsonValue, role: str, deepest: int) -> tuple[Message, ...]:
    """The messages inside ``value``, by whoever is told there, or else by ``role``."""
    if deepest < 0:
        return ()
    if isinstance(value, list):
        return _listed(value, role, deepest)
    if not isinstance(value, dict):
        return ()
    if is_conversation([value]):
        return messages([value])
    choices = objects(value.get("choices"))
    if choices:
        return _spoken(choices[0].get("message", choices[0]), role, deepest - 1)
    generations = value.get("generations")
    if isinstance(generations, list) and generations:
        return _listed(generations, role, deepest)
    return _enclosed(value, role, deepest) or _plain(value, role)


def _enclosed(value: Fields, role: str, deepest: int) -> tuple[Message, ...]:
    """The messages under one of the names that they are known to stand under."""
    for name in (*_LISTS, *_SINGLE):
        held = unpacked(value.get(name))
        said = _spoken(held, role, deepest - 1)
        if said:
            return said
        if isinstance(held, str) and held and name in _TEXTS:
            return (Message(role, held),)
    return ()


def _listed(value: list[JsonValue], role: str, deepest: int) -> tuple[Message, ...]:
    if is_conversation(value):
        return messages(value)
    # Reasoning, and what the provider's own tools did, stand among the items of a response.
    spoken = [item for item in objects(value) if is_conversation([item])]
    if spoken:
        return messages(list[JsonValue](spoken))
    calls = [item for item in objects(value) if "toolCallId" in item or "toolName" in item]
    if calls:
        return messages([{"role": "assistant", "tool_calls": list[JsonValue](calls)}])
    blocks = [item for item in objects(value) if isinstance(item.get("type"), str)]
    if blocks and "text" in blocks[0]:
        return messages([{"role": role, "content": list[JsonValue](blocks)}])
    # LangChain gives and gets batches: the first is the call's own.
    first = value[0] if value else None
    return _spoken(first, role, deepest - 1) if isinstance(first, list | dict) else ()


def _plain(value: Fields, role: str) -> tuple[Message, ...]:
    content = value.get("content", value.get("text", value.get("output_text")))
    calls = tool_calls(value)
    # A content that nobody is told to have said is an answer; of a request it may be anything.
    if not calls and not (isinstance(content, str | list) and content and role == "assistant"):
        return ()
    given: Fields = {**value, "role": role, "content": content}
    return messages([dict(given)])
