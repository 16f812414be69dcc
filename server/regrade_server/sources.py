"""The files that a program is made of, by their content: whether they are committed or not."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from regrade_server.git import git
from regrade_tools.fingerprint import fingerprint
from regrade_tools.refusal import Refusal

# What Python compiles as it runs a program is no edit of it. All of them with `glob`: beside one
# without, git 2.39 finds nothing by ** in a folder of the repository.
_OTHERS = tuple(f":(exclude,glob){folder}/**" for folder in ("evals", ".regrade", "**/__pycache__"))
_LINK, _MODULE, _PROGRAM, _FILE = "120000", "160000", "100755", "100644"
_SHA1 = 40
# Whatever the user's own settings would run for a difference is not run.
_PLAINLY = ("--relative", "--no-renames", "-z", "--no-ext-diff", "--no-textconv")
_ADDED = ("ls-files", "--others", "--exclude-standard", "-z")


def sources(root: Path, patterns: Sequence[str] | None) -> str | None:
    """A fingerprint of the files of ``root`` that match ``patterns``, or of all.

    None where git cannot tell. What is committed as it stands has the same fingerprint after.

    Raises:
        Refusal: A pattern matches no file.
    """
    where = _where(patterns)
    listed = git(root, "ls-files", "--stage", "-z", *where)
    changed = git(root, "diff", "--raw", "--no-abbrev", *_PLAINLY, *where)
    added = git(root, *_ADDED, *where)
    if listed is None or changed is None or added is None:
        return None
    for pattern in patterns or ():
        _make_sure_of(root, pattern)
    found = dict(_listed(listed))
    # As long as the names that git gives to contents.
    digits = max((len(name) for _, name in found.values()), default=_SHA1)
    for path, mode, status in _changed(changed):
        found.pop(path, None)
        if status != "D":
            found[path] = _content(root, path, mode, digits)
    for path in filter(None, added.split("\0")):
        found[path] = _content(root, path, _mode(root / path), digits)
    return fingerprint(cast("JsonValue", found))


def uncommitted(root: Path, patterns: Sequence[str] | None) -> list[str]:
    """Those of the files that are not as they were committed, or are new; none without git."""
    where = _where(patterns)
    changed = git(root, "diff", "HEAD", "--name-only", *_PLAINLY, *where)
    added = git(root, *_ADDED, *where)
    return sorted(filter(None, f"{changed or ''}{added or ''}".split("\0")))


def _where(patterns: Sequence[str] | None) -> tuple[str, ...]:
    # The pattern of a project is a pattern and nothing else: no word that git knows beside.
    asked = ["."] if patterns is None else [f":(glob){pattern}" for pattern in patterns]
    return ("--", *asked, *_OTHERS)


def _make_sure_of(root: Path, pattern: str) -> None:
    where = ("--", f":(glob){pattern}", *_OTHERS)
    if not git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z", *where):
        raise Refusal(
            f"The target's files: {pattern!r} matches no file of the repository.",
            next_step="Mend `files` in evals/regrade.yaml: paths from the workspace's root, with * "
            "within a folder and ** across folders; evals/ and what git ignores never match.",
        )


def _listed(told: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each path of the index with its mode and the name of its content."""
    for entry in filter(None, told.split("\0")):
        about, _, path = entry.partition("\t")
        mode, name, _ = about.split(" ")
        yield path, (mode, name)


def _changed(told: str) -> Iterator[tuple[str, str, str]]:
    """Each path that is not as in the index, with its mode and how it differs."""
    parts = iter(told.split("\0"))
    for about, path in zip(parts, parts, strict=False):
        _, mode, _, _, status = about.split(" ")
        yield path, mode, status


def _mode(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return _FILE
    return _LINK if stat.S_ISLNK(mode) else _PROGRAM if mode & stat.S_IXUSR else _FILE


def _content(root: Path, path: str, mode: str, digits: int) -> tuple[str, str]:
    """The name that git would give to what a path holds now; of a link, where it leads."""
    if mode == _MODULE:
        return mode, git(root, "diff", "--no-ext-diff", "--", f":(literal){path}") or ""
    try:
        if mode == _LINK:
            held = os.fsencode((root / path).readlink())
            return mode, _named(held, digits)
        return mode, _named((root / path).read_bytes(), digits)
    except OSError as problem:
        return mode, str(problem)


def _named(content: bytes, digits: int) -> str:
    algorithm = "sha1" if digits == _SHA1 else "sha256"
    found = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
    found.update(content)
    return found.hexdigest()
