"""Whether a `module:function` is there, by the text of the module alone: nothing is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regrade_tools.refusal import guess

_LARGEST = 4_000_000
# What makes names that no text shows.
_DYNAMIC = ("globals", "exec", "vars", "setattr")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: it is there or not, or its text does not say; ``told`` says why."""

    found: Literal["there", "missing", "unknown"]
    told: str = ""


def look_up(reference: str, root: Path) -> Looked:
    """Look for ``module:function`` in the folder ``root``, from where targets are imported."""
    module, _, function = reference.partition(":")
    path = _file(module, root)
    if path is None:
        top = module.partition(".")[0]
        if _file(top, root) is not None or (root / top).is_dir():
            return Looked("missing", f"there is no module {module} in {root}")
        told = f"{module} is no file of the workspace: a run shows whether its Python has it"
        return Looked("unknown", told)
    shown = path.relative_to(root).as_posix()
    try:
        if path.stat().st_size > _LARGEST or not path.resolve().is_relative_to(root.resolve()):
            return Looked("unknown", f"{shown} was not looked into")
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as problem:
        return Looked("unknown", f"{shown} cannot be read as Python: {problem}")
    names = set(_names(tree))
    if function in names:
        return Looked("there")
    if "*" in names or "__getattr__" in names or _makes_names(tree):
        return Looked("unknown", f"{shown} does not say whether it has {function}")
    return Looked("missing", f"{shown} has no {function}{guess(function, names)}")


def _file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next(
        (
            file
            for file in (path / "__init__.py", path.with_name(f"{path.name}.py"))
            if file.is_file()
        ),
        None,
    )


def _names(tree: ast.Module) -> Iterator[str]:
    """Every name that a module binds itself, those under a condition too."""
    inside: list[ast.AST] = [tree]
    while inside:
        node = inside.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # What is bound in it is no name of the module.
            yield node.name
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        inside.extend(ast.iter_child_nodes(node))


def _makes_names(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC
        for node in ast.walk(tree)
    )
