"""The body of a request: never more of it in memory than there is room for."""

import zlib
from collections.abc import AsyncIterable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

# As the receiver of OpenTelemetry's Collector; as it comes, and as it is once it is unpacked.
LARGEST = 20 * 1024 * 1024
# For all that is read or waits to be stored: the objects made of it take several times as much.
ROOM = 64 * 1024 * 1024
# The bits of the window, and with which header: gzip's or zlib's.
_WINDOWS = {"gzip": 31, "deflate": 15}
ENCODINGS = ("identity", *_WINDOWS)


class TooLargeError(Exception):
    """The body is larger than any may be."""


class FullError(Exception):
    """So much is waiting that nothing more can be taken now."""


@dataclass(slots=True)
class Room:
    """The bytes that may be held at one time, and those that are."""

    size: int = ROOM
    held: int = 0

    @contextmanager
    def share(self) -> Generator["Share", None, None]:
        """A part of the room, which is free again when the context ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held


@dataclass(slots=True)
class Share:
    """What one request holds of a room."""

    room: Room
    held: int = 0

    def take(self, size: int) -> None:
        """Hold ``size`` bytes more.

        Raises:
            FullError: There is no room for them.
        """
        if self.room.held + size > self.room.size:
            raise FullError
        self.room.held += size
        self.held += size


async def collected(chunks: AsyncIterable[bytes], share: Share) -> bytes:
    """The body that comes in ``chunks``.

    Raises:
        TooLargeError: It is larger than any may be.
        FullError: There is no room for it.
    """
    found: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > LARGEST:
            raise TooLargeError
        share.take(len(chunk))
        found.append(chunk)
    return b"".join(found)


def unpacked(body: bytes, encoding: str) -> bytes:
    """``body`` without its ``encoding``, one of ``ENCODINGS``.

    Raises:
        TooLargeError: It is larger than any may be; no more than that was made of it.
        ValueError: It is not encoded so.
    """
    if encoding == "identity":
        return body
    unpacking = zlib.decompressobj(_WINDOWS[encoding])
    try:
        found = unpacking.decompress(body, LARGEST + 1)
    except zlib.error:
        raise ValueError(f"is not {encoding}") from None
    if len(found) > LARGEST:
        raise TooLargeError
    if not unpacking.eof or unpacking.unused_data:
        # Several one after another would be legal, and a million empty ones endless.
        raise ValueError(f"does not end where its {encoding} does")
    return found
