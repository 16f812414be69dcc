"""A name that a person can say for a run that was given none."""

import random

from regrade_tools.timestamps import iso

_MANNERS = ("amber", "brisk", "calm", "clear", "early", "gentle", "keen", "lucky", "mellow", "quiet",
            "rapid", "silver", "sunny", "tidy", "warm", "wide")  # fmt: skip
_THINGS = ("anchor", "birch", "brook", "cedar", "comet", "falcon", "harbor", "heron", "lantern",
           "maple", "meadow", "otter", "pebble", "ridge", "sparrow", "willow")  # fmt: skip


def memorable(when: float) -> str:
    """The day of ``when`` (Unix seconds) and two words, such as ``2026-11-22 calm heron``."""
    words = f"{random.choice(_MANNERS)} {random.choice(_THINGS)}"  # noqa: S311 - a name, no secret
    return f"{iso(when)[:10]} {words}"
