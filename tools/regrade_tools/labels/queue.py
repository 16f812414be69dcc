"""What a person is given to label: drawn from the traces, without what they labelled before."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from regrade_tools.fingerprint import id_number, random_id
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.population import Populations
from regrade_tools.labels.labelbook import LabelBook
from regrade_tools.labels.labelling import Criterion, Labelling
from regrade_tools.labels.second_looks import NEXT_LOOK_S, looks
from regrade_tools.models import Drawn, Item, Label, Sampled
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import Query, parse

Sampling = Literal["random", "by_verdict", "suggestions", "again", "disputed"]
_MOST = 500
_FRAME = 1_000
# What says which requests came in, not what became of them: a sample of it stands for it.
_ORIGINS = ("name", "tag", "session", "source", "format", "model")


@dataclass(frozen=True, slots=True)
class Queue:
    """Items to label, how they were picked, and what agents suggest of them, by trace.

    ``ways`` are how items had been picked that are labelled again, by their keys.
    """

    items: tuple[Item, ...]
    drawn: Drawn
    suggestions: dict[str, Label]
    modes: tuple[str, ...]
    ways: dict[str, Drawn] = field(default_factory=dict[str, Drawn])

    def way(self, item: Item) -> Drawn:
        """How an item was picked: to be read again is no other way than before."""
        return self.ways.get(item.key, self.drawn)


@dataclass(frozen=True)
class Queues:
    """Where queues come from."""

    labelling: Labelling

    async def draw(  # noqa: PLR0913 - what can be said of a sample
        self,
        criterion: Criterion,
        labeller: str,
        query: str,
        n: int,
        sampling: Sampling,
        seed: int,
    ) -> Queue:
        """``n`` items that ``labeller`` has not labelled by the criterion's words of now.

        Or, ``again``, that they have.

        Raises:
            Refusal: There is nothing to label, or nothing to sample by.
        """
        if not 1 <= n <= _MOST:
            raise Refusal(f"--n is {n}; it is 1 to {_MOST}.")
        await self.labelling.restore(criterion)
        book = self.labelling.book(criterion)
        modes = tuple(sorted({row.label.mode for row in book.rows if row.label.mode}))
        if sampling == "again":
            return await self._again(criterion, book, labeller, query, n, seed, modes)
        if sampling == "disputed":
            return await self._disputed(book, n, seed, modes)
        done = {
            row.label.item
            for row in book.rows
            if (row.label.source, row.label.labeller, row.label.version)
            == ("human", labeller, criterion.version)
        }
        frame = f"{query} -label:none".strip() if sampling == "suggestions" else query
        found = await self._found(criterion, frame, seed)
        items = list({item.key: item for item in found if item.key not in done}.values())
        suggestions = await self._suggestions(criterion.name, items)
        if sampling == "suggestions":
            items = [item for item in items if item.trace_id in suggestions]
        judge = ""
        if sampling == "by_verdict":
            judge, items = await self._by_verdict(criterion, items, n, seed)
        if not items:
            raise Refusal(
                f"There is nothing left to label by {criterion.name} there.",
                next_step="Import more traces, or give another query.",
            )
        picked = random.Random(seed).sample(items, min(n, len(items)))  # noqa: S311 - to be repeated
        drawn = Drawn(_sampled(query, sampling), random_id("sm"), judge)
        return Queue(tuple(picked), drawn, suggestions, modes)

    async def _again(  # noqa: PLR0913 - as above
        self,
        criterion: Criterion,
        book: LabelBook,
        labeller: str,
        query: str,
        n: int,
        seed: int,
        modes: tuple[str, ...],
    ) -> Queue:
        """What ``labeller`` labelled longest ago, in no order that would remind them."""
        seen = [rows[-1] for (name, _), rows in looks(book.history).items() if name == labeller]
        if query:
            among = {item.key for item in await self._found(criterion, query, seed)}
            seen = [row for row in seen if row.label.item in among]
        earlier = [row for row in seen if time.time() - row.label.labelled_at >= NEXT_LOOK_S]
        if not earlier:
            raise Refusal(
                f"There is nothing there that {labeller} labelled by {book.criterion} over an "
                "hour ago.",
                next_step="Label some first; what was labelled just now is still in mind.",
            )
        earlier.sort(key=lambda row: row.label.labelled_at)
        rows = random.Random(seed).sample(earlier[:n], min(n, len(earlier)))  # noqa: S311 - as above
        items = tuple(row.item for row in rows)
        drawn = Drawn(sample=random_id("sm"))
        ways = {
            row.label.item: replace(drawn, way=row.label.sampled, judge=row.label.drawn_by)
            for row in rows
        }
        suggestions = await self._suggestions(book.criterion, items)
        return Queue(items, drawn, suggestions, modes, ways)

    async def _disputed(self, book: LabelBook, n: int, seed: int, modes: tuple[str, ...]) -> Queue:
        """That on which people disagree: a third voice settles it, or who changes their mind."""
        disputed = {row.label.item: row.item for row in book.rows if row.label.source == "human"}
        items = [disputed[item] for item in book.disputed]
        if not items:
            raise Refusal(f"On nothing that was labelled by {book.criterion} people disagree.")
        picked = random.Random(seed).sample(items, min(n, len(items)))  # noqa: S311 - as above
        suggestions = await self._suggestions(book.criterion, picked)
        # How it was picked at first is kept with what was said at first.
        return Queue(tuple(picked), Drawn(sample=random_id("sm")), suggestions, modes)

    async def _found(self, criterion: Criterion, query: str, seed: int) -> tuple[Item, ...]:
        labelling = self.labelling
        populations = Populations(labelling.store, labelling.workspace, criterion.context)
        return (await populations.find(query, None, None, _FRAME, seed)).items

    async def _suggestions(self, criterion: str, items: Sequence[Item]) -> dict[str, Label]:
        """What agents say of ``items`` last, by trace."""
        # What was labelled elsewhere may have come without its trace.
        traces = [item.trace_id for item in items if id_number(item.trace_id) is not None]
        labels = await self.labelling.store.labels(criterion=criterion, trace_ids=traces)
        return {one.trace_id: one for one in labels if one.source == "agent"}

    async def _by_verdict(
        self, criterion: Criterion, items: Sequence[Item], n: int, seed: int
    ) -> tuple[str, list[Item]]:
        """As many that a judge passes as that it fails, so that both classes are met; and which.

        Within a verdict they are drawn at random: what is estimated from them asks for it.
        """
        alignments = Alignments(self.labelling.workspace)
        keys = [item.key for item in items]
        for judge in criterion.judges:
            sitting = alignments.known_agent(
                alignments.files.sitting(alignments.files.judge(judge))
            )
            kept = alignments.files.book(judge).answers.values()
            said = {one.item: one for one in kept if one.fingerprint == sitting.fingerprint}
            said.update(await self.labelling.store.judgements(sitting.fingerprint, keys))
            drawn = random.Random(seed).sample(items, len(items))  # noqa: S311 - to be repeated
            passed = [item for item in drawn if _said(said.get(item.key)) == "pass"]
            failed = [item for item in drawn if _said(said.get(item.key)) == "fail"]
            if passed or failed:
                half = max(1, n // 2)
                both = [*passed[: n - min(half, len(failed))], *failed[:half]]
                return sitting.fingerprint, both
        raise Refusal(
            f"No judge, as it is now, has judged any of these by {criterion.name}.",
            next_step="run_judge judges traces; or leave out --sample.",
        )


def _said(judged: object) -> str:
    return str(getattr(judged, "verdict", ""))


def _sampled(query: str, sampling: Sampling) -> Sampled:
    if sampling in ("random", "by_verdict") and _by_origin(parse(query, now=time.time())):
        return sampling
    return "unknown"


def _by_origin(query: Query) -> bool:
    """Whether a query only says where requests came from and when."""
    origins = all(having.facet in _ORIGINS for having in query.having)
    return origins and replace(query, having=(), since=None, until=None) == Query()
