"""Traces as MLflow writes them: what is known of one, and its spans."""

from dataclasses import replace

from pydantic import JsonValue

from regrade_tools.formats import genai_said
from regrade_tools.formats.attributed import Frame, described
from regrade_tools.formats.feedback import of_mlflow
from regrade_tools.formats.fields import Fields, count, inside, objects, short, text
from regrade_tools.formats.spans import LoggedSpan, from_spans, in_order
from regrade_tools.models import Trace
from regrade_tools.texts.jsontext import read
from regrade_tools.texts.timestamps import moment

_BEGAN = ("start_time_unix_nano", "start_time_ns", "start_time")
_ENDED = ("end_time_unix_nano", "end_time_ns", "end_time")
_STARTED = ("request_time", "timestamp_ms")


def is_mlflow(record: Fields) -> bool:
    """Whether ``record`` is such a trace."""
    return isinstance(record.get("info"), dict) and isinstance(
        inside(record, "data").get("spans"), list
    )


def without_feedback(record: Fields) -> dict[str, JsonValue]:
    """``record`` as it is written before anything was said of it: with what was expected of it."""
    about = inside(record, "info")
    held = about.get("assessments")
    if isinstance(held, list):
        held = [one for one in held if not (isinstance(one, dict) and "feedback" in one)]
    rest = {key: told for key, told in about.items() if key != "assessments"}
    return {**record, "info": {**rest, "assessments": held} if held else rest}


def from_mlflow(record: Fields, blank: Trace) -> Trace:
    """The trace of a record; ``blank`` brings its id and source."""
    about = inside(record, "info")
    logged = [_span(item, blank.source) for item in objects(inside(record, "data").get("spans"))]
    found = from_spans(in_order(logged), blank) if logged else blank
    facts = inside(about, "trace_metadata") or inside(about, "request_metadata")
    took = count(about, ("execution_time_ms", "execution_duration_ms"))
    user = text(facts, ("mlflow.trace.user",))
    state = text(about, ("state", "status"))
    failed = state == "ERROR"
    return replace(
        found,
        external_id=text(about, ("trace_id", "request_id")) or found.external_id,
        session=text(facts, ("mlflow.trace.session",)) or found.session,
        started_at=next(filter(None, (moment(about.get(name)) for name in _STARTED)),
                        found.started_at),
        duration_ms=found.duration_ms if took is None else float(took),
        status="error" if failed else found.status,
        error=(found.error or "error without a message") if failed else found.error,
        metadata=_metadata(about, user),
        feedback=of_mlflow(about.get("assessments")),
    )  # fmt: skip


def _metadata(about: Fields, user: str) -> dict[str, JsonValue]:
    """Who it was for, and what people expected of it."""
    found: dict[str, JsonValue] = {"user": user} if user else {}
    for one in objects(about.get("assessments")):
        told = inside(one, "expectation")
        held = inside(told, "serialized_value").get("value")
        value = _decoded(held) if "value" not in told else told["value"]
        if told and value is not None and short(value):
            found[f"expected.{text(one, ('assessment_name',))}"] = value
    return found


def _span(logged: Fields, where: str) -> LoggedSpan:
    found = {key: _decoded(value) for key, value in inside(logged, "attributes").items()}
    found.pop(genai_said.EVENTS, None)
    used = inside(found, "mlflow.chat.tokenUsage")
    for key in ("input_tokens", "output_tokens"):
        if key in used:
            found.setdefault(f"gen_ai.usage.{key}", used[key])
    if text(found, ("mlflow.llm.model",)):
        found.setdefault("gen_ai.response.model", found["mlflow.llm.model"])
    context, status = inside(logged, "context"), inside(logged, "status")
    told: Fields = {
        "code": str(status.get("code", logged.get("status_code"))).removeprefix("STATUS_CODE_"),
        "message": status.get("message", logged.get("status_message")),
    }
    both = {**logged, **context}
    frame = Frame(
        where=where,
        trace_id=text(both, ("trace_id", "request_id")),
        id=text(both, ("span_id",)),
        parent_id=text(logged, ("parent_span_id", "parent_id")),
        name=text(logged, ("name",)),
        began=next(filter(None, (moment(logged.get(name)) for name in _BEGAN)), None),
        ended=next(filter(None, (moment(logged.get(name)) for name in _ENDED)), None),
        status=told,
    )
    return described(frame, found)


def _decoded(value: JsonValue) -> JsonValue:
    """An attribute, each of which is a text of JSON."""
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except ValueError:
        return value
