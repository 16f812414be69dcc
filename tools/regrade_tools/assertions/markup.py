"""Assertions about answers in XML and HTML; no entity is expanded and nothing is fetched."""

import re
from typing import ClassVar
from xml.parsers import expat

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject
from regrade_tools.models.case import Spec
from regrade_tools.texts.deadline import look

_NAMES = (
    "a abbr article aside audio b blockquote body br button caption code col dd details div dl dt "
    "em fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input label "
    "li link main meta nav ol option p pre script section select small span strong style sub "
    "summary sup svg table tbody td textarea tfoot th thead title tr u ul video"
)
_HTML = re.compile(rf"</?(?:{_NAMES.replace(' ', '|')})(?:\s[^<>]*+)?/?>", re.IGNORECASE)
_HTML_BEGINNING = re.compile(r"\s*+(?:<!doctype html[^<>]*+>|<!--|<[a-z])", re.IGNORECASE)
_XML_BEGINNING = re.compile(r"<([A-Za-z_][\w.:-]{0,100})[\s/>]")
_MOST_PLACES = 100


class _UnsafeError(Exception):
    """The document declares entities, of which a few lines can stand for gigabytes."""


def _refuse(*_: object) -> None:
    raise _UnsafeError


def _problem(text: str) -> str | None:
    """Why ``text`` is not well-formed XML, or None where it is."""
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(text.strip().encode(errors="replace"), True)  # noqa: FBT003 - the last piece
    except _UnsafeError:
        return "it declares entities, which are not read"
    except expat.ExpatError as problem:
        return f"it is not well-formed: {problem}"
    return None


class IsXml(Placed):
    """The output is one well-formed XML document."""

    kind = "is-xml"
    example: ClassVar[Spec] = {"type": "is-xml"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "be XML"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        return _problem(subject.text)


class ContainsXml(Placed):
    """The output has a well-formed XML element in it, whatever stands around."""

    kind = "contains-xml"
    example: ClassVar[Spec] = {"type": "contains-xml"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "contain an XML element"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        text = subject.text
        for place, match in enumerate(_XML_BEGINNING.finditer(text)):
            look()
            if place == _MOST_PLACES:
                break
            ends = (text.rfind(f"</{match[1]}>") + len(match[1]) + 3, text.find("/>") + 2)
            if any(_problem(text[match.start() : end]) is None for end in ends):
                return None
        return "none is well-formed" if "<" in text else "it has none"


class IsHtml(Placed):
    """The output is HTML from beginning to end: it begins with a tag and ends with one."""

    kind = "is-html"
    example: ClassVar[Spec] = {"type": "is-html"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "be HTML"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        text = subject.text.strip()
        if not _HTML.search(text):
            return "it has no HTML element"
        whole = _HTML_BEGINNING.match(text) is not None and text.endswith(">")
        return None if whole else "there is text around the HTML"


class ContainsHtml(Placed):
    """The output has an HTML element in it."""

    kind = "contains-html"
    example: ClassVar[Spec] = {"type": "contains-html"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "contain HTML"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        return None if _HTML.search(subject.text) else "it has no HTML element"
