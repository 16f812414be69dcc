"""Every kind of assertion, once; how one is read from a file and described to an agent."""

import inspect
import json
from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue, ValidationError

from regrade_tools.assertions import behaviour, structure, text
from regrade_tools.assertions.verdicts import Assertion, Check
from regrade_tools.fingerprint import fingerprint
from regrade_tools.mistakes import mistakes_in
from regrade_tools.refusal import Refusal, unknown

KINDS: dict[str, type[Assertion]] = {
    kind.kind: kind
    for kind in (
        text.Equals,
        text.Contains,
        text.IContains,
        text.ContainsAll,
        text.ContainsAny,
        text.StartsWith,
        text.Regex,
        text.Count,
        structure.IsJson,
        structure.Path,
        structure.Expr,
        behaviour.ToolCalled,
        behaviour.Latency,
        behaviour.Cost,
    )
}
_NEGATION = "not-"
_LIST_THEM = 'Call overview with name "assertions" for every kind with an example.'


def parse(spec: dict[str, JsonValue]) -> Check:
    """The check that ``spec`` asks for.

    Raises:
        Refusal: ``spec`` has no known type, an unknown field or a value that cannot be right.
    """
    written = spec.get("type")
    if not isinstance(written, str):
        raise Refusal(
            f"An assertion is an object with a `type`, such as {_example(text.Contains)}.",
            next_step=_LIST_THEM,
        )
    name = written.removeprefix(_NEGATION)
    if name not in KINDS:
        raise unknown("assertion type", written, KINDS, next_step=_LIST_THEM)
    kind = KINDS[name]
    fields = {key: value for key, value in spec.items() if key != "type"}
    try:
        assertion = kind.model_validate(fields)
    except ValidationError as problem:
        raise Refusal(
            f"The assertion {written!r} is wrong: {mistakes_in(problem, kind)}.",
            next_step=f"A right one: {_example(kind)}. Put not- before the type to negate it.",
        ) from None
    except RecursionError:
        raise Refusal(f"The assertion {written!r} is nested too deep.") from None
    return Check(assertion, spec, fingerprint(dict(spec)), negated=written != name)


def parse_all(specs: Iterable[dict[str, JsonValue]]) -> tuple[Check, ...]:
    """``parse`` each; a refusal says which one is wrong."""
    checks: list[Check] = []
    for number, spec in enumerate(specs, 1):
        try:
            checks.append(parse(spec))
        except Refusal as refusal:
            raise Refusal(
                f"Assertion {number}: {refusal.problem}", next_step=refusal.next_step
            ) from None
    return tuple(checks)


def _example(kind: type[Assertion]) -> str:
    return json.dumps(kind.example)


def described() -> list[dict[str, Any]]:
    """Every kind with the line that says when to use it, and an example."""
    return [{"use": inspect.getdoc(kind) or "", "example": kind.example} for kind in KINDS.values()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one assertion in a file: the kinds, each with its negation."""
    members: list[dict[str, Any]] = []
    for name, kind in KINDS.items():
        schema = kind.model_json_schema()
        schema["properties"] = {
            "type": {"enum": [name, f"{_NEGATION}{name}"]},
            **schema.get("properties", {}),
        }
        schema["required"] = ["type", *schema.get("required", [])]
        members.append(schema)
    return {"oneOf": members}
