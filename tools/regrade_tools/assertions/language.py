"""An assertion about the language of an answer, as the statistics of its letters tell it."""

import re
from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Protocol, cast

from pydantic import Field, JsonValue

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject, UnmeasuredError
from regrade_tools.models.case import Spec
from regrade_tools.texts.jsontext import texts, unpacked
from regrade_tools.traces.features import language

_INPUT = "input"
# A language shows in this much, and it is told in milliseconds.
_READ = 5_000
_NO_PROSE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`|https?://\S+", re.DOTALL)
# Between the two lies what is too short, or too much like another language, to be told.
_SURE, _RULED_OUT = 0.5, 0.05
_SURE_OF_ANOTHER = 0.8
# Of few words their letters tell less than which they are.
_BY_NAME = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Portuguese": "pt",
    "Italian": "it",
    "Dutch": "nl",
}
# Spoken forms that are written alike count as the language that is asked for.
_ALSO = {"zh": ("yue", "wuu"), "ar": ("ary", "arz"), "no": ("nn",), "nb": ("no",)}


class Language(Placed):
    """The output is in this language (`es`), or in that of the input (`input`)."""

    kind = "language"
    example: ClassVar[Spec] = {"type": "language", "value": "es"}
    value: str = Field(
        pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*|input)$",
        description="The ISO 639 code, such as es or zh; or `input`.",
    )

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"be in {'the language of the input' if self.value == _INPUT else self.value}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        wanted = self.value.partition("-")[0]
        if self.value == _INPUT:
            wanted, likely = _best(_likelihoods(subject.input))
            wanted = wanted if likely >= _SURE_OF_ANOTHER else _by_words(subject.input)
            if not wanted:
                raise UnmeasuredError("the input is too short for its language to be told")
        found = _likelihoods(subject.output)
        known = [found[name] for name in (wanted, *_ALSO.get(wanted, ())) if name in found]
        if not known:
            raise UnmeasuredError(f"{wanted!r} is no language that can be told")
        likelihood = sum(known)
        if likelihood >= _SURE:
            return None
        best, likely = _best(found)
        if likelihood <= _RULED_OUT and likely >= _SURE_OF_ANOTHER:
            return f"it is in {best}"
        if wanted == _by_words(subject.output):
            return None
        raise UnmeasuredError("the output is too short for its language to be told")


def _prose(value: JsonValue) -> str:
    return _NO_PROSE.sub(" ", " ".join(texts(unpacked(value)))[:_READ])


def _by_words(value: JsonValue) -> str:
    """The code of the language that the most common words of a text tell; empty of none."""
    return _BY_NAME.get(language(_prose(value)), "")


def _best(found: Mapping[str, float]) -> tuple[str, float]:
    best = max(found, key=found.__getitem__)
    return best, found[best]


def _likelihoods(value: JsonValue) -> dict[str, float]:
    """How likely each language is, by its code; of JSON the texts count, not the keys.

    Raises:
        UnmeasuredError: There are no words.
    """
    prose = _prose(value)
    if not any(map(str.isalpha, prose)):
        raise UnmeasuredError("there are no words whose language could be told")
    return dict(_identifier().rank(prose))


class _Identifier(Protocol):
    def rank(self, text: str, /) -> list[tuple[str, float]]: ...


@cache
def _identifier() -> _Identifier:
    # A model of four megabytes, and numpy: read when the first language is asked for.
    from py3langid import langid  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]

    kind = cast("_Model", langid.LanguageIdentifier)
    return kind.from_model_file(langid.MODEL_FILE, norm_probs=True)


class _Model(Protocol):
    def from_model_file(self, model_file: str, /, *, norm_probs: bool) -> _Identifier: ...
