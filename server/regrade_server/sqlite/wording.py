"""The words of a trace in their order, a byte each: what cannot hold a phrase need not be read.

The index knows no places of words, which would cost it a kilobyte a trace. A trace's wording is
a twelfth of its text; a phrase is in no text whose wording lacks that of the phrase. Different
words may have one byte, so that what has it is still read: some traces of a hundred in vain.
Where a trace has no row, as in a store of before, nobody knows, and it is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from regrade_tools.traces.query import Words

# A byte beyond ASCII is part of a word: of texts that have such letters the words alone come here.
_LETTERS = [not chr(code).isascii() or chr(code).isalnum() for code in range(256)]
# What stands in the file was made with these: they cannot change.
_SCATTER = bytes(
    sha256(bytes([code]).lower()).digest()[0] if letter else 0
    for code, letter in enumerate(_LETTERS)
)
_WITHIN = bytes(0xFF if letter else 0 for letter in _LETTERS)
# Between two texts, which no phrase goes across: no text has it, since UTF-8 has none.
_BORDER = b" \xff "
# What a look at a wording tells; NULL where there is none.
OUT, OPEN, IN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked of the wording of a row: SQL over ``codes``, or nothing, and its values.

    It tells ``OUT`` where a phrase that is wanted is missing; ``IN`` where none is wanted and none
    is there that is not; otherwise ``OPEN``.
    """

    told: str = ""
    values: tuple[bytes, ...] = ()


def wording(texts: Iterable[str]) -> bytes:
    """The wording of texts that are ASCII, or words with blanks between."""
    return _coded(_BORDER.join(text.encode() for text in texts))


def _coded(text: bytes) -> bytes:
    """A byte for each word of ``text``, made of its last eight letters; for some words none.

    All letters are worked on at once, as the bytes of one large number: a loop over the words
    would cost as much as the index. A letter is mixed with the one before it, the two with the
    two before them, and these with four, as far as they belong to the same word; then the last
    letter of each word is kept. The odd bit tells apart words of the same letters.
    """
    mixed = int.from_bytes(text.translate(_SCATTER), "little")
    within = int.from_bytes(text.translate(_WITHIN), "little")
    joined = within & (within << 8)
    mixed ^= (mixed << 9) & joined
    joined &= joined << 8
    mixed ^= (mixed << 17) & joined
    joined &= joined << 16
    mixed ^= (mixed << 33) & joined
    mixed &= within ^ (within & (within >> 8))
    return mixed.to_bytes(len(text), "little").translate(None, b"\0")


def look(terms: Sequence[Words]) -> Look:
    """What a wording can tell of ``terms``."""
    wanted = [term for term in terms if not term.negated and len(_whole(term)) > 1]
    if wanted:
        return Look(" AND ".join(["instr(codes, ?) > 0"] * len(wanted)), _codes(wanted))
    if terms and all(term.negated and _whole(term) for term in terms):
        there = " OR ".join(["instr(codes, ?)"] * len(terms))
        return Look(f"iif({there}, {OPEN}, {IN})", _codes(terms))
    return Look()


def _codes(terms: Sequence[Words]) -> tuple[bytes, ...]:
    return tuple(wording([" ".join(_whole(term))]) for term in terms)


def _whole(term: Words) -> tuple[str, ...]:
    return term.tokens[:-1] if term.prefix else term.tokens
