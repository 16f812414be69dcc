"""What LiteLLM logs of a call: its ``standard_logging_object``."""

from dataclasses import replace

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.fields import (
    Fields,
    count,
    first_token_ms,
    inside,
    number,
    tags,
    text,
)
from regrade_tools.models import Trace
from regrade_tools.texts.timestamps import elapsed_ms, moment

_OBJECT = "standard_logging_object"
_TOLD_BY = frozenset({"custom_llm_provider", "model_group", "response_cost", "litellm_call_id"})


def is_litellm(record: Fields) -> bool:
    """Whether ``record`` is such an object, or holds one."""
    if isinstance(record.get(_OBJECT), dict):
        return True
    return "call_type" in record and "messages" in record and not _TOLD_BY.isdisjoint(record)


def from_litellm(record: Fields, blank: Trace) -> Trace:
    """The trace of a call; ``blank`` brings its id and source."""
    logged = inside(record, _OBJECT) or record
    began, ended = moment(logged.get("startTime")), moment(logged.get("endTime"))
    failed = logged.get("status") == "failure"
    said = payload.answered(logged.get("response")) if not failed else ()
    return replace(
        blank,
        external_id=text(logged, ("id", "litellm_call_id")),
        name=text(logged, ("call_type",)),
        session=text(logged, ("trace_id",)),
        model=text(logged, ("model", "model_group")),
        status="error" if failed else "ok",
        error=_error(logged) if failed else "",
        started_at=began,
        duration_ms=elapsed_ms(began, ended),
        input_tokens=count(logged, ("prompt_tokens",)),
        output_tokens=count(logged, ("completion_tokens",)),
        cost_usd=_cost(logged),
        tags=tags({"tags": logged.get("request_tags")}),
        messages=(*payload.asked(logged.get("messages")), *said),
        metadata=_metadata(logged),
        ttft_ms=first_token_ms(began, moment(logged.get("completionStartTime")), ended),
    )


def _error(logged: Fields) -> str:
    about = inside(logged, "error_information")
    return text(logged, ("error_str",)) or text(about, ("error_message", "error_class")) or "error"


def _cost(logged: Fields) -> float | None:
    """Dollars; where the price of the model is not known, a cost of zero is written."""
    cost = number(logged, ("response_cost",))
    return None if not cost and logged.get("response_cost_failure_debug_info") else cost


def _metadata(logged: Fields) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for ours, theirs in (("provider", "custom_llm_provider"), ("user", "end_user"),
                         ("model_group", "model_group"), ("cache_hit", "cache_hit")):  # fmt: skip
        value = logged.get(theirs)
        if isinstance(value, str | bool) and value != "":
            found[ours] = value
    return found
