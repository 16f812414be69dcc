"""What stands behind the scorers of a plan: whoever edits that edits what they say.

An assertion only names its scorer, so its own fingerprint does not tell that this was rewritten.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from regrade_tools.assertions import CommandScorer, JudgeScorer, PythonScorer, Scorer
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.suites.planning import Planned


def scorer_sources(workspace: Workspace, plan: Iterable[Planned]) -> dict[str, str]:
    """A fingerprint of each scorer that ``plan`` asks, by its name.

    Of a function it is its file and what that imports from ``evals/``, of a command the files of
    the workspace that it names, of a judge all that decides its verdict and whether it may gate.

    Raises:
        Refusal: There is no such judge, or its file is wrong.
    """
    asked = dict.fromkeys(
        check.assertion
        for planned in plan
        for check in planned.checks
        if isinstance(check.assertion, Scorer)
    )
    found = {scorer.name: _source(workspace, scorer) for scorer in asked}
    return dict(sorted(found.items()))


def _source(workspace: Workspace, scorer: Scorer) -> str:
    if isinstance(scorer, JudgeScorer):
        files = JudgeFiles(workspace)
        judge = files.judge(scorer.judge)
        rules = judge.spec.model_dump(mode="json", include={"unknown", "thresholds"})
        return fingerprint([files.sitting(judge).fingerprint, rules])
    if isinstance(scorer, PythonScorer):
        first = workspace.root / scorer.ref.rpartition(":")[0]
        return _hashed(workspace, _with_imports(workspace, first))
    if isinstance(scorer, CommandScorer):
        return _hashed(workspace, [workspace.root / word for word in scorer.run])
    return ""


def _hashed(workspace: Workspace, files: Iterable[Path]) -> str:
    """A fingerprint of those of ``files`` that are files of the workspace."""
    told: list[JsonValue] = []
    for path in files:
        if _readable(workspace, path):
            with path.open("rb") as file:
                told.append(
                    [workspace.shown(path), hashlib.file_digest(file, "sha256").hexdigest()]
                )
    return fingerprint(told)


def _readable(workspace: Workspace, path: Path) -> bool:
    try:
        return path.is_file() and workspace.reaches(path)
    except (OSError, ValueError):
        # What is no name of a file is a word of a command.
        return False


def _with_imports(workspace: Workspace, first: Path) -> list[Path]:
    """``first`` and the modules of ``evals/`` that it imports, and that they do."""
    found = {first: None}
    waiting = [first]
    while waiting:
        path = waiting.pop()
        for module in _modules(path) if _readable(workspace, path) else ():
            for near in _files(module, (workspace.root, first.parent)):
                if near.is_relative_to(workspace.evals) and near.is_file() and near not in found:
                    found[near] = None
                    waiting.append(near)
    return sorted(found)


def _modules(path: Path) -> Iterator[str]:
    """The names that a file imports, as far as they can be read off."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(module: str, folders: Iterable[Path]) -> Iterator[Path]:
    """Where ``module`` and the packages above it may stand."""
    parts = module.split(".")
    for folder in folders:
        for depth in range(1, len(parts) + 1):
            base = folder.joinpath(*parts[:depth])
            yield base.with_name(f"{base.name}.py")
            yield base / "__init__.py"
