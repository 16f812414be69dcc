"""What a look at an installation and a workspace finds."""

from dataclasses import dataclass
from typing import Literal

# note: worth knowing. wrong: to be mended by whoever asks. damaged: nothing can be decided.
Level = Literal["good", "note", "wrong", "damaged"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one thing found; ``mend`` says what to do."""

    about: str
    level: Level
    told: str
    mend: str = ""
