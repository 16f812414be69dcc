"""Templates of the repository, on Jinja2's sandbox: what is filled in is only ever data."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

if TYPE_CHECKING:
    from jinja2 import Template, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

# A text that is one expression stands for its value, be it a number or a list.
_ONE = re.compile(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


@lru_cache(maxsize=64)
def template(text: str) -> "Template":
    """The template that ``text`` is; a name that it is not given is an error, never a hole.

    Raises:
        jinja2.TemplateError: It is none.
    """
    return _environment().from_string(text)


@lru_cache(maxsize=64)
def named_in(text: str) -> frozenset[str]:
    """The names that the template ``text`` asks for.

    Raises:
        ValueError: It is no template.
    """
    from jinja2 import TemplateError, meta  # noqa: PLC0415 - as below

    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(text)))
    except (TemplateError, RecursionError) as problem:
        raise ValueError(str(problem)) from None


@lru_cache(maxsize=8)
def absent(name: str, problem: type[Exception]) -> object:
    """A value that is not there: a template may ask whether it is, and not for what it is.

    Raises:
        problem: When a template is filled in that asks for it.
    """
    from jinja2 import StrictUndefined  # noqa: PLC0415 - as below

    class _Absent(StrictUndefined):
        __slots__ = ()

        def __bool__(self) -> bool:
            return False

    # It is only ever raised, so that it may be any: what no template can mend is no error of one.
    return _Absent(name=name, exc=cast("type[UndefinedError]", problem))


def names(given: JsonValue) -> dict[str, JsonValue]:
    """What a template may name of an input: ``input``, and the fields of one that is an object."""
    return {**(given if isinstance(given, dict) else {}), "input": given}


def filled(value: JsonValue, given: Mapping[str, JsonValue]) -> JsonValue:
    """``value`` with every text in it filled in; one that is all ``{{ x }}`` is the value of x.

    Raises:
        jinja2.TemplateError: A text is no template, or names what is not given.
    """
    if isinstance(value, list):
        return [filled(item, given) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, given) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    one = _ONE.fullmatch(value)
    if one is None:
        return template(value).render(given)
    return _valued(one[1])(given)


@lru_cache(maxsize=64)
def _valued(expression: str) -> Callable[[Mapping[str, JsonValue]], JsonValue]:
    from jinja2 import Undefined, UndefinedError  # noqa: PLC0415 - as below

    compiled = _environment().compile_expression(expression, undefined_to_none=False)

    def value(given: Mapping[str, JsonValue]) -> JsonValue:
        found = compiled(given)
        if isinstance(found, Undefined):
            raise UndefinedError(f"{expression.strip()!r} is undefined")
        return cast("JsonValue", found)

    return value


@lru_cache(maxsize=1)
def _environment() -> "ImmutableSandboxedEnvironment":
    # Imported with the first template: a server that lists its tools fills in nothing.
    from jinja2 import StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
