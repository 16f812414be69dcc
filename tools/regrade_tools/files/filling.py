"""``{{field}}`` in the values of a file, on Jinja2's sandbox, cut down to what must end soon."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

_LONGEST = 100_000


def has_fields(value: JsonValue) -> bool:
    """Whether anything in ``value`` is to be filled in."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, list):
        return any(has_fields(item) for item in value)
    if isinstance(value, dict):
        return any(has_fields(item) for item in value.values())
    return False


def filled(value: JsonValue, fields: Mapping[str, JsonValue]) -> JsonValue:
    """``value`` with the fields of every text filled in; ``{{x}}`` alone is x, whatever it is.

    Raises:
        ValueError: A text is no such template, or asks for a field that is not there.
    """
    if isinstance(value, str):
        if not has_fields(value):
            return value
        alone = _alone(value)
        if alone is not None:
            if alone not in fields:
                raise ValueError(_missing(alone, fields))
            return fields[alone]
        return text(value, fields)
    if isinstance(value, list):
        return [filled(item, fields) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, fields) for key, item in value.items()}
    return value


def text(source: str, fields: Mapping[str, JsonValue]) -> str:
    """The text of ``source`` with its fields filled in.

    Raises:
        ValueError: As ``filled``.
    """
    if not has_fields(source):
        return source
    from jinja2 import TemplateError, UndefinedError  # noqa: PLC0415 - with the first template

    try:
        return _compiled(source)(dict(fields))
    except UndefinedError as problem:
        raise ValueError(f"{str(problem)[:200]}; it has {_listed(fields)}") from None
    except (TemplateError, TypeError, ArithmeticError, LookupError, RecursionError) as problem:
        raise ValueError(f"the template cannot be filled in: {str(problem)[:200]}") from None


# A suite fills the same texts for each of its rows.
@lru_cache(maxsize=1024)
def _alone(source: str) -> str | None:
    """The name of the field that is all of ``source``, or None."""
    inner = source.strip()
    name = inner[2:-2].strip() if inner.startswith("{{") and inner.endswith("}}") else ""
    return name if name and all(part not in name for part in "{}|.[]()'\" ") else None


def _missing(name: str, fields: Mapping[str, JsonValue]) -> str:
    return f"there is no {name!r}; it has {_listed(fields)}"


def _listed(fields: Mapping[str, JsonValue]) -> str:
    return ", ".join(sorted(fields)[:12]) or "no field"


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Callable[[dict[str, Any]], str]:
    # Imported with the first template: a server that lists its tools fills in none.
    from jinja2 import StrictUndefined, TemplateError, nodes  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    if len(source) > _LONGEST:
        raise ValueError(f"a template is longer than {_LONGEST:,} characters")
    sandbox = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_written, keep_trailing_newline=True
    )
    plain = ("upper", "lower", "trim", "title", "capitalize", "length", "first", "last", "int")
    sandbox.filters = {name: sandbox.filters[name] for name in plain}
    sandbox.filters |= dict.fromkeys(("dump", "tojson"), _dumped)
    # No statement, call, arithmetic or test: whatever is left takes no longer than it is long.
    allowed = (
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Const,
        nodes.Getattr,
        nodes.Getitem,
        nodes.Filter,
    )
    try:
        tree = sandbox.parse(source)
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, allowed):
                kind = type(node).__name__.lower()
                told = f"{kind} is no part of a template here, only fields and filters"
                raise ValueError(told)  # noqa: TRY004 - of what is written, not of a type
        return sandbox.from_string(source).render
    except (TemplateError, RecursionError, SyntaxError, MemoryError) as problem:
        raise ValueError(f"not a template: {str(problem)[:200]}") from None


def _dumped(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _written(value: Any) -> Any:  # noqa: ANN401 - whatever a template names
    """As templates of JavaScript write it: ``true``, ``2`` for 2.0, nothing for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | dict):
        raise TypeError("a list or an object is no text; write it with the filter `dump`")
    return value
