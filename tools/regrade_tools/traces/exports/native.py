"""A trace as a line that is imported again as the very same trace."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from regrade_tools.formats.exported import MARK
from regrade_tools.models import Trace
from regrade_tools.texts.jsontext import compact


@cache
def _adapter() -> TypeAdapter[Trace]:
    return TypeAdapter(Trace)


def line(trace: Trace) -> str:
    """``trace`` as one line of JSON, without what is empty."""
    told: dict[str, Any] = _adapter().dump_python(trace, mode="json", exclude_defaults=True)
    return compact({MARK: 1, **told}) + "\n"
