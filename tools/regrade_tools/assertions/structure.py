"""Assertions about an answer as data.

Two of them stand on large libraries, JSON Schema and Jinja2, which are imported when the first
such assertion is read: a server that lists its tools needs neither.
"""

from collections import Counter
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from regrade_tools.assertions.comparison import Comparison
from regrade_tools.assertions.equality import normal, same
from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Assertion, Subject, UndecidableError
from regrade_tools.fingerprint import canonical
from regrade_tools.models.case import Spec
from regrade_tools.texts.jsontext import quoted
from regrade_tools.texts.selector import MissingError, Place


class Valid(Placed):
    """A kind that asks for JSON and, where `value` holds a JSON Schema, for what is valid."""

    value: dict[str, JsonValue] | None = Field(
        default=None, description="A JSON Schema; without one any JSON that it asks for passes."
    )

    @field_validator("value")
    @classmethod
    def _well_formed(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if value is not None:
            from regrade_tools.assertions import schema  # noqa: PLC0415 - see above

            schema.well_formed(value)
        return value

    @property
    def valid(self) -> str:
        """How the JSON is called that it asks for."""
        return "JSON" if self.value is None else "JSON valid against the schema"

    def violation(self, data: JsonValue) -> str | None:
        """Why ``data`` is not valid, or None where it is."""
        if self.value is None:
            return None
        from regrade_tools.assertions import schema  # noqa: PLC0415 - see above

        return schema.violation(self.value, data)


class IsJson(Valid):
    """The output is JSON and, where `value` holds a JSON Schema, valid against it."""

    kind = "is-json"
    example: ClassVar[Spec] = {
        "type": "is-json",
        "value": {"type": "object", "required": ["listings"]},
    }

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"be {self.valid}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        try:
            data = subject.data
        except UndecidableError as problem:
            return str(problem)
        return self.violation(data)


class Path(Assertion):
    """A place in the JSON output compares: len, is, equals, one_of, contains, exists.

    Of a list also `same_items` (in any order) and `sorted` (ascending or descending).
    """

    kind = "path"
    example: ClassVar[Spec] = {"type": "path", "at": "listings", "len": "> 1"}
    at: Place
    exists: bool | None = Field(default=None, description="Whether something stands there.")
    equals: JsonValue = Field(default=None, description="The value that stands there.")
    one_of: list[JsonValue] | None = Field(
        default=None, min_length=1, description="The values that may stand there."
    )
    contains: JsonValue = Field(
        default=None, description="An item of the list, a part of the text or a key there."
    )
    len: Comparison | None = Field(
        default=None, description="The length of the list, text or object there."
    )
    is_: Comparison | None = Field(
        default=None, alias="is", description="How the number there compares."
    )
    same_items: list[JsonValue] | None = Field(
        default=None, description="The items of the list there, in any order."
    )
    sorted: Literal["ascending", "descending"] | None = Field(
        default=None, description="The order of the items of the list there."
    )

    @model_validator(mode="after")
    def _compares(self) -> Self:
        if not self.model_fields_set - {"at"}:
            raise ValueError("say what must hold there: len, is, equals, one_of, contains, exists")
        return self

    @property
    def claim(self) -> str:
        """As the base class says."""
        place = self.at.text or "data"
        if self.exists is False:
            return f"have no {place}"
        told = [
            f"equal to {quoted(self.equals)}" if "equals" in self.model_fields_set else "",
            f"that is one of {quoted(self.one_of)}" if self.one_of is not None else "",
            f"containing {quoted(self.contains)}" if "contains" in self.model_fields_set else "",
            f"of length {self.len.text}" if self.len else "",
            f"that is {self.is_.text}" if self.is_ else "",
            f"with the items {quoted(self.same_items)}" if self.same_items is not None else "",
            f"sorted {self.sorted}" if self.sorted else "",
        ]
        return f"have {place} {' and '.join(filter(None, told))}".rstrip()

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        try:
            found = self.at.find(subject.data)
        except MissingError as missing:
            if self.exists is None:
                raise UndecidableError(str(missing)) from None
            return str(missing) if self.exists else None
        if self.exists is False:
            return f"it is {_short(found)}"
        return self._mismatch(found)

    def _mismatch(self, found: JsonValue) -> str | None:
        if "equals" in self.model_fields_set and not same(found, self.equals):
            return f"it is {_short(found)}"
        if self.one_of is not None and not any(same(found, value) for value in self.one_of):
            return f"it is {_short(found)}"
        if "contains" in self.model_fields_set and not _holds(found, self.contains):
            return f"it is {_short(found)}"
        if self.len is not None:
            if not isinstance(found, list | dict | str):
                raise UndecidableError(f"it is {_short(found)}, which has no length")
            if not self.len.holds(len(found)):
                return f"its length is {len(found)}: {_short(found)}"
        if self.is_ is not None:
            if isinstance(found, bool) or not isinstance(found, int | float):
                raise UndecidableError(f"it is {_short(found)}, which is not a number")
            if not self.is_.holds(found):
                return f"it is {found}"
        return self._misordered(found)

    def _misordered(self, found: JsonValue) -> str | None:
        if self.same_items is None and self.sorted is None:
            return None
        if not isinstance(found, list):
            raise UndecidableError(f"it is {_short(found)}, which is not a list")
        if self.same_items is not None:
            counted = Counter(map(normal, found))
            if counted != Counter(map(normal, self.same_items)):
                return f"it has {_short(found)}"
        if self.sorted is not None:
            items: list[Any] = list(found)
            try:
                ordered = sorted(items, reverse=self.sorted == "descending")
            except TypeError:
                raise UndecidableError(f"the items of {_short(found)} have no order") from None
            if items != ordered:
                return f"it is {_short(found)}"
        return None


def _holds(found: JsonValue, wanted: JsonValue) -> bool:
    if isinstance(found, list):
        return any(same(item, wanted) for item in found)
    if isinstance(found, str | dict):
        return isinstance(wanted, str) and wanted in found
    raise UndecidableError(f"it is {_short(found)}, which contains nothing")


def _short(value: JsonValue) -> str:
    text = canonical(value).decode(errors="replace")
    return text if len(text) <= 120 else f"{text[:120]}..."  # noqa: PLR2004 - about one line


class Expr(Assertion):
    """A condition over output, text, input, context, tool_calls, latency_ms, cost_usd is true."""

    reads_context = True

    kind = "expr"
    example: ClassVar[Spec] = {"type": "expr", "value": "len(output.listings) == 1"}
    value: str = Field(
        min_length=1,
        description="The condition, as in Jinja2 without filters, tests and loops: "
        "len(output.items) > 0, not output.items | length > 0.",
    )

    @field_validator("value")
    @classmethod
    def _compiles(cls, value: str) -> str:
        from regrade_tools.assertions import expression  # noqa: PLC0415 - see above

        expression.compiled(value)
        return value

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"satisfy `{self.value}`"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        from regrade_tools.assertions import expression  # noqa: PLC0415 - see above

        if expression.holds(self.value, subject):
            return None
        compared = expression.comes_to(self.value, subject)
        return f"it comes to {compared}" if compared else "it does not"
