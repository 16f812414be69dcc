"""How alike two inputs are."""

from pydantic import JsonValue

from regrade_tools.fingerprint import canonical
from regrade_tools.texts.words import tokens

# Enough to tell two inputs apart; the distance of longer texts grows with their product.
_COMPARED_WORDS = 400
_COMPARED_CHARACTERS = 8_000


def comparable(value: JsonValue) -> str:
    """The words of an input, as two inputs are compared: the last words of a long one."""
    text = value if isinstance(value, str) else canonical(value).decode(errors="replace")
    return " ".join(tokens(text[-_COMPARED_CHARACTERS:])[-_COMPARED_WORDS:])


def similarity(left: str, right: str, at_least: float) -> float:
    """Between 0 and 1, the share of text in common by edit distance; 0 below ``at_least``."""
    # Imported with the first case that is filed: a server that lists its tools needs it not.
    from rapidfuzz import fuzz  # noqa: PLC0415

    return fuzz.ratio(left, right, score_cutoff=at_least * 100) / 100
