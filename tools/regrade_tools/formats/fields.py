"""The fields that logs of every format share, under the names that they go by."""

from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import JsonValue

from regrade_tools.models import Status
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact, unpacked
from regrade_tools.texts.timestamps import elapsed_ms, moment

Fields = Mapping[str, JsonValue]

_STARTED = (
    "timestamp", "created", "created_at", "start_time", "startTime", "time", "ts", "date", "when",
)  # fmt: skip
_ID = ("id", "trace_id", "traceId", "request_id", "uuid")
_USER = ("user", "user_id", "userId")
_SESSION = ("session_id", "sessionId", "session", "conversation_id", "thread_id")
_LATENCY_MS = ("latency_ms", "duration_ms", "response_time_ms")
_TTFT_MS = ("ttft_ms", "time_to_first_token_ms")
_COST = ("cost_usd", "cost", "total_cost")
_INPUT_TOKENS = ("input_tokens", "prompt_tokens", "inputTokens", "promptTokens")
_OUTPUT_TOKENS = ("output_tokens", "completion_tokens", "outputTokens", "completionTokens")
# Anthropic counts what it cached beside the input; everybody else inside it.
_CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")
_COMMON = frozenset(
    (*_STARTED, *_ID, *_SESSION, *_LATENCY_MS, *_TTFT_MS, *_COST, *_INPUT_TOKENS, *_OUTPUT_TOKENS)
) | {"name", "model", "tags", "error", "status"}
# What a record tells of the texts that were retrieved for it.
CONTEXT = ("context", "contexts", "retrieved_contexts", "retrieval_context", "documents")
_FAILED = frozenset({"error", "failed", "failure"})
# SQLite and JSON readers agree on integers up to here.
LARGEST_COUNT = 2**53
_METADATA_LENGTH = 2_000
# Made once: written where it is asked, the union would be made anew for each value.
_NUMERIC = int | float | str
# Where a record keeps facts of its own.
METADATA = "metadata"
_NOTHING: tuple[JsonValue, ...] = (None, "", [], {})
# How many names of fields are told where none is known.
_LISTED = 12
_LONGEST_NAME = 40


def listed(fields: Fields) -> str:
    """The first names of ``fields``, to say what is there; each cut to the length of a name."""
    names = [clip(name, _LONGEST_NAME) for name in list(fields)[:_LISTED]]
    return ", ".join(names) or "none"


def redacted_names(fields: Fields, hidden: Redaction) -> str:
    """As ``listed``, for fields as they were logged.

    Names may hold secrets, and those of a table without headings are values.
    """
    clean = hidden.apply(dict.fromkeys(list(fields)[:_LISTED]))
    return listed(cast("Fields", clean))


def text(fields: Fields, names: Iterable[str]) -> str:
    """The first of ``names`` that holds a text or a whole number, as text; else empty."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number(fields: Fields, names: Iterable[str]) -> float | None:
    """The first of ``names`` that holds a number of zero or more, also one written as text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, _NUMERIC):
            continue
        try:
            found = float(value)
        except (ValueError, OverflowError):
            continue
        if 0 <= found < LARGEST_COUNT:
            return found
    return None


def count(fields: Fields, names: Iterable[str]) -> int | None:
    """As ``number``, for whole numbers."""
    found = number(fields, names)
    return None if found is None else int(found)


def tokens(usage: Fields) -> tuple[int | None, int | None]:
    """Tokens in, with those that were cached, and tokens out; None where they are not told."""
    given = count(usage, _INPUT_TOKENS)
    if "input_tokens" in usage:
        cached = sum(count(usage, (name,)) or 0 for name in _CACHED)
        given = given + cached if given is not None else cached or None
    return given, count(usage, _OUTPUT_TOKENS)


def started_at(fields: Fields) -> float | None:
    """When it began, in Unix seconds."""
    for name in _STARTED:
        found = moment(fields.get(name))
        if found is not None:
            return found
    return None


def first_token_ms(began: float | None, first: float | None, ended: float | None) -> float | None:
    """Milliseconds to the moment ``first``; None where it is that of the end.

    So it is logged of what was not streamed.
    """
    return None if first == ended else elapsed_ms(began, first)


def tags(fields: Fields) -> tuple[str, ...]:
    """The tags, written as a list or separated by commas."""
    value = fields.get("tags")
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list):
        return tuple(dict.fromkeys(str(tag) for tag in value if isinstance(tag, str | int) and tag))
    return ()


def context(fields: Fields) -> tuple[JsonValue, ...]:
    """What was retrieved, and what calls of tools that are told beside the answer returned."""
    told = (unpacked(fields.get(name)) for name in CONTEXT)
    held = next((value for value in told if value), None)
    calls = objects(unpacked(fields.get("tool_calls")))
    results = (call.get("result", call.get("output")) for call in calls)
    return (
        *(held if isinstance(held, list) else () if held is None else (held,)),
        *(result for result in results if result not in (None, "")),
    )


def failure(fields: Fields) -> tuple[Status, str]:
    """The status, and what the error says where there is one."""
    error = fields.get("error")
    if error:
        return "error", error if isinstance(error, str) else compact(error)
    status = fields.get("status")
    if isinstance(status, str) and status.lower() in _FAILED:
        return "error", ""
    return "ok", ""


def common(fields: Fields) -> dict[str, object]:
    """What every format reads alike, as the fields of a ``Trace``."""
    usage = fields.get("usage")
    used_in, used_out = tokens(usage if isinstance(usage, dict) else fields)
    status, error = failure(fields)
    return {
        "external_id": text(fields, _ID),
        "name": text(fields, ("name", "operation", "route")),
        "session": text(fields, _SESSION),
        "model": text(fields, ("model",)),
        "status": status,
        "error": error,
        "started_at": started_at(fields),
        "duration_ms": number(fields, _LATENCY_MS),
        "input_tokens": used_in,
        "output_tokens": used_out,
        "cost_usd": number(fields, _COST),
        "tags": tags(fields),
        "ttft_ms": number(fields, _TTFT_MS),
        "context": context(fields),
    }


def remainder(fields: Fields, used: Iterable[str]) -> dict[str, JsonValue]:
    """The short plain fields that are not ``used``: what a reader wants beside the exchange."""
    taken = {*used, *_COMMON}
    return {
        key: value
        for key, value in fields.items()
        if key not in taken
        and (
            isinstance(value, bool | int | float)
            or (isinstance(value, str) and 0 < len(value) <= _METADATA_LENGTH)
        )
    }


def short(value: JsonValue) -> bool:
    """Whether ``value`` is short enough to be a fact of metadata."""
    return len(value if isinstance(value, str) else compact(value)) <= _METADATA_LENGTH


def told_facts(fields: Fields) -> dict[str, JsonValue]:
    """What stands under ``metadata`` as an object, or as its JSON: each fact that is short."""
    held = unpacked(fields.get(METADATA))
    if not isinstance(held, dict):
        return {}
    return {key: value for key, value in held.items() if value not in _NOTHING and short(value)}


def beside(fields: Fields, used: Iterable[str]) -> dict[str, JsonValue]:
    """The ``remainder``, and the ``told_facts`` where it has no such name."""
    facts = told_facts(fields)
    return {**facts, **remainder(fields, (*used, METADATA) if facts else used)}


def with_user(facts: dict[str, JsonValue], user: str) -> dict[str, JsonValue]:
    """``facts`` with whose trace it is under ``user``, where that is told and no such key there."""
    return facts if not user or "user" in facts else {**facts, "user": user}


def user_of(fields: Fields) -> str:
    """The id of the user in whose name a call was made."""
    return text(fields, _USER)


def unread(fields: Fields, used: Iterable[str]) -> set[str]:
    """The names of what is neither ``used`` nor read in every format."""
    return {*fields} - {*used} - _COMMON - {"usage"}


def objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    """The objects of a list; what is none is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inside(fields: Fields, *names: str) -> dict[str, JsonValue]:
    """The object at ``names``, each inside the one before; empty where there is none."""
    found: Fields = fields
    for name in names:
        value = found.get(name)
        if not isinstance(value, dict):
            return {}
        found = value
    return cast("dict[str, JsonValue]", found)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of the counts that are known; None where none is.

    Raises:
        ValueError: It is more than can be.
    """
    known = [number for number in counts if number is not None]
    if sum(known) >= LARGEST_COUNT:
        raise ValueError("counts more tokens than can be")
    return sum(known) if known else None
