"""Which generated inputs a target struggled with, and which values they come from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from regrade_tools.models import Case, Outcome

_VALUES, _CASES = 8, 10
# An input whose values failed always is drawn as often again as three that never did.
_LEAN = 2


@dataclass(frozen=True, slots=True)
class Struggle:
    """A value with how many of its generated inputs failed; errored ones are in neither number."""

    value: str
    failed: int
    of: int


@dataclass(frozen=True, slots=True)
class Struggles:
    """Of the generated inputs of a run: how many failed, and the values that stand out.

    A value stands out where more of its inputs failed than of all together; ``cases`` are the
    first that failed.
    """

    failed: int
    of: int
    values: list[Struggle] = field(default_factory=list[Struggle])
    cases: list[str] = field(default_factory=list[str])


def struggles(cases: Iterable[Case], outcomes: Mapping[str, Outcome]) -> Struggles | None:
    """What a run says of the generated among ``cases``; None where it decided none of them."""
    counted = _counts(cases, outcomes)
    ended = {case_id: outcomes[case_id] for case_id in counted.decided}
    if not ended:
        return None
    failed = [case_id for case_id, outcome in ended.items() if outcome == "failed"]
    rate = len(failed) / len(ended)
    found = [
        Struggle(f"{name}={value}", lost, of)
        for (name, value), (lost, of) in counted.values.items()
        if lost / of > rate
    ]
    found.sort(key=lambda one: (-one.failed / one.of, -one.failed, one.value))
    return Struggles(len(failed), len(ended), found[:_VALUES], failed[:_CASES])


def leaning(cases: Iterable[Case], outcomes: Mapping[str, Outcome]) -> dict[tuple[str, str], float]:
    """By how much the next plan raises each value: 1 where nothing failed, to 3 where all did.

    One failure of one input says little: the rate is that of one more input that passed.
    """
    counted = _counts(cases, outcomes)
    return {
        item: 1 + _LEAN * lost / (of + 1) for item, (lost, of) in counted.values.items() if lost
    }


@dataclass(slots=True)
class _Counts:
    decided: list[str] = field(default_factory=list[str])
    values: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: (0, 0))
    )


def _counts(cases: Iterable[Case], outcomes: Mapping[str, Outcome]) -> _Counts:
    found = _Counts()
    for case in cases:
        origin = case.provenance.generated if case.provenance else None
        outcome = outcomes.get(case.id)
        if origin is None or outcome not in ("passed", "failed"):
            continue
        found.decided.append(case.id)
        for item in origin.values.items():
            lost, of = found.values[item]
            found.values[item] = (lost + (outcome == "failed"), of + 1)
    return found
