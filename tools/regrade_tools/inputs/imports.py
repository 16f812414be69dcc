"""Inputs from elsewhere become candidates, and are scored; a proposal is read off real traffic."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.inputs.generation.batches import asked, begin
from regrade_tools.inputs.generation.candidates import Batch
from regrade_tools.inputs.generation.combinations import Combination, Space, plan
from regrade_tools.inputs.generation.coverage import Coverage, coverage
from regrade_tools.inputs.generation.diversity import Diversity, diversity
from regrade_tools.inputs.generation.rows import Row, read
from regrade_tools.inputs.generation.spaces import space_of
from regrade_tools.inputs.generation.traffic import Proposal, proposal
from regrade_tools.models import Generated, Inputs, Suite
from regrade_tools.ports import Store
from regrade_tools.texts.clipping import clip_list
from regrade_tools.traces.query import parse

_TRACES = 1_000
_SHOWN = 3_000


@dataclass(frozen=True, slots=True)
class ImportedInputs:
    """What a file of inputs holds and what became of it.

    ``unknown`` are values that the suite's dimensions do not have; such inputs are kept and
    cover nothing. ``near`` names the first that repeat others. ``coverage`` and ``diversity``
    are of every input of the file, kept or not.
    """

    told: str
    inputs: int
    kept: int
    combinations: int
    dimensions: dict[str, int]
    coverage: Coverage
    diversity: Diversity
    rejected: dict[str, int] = field(default_factory=dict[str, int])
    near: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])
    skipped: int = 0
    skipped_first: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class InputImports:
    """What can be done with inputs that are there."""

    store: Store
    workspace: Workspace | None

    async def propose(self, suite: str, query: str) -> Proposal:
        """Dimensions and style for ``suite``, as the traces that match ``query`` have them."""
        needed(self.workspace).suite(suite)
        sampled = await self.store.sample(parse(query, now=time.time()), _TRACES, asked)
        return proposal(sampled.told, sampled.of, query)

    async def import_inputs(
        self,
        path: Path,
        suite: str,
        text: str,
        values: Sequence[str],
        *,
        dry_run: bool = False,
    ) -> ImportedInputs:
        """Score the inputs of a file; what is distinct becomes candidates of ``suite``.

        Raises:
            Refusal: The file or a field is not there, or holds nothing.
        """
        workspace = needed(self.workspace)
        found = workspace.suite(suite)
        held = read(path, path.name, text, values)
        space, known = _space(found, held.rows)
        inputs = found.inputs or Inputs()
        begun = await begin(self.store, workspace, suite, inputs)
        begun.batch.write = not dry_run
        near = _keep(begun.batch, held.rows, path.name)
        combinations: list[Combination] = [row.values for row in held.rows]
        feasible = plan(space, 1, 0).feasible
        covered = coverage(space, feasible, [one for one in combinations if space.holds(one)])
        kept = len(begun.batch.kept)
        verb = "would be kept" if dry_run else "kept as candidates"
        return ImportedInputs(
            f"{len(held.rows)} inputs, {kept} distinct {verb}; they cover {covered.covered} of "
            f"{covered.cells} pairs of values, and {covered.missing} are holes",
            len(held.rows),
            kept,
            len({tuple(sorted(one.items())) for one in combinations}),
            {name: len(values) for name, values in space.weights.items()},
            covered,
            diversity([row.text for row in held.rows]),
            begun.batch.told_rejected,
            clip_list(near, _SHOWN),
            clip_list(known, _SHOWN),
            held.skipped,
            held.first,
        )


def _keep(batch: Batch, rows: Sequence[Row], name: str) -> list[str]:
    """Keep what is distinct; what repeats another, each in a line."""
    near: list[str] = []
    (part, *more) = batch.inputs.parts
    for row in rows:
        origin = Generated(values=row.values, seed=0, writer=f"file:{name}")
        texts = {part: row.text, **dict.fromkeys(more, "")}
        problem = batch.keep(texts, origin)
        if problem is not None:
            near.append(f"{row.where}: {problem.why}")
    return near


def _space(suite: Suite, rows: Sequence[Row]) -> tuple[Space, list[str]]:
    """The suite's dimensions, else those that the rows have; and values that it does not know."""
    if suite.inputs is not None and suite.inputs.dimensions:
        space = space_of(suite, suite.inputs)
        strange = {
            f"{name}={value}"
            for row in rows
            for name, value in row.values.items()
            if value not in space.weights.get(name, {})
        }
        return space, sorted(strange)
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        for name, value in row.values.items():
            held = found.setdefault(name, {})
            held[value] = held.get(value, 0) + 1
    return Space(found), []
