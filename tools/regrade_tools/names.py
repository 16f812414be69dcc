"""A name that a person can say for a run that was given none."""

import random

from regrade_tools.timestamps import iso

_MANNERS = "amber brisk calm clear early gentle keen lucky mellow quiet silver sunny tidy warm"
_THINGS = "anchor birch brook cedar comet falcon harbor heron lantern maple meadow otter willow"


def memorable(when: float) -> str:
    """The day of ``when`` (Unix seconds) and two words, such as ``2026-11-22 calm heron``."""
    words = [random.choice(listed.split()) for listed in (_MANNERS, _THINGS)]  # noqa: S311 - no secret
    return " ".join([iso(when)[:10], *words])
