"""The tool that counts: traces in figures, in groups, and against a baseline."""

import time
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.models import WRONG_KINDS
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import PAGE, clip, size
from regrade_tools.texts.plaintext import counted
from regrade_tools.traces.drift import Arm, Change, changes
from regrade_tools.traces.features import features
from regrade_tools.traces.grouping import By, Group, groups_by
from regrade_tools.traces.query import NO_MATCH, Query, parse
from regrade_tools.traces.store import still_unexamined

# So many of each arm are read for what only their text tells: a rate is then known to some two
# points, and it takes a fraction of a second.
SAMPLE = 2_000
_CELL = 160


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of the traces that match, of groups of them, and of a baseline."""

    total: dict[str, JsonValue]
    rows: list[dict[str, JsonValue]]
    more_rows: int | None = None
    baseline: dict[str, JsonValue] | None = None
    changes: list[dict[str, JsonValue]] | None = None
    not_tested: list[str] | None = None
    sampled: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Summaries:
    """Counts what the store holds."""

    store: Store

    async def summarize_traces(
        self,
        query: str = "",
        by: By | None = None,
        baseline: str | None = None,
        limit: int = 20,
    ) -> Summary:
        """Count traces: errors, labels, latency, tokens, cost; by a facet; or against a baseline.

        baseline: a second query; what changed, each with its test. Example:
        query "since:1d", baseline "since:8d until:1d".
        """
        if not 1 <= limit <= 100:  # noqa: PLR2004 - the surface's own rule
            raise Refusal(f"limit is {limit}; it is 1 to 100.")
        by = None if by is None else groups_by(by)
        asked = parse(query, now=time.time())
        found = await self.store.summary(asked, by, limit=limit)
        rows = _fitting([_figures(group, found.total) for group in found.groups])
        hints = _hints(query, found.total, by)
        if found.unexamined:
            hints.append(still_unexamined(found.unexamined))
        if found.partial:
            hints.append("The time was up: these are the newest; a word beside the phrase helps.")
        summary = Summary(
            total=_figures(found.total),
            rows=rows,
            more_rows=found.values - len(rows) or None,
            hint=" ".join(hints) or None,
        )
        if baseline is None:
            return summary
        return await self._compared(summary, asked, parse(baseline, now=time.time()), hints)

    async def _compared(
        self, summary: Summary, asked: Query, base: Query, hints: list[str]
    ) -> Summary:
        before, after = await self._arm(base), await self._arm(asked)
        for name, arm in (("query", after), ("baseline", before)):
            if not arm.total.traces:
                raise Refusal(
                    f"The {name} matches no trace: there is nothing to compare.",
                    next_step="search_traces shows what there is; since: and until: take days.",
                )
        shared = (await self.store.summary(_both(asked, base), None, limit=1)).total.traces
        if shared:
            both = counted(shared, "trace")
            told_twice = f"{both} in both: the tests take the two for independent."
            hints = [*hints, told_twice, "Part them, such as by since: and until:."]
        told, untested = changes(before, after)
        return Summary(
            total=summary.total,
            rows=summary.rows,
            more_rows=summary.more_rows,
            baseline=_figures(before.total),
            changes=[_told(change) for change in told],
            not_tested=untested or None,
            sampled=_sampled(before, after),
            hint=" ".join([*hints, _READING]),
        )

    async def _arm(self, query: Query) -> Arm:
        # A kind more: what nothing of the kind shows in is a group, too.
        found = await self.store.summary(query, "wrong", limit=len(WRONG_KINDS) + 1)
        wrong = {group.value: group.traces for group in found.groups}
        sample = await self.store.sample(query, SAMPLE, features)
        return Arm(found.total, sample, wrong, found.unexamined)


_READING = (
    "p_adjusted is Holm's, over all the tests here; with many traces a small change is clear, "
    "too: go by the effect."
)


def _both(one: Query, two: Query) -> Query:
    since = [when for when in (one.since, two.since) if when is not None]
    until = [when for when in (one.until, two.until) if when is not None]
    return Query(
        one.words + two.words,
        one.having + two.having,
        one.within + two.within,
        max(since, default=None),
        min(until, default=None),
        one.facts + two.facts,
        one.rated + two.rated,
    )


def _figures(group: Group, of: Group | None = None) -> dict[str, JsonValue]:
    """A group as an agent reads it; what is known of none is left out."""
    told: dict[str, JsonValue] = {}
    if of is not None:
        told["value"] = clip(group.value, _CELL) or "(none)"
    told |= {"traces": group.traces, "errors": group.errors}
    if group.traces:
        told["error_rate"] = round(group.errors / group.traces, 4)
    if group.passed or group.failed:
        told |= {"label_pass": group.passed, "label_fail": group.failed}
    if group.p50_ms is not None and group.p95_ms is not None:
        told |= {"p50_ms": round(group.p50_ms, 1), "p95_ms": round(group.p95_ms, 1)}
    if group.ttft_p50_ms is not None and group.ttft_p95_ms is not None:
        told["ttft_p50_ms"] = round(group.ttft_p50_ms, 1)
        told["ttft_p95_ms"] = round(group.ttft_p95_ms, 1)
    if group.counted:
        told["tokens"] = group.tokens
    if group.priced:
        told["cost_usd"] = float(f"{group.cost_usd:.6g}")
    if of is None:
        known = {"latency": group.timed, "ttft": group.streamed, "tokens": group.counted,
                 "cost": group.priced}  # fmt: skip
        some: dict[str, JsonValue] = {k: n for k, n in known.items() if 0 < n < group.traces}
        if some:
            told["known_of"] = some
    return told


def _fitting(rows: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    room = PAGE // 2
    shown: list[dict[str, JsonValue]] = []
    for row in rows:
        room -= size(row) + 1
        if room < 0:
            break
        shown.append(row)
    return shown


def _hints(query: str, total: Group, by: str | None) -> list[str]:
    if not total.traces:
        return [NO_MATCH] if query.strip() else ["No trace is stored yet."]
    if by in ("tag", "tool", "label", "mode", "source"):
        return [f"A trace with several {by}s counts in several rows."]
    if by == "feedback":
        return ["A trace counts in a row for each name, and for each that it says."]
    if by == "wrong":
        return ["A trace in which several kinds went wrong counts in several rows."]
    return []


def _told(change: Change) -> dict[str, JsonValue]:
    return {
        "what": change.what,
        "clear": change.is_clear,
        "baseline": _short(change.baseline),
        "now": _short(change.now),
        **{name: _short(value) for name, value in change.effect.items()},
        "p": _short(change.p_value),
        "p_adjusted": _short(change.p_adjusted),
        "test": change.test,
    }


def _short(value: JsonValue) -> JsonValue:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _sampled(before: Arm, after: Arm) -> str:
    """How many were read of each, for what is not counted of all."""
    parts = [
        f"{len(arm.sample.told):,} of the {arm.sample.of:,} traces of the {name}"
        for name, arm in (("query", after), ("baseline", before))
    ]
    whole = all(len(arm.sample.told) == arm.sample.of for arm in (before, after))
    way = "read" if whole else "read, drawn at random"
    rest = f"for the rest {' and '.join(parts)} were {way}."
    return f"Errors, what went wrong, labels and cost are of all; {rest}"
