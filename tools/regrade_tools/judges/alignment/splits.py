"""Train, dev and test: which label may teach a judge, tune it, or only measure it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from regrade_tools.models import Split, Verdict

# Few-shot examples come from train; most labels measure.
SHARES: dict[Split, float] = {"train": 0.15, "dev": 0.425, "test": 0.425}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled item; those of one ``group``, such as a session, never straddle two splits."""

    item: str
    group: str
    verdict: Verdict


def assign(items: Iterable[Labelled], frozen: Mapping[str, Split], seed: str) -> dict[str, Split]:
    """The split of every item; what is ``frozen`` stays as it is.

    Groups are dealt in the order of a hash of their key, each class of labels for itself, so
    that every split has its share of both classes and nobody chooses what is measured.
    """
    groups = defaultdict[str, list[Labelled]](list)
    for item in items:
        groups[item.group].append(item)
    dealt: dict[str, Split] = {}
    counts = {"pass": Counter[Split](), "fail": Counter[Split]()}
    waiting: list[str] = []
    for group, members in groups.items():
        # A group of which any member is known stays together where that member is.
        known: list[Split] = [frozen[member.item] for member in members if member.item in frozen]
        if not known:
            waiting.append(group)
            continue
        counts[_class(members)][known[0]] += len(members)
        for member in members:
            dealt[member.item] = frozen.get(member.item, known[0])
    for group in sorted(waiting, key=lambda group: _rank(group, seed)):
        members = groups[group]
        count = counts[_class(members)]
        split = _neediest(count)
        count[split] += len(members)
        for member in members:
            dealt[member.item] = split
    return dealt


def _class(members: list[Labelled]) -> Verdict:
    # A session with one failure is one of the rare ones: those must not all land in one split.
    return "fail" if any(member.verdict == "fail" for member in members) else "pass"


def _neediest(count: Counter[Split]) -> Split:
    total = count.total() + 1
    return max(SHARES, key=lambda split: SHARES[split] * total - count[split])


def _rank(group: str, seed: str) -> bytes:
    return sha256(f"{seed}\0{group}".encode("utf-8", "surrogatepass")).digest()
