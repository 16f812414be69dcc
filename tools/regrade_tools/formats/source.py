"""Where records come from: a file, a folder, a glob or a stream; JSON, JSON lines or CSV; gzipped.

A record that cannot be read becomes a ``Skipped`` with its place and the reason. Nothing in
a file can stop the records after it from being read.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from pydantic import JsonValue

from regrade_tools.jsontext import read
from regrade_tools.refusal import Refusal

EXTENSIONS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".log")
# One record may hold a 30 MB message; one document is parsed whole, so it is bounded, too.
_RECORD_BYTES = 64 * 1024 * 1024
_DOCUMENT_BYTES = 512 * 1024 * 1024
# Objects that only wrap a list of records name it so.
_WRAPPERS = ("traces", "records", "data", "rows", "items", "results")
_UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Record:
    """One record and its place, such as ``chats.jsonl:12``."""

    where: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be read, where, and why."""

    where: str
    why: str


def files(path: Path) -> list[Path]:
    """The files that ``path`` means: itself, what a folder holds, or what a glob matches.

    Raises:
        Refusal: There is no such file, folder or match.
    """
    try:
        found = [path] if path.is_file() else _inside(path) if path.is_dir() else _matches(path)
    except (OSError, ValueError) as problem:
        # A name may be too long for the system, or a glob may be none.
        raise Refusal(f"{str(path)[:200]!r} cannot be looked for: {problem}.") from None
    if not found:
        known = f"Logs end in {', '.join(EXTENSIONS)}, each also with .gz."
        raise Refusal(
            f"There is no log at {str(path)[:200]!r}.",
            next_step=f"Give a file, a folder, or a glob such as logs/*.jsonl. {known}",
        )
    return found


def _kind(name: str) -> str:
    """``name`` as its ending is told: in lower case, and as if it were not gzipped."""
    return name.lower().removesuffix(".gz")


def _inside(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.rglob("*")
        if entry.is_file()
        and _kind(entry.name).endswith(EXTENSIONS)
        and not any(part.startswith(".") for part in entry.relative_to(folder).parts)
    )


def _matches(path: Path) -> list[Path]:
    if not any(sign in path.name for sign in "*?[") or not path.parent.is_dir():
        return []
    return sorted(entry for entry in path.parent.glob(path.name) if entry.is_file())


def records(path: Path, name: str) -> Iterator[Record | Skipped]:
    """The records of the file at ``path``, called ``name`` in their places."""
    try:
        with path.open("rb") as stream:
            yield from stream_records(stream, name)
    except _UNREADABLE as problem:
        yield Skipped(name, f"cannot be read: {problem}")


def stream_records(stream: BinaryIO, name: str) -> Iterator[Record | Skipped]:
    """The records of ``stream``; a kind that its ``name`` does not tell is told by its content."""
    # Of a stream that cannot be looked ahead in, such as a pipe, a reader is made that can.
    ahead = _looking_ahead(stream)
    if ahead.peek(2)[:2] != b"\x1f\x8b":
        yield from _plain(ahead, name)
        return
    with gzip.GzipFile(fileobj=ahead) as unzipped:
        yield from _plain(cast("BinaryIO", unzipped), name)


def _looking_ahead(stream: BinaryIO) -> Any:  # noqa: ANN401 - what it wraps has no public type
    if isinstance(stream, io.BufferedReader):
        return cast("Any", stream)
    return io.BufferedReader(cast("Any", stream))


def _plain(stream: BinaryIO, name: str) -> Iterator[Record | Skipped]:
    kind = _kind(name)
    try:
        if kind.endswith((".csv", ".tsv")):
            yield from _table(stream, name, "\t" if kind.endswith(".tsv") else ",")
        else:
            yield from _json(stream, name)
    except _UNREADABLE as problem:
        yield Skipped(name, f"ends early: {problem}")


def _json(stream: BinaryIO, name: str) -> Iterator[Record | Skipped]:
    number, first = 1, stream.readline(_RECORD_BYTES + 1)
    while first and not first.strip(b"\xef\xbb\xbf \t\r\n"):
        number, first = number + 1, stream.readline(_RECORD_BYTES + 1)
    lines = _kind(name).endswith((".jsonl", ".ndjson"))
    if lines or _parsed(first) is not None:
        yield from _lines(first, stream, name, number)
        return
    document = first + stream.read(_DOCUMENT_BYTES)
    if len(document) > _DOCUMENT_BYTES:
        yield Skipped(name, "is one JSON document of over 512 MB; write it as JSON lines")
        return
    value = _parsed(document)
    if value is not None:
        yield from _items(value, name)
        return
    # A log whose first line is broken is still a log if another line is not.
    found = list(_lines(b"", io.BytesIO(document), name, number))
    if any(isinstance(item, Record) for item in found):
        yield from found
    else:
        yield Skipped(name, _why(document) if document.strip() else "is empty")


def _lines(first: bytes, stream: BinaryIO, name: str, number: int) -> Iterator[Record | Skipped]:
    line = first or stream.readline(_RECORD_BYTES + 1)
    while line:
        where = f"{name}:{number}"
        if len(line) > _RECORD_BYTES:
            yield Skipped(where, "is longer than 64 MB")
            while line and not line.endswith(b"\n"):
                line = stream.readline(_RECORD_BYTES)
        elif line.strip():
            value = _parsed(line)
            if value is None:
                yield Skipped(where, _why(line))
            else:
                yield from _items(value, where)
        line = stream.readline(_RECORD_BYTES + 1)
        number += 1


def _items(value: list[JsonValue] | dict[str, JsonValue], where: str) -> Iterator[Record]:
    if isinstance(value, dict):
        wrapped = [value[key] for key in _WRAPPERS if isinstance(value.get(key), list)]
        if len(value) != 1 or not wrapped:
            yield Record(where, value)
            return
        value = cast("list[JsonValue]", wrapped[0])
    for number, item in enumerate(value, 1):
        yield Record(f"{where}#{number}", item)


def _parsed(raw: bytes) -> list[JsonValue] | dict[str, JsonValue] | None:
    """The JSON list or object of ``raw``, or None where it is none."""
    try:
        value = read(raw.decode("utf-8-sig"))
    except ValueError:
        return None
    return value if isinstance(value, list | dict) else None


def _why(raw: bytes) -> str:
    """Why ``raw`` is no JSON list or object."""
    try:
        read(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        return f"is not UTF-8 text: {problem.reason} at byte {problem.start}"
    except json.JSONDecodeError as problem:
        line = f"line {problem.lineno} " if problem.lineno > 1 else ""
        return f"is not JSON: {problem.msg} at {line}column {problem.colno}"
    except ValueError as problem:
        return f"is not JSON that can be read: {problem}"
    return "is no JSON object"


def _table(stream: BinaryIO, name: str, separator: str) -> Iterator[Record | Skipped]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    try:
        yield from _rows(text, name, separator)
    finally:
        # The stream is its owner's to close.
        text.detach()


def _rows(text: TextIO, name: str, separator: str) -> Iterator[Record | Skipped]:
    csv.field_size_limit(_RECORD_BYTES)
    rows = csv.reader(text, delimiter=separator)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows, None)
        except csv.Error as problem:
            yield Skipped(f"{name}:{rows.line_num}", f"is not CSV: {problem}")
            continue
        if row is None:
            return
        if header is None:
            header = row if any(row) else None
        elif len(row) > len(header):
            yield Skipped(
                f"{name}:{rows.line_num}", f"has {len(row)} fields under {len(header)} headings"
            )
        elif any(row):
            yield Record(f"{name}:{rows.line_num}", dict(zip(header, row, strict=False)))
