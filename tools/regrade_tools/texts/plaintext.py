"""Text from elsewhere, made fit to be sent and shown."""

import re
from collections.abc import Sequence

# Control characters but the ends of lines and tabs, the marks that turn the direction of what
# follows, and halves of characters.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """``text`` with JSON's escape for each sign that would steer a terminal."""
    return _STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def line(text: str) -> str:
    """``text`` in one line, so that nothing in it passes for a line of ours."""
    return " ".join(text.split())


def counted(number: int, noun: str) -> str:
    """``number`` with its noun, such as ``1 trace`` or ``2,000 traces``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def often(number: int) -> str:
    """How often: ``once``, or ``3 times``."""
    return "once" if number == 1 else f"{number:,} times"


def listed(names: Sequence[str], most: int) -> str:
    """The first ``names``, ``most`` of them, and how many more there are: ``a, b and 3 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def first_lines(lines: Sequence[str], most: int) -> list[str]:
    """The first ``lines``, ``most`` of them, and one that counts those that are missing."""
    rest = len(lines) - most
    return [*lines[:most], f"and {rest} more"] if rest > 0 else [*lines]


def encodable(text: str) -> str:
    """``text`` with every half of a character replaced: what can be written as UTF-8.

    Halves stand for the bytes of a file's name that are not UTF-8, and are legal in JSON.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
