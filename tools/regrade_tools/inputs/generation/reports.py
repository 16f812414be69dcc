"""A generation told: what was asked, kept and written, how far it covers, how it differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from regrade_tools.inputs.generation.batches import Begun
from regrade_tools.inputs.generation.briefs import Slot
from regrade_tools.inputs.generation.candidates import said, shown
from regrade_tools.inputs.generation.combinations import Plan, Space
from regrade_tools.inputs.generation.coverage import Coverage, coverage
from regrade_tools.inputs.generation.diversity import Diversity, diversity
from regrade_tools.packets import Work
from regrade_tools.texts.clipping import clip_list

_PLAN, _KEPT = 6_000, 5_000
_LEANS = 6


@dataclass(frozen=True, slots=True)
class Generation:
    """What was made. ``coverage`` is of all generated inputs, ``diversity`` of those kept now.

    ``rejected`` counts texts by why: same, near, unfit, unreadable, errored. ``plan`` is told
    before anything is written, ``kept`` after.
    """

    suite: str
    asked: int
    told: str
    kept: list[str] = field(default_factory=list[str])
    plan: list[str] = field(default_factory=list[str])
    coverage: Coverage | None = None
    diversity: Diversity | None = None
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    unfilled: list[str] = field(default_factory=list[str])
    leans: str | None = None
    compared: str = ""
    written: int = 0
    cost_usd: float | None = None
    ceiling_usd: float | None = None
    work: Work | None = None
    hint: str | None = None


def told_slot(slot: Slot) -> str:
    """A slot of a plan in one line."""
    values = ", ".join(f"{name}={value}" for name, value in slot.values.items())
    return f"{slot.n}. {values}" + (f" ({'; '.join(slot.mess)})" if slot.mess else "")


def told_leans(lean: Mapping[tuple[str, str], float]) -> str | None:
    """What a plan leans to, most first."""
    ordered = sorted(lean.items(), key=lambda one: (-one[1], one[0]))[:_LEANS]
    told = [f"{name}={value} x{factor:.2g}" for (name, value), factor in ordered]
    return ", ".join(told) or None


def planned(  # noqa: PLR0913 - what there is to tell
    suite: str,
    space: Space,
    found: Plan,
    slots: Sequence[Slot],
    begun: Begun,
    lean: Mapping[tuple[str, str], float],
) -> Generation:
    """A plan of which nothing is written yet."""
    whole = coverage(space, found.feasible, [*begun.combinations, *found.combinations])
    pairs = "values" if len(space.weights) == 1 else "pairs"
    told = (
        f"{len(slots)} inputs planned; with what is there they cover {whole.covered} of the "
        f"{whole.cells} {pairs} of values that can occur"
    )
    if found.needed > len(slots):
        told += f" (all of them from {found.needed} inputs on)"
    return Generation(
        suite,
        len(slots),
        told,
        plan=clip_list([told_slot(slot) for slot in slots], _PLAN),
        coverage=whole,
        leans=told_leans(lean),
        compared=begun.compared,
    )


def made(  # noqa: PLR0913 - what there is to tell
    suite: str,
    space: Space,
    found: Plan,
    begun: Begun,
    asked: int,
    written: int,
    unfilled: Sequence[Slot],
    stopped: str,
) -> Generation:
    """What was written and kept."""
    batch = begun.batch
    told = f"{asked} asked, {len(batch.kept)} distinct kept, {written} written"
    if unfilled:
        told += f"; {len(unfilled)} could not be made: {stopped}"
    inside = [one for one in begun.combinations if space.holds(one)]
    texts = [" ".join(said(case.input, batch.inputs.field)) for case in batch.kept]
    return Generation(
        suite,
        asked,
        told,
        kept=clip_list([f"{case.id}: {shown(case, batch.inputs)}" for case in batch.kept], _KEPT),
        coverage=coverage(space, found.feasible, inside),
        diversity=diversity(texts),
        rejected=batch.told_rejected,
        unfilled=clip_list([told_slot(slot) for slot in unfilled], _PLAN // 4),
        compared=begun.compared,
        written=written,
        hint=f"They are candidates in evals/cases/{suite}/, which no run counts: a person reads "
        f"them, then `regrade accept {suite}`."
        if batch.kept
        else None,
    )
