"""Assertions about answers in a language that a parser reads."""

import json
import re
from typing import ClassVar

from pydantic import Field, JsonValue, field_validator

from regrade_tools.assertions.text import said
from regrade_tools.assertions.verdicts import Assertion, Subject, UnmeasuredError
from regrade_tools.deadline import look
from regrade_tools.models.case import Spec

# What is parsed in Python, a character at a time, is kept to what is done in seconds.
_LONGEST_YAML = 300_000
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)", re.MULTILINE)
_BRACKET = re.compile(r"[{\[]")


class ContainsJson(Assertion):
    """A JSON object or list stands in the output; with `value`, one valid against that schema."""

    kind = "contains-json"
    example: ClassVar[Spec] = {
        "type": "contains-json",
        "value": {"type": "object", "required": ["listings"]},
    }
    value: dict[str, JsonValue] | None = Field(
        default=None, description="A JSON Schema; without one any object or list passes."
    )

    @field_validator("value")
    @classmethod
    def _well_formed(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if value is not None:
            # A large library, imported when the first schema is read.
            from regrade_tools.assertions import schema  # noqa: PLC0415

            schema.well_formed(value)
        return value

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "contain JSON" if self.value is None else "contain JSON valid against the schema"

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
            if self.value is None:
                return None
            from regrade_tools.assertions import schema  # noqa: PLC0415 - as above

            problem = schema.violation(self.value, value)
            if problem is None:
                return None
            flaw = problem
        return flaw


class IsYaml(Assertion):
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
        from regrade_tools.documents import DocumentError, load  # noqa: PLC0415

        try:
            value = load(subject.text)
        except DocumentError as problem:
            return f"it {problem}"
        return None if isinstance(value, list | dict) else said(subject.text)


class CodeBlock(Assertion):
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
        opened, languages = "", list[str]()
        language = ""
        for match in _FENCE.finditer(subject.text):
            if not opened:
                opened, language = match[1], match[2]
            elif match[1].startswith(opened) and not match[2]:
                languages.append(language)
                opened = ""
        wanted = (self.language or "").casefold()
        if any(not wanted or language.casefold() == wanted for language in languages):
            return None
        named = ", ".join(dict.fromkeys(name or "no language" for name in languages))
        return f"its code blocks are of {named}" if named else "it has none"
