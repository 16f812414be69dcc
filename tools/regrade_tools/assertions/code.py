"""Assertions about answers in a language that a parser reads."""

import json
import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.structure import IsJson, Valid
from regrade_tools.assertions.text import said
from regrade_tools.assertions.verdicts import Subject, UnmeasuredError
from regrade_tools.models.case import Spec
from regrade_tools.texts.deadline import look

# What is parsed in Python, a character at a time, is kept to what is done in seconds.
_LONGEST_YAML = 300_000
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)", re.MULTILINE)
_BRACKET = re.compile(r"[{\[]")


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The closed Markdown code blocks of ``text``: each its language, as written, and its code."""
    opening: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opening is None:
            opening = match
        elif match[1].startswith(opening[1]) and not match[2]:
            begin = text.find("\n", opening.end()) + 1
            yield opening[2], text[begin : match.start()]
            opening = None


class ContainsJson(Valid):
    """A JSON object or list stands in the output; with `value`, one valid against that schema."""

    kind = "contains-json"
    example: ClassVar[Spec] = {**IsJson.example, "type": "contains-json"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"contain {self.valid}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        flaw, place = "it has none", 0
        decoder = json.JSONDecoder()
        while match := _BRACKET.search(subject.text, place):
            look()
            try:
                value, place = decoder.raw_decode(subject.text, match.start())
            except (ValueError, RecursionError):
                place = match.end()
                continue
            problem = self.violation(value)
            if problem is None:
                return None
            flaw = problem
        return flaw


class IsYaml(Placed):
    """The output is YAML of an object or a list; plain prose is not."""

    kind = "is-yaml"
    example: ClassVar[Spec] = {"type": "is-yaml"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "be YAML of an object or a list"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        if len(subject.text) > _LONGEST_YAML:
            raise UnmeasuredError(f"the output is over {_LONGEST_YAML:,} characters of YAML")
        # Imported with the first YAML: a server that lists its tools reads none.
        from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

        try:
            value = load(subject.text)
        except DocumentError as problem:
            return f"it {problem}"
        return None if isinstance(value, list | dict) else said(subject.text)


class CodeBlock(Placed):
    """The output has a closed Markdown code block, of this language where one is named."""

    kind = "code-block"
    example: ClassVar[Spec] = {"type": "code-block", "language": "python"}
    language: str | None = Field(
        default=None, min_length=1, description="As it stands behind the opening fence."
    )

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"have a closed code block{f' of {self.language}' if self.language else ''}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        languages = [language for language, _ in code_blocks(subject.text)]
        wanted = (self.language or "").casefold()
        if any(not wanted or language.casefold() == wanted for language in languages):
            return None
        named = ", ".join(dict.fromkeys(name or "no language" for name in languages))
        return f"its code blocks are of {named}" if named else "it has none"
