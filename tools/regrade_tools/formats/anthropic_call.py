"""Calls of Anthropic's Messages API: the request, and the message that came back."""

from dataclasses import replace
from typing import Any, cast

from regrade_tools.formats import payload
from regrade_tools.formats.fields import Fields, beside, common, inside, user_of, with_user
from regrade_tools.models import Trace


def is_anthropic(record: Fields) -> bool:
    """Whether ``record`` is or holds a message that the API gave back, or an error of it."""
    back = payload.response(record)
    told = back.get("type") == "error" and isinstance(back.get("error"), dict)
    message = back.get("type") == "message" and isinstance(back.get("content"), list)
    return message or (told and "messages" in payload.request(record))


def from_anthropic(record: Fields, blank: Trace) -> Trace:
    """The trace of a call; ``blank`` brings its id and source."""
    sent, back = payload.request(record), payload.response(record)
    known = cast("dict[str, Any]", common({**sent, **back, **record}))
    failed = back.get("type") == "error"
    told = inside(back, "error").get("message")
    return replace(
        blank,
        **(known | ({"status": "error", "error": str(told or "error")} if failed else {})),
        messages=(
            *(payload.asked(dict(sent)) if "messages" in sent else ()),
            *(() if failed else payload.answered(dict(back))),
        ),
        metadata=with_user(
            beside(record, ("type", "role", "stop_reason", "stop_sequence", "max_tokens")),
            user_of({**inside(sent, "metadata"), **record}),
        ),
    )
