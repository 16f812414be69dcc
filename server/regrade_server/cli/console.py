"""Standard output and error: what a person reads on a terminal, or JSON where a program reads."""

import json
import sys
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

from pydantic import TypeAdapter

from regrade_server.cli import translation
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import line, plain


@dataclass(frozen=True, slots=True)
class Console:
    """Standard output and error of one command."""

    as_json: bool = False
    # Whether the command speaks of tools by their own names, as `call` does.
    of_tools: bool = False
    # The stream of now: while a server is open in this process, sys.stdout is standard error.
    out: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, text: str = "") -> None:
        """A line for a person; nothing where a program reads."""
        if not self.as_json:
            self.out.write(f"{_printable(text, self.out)}\n")

    def result(self, value: Any, told: str, **more: Any) -> None:  # noqa: ANN401 - of any verb
        """A result: as JSON where a program reads, with ``more`` beside it; else as it is told."""
        if self.as_json:
            beside = {key: dumped(it) for key, it in more.items() if it is not None}
            self.data({**dumped(value), **beside})
        else:
            self.say(told)

    def data(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """A value as JSON, whoever reads."""
        # JSON has an escape for what a stream cannot say; it is still the same value.
        escaped = not _encoding(self.out).lower().startswith("utf")
        text = json.dumps(value, ensure_ascii=escaped, indent=2)
        self.out.write(f"{_printable(text, self.out)}\n")

    def write(self, text: str) -> None:
        """Data as it is, for a program: nothing in it is changed for a terminal's sake."""
        self.out.write(text)

    def refuse(self, refusal: Refusal) -> None:
        """A refusal, on standard error; with --json also as an object on standard output."""
        sys.stderr.write(f"regrade: {_printable(refusal.problem, sys.stderr)}\n")
        step = refusal.next_step if self.of_tools else translation.for_person(refusal.next_step)
        if step:
            sys.stderr.write(f"  {_printable(step, sys.stderr)}\n")
        if self.as_json:
            self.data({"refused": refusal.problem, "next_step": refusal.next_step})

    @property
    def at_a_terminal(self) -> bool:
        """Whether a person reads and answers."""
        return not self.as_json and sys.stdin.isatty() and self.out.isatty()

    def agreed(self, question: str) -> bool:
        """Whether the person at the terminal says yes; nothing else is one."""
        self.out.write(f"{_printable(question, self.out)} [y/N] ")
        self.out.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    async def progress(self, done: int, total: int, message: str) -> None:
        """One line that is written over, on a terminal only."""
        if sys.stderr.isatty() and not self.as_json:
            told = _printable(clip(line(message), 70), sys.stderr)
            sys.stderr.write(f"\r\x1b[K{told}" + ("\r\x1b[K" if done == total else ""))
            sys.stderr.flush()


def dumped(value: Any) -> Any:  # noqa: ANN401 - the reply of any verb
    """``value`` as JSON values, without what is not there."""
    adapter = TypeAdapter(cast("type[Any]", type(value)))
    return adapter.dump_python(value, mode="json", exclude_none=True)


def _encoding(stream: TextIO) -> str:
    return stream.encoding or "utf-8"


def _printable(text: str, stream: TextIO) -> str:
    """``text`` without what steers a terminal, and with escapes for what ``stream`` cannot say."""
    encoding = _encoding(stream)
    return plain(text).encode(encoding, "backslashreplace").decode(encoding)
