"""What a program answered: read, and taken only if it is the answer to what was asked."""

import json
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import JsonValue

from regrade_tools.models import ToolCall
from regrade_tools.ports import Reply, TargetError
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact, is_sayable, read

# Beyond any milliseconds or dollars; and a thousand of them still add up to a number.
_LARGEST = 1e12
_SHOWN = 300
# Read as null it would be another answer, which is failed and not errored.
UNSAYABLE = "the answer holds NaN or infinity, which JSON cannot say; give null, or a text"
_ERROR_SHOWN = 600


class ToldError(TargetError):
    """The target answered, in form, that it failed: it can be asked again."""


def said(raw: bytes, advice: str, clean: Callable[[str], str]) -> dict[str, JsonValue]:
    """The object that ``raw`` is.

    Raises:
        TargetError: It is none; the message tells it ``clean`` and ends with ``advice``.
    """
    try:
        text = raw.decode()
        value = read(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        printed = clip(clean(raw.decode(errors="replace").strip()), _SHOWN)
        raise TargetError(f"the target printed {printed!r} instead of an answer; {advice}")
    return value


def reply(  # noqa: PLR0913 - what a reply is judged by
    raw: bytes,
    asked: str,
    took: float,
    *,
    echoes: bool,
    advice: str,
    clean: Callable[[str], str],
) -> Reply:
    """The reply in ``raw`` to the question with the id ``asked``, which took so many ms.

    Args:
        raw: A JSON object with ``output`` or ``error``, and maybe ``id``, ``tool_calls``,
            ``context``, ``latency_ms``, ``cost_usd``, ``tokens``, ``ttft_ms``, ``steps`` and
            ``errors``. A tool call may have a ``result``, which is of the context, too.
        asked: The id of the case.
        took: The latency, where the reply tells none.
        echoes: Whether the id must be there; where it is, it must be that of the question.
        advice: What to do about a text that is no such object.
        clean: Takes the secrets out of what is told of it, before that is cut.

    Raises:
        ToldError: It is the target's own error, or holds a number that JSON cannot say.
        TargetError: It is no reply, or not to this question.
    """
    answer = said(raw, advice, clean)
    if ("id" in answer or echoes) and answer.get("id") != asked:
        told = clip(clean(json.dumps(answer.get("id"))), _SHOWN)
        raise TargetError(
            f"the target answered with the id {told} when {asked!r} was asked; answer each "
            "question in its turn, and give back its id or none"
        )
    error = answer.get("error")
    if error:
        told = error if isinstance(error, str) else compact(error)
        raise ToldError(f"the target said: {clip(clean(told), _ERROR_SHOWN)}")
    if "output" not in answer:
        keys = clip(clean(", ".join(list(answer)[:8])), _SHOWN)
        raise TargetError(f"the answer has neither output nor error (its keys: {keys})")
    if not is_sayable(raw.decode(), _kept):
        raise ToldError(UNSAYABLE)
    latency = _amount(answer, "latency_ms", raw, clean)
    return Reply(
        output=answer["output"],
        tool_calls=_calls(answer.get("tool_calls")),
        latency_ms=took if latency is None else latency,
        cost_usd=_amount(answer, "cost_usd", raw, clean),
        tokens=_whole(answer, "tokens", raw, clean),
        ttft_ms=_amount(answer, "ttft_ms", raw, clean),
        steps=_whole(answer, "steps", raw, clean),
        errors=_names(answer.get("errors")),
        context=(*_context(answer.get("context")), *_results(answer.get("tool_calls"))),
    )


def _kept(told: JsonValue) -> JsonValue:
    """What of an answer is told on as it is; of its figures ``amount`` tells."""
    held = told if isinstance(told, dict) else {}
    return {key: held.get(key) for key in ("output", "tool_calls", "context")}


def _amount(
    answer: dict[str, JsonValue], key: str, raw: bytes, clean: Callable[[str], str]
) -> float | None:
    """A number of a reply; None where it tells none."""
    if key not in answer:
        return None
    if answer[key] is None:
        # NaN and infinity are read as null, which would hide that something was told.
        answer = cast("dict[str, JsonValue]", json.loads(raw))
    return amount(answer, key, clean)


def amount(answer: Mapping[str, JsonValue], key: str, clean: Callable[[str], str]) -> float | None:
    """The number that ``answer`` has under ``key``; None where it has none.

    Raises:
        TargetError: It is something else.
    """
    value = answer.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        told = clip(clean(json.dumps(value)), 60)
        raise TargetError(f"the answer's {key} is {told}; it is a number from 0 to 1e12, or null")
    return float(value)


def _whole(
    answer: dict[str, JsonValue], key: str, raw: bytes, clean: Callable[[str], str]
) -> int | None:
    found = _amount(answer, key, raw, clean)
    return None if found is None else round(found)


def _names(value: JsonValue) -> tuple[str, ...] | None:
    """The steps that failed; None where the answer tells of none."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TargetError("errors is a list of the names of the steps that failed")
    return tuple(str(name) for name in value)


def _context(value: JsonValue) -> list[JsonValue]:
    """What it was made of; empty where the answer tells nothing of that."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TargetError("context is a list of what tools returned and what was retrieved")
    return value


def _results(calls: JsonValue) -> list[JsonValue]:
    """What calls of tools returned, which ``_calls`` has read."""
    held = calls if isinstance(calls, list) else []
    found = (call.get("result") for call in held if isinstance(call, dict))
    return [result for result in found if result is not None]


def _calls(value: JsonValue) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TargetError("tool_calls is a list of objects such as {name: ..., arguments: {...}}")
    return tuple(_call(call) for call in value)


def _call(value: JsonValue) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise TargetError('a tool call is an object such as {"name": ..., "arguments": {...}}')
    return ToolCall(name=str(value["name"]), arguments=value.get("arguments"))
