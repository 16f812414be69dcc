"""Runs what a model wrote, once, in a process of its own that has given up all else.

It says ``ready`` once it is confined, runs the code that it is then given, and says how that ended.
Only then is it told the expression that must hold, with a mark to answer by: the code cannot look
ahead. What is in one process with the code is at its mercy for all that: code that sets out to
forge its own verdict can. It imports nothing but the standard library, and nothing of Regrade.
"""

import ast
import importlib.util
import io
import json
import os
import sys
import traceback
import types
from typing import Any

_SHOWN, _REASON, _PRINTED = 120, 300, 100_000
# What an expression may call by name, as it was before the code could change it.
_KNOWN: "dict[str, Any]" = {
    one.__name__: one
    for one in (
        abs, all, any, bool, bytes, callable, chr, complex, dict, divmod, enumerate, filter, float,
        format, frozenset, getattr, hasattr, hash, int, isinstance, issubclass, len, list, map, max,
        min, next, iter, ord, pow, range, repr, reversed, round, set, slice, sorted, str, sum,
        tuple, type, zip, ArithmeticError, Exception, KeyError, IndexError, TypeError, ValueError,
        ZeroDivisionError,
    )
}  # fmt: skip


def main() -> None:
    """Read ``{"code"}``, run it; read ``{"value", "mark"}``, and say whether it holds."""
    asked = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    questions = os.fdopen(os.dup(0), encoding="utf-8")

    def say(message: "dict[str, Any]") -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        printed = _prepared(asked)
    except Exception as problem:  # noqa: BLE001 - told as why nothing was run
        say({"error": str(problem)})
        return
    say({"ready": True})
    names, raised = _run(json.loads(questions.readline())["code"])
    if raised:
        say({"raised": raised})
    else:
        say({"ran": True})
        asked = json.loads(questions.readline())
        said = {"stdout": _said(printed), **names}
        told = {} if asked["value"] is None else _examined(asked["value"], said)
        say({"mark": asked["mark"], **told})
    # Whatever threads it has left behind are not waited for.
    os._exit(0)


def _prepared(asked: "dict[str, Any]") -> int:
    """Give up what must not be had; the file that is its stdout."""
    if sys.version_info < (3, 8):  # noqa: UP036 - any Python that the project uses
        raise OSError("it takes Python 3.8")
    confinement = _beside("confinement")
    folder = os.getcwd()  # noqa: PTH109 - any Python
    printed = os.open("stdout", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.unlink("stdout")  # noqa: PTH108 - any Python
    nothing = os.open(os.devnull, os.O_RDWR)
    for theirs, ours in ((nothing, 0), (printed, 1), (nothing, 2)):
        os.dup2(theirs, ours)
    sys.stdout = io.TextIOWrapper(
        os.fdopen(1, "wb", closefd=False), encoding="utf-8", errors="replace", line_buffering=True
    )
    confinement.limit(*asked["limits"])
    if asked["confined"]:
        try:
            confinement.confine(folder)
        except OSError as problem:
            raise OSError(
                f"nothing keeps it from your files and your network, for {problem}; "
                "`confined: false` of the assertion runs it all the same"
            ) from None
    else:
        confinement.alone()
    return printed


def _beside(name: str) -> types.ModuleType:
    """A module of this folder, which is on nobody's path."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")  # noqa: PTH100, PTH118, PTH120 - any Python
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def _run(code: str) -> "tuple[dict[str, Any], str]":
    """The names that ``code`` has left behind, and what it raised."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [""]
    try:
        exec(compile(code, "<output>", "exec"), module.__dict__)  # noqa: S102 - what this is for
    except SystemExit as end:
        # A script may say that it has come to a good end.
        return vars(module), "" if end.code in (None, 0) else _raised(end)
    except BaseException as problem:  # noqa: BLE001 - whatever it raises is told
        return vars(module), _raised(problem)
    return vars(module), ""


def _raised(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<output>"]
    line = getattr(problem, "lineno", None) if isinstance(problem, SyntaxError) else None
    line = line or (lines[-1] if lines else None)
    return f"{_described(problem)}{f' (line {line} of the code)' if line else ''}"


def _described(problem: BaseException) -> str:
    try:
        said = problem.msg if isinstance(problem, SyntaxError) else str(problem)
    except BaseException:  # noqa: BLE001 - it is theirs
        said = "it cannot be told"
    return f"{type(problem).__name__}: {said}"[:_REASON]


def _said(printed: int) -> str:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return ""
    os.lseek(printed, 0, os.SEEK_SET)
    return os.read(printed, _PRINTED).decode("utf-8", "replace")


def _examined(value: str, names: "dict[str, Any]") -> "dict[str, Any]":
    """Whether ``value`` holds of ``names``, or why nobody can tell."""
    scope: dict[str, Any] = {**_KNOWN, **names, "__builtins__": {}}
    try:
        told = _flaw(ast.parse(value.strip(), mode="eval").body, scope, value.strip())
    except BaseException as problem:  # noqa: BLE001 - whatever it raises is told
        return {"flaw": _described(problem)}
    return {} if told is None else {"fails": told}


def _flaw(node: ast.expr, scope: "dict[str, Any]", value: str) -> "str | None":
    """What does not hold of ``node``: of a conjunction its first part that does not."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return next(filter(None, (_flaw(part, scope, value) for part in node.values)), None)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        # Names that nobody else can have.
        sides = {".left": _value(node.left, scope), ".right": _value(node.comparators[0], scope)}
        left, right = (ast.Name(name, ast.Load()) for name in sides)
        if _value(ast.Compare(left, node.ops, [right]), {**scope, **sides}):
            return None
        return f"{ast.get_source_segment(value, node.left)} is {_shown(sides['.left'])}"
    return None if _value(node, scope) else f"{ast.get_source_segment(value, node)} is not true"


def _value(node: ast.expr, scope: "dict[str, Any]") -> Any:  # noqa: ANN401 - whatever it comes to
    code = compile(ast.fix_missing_locations(ast.Expression(node)), "<value>", "eval")
    return eval(code, scope)  # noqa: S307 - what this is for


def _shown(value: Any) -> str:  # noqa: ANN401 - as above
    try:
        text = repr(value)
    except BaseException:  # noqa: BLE001 - it is theirs
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


if __name__ == "__main__":
    main()
