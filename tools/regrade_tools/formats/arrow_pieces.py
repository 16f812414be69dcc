"""Batches of Apache Arrow in pieces that fit into memory once they are values of Python.

A file of a few hundred bytes can stand for more than any memory holds: a column of nulls is
stored as its length, and a thousand rows can share one text of 10 MB.
"""

import importlib
from collections.abc import Iterator
from typing import Any

from regrade_tools.formats.arrow_values import rows
from regrade_tools.formats.lines import RECORD_BYTES

# So many rows are read at a time, however small they are.
ROWS = 1_024
# What the smallest value takes: one of these a field, whatever else it holds.
_VALUE = 64


def pieces(batch: Any) -> Iterator[tuple[list[dict[str, Any]], int]]:  # noqa: ANN401 - pyarrow has no types
    """The rows of a record batch, so many at a time as fit, and the bytes that they take.

    Raises:
        ValueError: A row alone is too large, or a column of a type whose size nobody can tell.
    """
    for start in range(0, batch.num_rows, ROWS):
        yield from _halves(batch.slice(start, ROWS))


def _halves(batch: Any) -> Iterator[tuple[list[dict[str, Any]], int]]:  # noqa: ANN401 - as above
    size = sum(map(_size, batch.columns))
    if size <= RECORD_BYTES:
        yield rows(batch), size
        return
    if batch.num_rows == 1:
        raise ValueError("its row is larger than 64 MB")
    half = batch.num_rows // 2
    yield from _halves(batch.slice(0, half))
    yield from _halves(batch.slice(half))


def _size(array: Any) -> int:  # noqa: ANN401 - as above
    """The bytes that the values of ``array`` take in Python, or more."""
    types, count, kind = importlib.import_module("pyarrow.types"), len(array), array.type
    if types.is_dictionary(kind):
        return count * (_VALUE + _largest(array.dictionary))
    if types.is_run_end_encoded(kind):
        return count * (_VALUE + _largest(array.values))
    if types.is_struct(kind):
        return count * _VALUE + sum(map(_size, array.flatten()))
    if types.is_map(kind):
        # Its keys and items are those of the whole array: what a piece may hold is no more.
        return count * _VALUE + _size(array.keys) + _size(array.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return count * _VALUE + _size(array.flatten())
    if types.is_union(kind) or types.is_list_view(kind) or types.is_large_list_view(kind):
        raise ValueError(f"a column of the type {str(kind)[:80]} is not read; write it as a list")
    if isinstance(array, importlib.import_module("pyarrow").ExtensionArray):
        return _size(array.storage)
    lengths = _lengths(array)
    if lengths is None:
        return count * _VALUE
    return count * _VALUE + (importlib.import_module("pyarrow.compute").sum(lengths).as_py() or 0)


def _largest(array: Any) -> int:  # noqa: ANN401 - as above
    """The bytes of the largest value in ``array``, or more."""
    lengths = _lengths(array)
    if lengths is None:
        return _size(array) if array.type.num_fields else 0
    return importlib.import_module("pyarrow.compute").max(lengths).as_py() or 0


def _lengths(array: Any) -> Any:  # noqa: ANN401 - as above
    """The length of each text or bytes in ``array``; None where it holds neither."""
    arrow, types = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.types")
    if types.is_string_view(array.type) or types.is_binary_view(array.type):
        told = [one.as_buffer().size if one.is_valid else 0 for one in array]
        return arrow.array(told, arrow.int64())
    texts = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    if not any(is_text(array.type) for is_text in texts):
        return None
    return importlib.import_module("pyarrow.compute").binary_length(array)
