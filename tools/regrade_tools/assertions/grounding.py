"""Assertions that an answer invents no source: what it points to stands in what it was given."""

import re
from typing import ClassVar

from pydantic import JsonValue

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject, UnmeasuredError
from regrade_tools.fingerprint import canonical
from regrade_tools.models.case import Spec
from regrade_tools.texts.deadline import look

_URL = re.compile(r"https?://[^\s<>\"'`\\\]})]{1,2000}", re.IGNORECASE)
_QUOTE = re.compile(r"[\"\u201c\u201e\u00ab]([^\"\u201c\u201d\u00bb\n]{1,2000})[\"\u201d\u00bb]")
# A single word in quotes is a name or a doubt, not a quotation.
_SHORTEST_QUOTE = 3
_SHOWN = 3


class GroundedUrls(Placed):
    """Every URL of the output stands in the input, or in what tools or retrieval returned."""

    kind = "grounded-urls"
    reads_context = True
    example: ClassVar[Spec] = {"type": "grounded-urls"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "name only URLs that it was given"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        given = {_bare(url) for url in _URL.findall(_given(subject))}
        found = dict.fromkeys(_bare(url) for url in _URL.findall(subject.text))
        return _invented([url for url in found if url not in given], subject)


class GroundedQuotes(Placed):
    """What the output quotes, three words or more, is in the input or in what tools returned."""

    kind = "grounded-quotes"
    reads_context = True
    example: ClassVar[Spec] = {"type": "grounded-quotes"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "quote only what it was given"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        given = _plain(_given(subject))
        quotes = dict.fromkeys(_QUOTE.findall(_said(subject.output)))
        long = [quote for quote in quotes if len(quote.split()) >= _SHORTEST_QUOTE]
        return _invented([quote for quote in long if not _stands(_plain(quote), given)], subject)


def _given(subject: Subject) -> str:
    if subject.input is None and not subject.context:
        raise UnmeasuredError("no input was given to compare with")
    return "\n".join(map(_said, (subject.input, *subject.context)))


def _said(value: JsonValue) -> str:
    """The texts in ``value``, without the quotes that JSON would put around them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(map(_said, value))
    if isinstance(value, dict):
        return "\n".join(map(_said, value.values()))
    return canonical(value).decode(errors="replace")


def _bare(url: str) -> str:
    return url.rstrip(".,;:!?*_").rstrip("/").casefold()


def _plain(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").casefold().split()).rstrip(".,;:!?")


def _stands(quote: str, given: str) -> bool:
    look()  # each quote looks through the whole input
    return quote in given


def _invented(missing: list[str], subject: Subject) -> str | None:
    if not missing:
        return None
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    told = f"{missing[:_SHOWN]!r}{more}"
    if subject.context:
        return f"neither the input nor what tools and retrieval returned has {told}"
    unknown = "; what its tools returned was not told (context)" if subject.tool_calls else ""
    return f"the input has no {told}{unknown}"
