"""The end of a file that grows line by line, and what a process that was killed leaves there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_BLOCK = 64 * 1024


def extend(path: Path, lines: bytes, torn: Callable[[bytes], bool]) -> None:
    """Add whole ``lines`` to a file that is there, all of them on the disk on return, or none.

    A last line without its end is taken away where it is ``torn``, else it is given one. Only
    what stands after the last line feed is ever taken away. Call it alone.

    Raises:
        OSError: It cannot be read or written; the file is as it was, but for a torn line.
    """
    with path.open("rb") as read:
        last = _unended(read)
    with path.open("ab", buffering=0) as file:
        kept = file.seek(0, os.SEEK_END)
        if last and torn(last):
            kept -= len(last)
            file.truncate(kept)
        elif last:
            lines = b"\n" + lines
        try:
            _write(file.fileno(), lines)
            os.fsync(file.fileno())
        except OSError:
            # A part of a line is nobody's word.
            file.truncate(kept)
            raise


def _write(handle: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(handle, view) :]


def _unended(file: BinaryIO) -> bytes:
    """What stands after the last line feed."""
    place = file.seek(0, os.SEEK_END)
    blocks = [b""]
    while place and b"\n" not in blocks[-1]:
        size = min(_BLOCK, place)
        place = file.seek(place - size)
        blocks.append(file.read(size))
    return b"".join(reversed(blocks)).rpartition(b"\n")[2]
