"""What is weak in a suite: checks that never fail, cases that ask little, all too easy."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from regrade_tools.comparison.standing import Standing
from regrade_tools.models import CaseResult, Label
from regrade_tools.suites.planning import Planned
from regrade_tools.texts.clipping import clip

# Fewer runs or answers than these say nothing of a check.
_RUNS, _ANSWERS = 3, 20
# As many runs in a row at 100 % as make a suite too easy.
_PERFECT = 5
_CRITERIA = 3
_NAMED = 5
_DEMAND = 160


def audit(
    planned: Sequence[Planned],
    runs: Sequence[tuple[Standing, Sequence[CaseResult]]],
    labels: Sequence[Label],
) -> list[str]:
    """What a person should look at, a line each; nothing of it keeps a suite from running.

    Args:
        planned: The cases with everything that is asked of them.
        runs: The last whole runs on programs, the newest first, with their results.
        labels: What people said of the traces that cases come from.
    """
    return [
        *_toothless(planned, runs),
        *_shallow(planned),
        *_contradicted(planned, labels),
        *_easy(runs),
    ]


def _toothless(
    planned: Sequence[Planned], runs: Sequence[tuple[Standing, Sequence[CaseResult]]]
) -> list[str]:
    """Checks that have failed in none of the last runs, though they were asked often."""
    if len(runs) < _RUNS:
        return []
    asked: Counter[str] = Counter()
    failed: set[str] = set()
    for _, results in runs:
        for result in results:
            for check in result.checks:
                mark = _mark(check.check)
                asked[mark] += 1
                if check.outcome == "failed":
                    failed.add(mark)
    now = {_mark(check.spec): check for one in planned for check in one.checks}
    idle = [mark for mark in now if asked[mark] >= _ANSWERS and mark not in failed]
    told = [f"{clip(now[mark].demand, _DEMAND)} ({asked[mark]} answers)" for mark in idle]
    return _listed(told, f"has not failed once in the last {len(runs)} runs", "assertion")


def _shallow(planned: Sequence[Planned]) -> list[str]:
    few = [one.case.id for one in planned if len(one.checks) < _CRITERIA]
    return _listed(few, f"asks fewer than {_CRITERIA} things of an answer", "case")


def _contradicted(planned: Sequence[Planned], labels: Sequence[Label]) -> list[str]:
    """Cases proven red on an answer that a person called good."""
    good: Mapping[str, list[Label]] = defaultdict(list)
    for label in labels:
        if label.source == "human" and label.verdict == "pass":
            good[label.trace_id].append(label)
    told = [
        f"{one.case.id} fails {one.case.provenance.trace}, which {by.labeller} passed on "
        f"{by.criterion}"
        for one in planned
        if one.case.provenance
        for by in good.get(one.case.provenance.trace, [])[:1]
    ]
    return _listed(told, "contradicts a person", "case")


def _easy(runs: Sequence[tuple[Standing, Sequence[CaseResult]]]) -> list[str]:
    perfect = [found.pass_rate == 1 for found, _ in runs[:_PERFECT]]
    if len(perfect) < _PERFECT or not all(perfect):
        return []
    told = (
        f"Everything passed in each of the last {_PERFECT} runs: it no longer tells a better "
        "product from this one. Add cases it fails, from traces or generate_inputs."
    )
    return [told]


def _listed(found: Sequence[str], what: str, noun: str) -> list[str]:
    if not found:
        return []
    many = f"{len(found)} {noun}s: each" if len(found) > 1 else f"One {noun}"
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return [f"{many} {what}: {'; '.join(found[:_NAMED])}{more}."]


def _mark(spec: Mapping[str, object]) -> str:
    return repr(sorted(spec.items(), key=str))
