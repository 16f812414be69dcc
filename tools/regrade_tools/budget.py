"""A cap on what may be spent, held before each question and not after the bill."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from regrade_tools.models import Judged, ModelError


@dataclass(slots=True)
class Budget:
    """Dollars that may be spent. Without a limit everything goes and the sum is still kept.

    ``unpriced`` counts answers whose price nobody knows: the sum is then a lower bound.
    """

    limit: float | None = None
    spent: float = 0
    unpriced: int = 0
    _reserved: float = field(default=0, repr=False)

    def reserve(self, ceiling: float | None) -> float:
        """Set aside the most that one answer can cost.

        Raises:
            ModelError: It could break the limit, or nobody knows what it can cost.
        """
        if self.limit is None:
            return 0
        if ceiling is None:
            raise ModelError(
                "the budget cannot be held: nobody knows the price of this model; give "
                "input_cost_per_token and output_cost_per_token in evals/regrade.yaml",
                fatal=True,
            )
        if self.spent + self._reserved + ceiling > self.limit:
            raise ModelError(
                f"the budget of ${self.limit:g} is used up: ${self.spent:.4f} is spent and one "
                f"more answer could cost ${ceiling:.4f}",
                fatal=True,
            )
        self._reserved += ceiling
        return ceiling

    def settle(self, reserved: float, cost: float | None) -> None:
        """Give back what was set aside and keep what it cost."""
        self._reserved -= reserved
        if cost is None:
            self.unpriced += 1
            # What may have been spent counts as spent: the limit holds whatever is not known.
            self.spent += reserved
        else:
            self.spent += cost


def paid(judged: Sequence[Judged]) -> float | None:
    """Dollars that judgements cost now, replays nothing; None where nobody knows of one."""
    costs = [0.0 if one.replayed else one.cost_usd for one in judged if one.verdict != "errored"]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if len(known) == len(costs) else None
