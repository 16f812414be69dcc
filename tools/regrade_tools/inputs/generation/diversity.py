"""How different texts are from one another, and whether one is nearly there already."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from regrade_tools.texts.words import tokens

# Above this two inputs say the same in nearly the same words, as where cases are filed.
ALIKE = 0.9
# Every text is compared with every other.
_COMPARED = 600


@dataclass(frozen=True, slots=True)
class Diversity:
    """``distinct_1`` and ``distinct_2`` are the shares of words and of pairs of words that differ.

    (Li et al., NAACL 2016, 110-119; both fall as texts become more.) ``self_similarity`` is the
    mean, over the texts, of how like its nearest other each is, 0 to 1; ``vocabulary`` counts
    different words. Of more than 600 texts the first are compared.
    """

    texts: int
    distinct_1: float
    distinct_2: float
    self_similarity: float
    vocabulary: int


def diversity(texts: Sequence[str]) -> Diversity:
    """The figures of ``texts``; zero where there are none."""
    words = [tokens(text) for text in texts]
    singles = [word for said in words for word in said]
    doubles = [pair for said in words for pair in zip(said, islice(said, 1, None), strict=False)]
    return Diversity(
        len(texts),
        _distinct(singles),
        _distinct(doubles),
        round(_nearest_mean([" ".join(said) for said in words[:_COMPARED]]), 3),
        len(set(singles)),
    )


def _distinct(items: Sequence[object]) -> float:
    return round(len(set(items)) / len(items), 3) if items else 0.0


def _nearest_mean(texts: Sequence[str]) -> float:
    if len(texts) < 2:  # noqa: PLR2004 - it takes two
        return 0.0
    # Imported with the first batch: a server that lists its tools compares nothing.
    from rapidfuzz import fuzz, process  # noqa: PLC0415

    total = 0.0
    for place, text in enumerate(texts):
        others = [*texts[:place], *texts[place + 1 :]]
        found = process.extractOne(text, others, scorer=fuzz.ratio)
        total += found[1] / 100 if found else 0.0
    return total / len(texts)


@dataclass(slots=True)
class Known:
    """Texts that are there, with what each is called; words in another order count as the same."""

    names: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    _sorted: list[str] = field(default_factory=list[str])

    def add(self, name: str, text: str) -> None:
        """Keep a text to compare with."""
        said = _said(text)
        if said:
            self.names.append(name)
            self.texts.append(said)
            self._sorted.append(_in_order(said))

    def like(self, text: str) -> tuple[str, float] | None:
        """What is nearly the same as ``text``, and how alike the two are, 0 to 1."""
        from rapidfuzz import fuzz, process  # noqa: PLC0415 - as above

        said = _said(text)
        for mine, theirs in ((said, self.texts), (_in_order(said), self._sorted)):
            found = process.extractOne(mine, theirs, scorer=fuzz.ratio, score_cutoff=ALIKE * 100)
            if found is not None:
                return self.names[found[2]], found[1] / 100
        return None


def _said(text: str) -> str:
    # A text without any word, such as "???", is compared by its signs.
    return " ".join(tokens(text)) or " ".join(text.split())


def _in_order(said: str) -> str:
    return " ".join(sorted(said.split(" ")))
