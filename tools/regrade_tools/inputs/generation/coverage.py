"""How far inputs cover their dimensions, and where the holes are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from regrade_tools.inputs.generation.combinations import Cell, Combination, Space

_HOLES = 12


@dataclass(frozen=True, slots=True)
class Coverage:
    """Cells are pairs of values (values, of one dimension) that can occur together.

    ``holes`` names the first that no input has, values without any input before pairs, then by
    how often one would expect them by how often their values came.
    """

    cells: int
    covered: int
    missing: int = 0
    holes: list[str] = field(default_factory=list[str])


def coverage(
    space: Space, feasible: Iterable[Cell], combinations: Sequence[Combination]
) -> Coverage:
    """How far ``combinations`` cover the ``feasible`` cells of ``space``."""
    wanted = set(feasible)
    covered = wanted & {cell for one in combinations for cell in space.cells_of(one)}
    counts = Counter(item for one in combinations for item in one.items())
    values = {item for cell in wanted for item in cell}
    unused = sorted(item for item in values if not counts[item])
    # A pair of a value that no input has says nothing beyond that.
    open_cells = [cell for cell in wanted - covered if all(counts[item] for item in cell)]

    def expected(cell: Cell) -> float:
        product = 1.0
        for item in cell:
            product *= counts[item]
        return product

    open_cells.sort(key=lambda cell: (-expected(cell), cell))
    named = [f"{named_cell((item,))}: no input" for item in unused]
    named.extend(named_cell(cell) for cell in open_cells)
    return Coverage(len(wanted), len(covered), len(wanted) - len(covered), named[:_HOLES])


def named_cell(cell: Cell) -> str:
    """A cell in words: ``persona=recruiter + style=short``."""
    return " + ".join(f"{name}={value}" for name, value in cell)
