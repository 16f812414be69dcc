"""Tables, as CSV or TSV: each row under the headings is a record."""

import csv
import re
from collections.abc import Iterator
from itertools import chain

from regrade_tools.formats import lines as lined
from regrade_tools.formats.lines import Lines, TooLongError, not_utf8
from regrade_tools.formats.record import Note, Record, Skipped

_MOST_HEADINGS = 10_000
_SHOWN_HEADINGS = 5
_MOST_LINES = 1_000_000
# What else than a comma or a tab parts columns: spreadsheets write semicolons in much of Europe.
_SEPARATORS = (",", ";", "\t", "|")
# A heading in quotes, of which the last quote is missing where it goes on in the next line.
_QUOTED = re.compile(r'(?:^|(?<=[,;\t|]))"(?:[^"]|"")*+(?P<end>"?)')
# No heading is of more lines; to look further could read a file whole.
_HEADING_LINES = 20


def rows(lines: Lines, name: str, separator: str) -> Iterator[Record | Skipped | Note]:
    """The records of the table in ``lines``; a row that cannot be read costs no other.

    Its columns are parted by ``separator``, or where its headings have none, by the sign that
    parts those most.
    """
    csv.field_size_limit(lined.RECORD_BYTES)
    text = _Text(lines)
    reader: Iterator[list[str]] | None = None
    header: list[str] | None = None
    while True:
        text.begin_row()
        try:
            reader = reader or _reader(text, separator)
            row = next(reader, None)
            text.check_row()
        except (csv.Error, ValueError) as problem:
            why = f"is not CSV: {problem}" if isinstance(problem, csv.Error) else str(problem)
            if header is None:
                yield Skipped(f"{name}:{text.number}", f"holds the headings, but {why}")
                return
            yield Skipped(f"{name}:{text.number}", why)
            continue
        if row is None:
            return
        where = f"{name}:{text.number}"
        if not any(row):
            continue
        if header is None:
            if len(row) > _MOST_HEADINGS:
                yield Skipped(where, f"has {len(row)} headings; {_MOST_HEADINGS} are the most")
                return
            header = _headings(row)
            yield from _renamed(row, header, where)
        elif len(row) > len(header):
            yield Skipped(where, f"has {len(row)} fields under {len(header)} headings")
        else:
            yield Record(where, dict(zip(header, row, strict=False)), text.size)


def _reader(text: "_Text", separator: str) -> Iterator[list[str]]:
    """The rows of ``text``, which is read up to the end of its headings."""
    ahead: list[str] = []
    plain = ""
    for line in text:
        ahead.append(line)
        written = "".join(ahead)
        plain = _QUOTED.sub("", written)
        unclosed = any(not match["end"] for match in _QUOTED.finditer(written))
        if (written.strip() and not unclosed) or len(ahead) == _HEADING_LINES:
            break
    # A heading may hold other signs: what it has of its own kind is what parts it.
    signs = (separator, *_SEPARATORS)
    parting = separator if separator in plain else max(signs, key=plain.count)
    return csv.reader(chain(ahead, text), delimiter=parting)


def _headings(row: list[str]) -> list[str]:
    """The headings, each once: an empty one by its column, a repeated one with a number."""
    taken, seen, last = set(row), set[str](), dict[str, int]()
    found: list[str] = []
    for place, heading in enumerate(row, 1):
        base = name = heading or f"column_{place}"
        if base in (seen if heading else taken):
            number = last.get(base, 1) + 1
            while (name := f"{base}_{number}") in taken:
                number += 1
            last[base] = number
        seen.add(name)
        taken.add(name)
        found.append(name)
    return found


def _renamed(row: list[str], header: list[str], where: str) -> Iterator[Note]:
    new = [ours for theirs, ours in zip(row, header, strict=True) if theirs != ours]
    if new:
        more = ", ..." if len(new) > _SHOWN_HEADINGS else ""
        yield Note(
            where,
            f"has {len(new)} empty or repeated headings, "
            f"read as {', '.join(new[:_SHOWN_HEADINGS])}{more}",
        )


class _Text:
    """The lines of row after row as texts, as ``csv.reader`` asks for them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._parts: list[bytes] = []
        self._more = 0
        self._began = 0
        self.begin_row()

    def begin_row(self) -> None:
        """What comes now belongs to a row of its own."""
        self._bytes = self._lines_of_row = 0
        self._broken = ""

    def check_row(self) -> None:
        """Raise ``ValueError`` where the row of now came whole, but is not what was written."""
        if self._broken:
            raise ValueError(self._broken)

    @property
    def size(self) -> int:
        """The bytes of the row of now."""
        return self._bytes

    @property
    def number(self) -> int:
        """The line of now."""
        return self._lines.number + self._more

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        part = self._part()
        if not part:
            if self._bytes:
                self._broken = f"ends a row of line {self._began} whose quote is never closed"
            raise StopIteration
        self._began = self._began if self._bytes else self.number
        self._bytes += len(part)
        self._lines_of_row += 1
        if self._bytes > lined.RECORD_BYTES or self._lines_of_row > _MOST_LINES:
            raise TooLongError(
                f"is a row of over 64 MB or {_MOST_LINES:,} lines; is a quote never closed?"
            )
        try:
            return part.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as problem:
            self._broken = not_utf8(problem)
            return part.decode(errors="replace")

    def _part(self) -> bytes:
        """The next line; one that was written by an old Macintosh ends in a carriage return."""
        if self._parts:
            self._more += 1
            return self._parts.pop()
        line = self._lines.next(blank=bool(self._bytes))
        if b"\r" not in line[:-2]:
            return line
        first, *rest = line.splitlines(keepends=True)
        self._parts = rest[::-1]
        return first
