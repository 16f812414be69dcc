"""A label: what a person, an agent or a judge said about a trace."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

LabelSource = Literal["human", "agent", "judge"]
Sampling = Literal["random", "by_verdict", "by_label", "unknown"]


@dataclass(frozen=True, slots=True)
class Label:
    """One verdict on one trace, or on the ``item`` of it that is named.

    ``mode`` is the name of the way it failed; ``sampled`` says how the trace was chosen, without
    which no rate may be estimated. ``created_at`` is Unix seconds. ``signature`` vouches for a
    human label; the store keeps it and does not judge it.
    """

    id: str
    trace_id: str
    criterion: str
    passed: bool
    created_at: float
    source: LabelSource
    critique: str = ""
    mode: str = ""
    labeller: str = ""
    criterion_version: str = ""
    signature: str = ""
    sampled: Sampling = "unknown"
    item: str = ""


def standing(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The label that counts for each criterion, trace and item: the latest.

    A person's stands above an agent's and a judge's, however late those came. Of two that were
    made at the same time the one that stands later among ``labels`` counts.
    """
    latest: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        about = (label.trace_id, label.item, label.criterion)
        before = latest.get(about)
        if before is None or _weight(label) >= _weight(before):
            latest[about] = label
    return tuple(latest.values())


def _weight(label: Label) -> tuple[bool, float]:
    return label.source == "human", label.created_at
