"""Plain records: an input, an output, and whatever was logged beside them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue

from regrade_tools.formats.feedback import of_field
from regrade_tools.formats.fields import (
    CONTEXT,
    METADATA,
    Fields,
    beside,
    common,
    failure,
    listed,
    number,
    text,
    unread,
)
from regrade_tools.formats.messages import tool_calls
from regrade_tools.models import Trace
from regrade_tools.texts.jsontext import unpacked
from regrade_tools.texts.selector import MissingError, Selector, selector
from regrade_tools.texts.timestamps import moment

INPUTS = ("input", "query", "prompt", "question", "user_query", "text")
OUTPUTS = ("output", "response", "answer", "completion", "reply")
# promptfoo's test tables: the columns are the input, this one is what is expected.
_EXPECTED = "__expected"
# Of what a mapping may name, what is a time or a number.
_MEASURES = ("timestamp", "latency_ms", "ttft_ms", "cost_usd", "input_tokens", "output_tokens")
# Where ``tool_calls`` looks.
_CALLS = ("tool_calls", "toolCalls", "additional_kwargs", "function_call")
# What users said of the answer.
_FEEDBACK = "feedback"


def is_exchange(record: Fields) -> bool:
    """Whether ``record`` has an input, and an output or an error; or is promptfoo's test."""
    has_input = any(name in record for name in INPUTS)
    answered = any(name in record for name in OUTPUTS) or failure(record)[0] == "error"
    return _EXPECTED in record or (has_input and answered)


def from_exchange(record: Fields, blank: Trace, mapping: Mapping[str, str]) -> Trace:
    """The trace of a plain record.

    Args:
        record: The record; JSON inside a text is read as JSON.
        blank: A trace that brings its id and source.
        mapping: Names of ours to names of the record, such as ``{"input": "complaint"}``.
            Where the record has no such name, ``prompt.user`` and ``choices.0.text`` are places
            in it. A field that is not named is looked for under its common names. Whatever but
            the input, and the output of what did not fail, may be missing.

    Raises:
        ValueError: There is no input or no output where it was said to be.
    """
    held = named(record, mapping)
    renamed = {**record, **held}
    failed = failure(renamed)[0] == "error"
    for ours in ("input",) if failed else ("input", "output"):
        if ours in mapping and ours not in held:
            raise ValueError(f"has no {mapping[ours]!r} (its fields: {listed(record)})")
    asked, answered = _found(renamed, INPUTS), _found(renamed, OUTPUTS)
    used = {*mapping, *_heads(record, mapping), "model", "name", "tags", _FEEDBACK}
    used |= {name for name in (asked, answered) if name}
    if asked is None and _EXPECTED in record:
        given: JsonValue = {key: value for key, value in record.items() if key != _EXPECTED}
    elif asked is None or renamed[asked] is None:
        raise ValueError(f"has no {mapping.get('input', 'input')} (its fields: {listed(record)})")
    else:
        given = unpacked(renamed[asked])
    said = unpacked(renamed[answered]) if answered else None
    known = cast("dict[str, Any]", common(renamed))
    return replace(
        blank,
        **known,
        input=given,
        output=said,
        calls=tuple(tool_calls(renamed)),
        metadata=_metadata(record, renamed, used),
        feedback=of_field(mapping.get(_FEEDBACK, _FEEDBACK), renamed.get(_FEEDBACK)),
    )


def _metadata(record: Fields, renamed: Fields, used: set[str]) -> dict[str, JsonValue]:
    """What was logged beside the exchange; who a mapping names is the ``user``."""
    told = {**record, METADATA: renamed.get(METADATA)}
    facts = beside(told, used - {METADATA})
    user = text(renamed, ("user",)) if "user" in used else ""
    return {**facts, "user": user} if user else facts


def named(record: Fields, mapping: Mapping[str, str]) -> dict[str, JsonValue]:
    """What ``record`` has of that which ``mapping`` names, by our names."""
    found: dict[str, JsonValue] = {}
    for ours, theirs in mapping.items():
        if theirs in record:
            found[ours] = record[theirs]
        elif (place := _place(theirs)) and place[0] in record:
            with suppress(MissingError):
                found[ours] = place[1].find(unpacked(record[place[0]]))
    return found


def unreadable(held: Fields) -> dict[str, JsonValue]:
    """Of what a mapping has ``named``: what is no time, number or object where one is due."""
    read = {
        ours: moment(held[ours]) if ours == "timestamp" else number(held, (ours,))
        for ours in _MEASURES
        if held.get(ours) not in (None, "")
    }
    wrong = {ours: held[ours] for ours, value in read.items() if value is None}
    facts = held.get(METADATA)
    if facts not in (None, "") and not isinstance(unpacked(facts), dict):
        wrong[METADATA] = facts
    return wrong


def unused(record: Fields, mapping: Mapping[str, str]) -> set[str]:
    """The names of ``record`` that nothing of a trace is made of; short ones are its metadata."""
    found = {_found(record, names) for names in (INPUTS, OUTPUTS)} - {None}
    read = (*mapping, *_heads(record, mapping), *_CALLS, *CONTEXT, METADATA, _FEEDBACK)
    return unread(record, (*read, *filter(None, found)))


@lru_cache(maxsize=64)
def _place(name: str) -> tuple[str, Selector] | None:
    """The field in which a place such as ``choices.0.text`` begins, and the way on from there."""
    try:
        steps = selector(name).steps
    except ValueError:
        return None
    first = steps[0] if len(steps) > 1 else None
    return (first, Selector(name, steps[1:])) if isinstance(first, str) else None


def _heads(record: Fields, mapping: Mapping[str, str]) -> Iterator[str]:
    """The fields of ``record`` that ``mapping`` reads from."""
    for theirs in mapping.values():
        place = None if theirs in record else _place(theirs)
        yield place[0] if place else theirs


def _found(record: Fields, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if record.get(name) is not None), None)
