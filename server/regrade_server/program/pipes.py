"""Our ends of a program's pipes, which tell what it has not read and what it said unasked."""

import os
import sys
from dataclasses import dataclass, field

import anyio

_CHUNK = 1 << 16


@dataclass(slots=True)
class Questions:
    """The pipe into a program.

    We keep the read end, too: only from there can anyone tell what was never read. So it is
    the end of its answers that shows that a program has ended, never a broken pipe here.
    ``sent`` counts what was written since it was last set to 0.
    """

    reading: int
    writing: int
    sent: int = 0

    @classmethod
    def open(cls) -> "Questions":
        """A fresh pipe; ``reading`` is to become the program's stdin."""
        questions = cls(*os.pipe())
        os.set_blocking(questions.writing, False)
        return questions

    async def send(self, line: bytes) -> None:
        """Write all of ``line``, as fast as it is read."""
        whole = memoryview(line)
        self.sent = 0
        while self.sent < len(whole):
            try:
                self.sent += os.write(self.writing, whole[self.sent :])
            except BlockingIOError:
                await anyio.wait_writable(self.writing)

    def untouched(self) -> bool:
        """Whether nothing of what was sent has been read."""
        # Not at the top: Windows has neither, and there programs are refused, not the server.
        import fcntl  # noqa: PLC0415
        import termios  # noqa: PLC0415

        counted = fcntl.ioctl(self.reading, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(counted, sys.byteorder) >= self.sent

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self.reading)
        os.close(self.writing)


@dataclass(slots=True)
class Answers:
    """The pipe out of a program, never read further than it is asked for."""

    reading: int
    writing: int
    ended: bool = False
    held: bytearray = field(default_factory=bytearray)

    @classmethod
    def open(cls) -> "Answers":
        """A fresh pipe; ``writing`` is to become the program's stdout."""
        answers = cls(*os.pipe())
        os.set_blocking(answers.reading, False)
        return answers

    def given(self) -> None:
        """Let go of the program's end, which it has now: only so is its end ever seen."""
        os.close(self.writing)

    def look(self) -> bytes:
        """What has been said already and not been taken, as far as one reading goes."""
        if not self.held and not self.ended:
            self._read()
        return bytes(self.held)

    async def line(self, most: int) -> bytes | None:
        """The next line with its end; cut off where it is longer than ``most``; None at the end."""
        searched = 0
        while (end := self.held.find(b"\n", searched)) < 0 and len(self.held) <= most:
            searched = len(self.held)
            if self.ended:
                return None
            if not self._read():
                await anyio.wait_readable(self.reading)
        size = end + 1 or len(self.held)
        line = bytes(self.held[:size])
        del self.held[:size]
        return line

    def _read(self) -> bool:
        """Take what there is; whether there was anything, be it the end."""
        try:
            chunk = os.read(self.reading, _CHUNK)
        except BlockingIOError:
            return False
        self.held += chunk
        self.ended = not chunk
        return True

    def close(self) -> None:
        """Let go of our end."""
        os.close(self.reading)
