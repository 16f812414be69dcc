"""Which files a path means: itself, what a folder holds, or what a glob matches."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from regrade_tools.refusal import Refusal

EXTENSIONS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".log", ".binpb", ".pb")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found; where there is a ``problem``, why it cannot be read."""

    path: Path
    problem: str = ""


def kind(name: str) -> str:
    """``name`` as its ending is told: in lower case, and as if it were not gzipped."""
    return name.lower().removesuffix(".gz")


def files(path: Path) -> list[Found]:
    """The files that ``path`` means, in the order of their names.

    A name that looks like a glob is one only where nothing is called so.

    Raises:
        Refusal: There is no such file, folder or match, or it may not be looked for.
    """
    told = repr(str(path)[:200])
    try:
        if path.is_dir():
            found = sorted(_inside(path), key=lambda item: item.path)
        elif is_glob(path):
            found = [item for name in _matches(path) if (item := _file(path.parent / name))]
        else:
            found = [item for item in (_file(path),) if item and os.path.lexists(path)]
    except (OSError, ValueError) as problem:
        # A name may be too long for the system, or its folder closed to us.
        raise Refusal(
            f"{told} cannot be looked for: {problem}.",
            next_step="Give a path that this user may read.",
        ) from None
    if not found:
        known = f"Logs end in {', '.join(EXTENSIONS)}, each also with .gz."
        raise Refusal(
            f"There is no log at {told}.",
            next_step=f"Give a file, a folder, or a glob such as logs/*.jsonl. {known}",
        )
    if len(found) == 1 and found[0].path == path and found[0].problem:
        raise Refusal(
            f"{told} {found[0].problem}.",
            next_step="Give an ordinary file, or pipe it in: `regrade import - < FILE`.",
        )
    return found


def _inside(folder: Path) -> Iterator[Found]:
    closed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if kind(name).endswith(EXTENSIONS) and not name.startswith("."):
                found = _file(Path(parent, name))
                if found:
                    yield found
    for problem in closed:
        yield Found(Path(str(problem.filename)), f"cannot be read: {problem.strerror}")


def _matches(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    return sorted(name for name in os.listdir(path.parent) if fnmatchcase(name, path.name))  # noqa: PTH208 - names are matched


def _file(path: Path) -> Found | None:
    """The file at ``path``; None where a folder is there."""
    try:
        if path.is_file():
            return Found(path)
        if path.is_dir():
            return None
    except OSError as problem:
        return Found(path, f"cannot be read: {problem.strerror}")
    return Found(path, "is no ordinary file" if path.exists() else "is a link that leads nowhere")


def is_glob(path: Path) -> bool:
    """Whether the name of ``path`` is a pattern; not where a file or a link is called so."""
    return any(sign in path.name for sign in "*?[") and not os.path.lexists(path)
