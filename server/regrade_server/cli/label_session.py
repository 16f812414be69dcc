"""A person labels at a terminal: one item at a time, each answer kept at once."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from pydantic import JsonValue

from regrade_tools.label_queue import Queue
from regrade_tools.labelling import Answer, Criterion
from regrade_tools.models import Item
from regrade_tools.plaintext import line as one_line
from regrade_tools.plaintext import plain

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
        items = self.queue.items
        done: set[str] = set()
        place = 0
        try:
            while place < len(items):
                key = self._ask(place)
                if key == "u":
                    place = max(0, place - 1)
                    continue
                if key != "s":
                    self._label(items[place], passes=key == "y")
                    done.add(items[place].key)
                place += 1
        except _Quit:
            self._say("")
        return len(done)

    def _ask(self, place: int) -> str:
        item = self.queue.items[place]
        self._say(f"\n== {place + 1} of {len(self.queue.items)}: {self.criterion.name}")
        for told, words in (("passes", self.criterion.passes), ("fails", self.criterion.fails)):
            if words:
                self._say(f"   {told}: {plain(one_line(words))}")
        called = ["-- tool calls", *_lines(item.calls)] if item.calls else []
        said = self._page(
            ["-- input", *_lines(item.input), *called, "-- output", *_lines(item.output)]
        )
        while True:
            said = (said or self._read(f"{_KEYS}: ")).strip().lower()
            if said in ("y", "n", "s", "u"):
                return said
            if said == "q":
                raise _Quit
            self._say("Type y, n, s, u or q, and Enter.")
            said = ""

    def _label(self, item: Item, *, passes: bool) -> None:
        critique = self._read("Why, in a line: ").strip()
        while not critique:
            critique = self._read("A label without a reason teaches nobody. Why: ").strip()
        mode = ""
        if not passes:
            for number, known in enumerate(self.queue.modes, 1):
                self._say(f"   {number}. {plain(one_line(known))}")
            mode = self._read("Kind of failure (a number, new words, or nothing): ").strip()
            if mode.isdecimal() and 1 <= int(mode) <= len(self.queue.modes):
                mode = self.queue.modes[int(mode) - 1]
        verdict = "pass" if passes else "fail"
        self.keep(Answer(item, verdict, plain(critique), plain(mode)[:80], self.queue.sampled))
        # Only now: whoever sees it before answers what it says.
        suggested = self.queue.suggestions.get(item.trace_id)
        if suggested is not None:
            differs = "" if suggested.verdict == verdict else " - u to answer again"
            self._say(
                f"   {plain(one_line(suggested.labeller))} suggested {suggested.verdict}: "
                f"{plain(one_line(suggested.critique))}{differs}"
            )

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


def _lines(value: JsonValue) -> list[str]:
    """A value as lines that cannot steer a terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return [plain(line.expandtabs(4)) for line in text.splitlines()]
