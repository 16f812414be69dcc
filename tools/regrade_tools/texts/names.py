"""Names: of a run that was given none, and of what is named by somebody's text."""

import random
import re

from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint
from regrade_tools.texts.timestamps import iso

_MANNERS = "amber brisk calm clear early gentle keen lucky mellow quiet silver sunny tidy warm"
_LONGEST = 48
_THINGS = "anchor birch brook cedar comet falcon harbor heron lantern maple meadow otter willow"


def memorable(when: float) -> str:
    """The day of ``when`` (Unix seconds) and two words, such as ``2026-11-22 calm heron``."""
    words = [random.choice(listed.split()) for listed in (_MANNERS, _THINGS)]  # noqa: S311 - no secret
    return " ".join([iso(when)[:10], *words])


def plain(text: str, content: JsonValue, digits: int = 6) -> str:
    """A file's name from the words of ``text``, told from its neighbours by its ``content``."""
    words = "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:_LONGEST].strip("-")
    return f"{words or 'case'}-{fingerprint(content)[:digits]}"
