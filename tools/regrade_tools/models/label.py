"""A label: what somebody says of one answer by one criterion. Written once, never changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "fail"]
# Only people measure a judge; what an agent says is a suggestion until a person accepts it.
LabelSource = Literal["human", "agent"]
# How the rows that were labelled had been picked: it decides what may be estimated from them.
Sampled = Literal["random", "by_verdict", "by_label", "unknown"]
Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """How an item was picked to be labelled.

    ``sample`` is the id of the draw: what is answered in one is one look at an item. ``judge`` is
    the fingerprint of the judge whose verdicts it was drawn by.
    """

    way: Sampled = "unknown"
    sample: str = ""
    judge: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """One label; of several by one labeller for one item and criterion the latest counts.

    ``item`` is the key of what was labelled: a fingerprint of all that is shown of it, so that
    it is the same on every machine. ``group`` is the session of a conversation: what belongs
    together never straddles two splits. ``mode`` is the failure mode. ``labelled_at`` is Unix
    seconds. ``version`` is that of the criterion's words. ``signature`` is the labeller's, in
    base64, and empty for a suggestion. ``sample`` and ``drawn_by`` are as of ``Drawn``, and empty
    in labels of before and in those that no sample asked for.
    """

    id: str
    item: str
    criterion: str
    verdict: Verdict
    source: LabelSource
    labeller: str
    labelled_at: float
    critique: str = ""
    mode: str = ""
    trace_id: str = ""
    group: str = ""
    version: str = ""
    sampled: Sampled = "unknown"
    signature: str = ""
    sample: str = ""
    drawn_by: str = ""


def counting_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The label that counts for each criterion, trace and item: the latest.

    A person's stands above an agent's, however late that came. Of two that were made at the
    same time the one that stands later among ``labels`` counts.
    """
    latest: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        about = (label.trace_id, label.item, label.criterion)
        before = latest.get(about)
        if before is None or _weight(label) >= _weight(before):
            latest[about] = label
    return tuple(latest.values())


def _weight(label: Label) -> tuple[bool, float]:
    return label.source == "human", label.labelled_at
