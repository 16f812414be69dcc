"""Times and durations as logs write them, in every spelling that is common."""

import math
import re
from datetime import UTC, datetime

# A number is seconds, milliseconds, microseconds or nanoseconds by its size: as seconds the
# first bound is the year 5138, so no real log is read as the wrong unit.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
_UNITS_BITS = 70
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
# What datetime can hold; a time outside it is a broken log, not a date.
_LATEST = 253_402_300_799.0


def moment(value: object) -> float | None:
    """Unix seconds of a number (s, ms, us or ns) or an ISO 8601 text; None where it is neither.

    A text without a zone is taken as UTC: the same log must mean the same on every machine.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    try:
        return _from_number(float(text))
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
        seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    # The last hours of the year 9999 are of no year in UTC where a zone is behind it.
    return seconds if seconds <= _LATEST else None


def _from_number(value: float) -> float | None:
    if isinstance(value, int) and value.bit_length() > _UNITS_BITS:
        return None
    for bound, unit in _UNITS:
        if 0 < value < bound:
            return value / unit
    return None


def elapsed_ms(began: float | None, ended: float | None) -> float | None:
    """Milliseconds between two moments; None where one is unknown or a clock went back."""
    if began is None or ended is None or ended < began:
        return None
    return (ended - began) * 1000


def duration(text: str) -> float | None:
    """Seconds of ``2s``, ``150ms``, ``7d`` and the like; a bare number is seconds."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        return None
    seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    return seconds if math.isfinite(seconds) else None


def iso(seconds: float) -> str:
    """``seconds`` since 1970 as an ISO 8601 time in UTC, to the second."""
    inside = min(max(seconds, 0.0), _LATEST)
    return datetime.fromtimestamp(inside, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
