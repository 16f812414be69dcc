"""What users and evaluators said of a trace where it was logged: a fact, and no label of ours."""

import json
import re
from dataclasses import dataclass
from typing import Literal

FeedbackSource = Literal["", "human", "model", "code", "api"]
# A value where it is text: in a table, and in a query.
DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Feedback:
    """One thing that was said of a trace, or of the span ``span_id`` of it.

    ``value`` is a finite number on whatever scale the log uses, ``label`` a word such as
    ``thumbs_down``; ``source`` is who said it, as far as that is told: ``api`` is any program.
    """

    name: str
    value: float | None = None
    label: str = ""
    comment: str = ""
    source: FeedbackSource = ""
    span_id: str = ""

    @property
    def number(self) -> str:
        """The value as it is written in a query; empty without one."""
        if self.value is None:
            return ""
        return str(int(self.value)) if self.is_whole else json.dumps(self.value)

    @property
    def is_whole(self) -> bool:
        """Whether the value is a whole number, such as a rating; there may be many others."""
        return self.value is not None and float(self.value).is_integer()

    @property
    def told(self) -> str:
        """It in one line, such as ``helpful=thumbs_down (0, human) of b7ad6b71: too long``."""
        said = self.label or self.number
        about = [self.number if self.label else "", self.source]
        aside = ", ".join(filter(None, about))
        parts = (
            f"{self.name}={said}" if said else self.name,
            f" ({aside})" if aside else "",
            f" of {self.span_id}" if self.span_id else "",
            f": {self.comment}" if self.comment else "",
        )
        return " ".join("".join(parts).split())
