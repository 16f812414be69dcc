"""Tables of Apache Arrow: Parquet files, Arrow files, and datasets that Hugging Face saved.

``pyarrow`` is an extra and weighs 130 MB: it is imported when the first such file is read.
"""

import base64
import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue

from regrade_tools.formats import Record, Skipped
from regrade_tools.formats.arrow_pieces import ROWS, pieces
from regrade_tools.formats.lines import RECORD_BYTES
from regrade_tools.refusal import Refusal
from regrade_tools.texts import jsontext

EXTENSIONS = (".parquet", ".arrow", ".feather")
# A file can claim any number of rows of nothing; at most so many values stand in one of JSON, too.
_MOST_ROWS = 10_000_000
# Writers end the texts that rows of Parquet share at 1 MB; and no text is packed to a fiftieth.
_SHARED = 2 * 1024 * 1024
_PACKED = 50
# Of a date beyond what Python knows it says that a number overflows.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, NotImplementedError, ArithmeticError,
               MemoryError)  # fmt: skip


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
                _check_names(batch.schema.names)
                for piece, size in pieces(batch):
                    for row in piece:
                        number += 1
                        yield Record(f"{place}#{number}", _plain(row), size // len(piece))
                    if number >= _MOST_ROWS:
                        raise ValueError(f"over {_MOST_ROWS:,} rows are too many; split the file")
        except _UNREADABLE as problem:
            yield Skipped(f"{place}#{number + 1}", f"cannot be read: {problem}")
            return


def _batches(file: Path) -> Iterator[Any]:
    if file.suffix.lower() == ".parquet":
        yield from _groups(_arrow("pyarrow.parquet"), file)
        return
    with _arrow("pyarrow").memory_map(str(file)) as mapped:
        for batch in _messages(mapped):
            # What points out of a file would be read out of the memory of this process.
            batch.validate(full=True)
            yield batch


def _groups(parquet: Any, file: Path) -> Iterator[Any]:  # noqa: ANN401 - pyarrow has no types
    """The batches of a Parquet file, by what each of its groups of rows says that it holds."""
    with parquet.ParquetFile(file) as table:
        groups = [table.metadata.row_group(number) for number in range(table.num_row_groups)]
    for number, group in enumerate(groups):
        columns = [group.column(place) for place in range(group.num_columns)]
        values = max((column.num_values for column in columns), default=0)
        largest = max(group.total_byte_size // RECORD_BYTES, values // _MOST_ROWS)
        if largest > group.num_rows:
            raise ValueError("its rows are larger than 64 MB")
        many = min(ROWS, group.num_rows // largest) if largest else ROWS
        swelling = [column.path_in_schema for column in columns if _swells(column)]
        with parquet.ParquetFile(file, read_dictionary=swelling) as table:
            yield from table.iter_batches(batch_size=max(1, many), row_groups=[number])


def _swells(column: Any) -> bool:  # noqa: ANN401 - as above
    """Whether many rows may share few texts that are long, which are then not to be repeated."""
    if not column.has_dictionary_page:
        return False
    shared = column.data_page_offset - column.dictionary_page_offset
    unpacked = column.total_uncompressed_size
    return shared > _SHARED or unpacked > _PACKED * column.total_compressed_size


def _messages(mapped: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow has no types
    # Hugging Face writes a stream; `feather` and most others write a file with a footer.
    ipc = _arrow("pyarrow.ipc")
    if mapped.read(6) == b"ARROW1":
        reader = ipc.open_file(mapped)
        yield from (reader.get_batch(place) for place in range(reader.num_record_batches))
        return
    mapped.seek(0)
    yield from ipc.open_stream(mapped)


def _check_names(names: Sequence[str]) -> None:
    """Raise ``ValueError`` where a row would lose a field: two columns have one name."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"it has several columns called {twice[0][:80]!r}")


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
