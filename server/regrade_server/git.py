"""The user's own git, asked in a folder."""

import io
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

_SECONDS = 10
# Of what git takes a folder for a repository by; another may hold the last two.
_PARTS = ("HEAD", "commondir", "objects", "refs")
# Files that were committed so that a folder looks like a repository are none: they may be anyone's.
# Before 2.38 git knows no such word: see ``_is_disguised``.
_FOUND = ("-c", "safe.bareRepository=explicit")


def top(root: Path) -> Path | None:
    """The folder of the repository that ``root`` lies in, found without git; None without one."""
    return next(filter(_has_git, _upwards(root)), None)


def git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails or is not there."""
    told = _told(root, arguments, b"")
    # What is not UTF-8 is refused by whoever reads it, not taken for missing.
    return None if told is None else told.decode(errors="surrogateescape")


def contents(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """What files held, by the names that git gives to contents; of what it lacks, nothing."""
    asked = "".join(f"{name}\n" for name in names)
    if not asked:
        return {}
    told = io.BytesIO(_told(root, ("cat-file", "--batch"), asked.encode()) or b"")
    found: dict[str, bytes] = {}
    for head in told:
        name, kind, *size = head.decode().split()
        if kind != "blob":
            continue
        found[name] = told.read(int(size[0]))
        # Each ends in a line of its own.
        told.read(1)
    return found


def _told(root: Path, arguments: Sequence[str], given: bytes) -> bytes | None:
    if _is_disguised(root):
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a reference that cannot be an option
            ["git", *_FOUND, *arguments],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            input=given,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _is_disguised(root: Path) -> bool:
    """Whether git, asked in ``root``, would take a folder for a repository that has no ``.git``.

    It looks upwards for the first folder that has one or that looks like one itself.
    """
    if "GIT_DIR" in os.environ:
        # Then it looks for none.
        return False
    for folder in _upwards(root):
        if _has_git(folder):
            return False
        parts = {name for name in _PARTS if os.path.lexists(folder / name)}
        if "HEAD" in parts and ("commondir" in parts or {"objects", "refs"} <= parts):
            return True
    return False


def _upwards(root: Path) -> tuple[Path, ...]:
    """``root`` and the folders above it; none where they cannot be looked at."""
    try:
        here = root.resolve()
    except OSError:
        return ()
    return (here, *here.parents)


def _has_git(folder: Path) -> bool:
    return os.path.lexists(folder / ".git")
