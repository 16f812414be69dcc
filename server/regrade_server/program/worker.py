"""Runs in the interpreter of the project under test: calls a function for each line it is given.

It imports nothing but the standard library, and nothing of Regrade, so that any Python that the
project uses can run it.
"""

import asyncio
import importlib
import inspect
import io
import json
import os
import sys
import traceback
from typing import Any, cast

REPLY = {"output", "tool_calls", "cost_usd", "latency_ms"}


def main() -> None:
    """Import ``module:function`` (argument 1), say whether that went well, then answer lines."""
    # What the program prints must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), line_buffering=True)
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(message: "dict[str, Any]") -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    name, _, attribute = sys.argv[1].partition(":")
    # In the place of this file's own folder, whose modules are none of the project's.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any Python
    try:
        function = getattr(importlib.import_module(name), attribute)
    except BaseException as problem:  # noqa: BLE001 - whatever the module does at import is told
        say({"ready": False, "error": f"{type(problem).__name__}: {problem}"})
        return
    say({"ready": True})
    for line in questions:
        question = json.loads(line)
        try:
            step = {key: question[key] for key in ("at_span",) if key in question}
            output: Any = function(question["input"], **_taken(function, step))
            if inspect.isawaitable(output):
                output = asyncio.run(_awaited(output))
            say({**_reply(output), "id": question["id"]})
        except Exception as problem:  # noqa: BLE001 - told as this answer's error
            frame = traceback.extract_tb(problem.__traceback__)[-1]
            place = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 - any Python
            told = f"{type(problem).__name__}: {problem} (at {place})"
            say({"error": told, "id": question["id"]})


def _taken(function: Any, step: "dict[str, Any]") -> "dict[str, Any]":  # noqa: ANN401 - as above
    """The step that is asked, where the function can be asked for one."""
    takes = inspect.signature(function).parameters.values() if step else ()
    if step and not any(one.name == "at_span" or one.kind is one.VAR_KEYWORD for one in takes):
        raise TypeError("it takes no at_span, so it cannot be asked for one step")
    return step


def _reply(output: Any) -> "dict[str, Any]":  # noqa: ANN401 - whatever the function returns
    """A function that tells its tool calls answers as a command does, with the whole reply."""
    held = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
    whole = {"output", "tool_calls"} <= set(held) <= REPLY
    return held if whole else {"output": output}


async def _awaited(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]


if __name__ == "__main__":
    main()
