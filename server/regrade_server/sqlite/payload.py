"""A trace as a compressed blob, with a dictionary trained as soon as there are enough."""

# zstandard's stubs know no bytes as samples; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportArgumentType=false

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import zstandard
from pydantic import JsonValue, TypeAdapter

from regrade_server.sqlite.trouble import there
from regrade_tools.models import Trace

_LEVEL = 3
_DICTIONARY_BYTES = 64 * 1024
# Fewer samples train a poor dictionary; more cost time and win nothing.
_SAMPLES = 250
_SAMPLE_BYTES = 16 * 1024
# Bytes of a segment and of a match in it. Left to itself zstd tries many, which takes four times
# as long and packs real logs no better.
_SEGMENT, _MATCH = 1_000, 6
_LARGEST = 1 << 30


@cache
def _adapter() -> TypeAdapter[Trace]:
    return TypeAdapter(Trace)


def encode(trace: Trace) -> bytes:
    """``trace`` as JSON, without what is empty."""
    return _adapter().dump_json(trace, exclude_defaults=True)


def decode(body: bytes) -> Trace:
    """The trace in ``body``, which ``encode`` made."""
    return _adapter().validate_json(body)


@dataclass(frozen=True, slots=True)
class _Told:
    metadata: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@cache
def _told() -> TypeAdapter[_Told]:
    return TypeAdapter(_Told)


def metadata(body: bytes) -> dict[str, JsonValue]:
    """The metadata of the trace in ``body``, in a fraction of the time of ``decode``."""
    return _told().validate_json(body).metadata


class Packer:
    """Compresses and restores payloads of one connection; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use the newest dictionary that the store holds, if it holds one."""
        self._connection = connection
        self._restorers: dict[int, zstandard.ZstdDecompressor] = {0: zstandard.ZstdDecompressor()}
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.dictionary = 0
        self._wanted = _SAMPLES
        self._take_newest()

    def train(self, bodies: Sequence[bytes]) -> bytes | None:
        """A dictionary for ``bodies`` and what is stored, where there is none and it is time."""
        if self.dictionary:
            return None
        self._take_newest()
        missing = self._wanted - len(bodies)
        if self.dictionary or missing > self._stored(missing):
            return None
        # What is in common would be found again at once: look once more when there is far more.
        self._wanted *= 8
        samples = [body[:_SAMPLE_BYTES] for body in bodies[:_SAMPLES]]
        samples += [body[:_SAMPLE_BYTES] for body in self._newest(_SAMPLES - len(samples))]
        try:
            trained = zstandard.train_dictionary(_DICTIONARY_BYTES, samples, k=_SEGMENT, d=_MATCH)
            return trained.as_bytes()
        except zstandard.ZstdError:
            # Nothing in common: without a dictionary they are only larger.
            return None

    def _stored(self, enough: int) -> int:
        counted = "SELECT count(*) FROM (SELECT 1 FROM payload LIMIT ?)"
        return int(self._connection.execute(counted, (max(enough, 0),)).fetchone()[0])

    def _newest(self, number: int) -> Iterator[bytes]:
        rows = self._connection.execute(
            "SELECT dictionary, body FROM payload ORDER BY id DESC LIMIT ?", (max(number, 0),)
        )
        for dictionary, body in rows.fetchall():
            yield self._unpacked(dictionary, body)

    def adopt(self, dictionary: bytes) -> None:
        """Keep ``dictionary`` and use it from now on; inside the caller's transaction."""
        cursor = self._connection.execute("INSERT INTO dictionary(body) VALUES(?)", (dictionary,))
        self._use(int(cursor.lastrowid or 0))

    def pack(self, body: bytes) -> bytes:
        """``body`` compressed with the dictionary of now."""
        return self._compressor.compress(body)

    def raw(self, row: int) -> bytes:
        """The JSON of the trace with the id ``row``."""
        asked = "SELECT dictionary, body FROM payload WHERE id = ?"
        dictionary, body = there(self._connection.execute(asked, (row,)).fetchone())
        return self._unpacked(dictionary, body)

    def trace(self, row: int) -> Trace:
        """The trace with the id ``row``."""
        return decode(self.raw(row))

    def _unpacked(self, dictionary: int, body: bytes) -> bytes:
        if dictionary not in self._restorers:
            self._restorers[dictionary] = zstandard.ZstdDecompressor(
                dict_data=self._load(dictionary)
            )
        return self._restorers[dictionary].decompress(body, max_output_size=_LARGEST)

    def _take_newest(self) -> None:
        row = self._connection.execute("SELECT max(id) FROM dictionary").fetchone()
        if row[0] is not None:
            self._use(row[0])

    def _use(self, number: int) -> None:
        data = self._load(number)
        data.precompute_compress(level=_LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=data)
        self.dictionary = number

    def _load(self, number: int) -> zstandard.ZstdCompressionDict:
        row = self._connection.execute(
            "SELECT body FROM dictionary WHERE id = ?", (number,)
        ).fetchone()
        return zstandard.ZstdCompressionDict(there(row)[0])
