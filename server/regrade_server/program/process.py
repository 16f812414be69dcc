"""One process that answers JSON lines: started, asked, killed with all its children."""

import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import JsonValue

from regrade_tools.clipping import clip
from regrade_tools.jsontext import read
from regrade_tools.ports import TargetError

_ANSWER_BYTES = 16 * 1024 * 1024
# More than is shown, so that a secret that is cut in two is not cut near its end.
_TAIL_BYTES = 16_384
_SHOWN = 300
_STARTING_S = 60.0


class EndedError(TargetError):
    """The process ended, by itself and well, before it answered."""


@dataclass(slots=True)
class Answering:
    """A process under way: its answers, and the tail of what it said on stderr."""

    process: Process
    answers: BufferedByteReceiveStream
    clean: Callable[[str], str]
    said: deque[bytes] = field(default_factory=deque[bytes])
    drained: anyio.Event = field(default_factory=anyio.Event)

    def tail(self) -> str:
        """The end of stderr, in one line."""
        text = b"".join(self.said)[-_TAIL_BYTES:].decode(errors="replace")
        return " ".join(self.clean(text).split())[-_SHOWN:]


async def start(
    command: tuple[str, ...],
    folder: Path,
    env: dict[str, str],
    tasks: TaskGroup,
    clean: Callable[[str], str],
) -> Answering:
    """Start ``command`` in a group of its own.

    Raises:
        OSError: It cannot be started.
    """
    process = await anyio.open_process(
        command, cwd=folder, env={**os.environ, **env}, start_new_session=True
    )
    if process.stdout is None or process.stderr is None:
        raise OSError("the process has no pipes")
    answering = Answering(process, BufferedByteReceiveStream(process.stdout), clean)
    tasks.start_soon(_drain, answering)
    return answering


async def _drain(answering: Answering) -> None:
    """Keep the end of stderr: a program that says much must neither stop nor fill the memory."""
    stream, size = answering.process.stderr, 0
    try:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for chunk in stream or ():  # type: ignore[union-attr]
                answering.said.append(chunk)
                size += len(chunk)
                while size - len(answering.said[0]) > _TAIL_BYTES:
                    size -= len(answering.said.popleft())
    finally:
        answering.drained.set()


async def ready(answering: Answering) -> str | None:
    """Wait for the worker's first line; None where it is ready, else why it is not."""
    try:
        with anyio.fail_after(_STARTING_S):
            told = await _line(answering)
    except TimeoutError:
        return f"it was not imported within {_STARTING_S:g} s"
    except TargetError as problem:
        return str(problem)
    return None if told.get("ready") else str(told.get("error", "it did not say that it is ready"))


async def ask(
    answering: Answering, question: JsonValue, timeout_s: float
) -> tuple[dict[str, JsonValue], float]:
    """The answer to ``question`` and the milliseconds it took.

    Raises:
        TargetError: It hung, died or printed something else; it must be stopped then.
    """
    line = json.dumps(question, ensure_ascii=False).encode(errors="replace") + b"\n"
    began = time.perf_counter()
    try:
        with anyio.fail_after(timeout_s):
            if answering.process.stdin is None:
                raise TargetError("the target has no stdin")
            await answering.process.stdin.send(line)
            answer = await _line(answering)
    except TimeoutError:
        raise TargetError(
            f"the target gave no answer within {timeout_s:g} s and was stopped; "
            "mend it, or raise timeout_s of the target"
        ) from None
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        raise await _died(answering) from None
    return answer, (time.perf_counter() - began) * 1000


async def _line(answering: Answering) -> dict[str, JsonValue]:
    try:
        raw = await answering.answers.receive_until(b"\n", _ANSWER_BYTES)
    except anyio.DelimiterNotFound:
        raise TargetError("the target printed a line of over 16 MB") from None
    except (anyio.IncompleteRead, anyio.EndOfStream, anyio.ClosedResourceError):
        raise await _died(answering) from None
    try:
        answer = read(raw.decode())
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        printed = clip(answering.clean(raw.decode(errors="replace").strip()), _SHOWN)
        raise TargetError(
            f"the target printed {printed!r} instead of an answer; print one line of JSON for each "
            'line read, such as {"output": ...}, and anything else on stderr'
        )
    return answer


async def _died(answering: Answering) -> TargetError:
    with anyio.move_on_after(2):
        await answering.process.wait()
        await answering.drained.wait()
    code = answering.process.returncode
    how = "closed its output" if code is None else f"ended with code {code}"
    tail = answering.tail()
    told = f"the target {how} before it answered" + (f"; it last said: {tail}" if tail else "")
    return EndedError(told) if code == 0 else TargetError(told)


async def stop(answering: Answering) -> None:
    """Kill the process and every child it has started, and let go of its pipes."""
    with anyio.CancelScope(shield=True):
        if os.name == "posix":
            # The group outlives its leader: children are killed where the leader is gone, too.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(answering.process.pid, signal.SIGKILL)
        else:
            with suppress(ProcessLookupError):
                answering.process.kill()
        await answering.process.wait()
        await answering.process.aclose()
