"""Rows of Braintrust's logs and experiments, as JSON or as a table."""

from dataclasses import replace

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.feedback import of_scores
from regrade_tools.formats.fields import Fields, count, failure, number, objects, remainder, tags
from regrade_tools.formats.fields import text as text_of
from regrade_tools.formats.messages import is_conversation
from regrade_tools.models import Trace
from regrade_tools.texts.jsontext import unpacked
from regrade_tools.texts.timestamps import moment


def is_braintrust(record: Fields) -> bool:
    """Whether ``record`` is such a row."""
    return "span_id" in record and "metrics" in record and "input" in record


def from_braintrust(record: Fields, blank: Trace) -> Trace:
    """The trace of a row; ``blank`` brings its id and source."""
    fields = {key: unpacked(value) for key, value in record.items()}
    metrics, about = _object(fields.get("metrics")), _object(fields.get("metadata"))
    given, said = fields["input"], fields.get("output")
    talk = is_conversation(given) or bool(objects(_object(given).get("messages")))
    status, error = failure({"error": fields.get("error")})
    seconds = number(metrics, ("duration",))
    first = number(metrics, ("time_to_first_token",))
    began, ended = number(metrics, ("start",)), number(metrics, ("end",))
    if seconds is None and began is not None and ended is not None and ended >= began:
        seconds = ended - began
    return replace(
        blank,
        external_id=text_of(fields, ("id", "span_id")),
        name=text_of({**fields, **_object(fields.get("span_attributes"))}, ("name",)),
        model=text_of(about, ("model",)),
        status=status,
        error=error,
        started_at=moment(fields.get("created")) or moment(metrics.get("start")),
        duration_ms=None if seconds is None else seconds * 1000,
        # A row that is no model call counts zero.
        input_tokens=count(metrics, ("prompt_tokens",)) or None,
        output_tokens=count(metrics, ("completion_tokens",)) or None,
        cost_usd=number(metrics, ("estimated_cost",)),
        tags=tags(fields),
        input=None if talk else given,
        output=None if talk or said == "" else said,
        messages=(*payload.asked(given), *payload.answered(said)) if talk else (),
        metadata=_metadata(fields, about),
        ttft_ms=None if first is None else first * 1000,
        feedback=of_scores(fields.get("scores")),
    )


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _metadata(fields: Fields, about: Fields) -> dict[str, JsonValue]:
    """The short plain facts, and what was expected."""
    found = remainder(about, ("model",))
    expected = fields.get("expected")
    if isinstance(expected, str | int | float) and expected != "":
        found["expected"] = expected
    return found
