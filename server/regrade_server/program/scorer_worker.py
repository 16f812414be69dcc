"""Runs in the interpreter of the project under test: asks a scorer for each line it is given.

``python FILE FUNCTION`` calls a function of a file; ``command JSON`` starts a program for each
answer, which reads one JSON object on stdin and prints one JSON value. It imports nothing but the
standard library, and nothing of Regrade, so that any Python that the project uses can run it.
"""

import asyncio
import importlib.util
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Read ``{"input": {...}}`` a line, print ``{"output": ...}`` or ``{"error": ...}``."""
    # What the scorer prints must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), line_buffering=True)
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    scorer = None
    for line in questions:
        try:
            # Whatever it does when it is imported is told as its first answer.
            scorer = scorer or (_function if sys.argv[1] == "python" else _command)()
            ask, columns = scorer
            given = json.loads(line)["input"]
            output = columns if given == {"describe": True} else ask(given)
            text = json.dumps({"output": output}, default=_scalar)
        except BaseException as problem:  # noqa: BLE001 - told as this answer's error
            text = json.dumps({"error": _told(problem)})
        answers.write(text + "\n")
        answers.flush()


def _scalar(value: Any) -> Any:  # noqa: ANN401 - numbers of numpy and its like
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"it returned an instance of {type(value).__name__}, which JSON cannot say")


def _told(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    place = f" (at {os.path.basename(own[-1].filename)}:{own[-1].lineno})" if own else ""  # noqa: PTH119 - any Python
    return f"{type(problem).__name__}: {problem}{place}"


def _function() -> "tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]":
    path, name = sys.argv[2:4]
    # In the place of this file's own folder, whose modules are none of the project's. What a
    # scorer has from the root comes last: a file there is no part of the scorer that is reviewed,
    # and must not take the place of a module of Python's.
    sys.path[:1] = [os.path.dirname(path)]  # noqa: PTH120 - any Python
    sys.path.append(os.getcwd())  # noqa: PTH109 - any Python
    module = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - any Python
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    function = getattr(loaded, name)

    def ask(given: "dict[str, Any]") -> Any:  # noqa: ANN401 - whatever the function returns
        output = function(**given)
        return asyncio.run(_awaited(output)) if inspect.isawaitable(output) else output

    return ask, _columns(function)


def _columns(function: "Callable[..., Any]") -> "dict[str, Any]":
    """The names that a function takes, and those without a default."""
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    needs = [one.name for one in named if one.default is one.empty]
    rest = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return {"needs": needs, "takes": None if rest else [one.name for one in named]}


async def _awaited(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]


def _command() -> "tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]":
    run = json.loads(sys.argv[2])
    if shutil.which(run[0]) is None:
        raise FileNotFoundError(f"there is no program {run[0]!r} that can be started")

    def ask(given: "dict[str, Any]") -> Any:  # noqa: ANN401 - whatever the program prints
        done = subprocess.run(  # noqa: S603 - the suite's own program
            run, input=json.dumps(given).encode(), capture_output=True, check=False
        )
        if done.returncode:
            # Whole, as below: a secret that is cut in two looks like none to whoever redacts it.
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise RuntimeError(f"it ended with code {done.returncode}; it said: {said}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            printed = done.stdout.decode(errors="replace").strip()
            raise ValueError(f"it printed {printed!r} instead of JSON") from None

    return ask, {"needs": [], "takes": None}


if __name__ == "__main__":
    main()
