"""Rows of Apache Arrow as values of Python, and times finer than Python's as texts."""

import importlib
from datetime import datetime, time
from typing import Any

# What Python counts of a time: its microseconds.
_FINEST = 1_000


def rows(batch: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - pyarrow has no types
    """The rows of a record batch; a time to the nanosecond is ISO 8601, a duration is seconds.

    Raises:
        ValueError: Python has no such value.
    """
    try:
        return batch.to_pylist()
    except ValueError:
        # Said of nanoseconds that are not 0, and only once one is met: the others are quicker.
        columns = [[_value(scalar) for scalar in column] for column in batch.columns]
        return [
            dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)
        ]


def _value(scalar: Any) -> Any:  # noqa: ANN401 - as above
    types, kind = importlib.import_module("pyarrow.types"), scalar.type
    if not scalar.is_valid:
        return None
    if types.is_struct(kind):
        return {name: _value(item) for name, item in scalar.items()}
    if types.is_map(kind):
        return [tuple(_value(entry).values()) for entry in scalar.values]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [_value(item) for item in scalar.values]
    if types.is_dictionary(kind):
        return _value(scalar.value)
    if types.is_duration(kind) and kind.unit == "ns":
        return scalar.value / 1e9
    if (types.is_timestamp(kind) or types.is_time64(kind)) and kind.unit == "ns":
        return _moment(scalar)
    return scalar.as_py()


def _moment(scalar: Any) -> datetime | time | str:  # noqa: ANN401 - as above
    arrow, kind = importlib.import_module("pyarrow"), scalar.type
    whole, rest = divmod(scalar.value, _FINEST)
    is_time = arrow.types.is_time64(kind)
    coarse = arrow.time64("us") if is_time else arrow.timestamp("us", kind.tz)
    moment: datetime | time = arrow.scalar(whole, coarse).as_py()
    if not rest:
        return moment
    # They follow the microseconds, before the offset of a zone.
    written = moment.isoformat(timespec="microseconds")
    end = written.index(".") + 7
    return f"{written[:end]}{rest:03}{written[end:]}"
