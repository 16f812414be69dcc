"""What a judge is to read: traces of a query, the answers of a run, or what a caller gives."""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import JsonValue

from regrade_tools.assertions import subject_of
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import item_key
from regrade_tools.formats.fields import redacted_names
from regrade_tools.models import Item, ToolCall, Trace, shown_calls
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.secrets.redaction import redactable, redaction_of
from regrade_tools.texts.jsontext import several
from regrade_tools.traces.query import parse

Thing = TypeVar("Thing")

# A sample is drawn from the newest traces, up to so many: more would not make it better.
_FRAME = 5_000
_PAGE = 100
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Population:
    """Items to judge, and in words where they come from.

    ``frame`` names all that they were drawn from, by key or by trace.
    """

    items: tuple[Item, ...]
    told: str
    frame: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Populations:
    """Where items come from; with their ``context`` where that is judged, too."""

    store: Store
    workspace: Workspace | None
    context: bool = False

    async def find(
        self,
        traces: str | None,
        run_id: str | None,
        outputs: Sequence[dict[str, JsonValue]] | None,
        n: int,
        seed: int,
    ) -> Population:
        """The items that were asked for; of more than ``n``, a random sample by ``seed``.

        Raises:
            Refusal: Not exactly one source was given, or it holds nothing.
        """
        given = [source for source in (traces, run_id, outputs) if source is not None]
        if len(given) != 1:
            raise Refusal(
                "There is nothing to judge." if not given else "That is more than one source.",
                next_step="Give one of traces (a query, such as tag:prod), run_id, or outputs "
                '([{"input": ..., "output": ...}]).',
            )
        if not 1 <= n <= _MOST:
            raise Refusal(f"n is {n}; it is 1 to {_MOST:,}.")
        if traces is not None:
            found = await self._traces(traces, n, seed)
        elif run_id is not None:
            found = await self._run(run_id, n, seed)
        else:
            found = self._given(outputs or ())
        if not found.items:
            raise Refusal(
                "There is nothing to judge there.", next_step="search_traces shows what there is."
            )
        return found

    async def _traces(self, text: str, n: int, seed: int) -> Population:
        query = parse(text, now=time.time())
        ids: list[str] = []
        cursor = None
        while len(ids) < _FRAME:
            page = await self.store.search(query, limit=_PAGE, cursor=cursor)
            ids.extend(row.id for row in page.rows)
            cursor = page.next_cursor
            if cursor is None:
                break
        frame = f"the newest {len(ids):,}" if cursor else f"all {len(ids):,}"
        drawn = _drawn(ids, n, seed)
        traces = [await self.store.trace(trace_id) for trace_id in drawn]
        items = tuple(item_of(trace, context=self.context) for trace in traces if trace is not None)
        told = f"{len(items)} of {frame} traces that match {text!r}, at random (seed {seed})"
        return Population(items, told, frozenset(ids) | _keys(items))

    async def _run(self, run_id: str, n: int, seed: int) -> Population:
        stored = await self.store.run(run_id)
        if stored is None:
            recent = [one.run.id for one in await self.store.runs(None, 10)]
            raise unknown("run", run_id, recent, next_step="overview lists the last runs.")
        inputs: dict[str, JsonValue] = {}
        hidden = redaction_of(self.workspace)
        if self.workspace is not None:
            with redactable(f"The inputs of {stored.run.suite}"):
                cases = self.workspace.cases(stored.run.suite)
                inputs = {case.id: hidden.apply(case.input) for case in cases}
        answered = [one for one in await self.store.results(run_id) if not one.error]
        items = [
            _item(
                inputs.get(result.case_id),
                result.output,
                result.tool_calls,
                result.context if self.context else (),
                f"{run_id} {result.case_id}",
            )
            for result in answered
        ]
        drawn = tuple(_drawn(items, n, seed))
        told = f"{len(drawn)} of the {len(items)} answers of {run_id}"
        return Population(drawn, told, _keys(items))

    def _given(self, outputs: Sequence[dict[str, JsonValue]]) -> Population:
        hidden = redaction_of(self.workspace)
        items: list[Item] = []
        for number, given in enumerate(outputs, 1):
            more = {"context"} if self.context else set[str]()
            if not {"output"} <= set(given) <= {"input", "output"} | more:
                told = ', "context": [...]' if self.context else ""
                raise Refusal(
                    f"Output {number} has the fields {redacted_names(given, hidden)}.",
                    next_step=f'Each is {{"input": ..., "output": ...{told}}}.',
                )
            with redactable(f"Output {number}"):
                asked, answer = hidden.apply(given.get("input")), hidden.apply(given["output"])
                context = several(hidden.apply(given.get("context")))
            items.append(_item(asked, answer, (), context, f"output {number}"))
        return Population(tuple(items), f"{len(items)} given outputs", _keys(items))


def _keys(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.key for item in items)


def item_of(trace: Trace, *, context: bool = False) -> Item:
    """The answer of a trace, to be judged or labelled; with its ``context`` where that is, too."""
    subject = subject_of(trace)
    shown = subject.context if context else ()
    item = _item(subject.input, subject.output, subject.tool_calls, shown, trace.id)
    failed = trace.status == "error"
    failure = f"this trace failed: {trace.error or 'no message of it'}" if failed else ""
    return replace(item, trace_id=trace.id, group=trace.session or trace.id, failure=failure)


def _item(
    given: JsonValue,
    output: JsonValue,
    calls: tuple[ToolCall, ...],
    context: tuple[JsonValue, ...],
    place: str,
) -> Item:
    key = item_key(given, output, shown_calls(calls), context)
    return Item(key, given, output, calls, place=place, context=context)


def _drawn(items: Sequence[Thing], n: int, seed: int) -> list[Thing]:
    if len(items) <= n:
        return list(items)
    return random.Random(seed).sample(list(items), n)  # noqa: S311 - a sample to be repeated
