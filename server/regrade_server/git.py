"""The user's own git, asked in a folder."""

import subprocess
from pathlib import Path

_SECONDS = 10


def git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a reference that cannot be an option
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            encoding="utf-8",
            # What is not UTF-8 is refused by whoever reads it, not taken for missing.
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
