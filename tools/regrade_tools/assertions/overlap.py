"""How much of a reference a text has, by the published formulas. Every score lies in 0 to 1.

ROUGE: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, the F1 form.
BLEU: Papineni et al., 2002, n-grams of one to four, uniform weights, brevity penalty; where a
longer n-gram is not found its count is smoothed by adding one (Lin and Och, 2004, smoothing 2).
GLEU: Wu et al., 2016 (arXiv:1609.08144), the smaller of precision and recall of all n-grams.
Words are compared folded: without case, accents and signs.
"""

import math
from collections import Counter
from collections.abc import Sequence

from regrade_tools.texts.deadline import look

_LONGEST_GRAM = 4
Words = Sequence[str]


def rouge_n(words: Words, reference: Words, size: int) -> float:
    """F1 of the n-grams of ``size`` words."""
    left, right = _grams(words, size), _grams(reference, size)
    return _f1((left & right).total(), left.total(), right.total())


def rouge_l(words: Words, reference: Words) -> float:
    """F1 of the longest common subsequence of words."""
    # Imported with the first such assertion: a server that lists its tools needs it not.
    from rapidfuzz.distance import LCSseq  # noqa: PLC0415

    return _f1(LCSseq.similarity(words, reference), len(words), len(reference))


def bleu(words: Words, reference: Words) -> float:
    """Geometric mean of the clipped precisions of n-grams, times the brevity penalty."""
    if not words or not reference:
        return 0.0
    logs: list[float] = []
    for size in range(1, _LONGEST_GRAM + 1):
        grams = _grams(words, size)
        found, total = (grams & _grams(reference, size)).total(), grams.total()
        if size > 1:
            found, total = found + 1, total + 1
        if not found:
            return 0.0
        logs.append(math.log(found / total))
    brevity = min(0.0, 1 - len(reference) / len(words))
    return math.exp(sum(logs) / _LONGEST_GRAM + brevity)


def gleu(words: Words, reference: Words) -> float:
    """Matching n-grams of one to four words, over those of the side that has more."""
    found = left = right = 0
    for size in range(1, _LONGEST_GRAM + 1):
        mine, theirs = _grams(words, size), _grams(reference, size)
        found += (mine & theirs).total()
        left, right = left + mine.total(), right + theirs.total()
    return found / max(left, right) if found else 0.0


def _grams(words: Words, size: int) -> Counter[tuple[str, ...]]:
    look()
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _f1(found: float, left: int, right: int) -> float:
    return 2 * found / (left + right) if found else 0.0
