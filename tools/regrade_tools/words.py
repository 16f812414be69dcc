"""What counts as a word: runs of letters and digits, without case and without accents."""

import re
import unicodedata

# Letters and digits; an underscore parts words, as in SQLite's unicode61.
_TOKEN = re.compile(r"[^\W_]+")
# The accents of Latin, Greek and Cyrillic. The marks of other scripts make other letters.
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """``text`` without case and without accents; of the same length where it was ASCII."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare)


def tokens(text: str) -> tuple[str, ...]:
    """The words of ``text`` in order, folded."""
    return tuple(_TOKEN.findall(fold(text)))


def pattern(words: tuple[str, ...], *, prefix: bool) -> re.Pattern[str]:
    """A pattern that finds ``words`` side by side in a folded text."""
    tail = "" if prefix else r"(?![^\W_])"
    return re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + tail)
