"""Two measurements of one suite side by side: what was fixed, broken, added and loosened."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from regrade_tools.comparison.paired import Difference, difference
from regrade_tools.comparison.rewording import Edits, Reworded, is_fixed, reworded
from regrade_tools.comparison.rewording import told as told_of
from regrade_tools.comparison.standing import Standing
from regrade_tools.models import Scheduled
from regrade_tools.runs.measures import Moved, moved
from regrade_tools.texts.plaintext import counted, often

CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two standings, as ids of cases.

    ``fixed`` failed and pass now, with what failed still asked. ``flaky`` passed in some trials
    and failed in others, before or after. ``renamed`` are those that have another id now and are
    else the same: by the old one, the new one. ``loosened`` tells, one line each, of a case that is
    gone, of assertions that are gone, of a case whose input, filed or expected answer changed, of
    a scorer that did, of another target and of fewer trials: a rate that rose this way did not
    rise because the product got better; ``loosening`` counts these. ``tightened`` tells of
    assertions that no answer passes which failed the former ones. ``not_comparable`` says why the
    two rates are not of the same thing. ``difference`` is over the cases that both decided,
    where a flaky one counts as failed. ``took`` is how latency, tokens and cost a case moved.
    """

    fixed: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    flaky: list[str] = field(default_factory=list[str])
    added: list[str] = field(default_factory=list[str])
    renamed: dict[str, str] | None = None
    unchanged: int = 0
    loosened: list[str] = field(default_factory=list[str])
    loosening: str | None = None
    tightened: list[str] | None = None
    not_comparable: list[str] = field(default_factory=list[str])
    difference: Difference | None = None
    took: dict[str, Moved] | None = None


def compare(
    before: Standing, after: Standing, *, select: str = "", relaxed: tuple[str, ...] = ()
) -> Comparison:
    """What changed from ``before`` to ``after``.

    Args:
        before: The baseline.
        after: What it is compared with.
        select: The part of the suite that was run; cases outside of it are not missed.
        relaxed: What the gate allows now and did not, a line each; it counts as loosened.
    """
    before = before.narrowed(select, after)
    changes = {
        case_id: (_state(before, case_id), _state(after, case_id))
        for case_id in after.outcomes
        if case_id in before.outcomes
    }
    edits = Edits(before, after)
    found = [*reworded(edits)]
    loosened = [
        *_loosened(before, after, select, found),
        *(_Loosened("rule", told) for told in relaxed),
    ]
    return Comparison(
        fixed=[
            case_id
            for case_id, change in changes.items()
            if change == ("failed", "passed") and is_fixed(case_id, edits)
        ],
        broken=[case_id for case_id, change in changes.items() if change == ("passed", "failed")],
        flaky=[case_id for case_id, change in changes.items() if "flaky" in change],
        added=[case_id for case_id in after.outcomes if case_id not in before.outcomes],
        renamed=before.renamed or None,
        unchanged=sum(was == now != "flaky" for was, now in changes.values()),
        loosened=[one.told for one in loosened],
        loosening=_counted(loosened),
        tightened=[told_of(one, before, after) for one in found if one.tightened] or None,
        not_comparable=_not_comparable(before, after),
        difference=rate_change(before, after),
        took=moved(before.took, after.took) or None,
    )


def _state(found: Standing, case_id: str) -> str:
    return "flaky" if case_id in found.flaky else found.outcomes[case_id]


def rate_change(before: Standing, after: Standing) -> Difference | None:
    """How the pass rate changed on the cases that both decided; None where there is none."""
    pairs = Counter(
        (was, after.outcomes[case_id])
        for case_id, was in before.outcomes.items()
        if was != "errored" and after.outcomes.get(case_id, "errored") != "errored"
    )
    return difference(pairs["failed", "passed"], pairs["passed", "failed"], pairs.total())


@dataclass(frozen=True, slots=True)
class _Loosened:
    kind: str
    told: str
    number: int = 1


def _loosened(
    before: Standing, after: Standing, select: str, found: Sequence[Reworded]
) -> Iterator[_Loosened]:
    if before.target and before.target != after.target:
        yield _Loosened("target", f"the target was {before.target} and is {after.target}")
    elif before.program and before.program != after.program:
        told = f"the target {after.target} stands for something else in regrade.yaml"
        yield _Loosened("target", told)
    # The terms of a baseline tell of its trials themselves.
    if not before.gates and before.trials > after.trials:
        told = f"each case was asked {often(before.trials)} and is asked {often(after.trials)}"
        yield _Loosened("trials", told)
    for name, source in before.scorers.items():
        if after.scorers.get(name, source) != source:
            yield _Loosened("scorer", f"what stands behind {name} changed")
    for one in found:
        if not one.tightened:
            yield _Loosened("assertion", told_of(one, before, after), len(one.lost))
    for case_id, was in before.cases.items():
        now = after.cases.get(case_id)
        if now is not None:
            yield from _case_loosened(was, now)
        else:
            critical = "critical " if CRITICAL in was.tags else ""
            unless = ", or is not selected any more" if select else ""
            told = f"{case_id}: the {critical}case is gone{unless}"
            yield _Loosened(f"{critical}case", told)


def _case_loosened(was: Scheduled, now: Scheduled) -> Iterator[_Loosened]:
    if was.input != now.input:
        yield _Loosened("input", f"{was.id}: its input changed")
    # An answer that only one of the two scored is another target, which is told once.
    if was.answer and now.answer and was.answer != now.answer:
        yield _Loosened("answer", f"{was.id}: the filed answer that is scored changed")
    if was.expected and now.expected and was.expected != now.expected:
        yield _Loosened(
            "expected", f"{was.id}: what its scorers are told beside the answer changed"
        )
    if CRITICAL in was.tags and CRITICAL not in now.tags:
        yield _Loosened("tag", f"{was.id}: it is no longer critical")


# Of each kind: how one is told, and how several are.
_KINDS = {
    "critical case": ("critical case gone", "critical cases gone"),
    "case": ("case gone", "cases gone"),
    "tag": ("case no longer critical", "cases no longer critical"),
    "assertion": ("assertion changed or gone", "assertions changed or gone"),
    "input": ("input changed", "inputs changed"),
    "answer": ("filed answer changed", "filed answers changed"),
    "expected": ("expected answer changed", "expected answers changed"),
    "scorer": ("scorer changed", "scorers changed"),
    "target": ("other target", "other targets"),
    "trials": ("lower number of trials", "lower numbers of trials"),
    "rule": ("laxer term of the gate", "laxer terms of the gate"),
}


def _counted(loosened: list[_Loosened]) -> str | None:
    counts: Counter[str] = Counter()
    for one in loosened:
        counts[one.kind] += one.number
    told = [
        f"{counts[kind]} {names[counts[kind] > 1]}"
        for kind, names in _KINDS.items()
        if counts[kind]
    ]
    return ", ".join(told) or None


def _not_comparable(before: Standing, after: Standing) -> list[str]:
    told = list(before.doubts)
    if before.unmeasured:
        return [*told, "how its cases ended before is not known: a baseline has to be saved there"]
    if after.cases and before.cases.keys().isdisjoint(after.cases):
        told.append("no case is in both")
    if before.target and (before.target, before.program or after.program) != (
        after.target,
        after.program,
    ):
        told.append("another target was measured")
    told.extend(asked_otherwise(before, after))
    return told


def asked_otherwise(before: Standing, after: Standing) -> list[str]:
    """Why two rates are not of the same thing, whoever answered."""
    told: list[str] = []
    common = [case_id for case_id in after.cases if case_id in before.cases]
    if before.trials != after.trials:
        do = "does" if after.trials == 1 else "do"
        asked = f"{counted(after.trials, 'trial')} {do}"
        told.append(f"a case passes if {asked}, and if {before.trials} did before")
    other = sum(
        (before.cases[case_id].input, set(before.cases[case_id].checks))
        != (after.cases[case_id].input, set(after.cases[case_id].checks))
        for case_id in common
    )
    if other:
        told.append(f"{other} of {len(common)} cases were asked or checked otherwise")
    return told
