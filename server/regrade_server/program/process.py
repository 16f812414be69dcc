"""One process that answers JSON lines: started, asked, killed with all its children."""

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.abc import Process, TaskGroup

from regrade_server.program.environment import environment
from regrade_server.program.pipes import Answers, Questions
from regrade_server.program.reply import reply, said
from regrade_server.program.warden import end_session, sweep
from regrade_tools.models import Case
from regrade_tools.ports import Reply, TargetError
from regrade_tools.texts.clipping import clip

ADVICE = (
    'print one line of JSON for each line read, such as {"output": ...}, '
    "and anything else on stderr"
)
_ANSWER_BYTES = 16 * 1024 * 1024
# More than is shown, so that a secret that is cut in two is not cut near its end.
_TAIL_BYTES = 16_384
_SHOWN = 300
_STARTING_S = 60.0


class UnaskedError(TargetError):
    """The process ended before it read the question: nobody has been asked yet."""


@dataclass(slots=True)
class Answering:
    """A process under way: its pipes, the tail of its stderr, and how it has done so far."""

    process: Process
    mark: str
    questions: Questions
    answers: Answers
    clean: Callable[[str], str]
    said: deque[bytes] = field(default_factory=deque[bytes])
    drained: anyio.Event = field(default_factory=anyio.Event)
    # What to do where it ends before it answers, as if it had done what it should.
    advice: str = ADVICE
    killed: str = ""
    answered: bool = False

    def tail(self) -> str:
        """The end of stderr, in one line."""
        text = b"".join(self.said)[-_TAIL_BYTES:].decode(errors="replace")
        return " ".join(self.clean(text).split())[-_SHOWN:]

    def shown(self, printed: bytes) -> str:
        """The beginning of what it printed, as it may be told."""
        # As with the tail: what is cut off first lies far behind what is shown.
        text = self.clean(printed[:_TAIL_BYTES].decode(errors="replace").strip())
        return repr(clip(text[: _SHOWN * 2], _SHOWN))


async def start(  # noqa: PLR0913 - what a process is started with
    command: tuple[str, ...],
    folder: Path,
    env: dict[str, str],
    mark: str,
    tasks: TaskGroup,
    clean: Callable[[str], str],
) -> Answering:
    """Start ``command`` in a session of its own, with a variable ``mark`` in its environment.

    What it says is told ``clean``.

    Raises:
        OSError: It cannot be started.
    """
    questions, answers = Questions.open(), Answers.open()
    try:
        process = await anyio.open_process(
            command,
            stdin=questions.reading,
            stdout=answers.writing,
            cwd=folder,
            env=environment(env, mark),
            start_new_session=True,
        )
    except BaseException:
        questions.close()
        answers.close()
        raise
    finally:
        answers.given()
    answering = Answering(process, mark, questions, answers, clean)
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
            line = await answering.answers.line(_ANSWER_BYTES)
        told = said(await _whole(answering, line), ADVICE, answering.clean)
    except TimeoutError:
        return f"it was not imported within {_STARTING_S:g} s"
    except TargetError as problem:
        return str(problem)
    return None if told.get("ready") else str(told.get("error", "it did not say that it is ready"))


async def ask(answering: Answering, case: Case, timeout_s: float, *, echoes: bool) -> Reply:
    """What the process answers to ``case``; ``echoes`` where it must give back the id.

    A program that gives back no id can still print a stray line between reading a question and
    answering it, and nobody can tell: only the id ties an answer to its question for sure.

    Raises:
        ToldError: The target's own error; it can be asked again.
        TargetError: It hung, died, or said something that is no answer to this question; it
            must be stopped then.
    """
    if unasked := answering.answers.look():
        raise TargetError(
            f"the target printed {answering.shown(unasked)} without being asked; {ADVICE}"
        )
    question = {"id": case.id, **case.question}
    line = json.dumps(question, ensure_ascii=False).encode(errors="replace") + b"\n"
    try:
        with anyio.fail_after(timeout_s):
            raw, took = await _exchanged(answering, line)
    except TimeoutError:
        raise TargetError(
            f"the target gave no answer within {timeout_s:g} s and was stopped; "
            "mend it, or raise timeout_s of the target"
        ) from None
    untouched = answering.questions.untouched()
    if raw is None and untouched and not answering.killed:
        raise UnaskedError(str(await _died(answering)))
    raw = await _whole(answering, raw)
    if untouched or answering.questions.sent < len(line):
        raise TargetError(
            f"the target printed {answering.shown(raw)} before it read the question; {ADVICE}"
        )
    taken = reply(raw, case.id, took, echoes=echoes, advice=ADVICE, clean=answering.clean)
    if more := answering.answers.look():
        raise TargetError(
            f"the target printed {answering.shown(more)} after its answer; "
            "which one is the answer? Print one line for each line read"
        )
    return taken


async def _exchanged(answering: Answering, line: bytes) -> tuple[bytes | None, float]:
    """The line that followed ``line``, if one did, and the milliseconds until then."""
    raw = None
    began = time.perf_counter()
    answering.questions.sent = 0
    async with anyio.create_task_group() as sending:
        # Beside the reading: only there shows that it ended, or spoke, without reading.
        sending.start_soon(answering.questions.send, line)
        raw = await answering.answers.line(_ANSWER_BYTES)
        sending.cancel_scope.cancel()
    return raw, (time.perf_counter() - began) * 1000


async def _whole(answering: Answering, line: bytes | None) -> bytes:
    """A line that came to its end."""
    if line is None:
        raise await _died(answering)
    if not line.endswith(b"\n"):
        raise TargetError("the target printed a line of over 16 MB")
    return line


async def _died(answering: Answering) -> TargetError:
    if answering.killed:
        return TargetError(answering.killed)
    with anyio.move_on_after(2):
        await answering.process.wait()
        await answering.drained.wait()
    code = answering.process.returncode
    how = "closed its output" if code is None else f"ended with code {code}"
    tail = answering.tail()
    told = f"the target {how} before it answered" + (f"; it last said: {tail}" if tail else "")
    return TargetError(told if code else f"{told}; {answering.advice}")


async def stop(answering: Answering) -> None:
    """Kill the process and every child it has started, and let go of its pipes."""
    with anyio.CancelScope(shield=True):
        end_session(answering.process.pid)
        # Its daemons, too; the threads of the loop stay free while it waits for them.
        await to_thread.run_sync(sweep, f"{answering.mark}=")
        await answering.process.wait()
        await answering.process.aclose()
        answering.questions.close()
        answering.answers.close()
