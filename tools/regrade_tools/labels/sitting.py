"""One sitting of a person before a queue: what is asked next, what an answer is, what follows it.

The same at a terminal and in the labelling page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from regrade_tools.labels.labelling import LONGEST_CRITIQUE, LONGEST_MODE, Answer
from regrade_tools.labels.queue import Queue
from regrade_tools.models import Item, Label, Verdict
from regrade_tools.refusal import Refusal
from regrade_tools.texts.plaintext import plain


@dataclass(frozen=True, slots=True)
class Sitting:
    """``place`` counts from 0 and is the number of items where none is left.

    ``answers`` are what was said in this sitting, by the key of the item: the latest of each.
    """

    queue: Queue
    place: int = 0
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])

    @property
    def item(self) -> Item | None:
        """What the person has before them; None at the end."""
        return self.queue.items[self.place] if self.place < len(self.queue.items) else None

    @property
    def modes(self) -> tuple[str, ...]:
        """Kinds of failure to choose from: those that were there, then those of this sitting."""
        said = (answer.mode for answer in self.answers.values() if answer.mode)
        return tuple(dict.fromkeys([*self.queue.modes, *said]))

    def back(self) -> "Sitting":
        """At the item before, to answer it again."""
        return replace(self, place=max(0, self.place - 1))

    def skipped(self) -> "Sitting":
        """At the next item, with nothing said of this one."""
        return replace(self, place=min(self.place + 1, len(self.queue.items)))

    def answer(self, verdict: Verdict, critique: str, mode: str = "") -> Answer:
        """What the person says of the item; ``mode`` is a kind of failure, or the number of one.

        Raises:
            Refusal: There is no item, no reason is given, or it is too long.
        """
        if self.item is None:
            raise Refusal("There is no item left to answer.")
        critique, mode = plain(critique.strip()), " ".join(plain(mode).split())
        if not critique:
            raise Refusal("A label without a reason teaches nobody.", next_step="Say why.")
        if len(critique) > LONGEST_CRITIQUE:
            raise Refusal(f"The reason is longer than {LONGEST_CRITIQUE:,} characters.")
        # Cut before it is read as a number: of very many digits none is made.
        mode = "" if verdict == "pass" else mode[:LONGEST_MODE]
        if mode.isdecimal() and 1 <= int(mode) <= len(self.modes):
            mode = self.modes[int(mode) - 1]
        way = self.queue.way(self.item)
        return Answer(self.item, verdict, critique, mode[:LONGEST_MODE], way)

    def answered(self, answer: Answer) -> "Sitting":
        """At the next item, once ``answer`` is kept."""
        return replace(self.skipped(), answers={**self.answers, answer.item.key: answer})

    def given(self, place: int) -> Answer | None:
        """What the person said in this sitting of the item at a place."""
        items = self.queue.items
        return self.answers.get(items[place].key) if 0 <= place < len(items) else None

    def suggestion(self, place: int) -> Label | None:
        """What an agent says of the item at a place, once the person has answered it.

        Whoever sees it before answers what it says.
        """
        given = self.given(place)
        return None if given is None else self.queue.suggestions.get(given.item.trace_id)
