"""The machine we run on: processes, and the history of the repository by git."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from regrade_server.git import contents, git
from regrade_server.sources import sources, uncommitted
from regrade_tools.ports import Reference
from regrade_tools.refusal import Refusal, Unavailable

# It is read as a whole, into memory.
MOST_BYTES = 256 * 1024**2
# By their modes, what a tree holds beside files and folders.
_ELSEWHERE = {"120000": "a link", "160000": "a repository of its own"}


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
        head = git(self.root, "rev-parse", "--short=12", "HEAD")
        if head is None:
            return ""
        changed = git(self.root, "status", "--porcelain", "--untracked-files=no")
        return f"{head.strip()}{'+' if changed else ''}"

    def sources(self, patterns: Sequence[str] | None = None) -> str | None:
        """As the port says."""
        return None if self.root is None else sources(self.root, patterns)

    def uncommitted(self, patterns: Sequence[str] | None = None) -> list[str]:
        """As the port says."""
        return [] if self.root is None else uncommitted(self.root, patterns)

    def tracked(self, path: str) -> bool:
        """As the port says."""
        return self.root is not None and bool(git(self.root, "ls-files", "--", path))

    def resolved(self, name: str) -> Reference:
        """As the port says."""
        # --verify with ^{commit} takes a commit and nothing else; -- ends the options.
        commit = None if self.root is None or _unsayable(name) else git(
            self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}",
        )  # fmt: skip
        if commit is None:
            raise Refusal(
                f"{name!r} is neither a run, nor a file, nor a git reference here.",
                next_step="For example origin/main; in CI fetch it first (fetch-depth: 0).",
            )
        return Reference(name, commit.strip())

    def changed(self, reference: Reference, folder: str) -> list[str]:
        """As the port says."""
        told = None if self.root is None else git(
            self.root, "--literal-pathspecs", "diff", "--name-only", "--no-ext-diff",
            "--no-renames", "--relative", "-z", reference.commit, "--", folder,
        )  # fmt: skip
        if told is None:
            raise _silent(reference)
        return [*filter(None, told.split("\0"))]

    def files_at(self, reference: Reference, paths: Sequence[str]) -> dict[str, bytes]:
        """As the port says."""
        if self.root is None:
            return {}
        parents = {str(above) for path in paths for above in PurePosixPath(path).parents} - {"."}
        above = _tree(self.root, reference, "-t", sorted(parents))
        files = _tree(self.root, reference, "-r", paths)
        met = {path: found for path, found in above.items() if path in parents} | files
        sizes = {path: size for path, (_, _, size) in files.items()}
        for path, (mode, _, _) in met.items():
            if mode in _ELSEWHERE:
                # What is there is read in the workspace, and so it is not as if it were not there.
                told = _ELSEWHERE[mode]
                raise Refusal(f"at {reference.name!r} {path} is {told}, which is not followed.")
        if sum(sizes.values()) > MOST_BYTES:
            largest = max(sizes, key=lambda path: sizes[path])
            raise Refusal(
                f"what is at {reference.name!r} is larger than {MOST_BYTES // 1024**2} MB, "
                f"{largest} the largest of it.",
                next_step="Keep what a suite asks smaller: such as fewer rows, or in traces.",
            )
        held = contents(self.root, dict.fromkeys(name for _, name, _ in files.values()))
        if any(name not in held for _, name, _ in files.values()):
            raise _silent(reference)
        return {path: held[name] for path, (_, name, _) in files.items()}


def _tree(
    root: Path, reference: Reference, how: str, paths: Sequence[str]
) -> dict[str, tuple[str, str, int]]:
    """What a commit has at ``paths``, each with its mode, the name of its content and its bytes."""
    if not paths:
        return {}
    listed = git(
        root, "--literal-pathspecs", "ls-tree", how, "-l", "-z", reference.commit, "--", *paths
    )
    if listed is None:
        raise _silent(reference)
    found: dict[str, tuple[str, str, int]] = {}
    for entry in filter(None, listed.split("\0")):
        about, _, path = entry.partition("\t")
        mode, _, name, size = about.split()
        # What is no file has no size.
        found[path] = mode, name, int(size) if size.isdecimal() else 0
    return found


def _silent(reference: Reference) -> Unavailable:
    """The refusal where git failed, took too long, or lacks what it lists."""
    return Unavailable(
        f"git did not tell what is at {reference.name!r}.",
        next_step="Fetch it whole: a clone that leaves contents out asks for them one by one.",
    )


def _unsayable(reference: str) -> bool:
    """Whether no reference is written so: as an option, or with what no argument may hold."""
    return reference.startswith("-") or not reference.isprintable()


def _began(process: int) -> str:
    """When a process began, in the kernel's ticks; empty where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name, in brackets, may hold blanks; the 20th field after it is the start time.
    return told.rpartition(")")[2].split()[19]
