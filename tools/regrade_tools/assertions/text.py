"""Assertions about the words of an answer."""

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from regrade_tools.assertions.equality import same
from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject
from regrade_tools.models.case import Spec
from regrade_tools.texts import patterns
from regrade_tools.texts.deadline import look
from regrade_tools.texts.jsontext import quoted

# A run of stops is looked at once, from its beginning: these may be as long as an output.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++(?=\s|$|[\"')\]])|[。！？]++"  # noqa: RUF001 - CJK sentences end so
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,9}[.)])[ \t]+\S", re.MULTILINE)
_EXCERPT = 120


def said(text: str) -> str:
    """The beginning of ``text``, to show what was said instead."""
    short = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
    return f"it says {short!r}" if text.strip() else "it is empty"


def within(phrase: str, text: str) -> bool:
    """Whether ``text`` has ``phrase``, unless the time is over."""
    look()  # of a hundred thousand phrases, each looks through the whole text
    return phrase in text


class Equals(Placed):
    """The output is exactly this value: a text, or JSON compared as data."""

    kind = "equals"
    reference_free = False
    example: ClassVar[Spec] = {"type": "equals", "value": "unknown"}
    value: JsonValue = Field(description="What the whole output must be.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"equal {quoted(self.value)}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        actual = subject.text if isinstance(self.value, str) else subject.data
        return None if same(actual, self.value) else said(subject.text)


class Phrase(Placed):
    """A kind that asks for one phrase."""

    value: str = Field(min_length=1, description="The phrase.")


class Contains(Phrase):
    """The output has this phrase, letter for letter."""

    kind = "contains"
    example: ClassVar[Spec] = {"type": "contains", "value": "San Jose"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"contain {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        return None if self.value in subject.text else said(subject.text)


class IContains(Phrase):
    """The output has this phrase, in upper or lower case."""

    kind = "icontains"
    example: ClassVar[Spec] = {"type": "icontains", "value": "san jose"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"contain {self.value!r} in any case"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        found = self.value.casefold() in subject.text.casefold()
        return None if found else said(subject.text)


class StartsWith(Phrase):
    """The output begins with this text."""

    kind = "starts-with"
    example: ClassVar[Spec] = {"type": "starts-with", "value": "Dear"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"start with {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        return None if subject.text.startswith(self.value) else said(subject.text)


class Phrases(Placed):
    """A kind that asks for several phrases."""

    value: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="The phrases, letter for letter."
    )


class ContainsAll(Phrases):
    """The output has every one of these phrases."""

    kind = "contains-all"
    example: ClassVar[Spec] = {"type": "contains-all", "value": ["San Jose", "2 bed"]}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"contain all of {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        missing = [phrase for phrase in self.value if not within(phrase, subject.text)]
        return f"it lacks {missing!r}" if missing else None


class ContainsAny(Phrases):
    """The output has at least one of these phrases."""

    kind = "contains-any"
    example: ClassVar[Spec] = {"type": "contains-any", "value": ["no listings", "nothing found"]}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"contain one of {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        found = any(within(phrase, subject.text) for phrase in self.value)
        return None if found else said(subject.text)


class Regex(Placed):
    """A regular expression matches somewhere in the output."""

    kind = "regex"
    example: ClassVar[Spec] = {"type": "regex", "value": r"\$\d[\d,]*"}
    value: str = Field(min_length=1, description="The pattern, in Python's syntax.")

    @field_validator("value")
    @classmethod
    def _compiles(cls, value: str) -> str:
        patterns.compiled(value)
        return value

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"match the pattern {self.value!r}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        return None if patterns.found(self.value, subject.text) else said(subject.text)


class Count(Placed):
    """The number of words, sentences, lines, characters or list items is in a range."""

    kind = "count"
    example: ClassVar[Spec] = {"type": "count", "of": "words", "max": 80}
    of: Literal["words", "sentences", "lines", "characters", "items"] = Field(
        description="What is counted; items are those of a list, in text or as data."
    )
    min: int | None = Field(default=None, ge=0, description="The least number that passes.")
    max: int | None = Field(default=None, ge=0, description="The greatest number that passes.")

    _PATTERNS: ClassVar[dict[str, re.Pattern[str]]] = {
        "words": re.compile(r"\S+"),
        "sentences": _SENTENCE_END,
        "items": _ITEM,
        "lines": re.compile(r"^.*\S.*$", re.MULTILINE),
    }

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max, so nothing could pass")
        return self

    @property
    def claim(self) -> str:
        """As the base class says."""
        low = "" if self.min is None else f"at least {self.min}"
        high = "" if self.max is None else f"at most {self.max}"
        return f"have {' and '.join(filter(None, (low, high)))} {self.of}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        number = self._count(subject)
        low = 0 if self.min is None else self.min
        if low <= number and (self.max is None or number <= self.max):
            return None
        return f"it has {number}"

    def _count(self, subject: Subject) -> int:
        if self.of == "characters":
            return len(subject.text)
        if self.of == "items" and isinstance(subject.output, list):
            return len(subject.output)
        number = len(self._PATTERNS[self.of].findall(subject.text))
        # A text that ends without a full stop still ends with a sentence.
        if self.of == "sentences":
            tail = _SENTENCE_END.split(subject.text)[-1].strip(" \t\r\n\"')]")
            number += bool(tail)
        return number
