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

# What a reply may tell, as `docs/suites.md` says of commands.
REPLY = {
    "output", "tool_calls", "context", "cost_usd", "latency_ms", "tokens", "ttft_ms", "steps",
    "errors",
}  # fmt: skip


_ENDLESS = "return an answer, or raise an error of another kind"


class _UnsayableError(Exception):
    """What a function returned cannot be told."""


def main() -> None:
    """Import ``module:function`` (argument 1), say whether that went well, then answer lines.

    Argument 2 says what the function returns: see ``_reply``.
    """
    # What the program prints must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), line_buffering=True)
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(text: str) -> None:
        answers.write(text + "\n")
        answers.flush()

    name, _, attribute = sys.argv[1].partition(":")
    # In the place of this file's own folder, whose modules are none of the project's.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any Python
    try:
        function = getattr(importlib.import_module(name), attribute)
    except BaseException as problem:  # noqa: BLE001 - whatever the module does at import is told
        say(json.dumps({"ready": False, "error": f"{type(problem).__name__}: {problem}"}))
        return
    say(json.dumps({"ready": True}))
    for line in questions:
        question = json.loads(line)
        try:
            step = {key: question[key] for key in ("at_span",) if key in question}
            output: Any = function(question["input"], **_taken(function, step))
            if inspect.isawaitable(output):
                output = asyncio.run(_awaited(output))
            say(_json({**_reply(output, sys.argv[2]), "id": question["id"]}))
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - told as this answer's error
            say(json.dumps({"error": _told(problem), "id": question["id"]}))


def _told(problem: "Exception | SystemExit") -> str:
    """An error with its place: the last of the project's own, for that is where it is mended."""
    if isinstance(problem, _UnsayableError):
        return str(problem)
    frames = traceback.extract_tb(problem.__traceback__)
    here = os.getcwd() + os.sep  # noqa: PTH109 - any Python
    own = [
        one for one in frames if one.filename.startswith(here) and "-packages" not in one.filename
    ]
    frame = (own or frames)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 - any Python
    if isinstance(problem, SystemExit):
        return f"it called sys.exit({problem.code!r}) (at {place}); {_ENDLESS}"
    return f"{type(problem).__name__}: {problem} (at {place})"


def _taken(function: Any, step: "dict[str, Any]") -> "dict[str, Any]":  # noqa: ANN401 - as above
    """The step that is asked, where the function can be asked for one."""
    takes = inspect.signature(function).parameters.values() if step else ()
    if step and not any(one.name == "at_span" or one.kind is one.VAR_KEYWORD for one in takes):
        raise TypeError("it takes no at_span, so it cannot be asked for one step")
    return step


def _reply(output: Any, returns: str) -> "dict[str, Any]":  # noqa: ANN401 - whatever it returns
    """What a function returned as a reply: the ``output``, or a whole ``reply`` as commands give.

    Where the target does not say which (``returns`` is empty), a dictionary is a reply that holds
    ``output`` and something else of a reply, and nothing beside.
    """
    kind = type(output).__name__
    held = cast("dict[Any, Any]", output) if isinstance(output, dict) else {}
    keys = set(held)
    whole = "output" in keys <= REPLY
    if returns == "reply" and not whole:
        shown = f"a dictionary of {', '.join(map(str, held))}" if held else f"an instance of {kind}"
        raise _UnsayableError(
            f"it returned {shown}; `returns: reply` of the target asks for a dictionary of output "
            f"and, if it likes, {', '.join(sorted(REPLY - {'output'}))}"
        )
    return (
        held
        if returns == "reply" or (not returns and whole and len(keys) > 1)
        else {"output": output}
    )


def _json(reply: "dict[str, Any]") -> str:
    try:
        return _dumped(reply)
    except (TypeError, ValueError, RecursionError) as problem:
        raise _UnsayableError(f"it returned what JSON cannot say: {problem}") from None


def _dumped(reply: "dict[str, Any]") -> str:
    try:
        return json.dumps(reply, default=_unsayable, allow_nan=False)
    except ValueError:
        told = json.dumps(reply, default=_unsayable)
    try:
        # Of the figures beside it whoever reads them says which one is none.
        json.dumps(reply.get("output"), default=_unsayable, allow_nan=False)
    except ValueError:
        raise _UnsayableError(
            "it returned NaN or infinity, which JSON cannot say; return None, or a text"
        ) from None
    return told


def _unsayable(value: Any) -> Any:  # noqa: ANN401 - whatever is in what it returned
    """Nothing is made JSON of that is none: whoever wrote the program knows how it reads."""
    name = type(value).__name__
    if hasattr(value, "__dataclass_fields__"):
        advice = "return dataclasses.asdict(...) of it"
    elif hasattr(value, "model_dump"):
        advice = 'return its model_dump(mode="json")'
    else:
        advice = "return dictionaries, lists, texts, numbers, booleans and None"
    raise _UnsayableError(f"it returned an instance of {name}, which JSON cannot say; {advice}")


async def _awaited(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]


if __name__ == "__main__":
    main()
