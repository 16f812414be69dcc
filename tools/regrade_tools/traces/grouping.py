"""Traces counted: how many, how many failed, how long they took and what they cost, by a facet.

What is here is the reference that every store agrees with; a store may count in its own way.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import WithJsonSchema

from regrade_tools.models import Label, Trace
from regrade_tools.refusal import unknown
from regrade_tools.texts.timestamps import iso
from regrade_tools.traces import facts
from regrade_tools.traces.matching import facets, kinds, label_facets, wrong_facets
from regrade_tools.traces.query import OR_NONE

Grouping = Literal[
    "tag", "model", "name", "wrong", "label", "mode", "tool", "day", "session", "source", "status",
    "format", "user", "feedback",
]  # fmt: skip
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
# One of them, or a key of the metadata, such as ``meta.customer``: in a schema as one pattern,
# which costs a model fewer tokens than a list.
By = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": rf"^({'|'.join(GROUPINGS)}|meta\..+)$"})
]
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Group:
    """Traces that have a value in common; empty where they have none.

    A value is folded to lower case, as a query takes it. ``passed`` and ``failed`` count traces
    with such a label; one may have both. ``timed``, ``streamed``, ``counted`` and ``priced`` say of
    how many the latency (ms), the time to the first token (ms), the tokens and the cost (dollars)
    are known; sums are over those.
    """

    value: str
    traces: int
    errors: int = 0
    passed: int = 0
    failed: int = 0
    timed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    streamed: int = 0
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    counted: int = 0
    tokens: int = 0
    priced: int = 0
    cost_usd: float = 0.0
    cost_squares: float = 0.0


@dataclass(frozen=True, slots=True)
class Grouped:
    """All the traces that match, and groups of them: the largest first, days from the newest.

    ``values`` is how many groups there are in all. ``partial`` where the time was up: what was
    counted are the newest. ``unexamined`` as of ``trace_store.Page``.
    """

    total: Group
    groups: tuple[Group, ...] = ()
    values: int = 0
    partial: bool = False
    unexamined: int = 0


@dataclass(slots=True)
class Tally:
    """Counts one group, trace by trace; eight bytes a trace."""

    traces: int = 0
    errors: int = 0
    passed: int = 0
    failed: int = 0
    durations: list[float] = field(default_factory=list[float])
    waits: list[float] = field(default_factory=list[float])
    tokens: list[int] = field(default_factory=list[int])
    costs: list[float] = field(default_factory=list[float])

    def add(self, trace: Trace, labels: Sequence[Label]) -> None:
        """Count ``trace``."""
        said = set(label_facets(labels))
        self.traces += 1
        self.errors += trace.status == "error"
        self.passed += ("label", "pass") in said
        self.failed += ("label", "fail") in said
        self.durations.extend([] if trace.duration_ms is None else [trace.duration_ms])
        self.waits.extend([] if trace.ttft_ms is None else [trace.ttft_ms])
        self.tokens.extend([] if trace.tokens is None else [trace.tokens])
        self.costs.extend([] if trace.cost_usd is None else [trace.cost_usd])

    def group(self, value: str) -> Group:
        """What was counted."""
        ascending, waits = sorted(self.durations), sorted(self.waits)
        return Group(
            value,
            self.traces,
            self.errors,
            self.passed,
            self.failed,
            len(ascending),
            percentile(ascending, 0.5),
            percentile(ascending, 0.95),
            len(waits),
            percentile(waits, 0.5),
            percentile(waits, 0.95),
            len(self.tokens),
            sum(self.tokens),
            len(self.costs),
            sum(self.costs),
            sum(cost * cost for cost in self.costs),
        )


Item = tuple[float, Trace, Sequence[Label]]


def grouped(items: Iterable[Item], by: By | None, limit: int) -> Grouped:
    """The traces in ``items``, each with when it began and its labels, by ``by``."""
    total = Tally()
    tallies: dict[str, Tally] = {}
    rows: set[str] = set()
    for when, trace, labels in items:
        total.add(trace, labels)
        for value in _values(by, when, trace, labels) if by else ():
            tallies.setdefault(value, Tally()).add(trace, labels)
        if by == "feedback":
            rows.update(value for facet, value in facets(trace) if facet == by)
    if rows:
        # What was said beside a word counts where it is said alone, too: as a search counts it.
        rows.add("none")
        tallies = {value: one for value, one in tallies.items() if value in rows}
    if by == "day":
        order = sorted(tallies, reverse=True)
    else:
        order = sorted(tallies, key=lambda value: (-tallies[value].traces, value))
    groups = tuple(tallies[value].group(value) for value in order[:limit])
    return Grouped(total.group(""), groups, len(tallies))


def _values(by: str, when: float, trace: Trace, labels: Sequence[Label]) -> Iterator[str]:
    if by == "day":
        yield day(when)
        return
    if keys := facts.keys(by):
        yield from facts.values(trace.metadata, keys) or ("",)
        return
    told = wrong_facets(trace) if by == "wrong" else (*facets(trace), *label_facets(labels))
    of = kinds(by) if by == "feedback" else (by,)
    found = {value for facet, value in told if facet in of and value}
    if by in OR_NONE and not found:
        found = {"none"}
    yield from found or {""}


def day(when: float) -> str:
    """The day of ``when`` (Unix seconds) in UTC, such as ``2026-11-22``."""
    return iso(when // _DAY * _DAY)[:10]


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of the values lie; None of nothing.

    Between two values it is interpolated: definition 7 of Hyndman and Fan, Sample quantiles in
    statistical packages, The American Statistician 50 (1996), which numpy takes, too.
    """
    if not ascending:
        return None
    place = (len(ascending) - 1) * share
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (place - low)


def groups_by(told: str) -> By:
    """What ``told`` asks to group by.

    Raises:
        Refusal: It is neither a facet nor a key of the metadata.
    """
    if told in GROUPINGS or facts.keys(told):
        return told
    raise unknown("facet to group by", told, (*GROUPINGS, f"{facts.META}<key>"))
