"""A trace as a compressed blob, with a dictionary trained on the first large batch."""

# zstandard's stubs know no bytes as samples; this room alone speaks to it.
# pyright: reportUnknownMemberType=false, reportArgumentType=false

import sqlite3
from collections.abc import Sequence
from functools import cache

import zstandard
from pydantic import TypeAdapter

from regrade_tools.models import Trace

_LEVEL = 3
_DICTIONARY_BYTES = 64 * 1024
# Fewer samples train a poor dictionary; more cost time and win nothing.
_SAMPLES = (500, 4_000)
_SAMPLE_BYTES = 16 * 1024
_LARGEST = 1 << 30


@cache
def _adapter() -> TypeAdapter[Trace]:
    return TypeAdapter(Trace)


def encode(trace: Trace) -> bytes:
    """``trace`` as JSON, without what is empty."""
    return _adapter().dump_json(trace, exclude_defaults=True)


class Packer:
    """Compresses and restores payloads of one connection; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use the newest dictionary that the store holds, if it holds one."""
        self._connection = connection
        self._restorers: dict[int, zstandard.ZstdDecompressor] = {0: zstandard.ZstdDecompressor()}
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.dictionary = 0
        row = connection.execute("SELECT max(id) FROM dictionary").fetchone()
        if row[0] is not None:
            self._use(row[0])

    def train(self, bodies: Sequence[bytes]) -> bytes | None:
        """A dictionary for ``bodies``, where there is none yet and they are enough."""
        if self.dictionary or len(bodies) < _SAMPLES[0]:
            return None
        samples = [body[:_SAMPLE_BYTES] for body in bodies[: _SAMPLES[1]]]
        try:
            return zstandard.train_dictionary(_DICTIONARY_BYTES, samples).as_bytes()
        except zstandard.ZstdError:
            # Nothing in common: without a dictionary they are only larger.
            return None

    def adopt(self, dictionary: bytes) -> None:
        """Keep ``dictionary`` and use it from now on; inside the caller's transaction."""
        cursor = self._connection.execute("INSERT INTO dictionary(body) VALUES(?)", (dictionary,))
        self._use(int(cursor.lastrowid or 0))

    def pack(self, body: bytes) -> bytes:
        """``body`` compressed with the dictionary of now."""
        return self._compressor.compress(body)

    def unpack(self, dictionary: int, body: bytes) -> Trace:
        """The trace in ``body``, which was compressed with ``dictionary``."""
        if dictionary not in self._restorers:
            self._restorers[dictionary] = zstandard.ZstdDecompressor(
                dict_data=self._load(dictionary)
            )
        whole = self._restorers[dictionary].decompress(body, max_output_size=_LARGEST)
        return _adapter().validate_json(whole)

    def _use(self, number: int) -> None:
        data = self._load(number)
        data.precompute_compress(level=_LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=data)
        self.dictionary = number

    def _load(self, number: int) -> zstandard.ZstdCompressionDict:
        row = self._connection.execute(
            "SELECT body FROM dictionary WHERE id = ?", (number,)
        ).fetchone()
        return zstandard.ZstdCompressionDict(row[0])
