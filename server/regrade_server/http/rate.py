"""How often each caller may ask."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

# A caller who was forgotten has a full allowance again; so many are remembered.
_CALLERS = 10_000


@dataclass(slots=True)
class Rate:
    """A token bucket a caller: ``per_minute`` requests on average, as many at once."""

    per_minute: int
    _left: OrderedDict[str, tuple[float, float]] = field(
        default_factory=OrderedDict[str, tuple[float, float]]
    )

    def wait(self, caller: str, now: float) -> int:
        """0 and the request is counted, or the seconds until the next is allowed."""
        left, since = self._left.pop(caller, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > _CALLERS:
            self._left.popitem(last=False)
        return 0 if allowed else math.ceil((1 - left) * 60 / self.per_minute)
