"""Records out of a file or a stream: JSON, JSON lines, CSV or protobuf, each also gzipped.

A record that cannot be read becomes a ``Skipped`` with its place and the reason. Nothing in
a file can stop the records after it from being read, and no file is held whole but a single
JSON document of a bounded size.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import JsonValue

from regrade_tools.formats import protobuf, table
from regrade_tools.formats.files import kind
from regrade_tools.formats.lines import Lines, not_utf8
from regrade_tools.formats.record import Note, Record, Skipped
from regrade_tools.texts.jsontext import read

# How a caller may say that a stream holds a table.
TABLES = {"csv": ",", "tsv": "\t"}
_LINES = ("jsonl", "ndjson")
# A document is parsed whole, which takes several times its size.
_DOCUMENT_BYTES = 256 * 1024 * 1024
# The smallest values take thirty times the room of their text.
_MOST_VALUES = 10_000_000
_BUFFER = 128 * 1024
# So much of a file tells whether it is text.
_HEAD = 512
# Some programs begin a text with it; a codec that takes it off costs six times the decoding.
_MARK = "\ufeff"
# Objects that only wrap a list of records name it so.
_WRAPPERS = ("traces", "records", "data", "rows", "items", "results", "loglines")
_CUT = (EOFError, zlib.error, gzip.BadGzipFile)
_UNREADABLE = (OSError, *_CUT)

_AS_LINES = "write it as JSON lines, such as with jq -c '.[]'"

Found = Record | Skipped | Note
Value = list[JsonValue] | dict[str, JsonValue]


def records(path: Path, name: str, table_as: str | None = None) -> Iterator[Found]:
    """The records of the file at ``path``, called ``name`` in their places.

    Its own ending tells what it holds: of ``name`` that may have been redacted.
    """
    try:
        stream = path.open("rb")
    except OSError as problem:
        yield Skipped(name, f"cannot be read: {problem.strerror}")
        return
    with stream:
        yield from stream_records(stream, name, table_as or _ending(path.name))


def stream_records(stream: BinaryIO, name: str, ending: str | None = None) -> Iterator[Found]:
    """The records of ``stream``.

    Args:
        stream: Bytes, gzipped or not.
        name: What it is called in their places.
        ending: What it holds, as an ending of ``TABLES`` or JSON's; by default that of ``name``.
    """
    with ExitStack() as opened:
        try:
            # Of a stream that cannot be looked ahead in, such as a pipe, a reader is made that can.
            ahead = _looking_ahead(stream)
            if ahead.peek(2)[:2] == b"\x1f\x8b":
                unzipped = opened.enter_context(gzip.GzipFile(fileobj=ahead))
                ahead = io.BufferedReader(cast("Any", unzipped), _BUFFER)
            told = ending or _ending(name)
            if told in TABLES:
                yield from table.rows(Lines(ahead), name, TABLES[told])
            elif told in _LINES:
                yield from _lines(Lines(ahead), name)
            elif protobuf.is_binary(ahead.peek(_HEAD)[:_HEAD]):
                yield from _binary(ahead, name)
            else:
                yield from _json(ahead, name)
        except _UNREADABLE as problem:
            how = "ends early" if isinstance(problem, _CUT) else "cannot be read to its end"
            yield Skipped(name, f"{how}: {problem}")


def _ending(name: str) -> str:
    return kind(name).rpartition(".")[2]


def _looking_ahead(stream: BinaryIO) -> io.BufferedReader:
    if isinstance(stream, io.BufferedReader):
        return cast("io.BufferedReader", stream)
    return io.BufferedReader(cast("Any", stream))


def _binary(stream: io.BufferedReader, name: str) -> Iterator[Found]:
    """The requests of OTLP in protobuf; where it is none, what a text with such signs holds."""
    document = stream.read(_DOCUMENT_BYTES + 1)
    if len(document) > _DOCUMENT_BYTES:
        yield Skipped(name, "is no text, and larger than 256 MB; write it as OTLP/JSON")
        return
    bodies = protobuf.requests(document)
    if not bodies:
        yield from _json(_stream(document), name)
    for number, body in enumerate(bodies, 1):
        where = name if len(bodies) == 1 else f"{name}#{number}"
        try:
            yield Record(where, protobuf.request(body), len(body))
        except ValueError as problem:
            yield Skipped(where, str(problem))


def _stream(document: bytes) -> io.BufferedReader:
    return io.BufferedReader(cast("Any", io.BytesIO(document)))


def _json(stream: io.BufferedReader, name: str) -> Iterator[Found]:
    number, first = Lines(stream).opening()
    if _is_value(first):
        yield from _lines(Lines(stream, number - 1, first), name)
        return
    document = first + stream.read(_DOCUMENT_BYTES)
    if len(document) > _DOCUMENT_BYTES:
        yield Skipped(name, f"is one JSON document of over 256 MB; {_AS_LINES}")
        return
    try:
        value = parsed(document)
    except ValueError as problem:
        # A log whose first line is broken is still a log if another line is not.
        if any(isinstance(item, Record) for item in _lines(_again(document, number), name)):
            yield from _lines(_again(document, number), name)
        else:
            yield Skipped(name, str(problem) if document.strip() else "is empty")
    else:
        size = len(document)
        del document
        yield from _items(value, name, size)


def _again(document: bytes, number: int) -> Lines:
    return Lines(_stream(document), max(number - 1, 0))


def _lines(lines: Lines, name: str) -> Iterator[Found]:
    while True:
        try:
            line = lines.next()
            if not line:
                return
            value = parsed(line)
        except ValueError as problem:
            yield Skipped(f"{name}:{lines.number}", str(problem))
        else:
            yield from _items(value, f"{name}:{lines.number}", len(line), line)


def _items(value: Value, where: str, size: int, line: bytes = b"") -> Iterator[Record]:
    if isinstance(value, dict):
        ((key, wrapped),) = value.items() if len(value) == 1 else (("", None),)
        if key not in _WRAPPERS or not isinstance(wrapped, list):
            yield Record(where, value, size, line)
            return
        value = wrapped
    for number, item in enumerate(value, 1):
        yield Record(f"{where}#{number}", item, size // len(value))


def _is_value(raw: bytes) -> bool:
    try:
        parsed(raw)
    except ValueError:
        return False
    return True


def parsed(raw: bytes, most: int | None = None) -> Value:
    """The JSON list or object of ``raw``, of at most so many values; by default as of a file.

    Raises:
        ValueError: Why it is none, as the report of an import says it.
    """
    most = _MOST_VALUES if most is None else most
    if len(raw) > most and sum(map(raw.count, (b"{", b"[", b","))) > most:
        raise ValueError(f"holds over {most:,} values at once; {_AS_LINES}")
    try:
        value = read(raw.decode().removeprefix(_MARK))
    except UnicodeDecodeError as problem:
        raise ValueError(not_utf8(problem)) from None
    except json.JSONDecodeError as problem:
        line = f"line {problem.lineno} " if problem.lineno > 1 else ""
        why = f"is not JSON: {problem.msg} at {line}column {problem.colno}"
        raise ValueError(why) from None
    except ValueError as problem:
        raise ValueError(f"is not JSON that can be read: {problem}") from None
    if not isinstance(value, list | dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - told as every other bad record
    return value
