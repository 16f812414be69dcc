"""Files that are there whole or not at all: written under another name first."""

import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

# Nobody else calls files so: those of processes that were killed are taken away wherever they lie.
_PREFIX, _SUFFIX = ".regrade-", ".tmp"
_ABANDONED_S = 3_600


@contextmanager
def appearing(path: Path, *, over: bool = False) -> Generator[TextIO]:
    """What is written becomes the file at ``path``, in place of one there if ``over``.

    Raises:
        FileExistsError: One is there, and it stays as it is.
        OSError: It cannot be written.
    """
    with growing(path.parent) as (file, unfinished):
        yield file
        finish(file, unfinished)
        if over:
            unfinished.replace(path)
        else:
            # By a link, not by a rename: what somebody else wrote meanwhile is not written over.
            os.link(unfinished, path)


@contextmanager
def temporary(folder: Path, text: str) -> Generator[Path]:
    """A file in ``folder`` with ``text``, on the disk; whatever happens, nothing is left of it.

    Raises:
        OSError: It cannot be written.
    """
    with growing(folder) as (file, path):
        file.write(text)
        finish(file, path)
        yield path


@contextmanager
def growing(folder: Path) -> Generator[tuple[TextIO, Path]]:
    """A file in ``folder`` to be written piece by piece; nothing is left of it in the end.

    Raises:
        OSError: It cannot be written.
    """
    _sweep(folder)
    handle, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file, path
    finally:
        path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Take away what processes that were killed left in ``folder`` over an hour ago."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > _ABANDONED_S:
                path.unlink()


def finish(file: TextIO, path: Path) -> None:
    """Bring ``file`` at ``path`` to the disk, readable as its neighbours are.

    Raises:
        OSError: It cannot be written.
    """
    file.flush()
    os.fsync(file.fileno())
    # A temporary file is its owner's alone; what it becomes is a file like its neighbours.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
