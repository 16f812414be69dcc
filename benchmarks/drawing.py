"""How cost grows with size, as a picture."""

# matplotlib is loosely typed; this room alone speaks to it.
# pyright: reportUnknownMemberType=false

from pathlib import Path

from matplotlib.figure import Figure
from measuring import Table, exponent


def draw(table: Table, path: Path) -> None:
    """Draw ``table.lines`` on two logarithmic axes, each line with its fitted exponent."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, points in table.lines.items():
        sizes, costs = [size for size, _ in points], [cost for _, cost in points]
        axes.loglog(sizes, costs, marker="o", label=f"{name}: size^{exponent(points):.2f}")
    axes.set_title(table.title)
    axes.set_xlabel("size")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=120)
