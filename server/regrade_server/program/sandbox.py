"""Gives each piece of code a process and a folder of its own, and tells how it did.

It reads ``{"input": {"code", "value"}}`` a line and prints ``{"output": ...}``, or
``{"error": ...}`` where nobody can say anything of the code. It imports nothing but the standard
library, so that it is there in no time, and runs nothing of the code itself.
"""

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, cast

_MB = 1_000_000
_FILE, _FOLDER, _ENTRIES, _FILES = 8 * _MB, 64 * _MB, 1_000, 64
_STARTING_S, _LOOK_S = 30.0, 0.1
# On a machine with other work it is given its seconds within so many times as long.
_PATIENCE = 5
_SAID = 64_000
_MARK = "REGRADE_RUN_"


class _FailedError(Exception):
    """The code is what is wrong."""


def main() -> None:
    """Answer lines; the first argument says how code is run."""
    asked = json.loads(sys.argv[1])
    for line in sys.stdin:
        given = json.loads(line)["input"]
        try:
            output = _described(asked) if given == {"describe": True} else _judged(asked, given)
            told = {"output": output}
        except Exception as problem:  # noqa: BLE001 - told as this answer's error
            told = {"error": str(problem) or type(problem).__name__}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _described(asked: "dict[str, Any]") -> "dict[str, Any]":
    """Make sure, before the first answer is there, that one could be run."""
    with _Sandboxed(asked) as process:
        process.begin()
    return {"needs": [], "takes": ["output"]}


def _judged(asked: "dict[str, Any]", given: "dict[str, Any]") -> "dict[str, Any]":
    with _Sandboxed(asked) as process:
        process.begin()
        try:
            return process.examined(given["code"], given["value"])
        except _FailedError as flaw:
            return {"undecided": str(flaw)}


class _Sandboxed:
    """One process with a folder of its own; both are gone with the context."""

    def __init__(self, asked: "dict[str, Any]") -> None:
        self.began, self.seconds = time.monotonic(), _STARTING_S
        self.allowed: float = asked["timeout_s"]
        # Its real path: Landlock and whoever asks for the working directory mean the same.
        self.folder = Path(tempfile.mkdtemp(prefix="regrade-")).resolve()
        limits = [asked["timeout_s"], asked["memory_mb"] * _MB, _FILE, _FILES]
        told = json.dumps({"limits": limits, "confined": asked["confined"]})
        worker = str(Path(__file__).with_name("sandboxed.py"))
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the project's own interpreter
                [asked["interpreter"], "-I", worker, told],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self.folder,
                env=_environment(self.folder),
                start_new_session=True,
            )
        except BaseException:
            self._clear()
            raise
        questions, answers = self.process.stdin, self.process.stdout
        if questions is None or answers is None:
            raise OSError("a process without pipes")
        self.questions, self.answers, self.said = questions, answers, b""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End whatever is left."""
        self._kill()
        self._clear()

    def begin(self) -> None:
        """Wait until it is confined.

        Raises:
            OSError: It cannot be.
        """
        told = self._line()
        if not told.get("ready"):
            why = told.get("error", "it did not start")
            raise OSError(f"no code can be run here: {why}")

    def examined(self, code: str, value: "str | None") -> "dict[str, Any]":
        """What came of ``code``, and whether ``value`` holds of what it left behind.

        Raises:
            _FailedError: It did not come to its end, or ``value`` cannot be told of it.
        """
        self.began, self.seconds = time.monotonic(), self.allowed
        told = self._answer({"code": code})
        if "raised" in told:
            raise _FailedError(f"it raised {told['raised']}")
        mark = secrets.token_hex(16)
        told = self._answer({"value": value, "mark": mark}) if told == {"ran": True} else {}
        if told.get("mark") != mark:
            raise _FailedError("it wrote where only its examiner may")
        if "flaw" in told:
            raise _FailedError(f"it cannot be told of what it left: {told['flaw']}")
        return {"pass": "fails" not in told, "reason": str(told.get("fails", ""))}

    def _answer(self, question: "dict[str, Any]") -> "dict[str, Any]":
        # One that has ended shows it by its answer.
        with suppress(OSError):
            self.questions.write(json.dumps(question).encode() + b"\n")
            self.questions.flush()
        return self._line()

    def _line(self) -> "dict[str, Any]":
        """Its next line, within the time and the room that it has."""
        while b"\n" not in self.said:
            self._look_at_the_time()
            if _overfull(self.folder):
                raise _FailedError(f"it wrote over {_FOLDER // _MB} MB, or {_ENTRIES:,} files")
            if not select.select([self.answers], [], [], _LOOK_S)[0]:
                continue
            read = os.read(self.answers.fileno(), _SAID)
            self.said += read
            if not read:
                raise self._ended()
            if len(self.said) > _SAID:
                raise _FailedError("it wrote where only its examiner may")
        line, _, self.said = self.said.partition(b"\n")
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        return cast("dict[str, Any]", told) if isinstance(told, dict) else {}

    def _look_at_the_time(self) -> None:
        """Go on, unless its time is over; that it waited for a processor is not its fault.

        Raises:
            _FailedError: It had its time.
            OSError: The machine did not give it that.
        """
        took = time.monotonic() - self.began
        if took > self.seconds * _PATIENCE:
            raise OSError(f"the machine was too busy to give it {self.seconds:g} s")
        if took > self.seconds and took - self._waited() > self.seconds:
            raise _FailedError(f"it had not come to its end after {self.seconds:g} s")

    def _waited(self) -> float:
        """Seconds that it was ready to run and had no processor; 0 where nobody counts them."""
        try:
            told = Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii")
            return int(told.split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0

    def _ended(self) -> Exception:
        code = self.process.wait()
        if code == -signal.SIGKILL:
            return OSError("its process was killed by somebody else, such as for want of memory")
        if code == -signal.SIGXCPU:
            return _FailedError("it used up the processor's time that it had")
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return _FailedError(f"its process ended with {how} before it came to its end")

    def _kill(self) -> None:
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.questions, self.answers):
            # What was not read any more is written as it closes.
            with suppress(OSError):
                stream.close()

    def _clear(self) -> None:
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
        except RecursionError:
            subprocess.run(["/bin/rm", "-rf", str(self.folder)], check=False)  # noqa: S603 - ours


def _environment(folder: Path) -> "dict[str, str]":
    """Nothing of ours but the mark of the run, by which the warden finds what is left of it."""
    marks = {name: value for name, value in os.environ.items() if name.startswith(_MARK)}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    # Each thread of theirs takes addresses, which are counted.
    return {**marks, **dict.fromkeys(threads, "1"), "HOME": str(folder), "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8"}  # fmt: skip


def _overfull(folder: Path) -> bool:
    """Whether there is more in a folder than there may be."""
    size = entries = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    size += entry.stat(follow_symlinks=False).st_size
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if size > _FOLDER or entries > _ENTRIES:
                        return True
        except FileNotFoundError:
            continue
        except OSError:
            return True  # A way too long to be gone.
    return False


if __name__ == "__main__":
    main()
