"""What counts as a word: runs of letters and digits, without case and without accents."""

import re
import unicodedata

# Letters and digits; an underscore parts words, as in SQLite's unicode61.
_TOKEN = re.compile(r"[^\W_]+")
# The accents of Latin, Greek and Cyrillic. The marks of other scripts make other letters.
_ACCENTS = re.compile("[\u0300-\u036f]")
# No language stacks more marks on a letter; to order a longer run takes the square of it.
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")


def fold(text: str) -> str:
    """``text`` without case and without accents; of the same length where it was ASCII."""
    if text.isascii():
        return text.lower()
    folded = _MAYBE_MARKS.sub(_few_marks, text.casefold())
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare)


def _few_marks(run: re.Match[str]) -> str:
    """A run of marks and signs, with no more marks in a row than any text has."""
    kept: list[str] = []
    marks = 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def tokens(text: str) -> tuple[str, ...]:
    """The words of ``text`` in order, folded."""
    return tuple(_TOKEN.findall(fold(text)))


def pattern(words: tuple[str, ...], *, prefix: bool) -> re.Pattern[str]:
    """A pattern that finds ``words`` side by side in a folded text."""
    first, *others = map(re.escape, words)
    # The letters stand first and what may not be before them after: so their places are found
    # many times quicker than by a look at every place.
    begin = rf"{first}(?<![^\W_]{first})"
    tail = "" if prefix else r"(?![^\W_])"
    return re.compile(r"[\W_]+".join([begin, *others]) + tail)
