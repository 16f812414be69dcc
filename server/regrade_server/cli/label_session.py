"""A person labels at a terminal: one item at a time, each answer kept at once."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from pydantic import JsonValue

from regrade_tools.labels.labelling import Answer, Criterion
from regrade_tools.labels.parts import readable
from regrade_tools.labels.queue import Queue
from regrade_tools.labels.sitting import Sitting
from regrade_tools.models import Item
from regrade_tools.texts.plaintext import line as one_line
from regrade_tools.texts.plaintext import plain

_KEYS = "y passes, n fails, s skips, u goes back to the one before, q quits"


class _Quit(Exception):  # noqa: N818 - the person has had enough
    """The person leaves, or the terminal is gone."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sitting; ``keep`` signs an answer and returns when it is durable."""

    criterion: Criterion
    queue: Queue
    keep: Callable[[Answer], None]
    reads: TextIO
    writes: TextIO

    def run(self) -> int:
        """Go through the queue; how many items were labelled."""
        sitting = Sitting(self.queue)
        try:
            while sitting.item is not None:
                key = self._ask(sitting, sitting.item)
                if key in ("u", "s"):
                    sitting = sitting.back() if key == "u" else sitting.skipped()
                else:
                    sitting = self._label(sitting, passes=key == "y")
        except _Quit:
            self._say("")
        return len(sitting.answers)

    def _ask(self, sitting: Sitting, item: Item) -> str:
        self._say(f"\n== {sitting.place + 1} of {len(self.queue.items)}: {self.criterion.name}")
        for told, words in (("passes", self.criterion.passes), ("fails", self.criterion.fails)):
            if words:
                self._say(f"   {told}: {plain(one_line(words))}")
        called = ["-- tool calls", *_lines(item.calls)] if item.calls else []
        said = self._page(
            [
                *("-- input", *_lines(item.input), *called),
                *(line for one in item.context for line in ("-- context", *_lines(one))),
                *_answer(item),
            ]
        )
        while True:
            said = (said or self._read(f"{_KEYS}: ")).strip().lower()
            if said in ("y", "n", "s", "u"):
                return said
            if said == "q":
                raise _Quit
            self._say("Type y, n, s, u or q, and Enter.")
            said = ""

    def _label(self, sitting: Sitting, *, passes: bool) -> Sitting:
        critique = self._read("Why, in a line: ").strip()
        while not critique:
            critique = self._read("A label without a reason teaches nobody. Why: ").strip()
        mode = ""
        if not passes:
            for number, known in enumerate(sitting.modes, 1):
                self._say(f"   {number}. {plain(one_line(known))}")
            mode = self._read("Kind of failure (a number, new words, or nothing): ")
        answer = sitting.answer("pass" if passes else "fail", critique, mode)
        self.keep(answer)
        after = sitting.answered(answer)
        suggested = after.suggestion(sitting.place)
        if suggested is not None:
            differs = "" if suggested.verdict == answer.verdict else " - u to answer again"
            self._say(
                f"   {plain(one_line(suggested.labeller))} suggested {suggested.verdict}: "
                f"{plain(one_line(suggested.critique))}{differs}"
            )
        return after

    def _page(self, lines: list[str]) -> str:
        """Show ``lines`` a screen at a time; what was typed instead of Enter, which ends them."""
        size = max(5, shutil.get_terminal_size().lines - 4)
        for start in range(0, len(lines), size):
            if start:
                more = f"-- Enter for more, or an answer: line {start + 1} of {len(lines)} --"
                if said := self._read(more).strip():
                    return said
            for line in lines[start : start + size]:
                self._say(line)
        return ""

    def _read(self, question: str) -> str:
        self.writes.write(question)
        self.writes.flush()
        line = self.reads.readline()
        if not line:
            raise _Quit
        return line

    def _say(self, text: str) -> None:
        self.writes.write(f"{text}\n")
        self.writes.flush()


def _answer(item: Item) -> list[str]:
    failed = ["-- failure", *_lines(item.failure)] if item.failure else []
    answered = item.output is not None or not item.failure
    return [*failed, *(["-- output", *_lines(item.output)] if answered else [])]


def _lines(value: JsonValue) -> list[str]:
    return readable(value).expandtabs(4).splitlines()
