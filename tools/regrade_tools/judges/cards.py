"""Cards: one judgement, or one item on which a judge and people differ, cut to size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.judges.alignments import Row
from regrade_tools.models import Item, Judged, Judgement, Verdict
from regrade_tools.texts.clipping import clip, clip_value

_REASONING, _TEXT = 500, 500
_FIRST: dict[Judgement, int] = {"fail": 0, "errored": 1, "unknown": 2, "pass": 3}


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """One judgement. ``place`` is a trace, or a case of a run."""

    item: str
    verdict: Judgement
    place: str | None = None
    reasoning: str | None = None
    problem: str | None = None
    input: JsonValue = None
    output: JsonValue = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item on which the judge and people differ, with both reasons."""

    item: str
    people: Verdict
    judge: Judgement
    critique: str
    reasoning: str
    trace_id: str | None = None
    input: JsonValue = None
    output: JsonValue = None


def ordered(items: Iterable[Item], judged: Mapping[str, Judged]) -> list[Item]:
    """Failing first, then what was not decided."""
    return sorted(items, key=lambda item: (_FIRST[judged[item.key].verdict], item.key))


def verdict_card(item: Item, judged: Judged) -> VerdictCard:
    """One judgement, cut to size; what passed is only named."""
    whole = judged.verdict != "pass"
    return VerdictCard(
        item.key,
        judged.verdict,
        item.place or None,
        clip(judged.reasoning, _REASONING) or None,
        clip(judged.problem, _REASONING) or None,
        clip_value(item.input, _TEXT) if whole else None,
        clip_value(item.output, _TEXT) if whole else None,
    )


def disagreement(row: Row) -> Disagreement:
    """An item on which the judge and people differ."""
    item, label = row.truth.item, row.truth.row.label
    return Disagreement(
        item.key,
        row.truth.verdict,
        row.pair.judge,
        clip(label.critique, _REASONING),
        clip(row.judged.reasoning if row.judged else "", _REASONING),
        label.trace_id or None,
        clip_value(item.input, _TEXT),
        clip_value(item.output, _TEXT),
    )
