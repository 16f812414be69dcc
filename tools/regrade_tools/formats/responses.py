"""Calls of OpenAI's Responses API: the request, and the items that came back."""

from dataclasses import replace
from typing import Any, cast

from regrade_tools.formats import payload
from regrade_tools.formats.fields import Fields, beside, common, told_facts, user_of, with_user
from regrade_tools.models import Trace

_OBJECT = "response"


def is_responses(record: Fields) -> bool:
    """Whether ``record`` is or holds a response object."""
    return payload.response(record).get("object") == _OBJECT


def from_responses(record: Fields, blank: Trace) -> Trace:
    """The trace of a call; ``blank`` brings its id and source."""
    sent, back = payload.request(record), payload.response(record)
    known = cast("dict[str, Any]", common({**sent, **back, **record}))
    # Nothing but the messages of the request: the response repeats its instructions.
    given = {"input": sent.get("input"), "instructions": _instructions(sent, back)}
    return replace(
        blank,
        **known,
        messages=(*payload.asked(given), *payload.answered(back.get("output"))),
        metadata=with_user(
            {
                **(told_facts(back) or told_facts(sent)),
                **beside(record, ("object", "input", "instructions", "output_text")),
            },
            user_of({**sent, **back, **record}),
        ),
    )


def _instructions(sent: Fields, back: Fields) -> str:
    told = sent.get("instructions", back.get("instructions"))
    return told if isinstance(told, str) else ""
