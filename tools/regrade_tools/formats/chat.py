"""Conversations: OpenAI chat logs in the shapes that people write them."""

from dataclasses import replace
from typing import Any, cast

from regrade_tools.formats.feedback import of_field
from regrade_tools.formats.fields import Fields, beside, common, told_facts, user_of, with_user
from regrade_tools.formats.messages import is_conversation, messages
from regrade_tools.models import Message, Trace
from regrade_tools.texts.jsontext import unpacked

# What the log wrapped around the call; the messages are inside.
_REQUESTS = ("request", "body", "kwargs")
_ANSWERS = ("response", "completion", "output", "answer")


def is_chat(record: Fields) -> bool:
    """Whether a conversation stands in ``record``, at its top or inside its request."""
    return _conversation(record) is not None


def from_chat(record: Fields, blank: Trace) -> Trace:
    """The trace of a record with messages; ``blank`` brings its id and source."""
    found = _conversation(record)
    if found is None:
        raise ValueError("holds no list of messages with roles")
    fields, key = found
    said = messages(unpacked(fields[key]))
    answer = _answer(record, key)
    if answer:
        said = (*said, *answer)
    response = record.get("response")
    merged = {**(response if isinstance(response, dict) else {}), **fields, **record}
    used = {key, "tools", "model", "name", "tags", "feedback", *_ANSWERS, *_REQUESTS}
    known = cast("dict[str, Any]", common(merged))
    return replace(
        blank,
        **known,
        messages=said,
        metadata=with_user({**told_facts(merged), **beside(record, used)}, user_of(merged)),
        feedback=of_field("feedback", record.get("feedback")),
    )


def _conversation(record: Fields) -> tuple[Fields, str] | None:
    """The object that holds the messages, and under which key."""
    wrapped = [record[key] for key in _REQUESTS if isinstance(record.get(key), dict)]
    for fields in (record, *(cast("Fields", inner) for inner in wrapped)):
        keys = sorted(fields, key=lambda key: (key != "messages", key in _ANSWERS))
        for key in keys:
            if is_conversation(unpacked(fields[key])):
                return fields, key
    return None


def _answer(record: Fields, taken: str) -> tuple[Message, ...]:
    """What the model answered, where it stands beside the messages, which ``taken`` holds."""
    for fields in (record, *(record.get(key) for key in _ANSWERS)):
        if not isinstance(fields, dict):
            continue
        choices = fields.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return messages([choices[0].get("message")])
    for key in _ANSWERS:
        answer = unpacked(record.get(key)) if key != taken else None
        if is_conversation(answer):
            return messages(answer)
        if isinstance(answer, str) and answer:
            return (Message("assistant", answer),)
        if isinstance(answer, dict) and "role" in answer:
            return messages([answer])
    return ()
