"""Traces as Regrade itself exported them: each comes back as it was, with its id."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from regrade_tools.fingerprint import id_number
from regrade_tools.formats.fields import Fields
from regrade_tools.models import Trace

# The name by which such a line is told, with the version of what stands beside it.
MARK = "regrade_trace"


@cache
def _adapter() -> TypeAdapter[Trace]:
    return TypeAdapter(Trace)


def is_exported(record: Fields) -> bool:
    """Whether ``record`` is a trace that was exported."""
    return MARK in record and isinstance(record.get("id"), str)


def from_exported(record: Fields, _blank: Trace) -> Trace:
    """The trace.

    Raises:
        ValueError: It is of another version, or something in it is not what it should be.
    """
    if record[MARK] != 1:
        raise ValueError(f"is an exported trace of another version than 1: {record[MARK]!r:.20}")
    told: dict[str, Any] = {name: value for name, value in record.items() if name != MARK}
    try:
        trace = _adapter().validate_python(told)
    except ValidationError as problem:
        place = ".".join(str(part) for part in problem.errors()[0]["loc"])
        raise ValueError(f"is no exported trace: {place[:80]} is not what it should be") from None
    if id_number(trace.id) is None:
        raise ValueError("is no exported trace: its id is none of ours")
    return trace
