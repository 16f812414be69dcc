"""Tables of Apache Arrow: Parquet files, Arrow files, and datasets that Hugging Face saved.

``pyarrow`` is an extra and weighs 130 MB: it is imported when the first such file is read.
"""

import base64
import importlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue

from regrade_tools import jsontext
from regrade_tools.formats import Record, Skipped
from regrade_tools.refusal import Refusal

EXTENSIONS = (".parquet", ".arrow", ".feather")
_ROWS = 1_024


def tables(path: Path, shown: str) -> Iterator[Record | Skipped]:
    """The rows of the file or folder at ``path``; a place is ``x.parquet#12``.

    Raises:
        Refusal: pyarrow is not installed, or the folder holds no saved dataset.
    """
    files = _shards(path, shown) if path.is_dir() else [path]
    for file in files:
        place = f"{shown}/{file.name}" if path.is_dir() else shown
        number = 0
        try:
            for batch in _batches(file):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(f"{place}#{number}", _plain(row))
        except (OSError, ValueError, NotImplementedError) as problem:
            yield Skipped(f"{place}#{number + 1}", f"cannot be read: {problem}")
            return


def _batches(file: Path) -> Iterator[Any]:
    if file.suffix.lower() == ".parquet":
        with _arrow("pyarrow.parquet").ParquetFile(file) as table:
            yield from table.iter_batches(batch_size=_ROWS)
        return
    with _arrow("pyarrow").memory_map(str(file)) as mapped:
        yield from _messages(mapped)


def _messages(mapped: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow has no types
    # Hugging Face writes a stream; `feather` and most others write a file with a footer.
    ipc = _arrow("pyarrow.ipc")
    if mapped.read(6) == b"ARROW1":
        reader = ipc.open_file(mapped)
        yield from (reader.get_batch(place) for place in range(reader.num_record_batches))
        return
    mapped.seek(0)
    yield from ipc.open_stream(mapped)


def _arrow(name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Refusal(
            "Parquet and Arrow files are read by pyarrow, which is not installed.",
            next_step="In the clone of Regrade `pip install '.[parquet]'`, or write the rows as "
            "JSON lines.",
        ) from None


def _shards(folder: Path, shown: str) -> list[Path]:
    """The Arrow files of a folder that ``save_to_disk`` wrote."""
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        raise Refusal(
            f"{shown} holds several splits: {', '.join(splits)}.",
            next_step=f"Name one of them, such as file: {shown}/{splits[0] if splits else 'test'}.",
        )
    try:
        state = jsontext.read((folder / "state.json").read_text("utf-8"))
    except (OSError, ValueError):
        state = None
    listed = state.get("_data_files") if isinstance(state, dict) else None
    names = [
        str(entry["filename"])
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and "filename" in entry
    ]
    files = [folder / name for name in names if Path(name).name == name]
    if not files or not all(
        file.is_file() and file.resolve().parent == folder.resolve() for file in files
    ):
        raise Refusal(
            f"{shown} is no folder that `save_to_disk` of Hugging Face's datasets wrote.",
            next_step="Give a file of rows, or such a folder: state.json beside *.arrow.",
        )
    return files


def _plain(value: Any) -> JsonValue:  # noqa: ANN401 - whatever a table may hold, one return a type
    """``value`` as JSON: times in ISO 8601, bytes in base 64."""
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {str(key): _plain(item) for key, item in held.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
