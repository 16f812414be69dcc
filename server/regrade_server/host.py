"""The machine we run on: processes, and the history of the repository by git."""

import hashlib
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint
from regrade_tools.refusal import Refusal

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class LocalHost:
    """This machine; ``root`` is the workspace, where there is one."""

    root: Path | None

    def owner(self) -> str:
        """As the port says: the host, the process and when that began."""
        return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"

    def alive(self, owner: str) -> bool:
        """As the port says; of a process on another host nobody can tell."""
        host, _, rest = owner.partition(":")
        process, _, began = rest.partition(":")
        if host != socket.gethostname() or not process.isdecimal():
            return bool(process.isdecimal())
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            pass
        # A number is given to another process in the end; the time it began is not.
        return _began(int(process)) == began

    def commit(self) -> str:
        """As the port says."""
        if self.root is None:
            return ""
        head = _git(self.root, "rev-parse", "--short=12", "HEAD")
        if head is None:
            return ""
        changed = _git(self.root, "status", "--porcelain", "--untracked-files=no")
        return f"{head.strip()}{'+' if changed else ''}"

    def sources(self) -> str | None:
        """As the port says: of what is committed, of what was changed since, of what is new."""
        if self.root is None:
            return None
        # What Python compiles as it runs a program is no edit of it.
        compiled = ":(exclude,glob)**/__pycache__/**"
        where = ("--", ".", ":(exclude)evals", ":(exclude).regrade", compiled)
        told = [
            _git(self.root, "ls-files", "--stage", "-z", *where),
            # Whatever the user's own settings would run for a difference is not run.
            _git(self.root, "diff", "--binary", "--no-ext-diff", "--no-textconv", *where),
            _git(self.root, "ls-files", "--others", "--exclude-standard", "-z", *where),
        ]
        listed, changed, added = told
        if listed is None or changed is None or added is None:
            return None
        new = {name: _hashed(self.root / name) for name in added.split("\0") if name}
        return fingerprint([listed, changed, cast("JsonValue", new)])

    def tracked(self, path: str) -> bool:
        """As the port says."""
        return self.root is not None and bool(_git(self.root, "ls-files", "--", path))

    def file_at(self, reference: str, path: str) -> str | None:
        """As the port says."""
        if self.root is None:
            return None
        # --verify with ^{commit} takes a commit and nothing else; -- ends the options.
        commit = None if _unsayable(reference) else _git(
            self.root, "rev-parse", "--verify", "--quiet", "--end-of-options",
            f"{reference}^{{commit}}",
        )  # fmt: skip
        if commit is None:
            raise Refusal(
                f"{reference!r} is neither a run, nor a file, nor a git reference here.",
                next_step="For example origin/main; in CI fetch it first (fetch-depth: 0).",
            )
        return _git(self.root, "show", f"{commit.strip()}:./{path}")


def _unsayable(reference: str) -> bool:
    """Whether no reference is written so: as an option, or with what no argument may hold."""
    return reference.startswith("-") or not reference.isprintable()


def _git(root: Path, *arguments: str) -> str | None:
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


def _hashed(path: Path) -> str:
    """The hash of an ordinary file; of a link where it leads, which may be anywhere."""
    try:
        if path.is_symlink() or not path.is_file():
            return str(path.readlink()) if path.is_symlink() else ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        return str(problem)


def _began(process: int) -> str:
    """When a process began, in the kernel's ticks; empty where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name, in brackets, may hold blanks; the 20th field after it is the start time.
    return told.rpartition(")")[2].split()[19]
