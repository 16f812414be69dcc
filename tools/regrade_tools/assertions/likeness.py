"""Assertions about how near an answer comes to an expected one."""

import re
from typing import ClassVar, Self

from pydantic import Field, model_validator

from regrade_tools.assertions import overlap
from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.text import said
from regrade_tools.assertions.verdicts import (
    Assertion,
    Subject,
    UndecidableError,
    UnmeasuredError,
)
from regrade_tools.models.case import Spec
from regrade_tools.texts.selector import MissingError, Place
from regrade_tools.texts.words import tokens

# The work grows with the product of the two lengths, or the memory with their n-grams.
_LONGEST_TEXT, _MOST_WORDS = 20_000, 5_000
_NUMBER = re.compile(r"[-+]?\d{1,30}(?:,\d{3})*(?:\.\d{1,30})?(?:[eE][-+]?\d{1,2})?")
_LEAST = "The least score that passes."


class Levenshtein(Placed):
    """At most `threshold` characters differ from `value`, 5 by default."""

    kind = "levenshtein"
    reference_free = False
    example: ClassVar[Spec] = {"type": "levenshtein", "value": "San Jose", "threshold": 2}
    value: str = Field(max_length=_LONGEST_TEXT, description="The text to compare with.")
    threshold: int = Field(default=5, ge=0, description="The most characters that may differ.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"be within {self.threshold} edits of {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        if len(subject.text) > _LONGEST_TEXT:
            raise UnmeasuredError(f"the output is over {_LONGEST_TEXT:,} characters")
        # Imported with the first such assertion: a server that lists its tools needs it not.
        from rapidfuzz.distance import Levenshtein as Distance  # noqa: PLC0415

        edits = Distance.distance(subject.text, self.value)
        return None if edits <= self.threshold else f"it takes {edits}: {said(subject.text)}"


class _Overlap(Placed):
    reference_free = False
    value: str = Field(
        min_length=1, max_length=_LONGEST_TEXT * 5, description="The text to compare with."
    )
    threshold: float = Field(default=0.75, ge=0, le=1, description=_LEAST)

    @model_validator(mode="after")
    def _of_words(self) -> Self:
        if not 0 < len(tokens(self.value)) <= _MOST_WORDS:
            raise ValueError(f"value has no words, or over {_MOST_WORDS:,}")
        return self

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"reach {self.threshold:g} of {self.kind} with {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        words = tokens(subject.text)
        if len(words) > _MOST_WORDS:
            raise UnmeasuredError(f"the output has over {_MOST_WORDS:,} words")
        score = self._score(words, tokens(self.value))
        return None if score >= self.threshold else f"it has {score:.2f}: {said(subject.text)}"

    def _score(self, words: tuple[str, ...], reference: tuple[str, ...]) -> float:
        raise NotImplementedError


class RougeN(_Overlap):
    """The words (n-grams of `n`, 1 by default) are those of `value`: an F1 of `threshold`."""

    kind = "rouge-n"
    example: ClassVar[Spec] = {"type": "rouge-n", "value": "two listings in San Jose"}
    n: int = Field(default=1, ge=1, le=9, description="How many words are compared at once.")

    def _score(self, words: tuple[str, ...], reference: tuple[str, ...]) -> float:
        return overlap.rouge_n(words, reference, self.n)


class RougeL(_Overlap):
    """The words of `value` come in its order, others between: an F1 of `threshold`."""

    kind = "rouge-l"
    example: ClassVar[Spec] = {"type": "rouge-l", "value": "two listings in San Jose"}

    def _score(self, words: tuple[str, ...], reference: tuple[str, ...]) -> float:
        return overlap.rouge_l(words, reference)


class Bleu(_Overlap):
    """The phrases are those of `value`, as in a translation: a BLEU of `threshold`."""

    kind = "bleu"
    example: ClassVar[Spec] = {"type": "bleu", "value": "two listings in San Jose"}
    threshold: float = Field(default=0.5, ge=0, le=1, description=_LEAST)

    def _score(self, words: tuple[str, ...], reference: tuple[str, ...]) -> float:
        return overlap.bleu(words, reference)


class Gleu(_Overlap):
    """As `bleu`, fairer to a single sentence: a GLEU of `threshold`."""

    kind = "gleu"
    example: ClassVar[Spec] = {"type": "gleu", "value": "two listings in San Jose"}
    threshold: float = Field(default=0.5, ge=0, le=1, description=_LEAST)

    def _score(self, words: tuple[str, ...], reference: tuple[str, ...]) -> float:
        return overlap.gleu(words, reference)


class CloseTo(Assertion):
    """The number at `at`, or the only one of the text, is `value` but for `tolerance`."""

    kind = "close-to"
    reference_free = False
    example: ClassVar[Spec] = {"type": "close-to", "value": 1200, "tolerance": 0.5, "at": "price"}
    value: float = Field(allow_inf_nan=False, description="The right number.")
    tolerance: float = Field(
        default=1e-9, ge=0, allow_inf_nan=False, description="How far off it may be."
    )
    at: Place | None = Field(
        default=None, description="A place, such as price; without one the text's only number."
    )

    @property
    def claim(self) -> str:
        """As the base class says."""
        place = f"at {self.at.text} " if self.at else ""
        return f"have the number {self.value:g} {place}but for {self.tolerance:g}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        number = self._number(subject)
        return None if abs(number - self.value) <= self.tolerance else f"it is {number:g}"

    def _number(self, subject: Subject) -> float:
        if self.at is None:
            numbers = _NUMBER.findall(subject.text[:_LONGEST_TEXT])
            if len(numbers) != 1:
                raise UndecidableError(f"it has {len(numbers)} numbers, not one")
            return float(numbers[0].replace(",", ""))
        try:
            found = self.at.find(subject.data)
        except MissingError as missing:
            raise UndecidableError(str(missing)) from None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise UndecidableError("there is no number there")
        return float(found)
