"""Every kind of assertion, once; how one is read from a file and described to an agent."""

import inspect
import json
from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue, ValidationError

from regrade_tools.assertions import behaviour, scorers, structure, text
from regrade_tools.assertions.verdicts import Assertion, Check
from regrade_tools.fingerprint import fingerprint
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
        scorers.PythonScorer,
        scorers.CommandScorer,
    )
}
_NEGATION = "not-"
_LIST_THEM = 'Call overview with name "assertions" for every kind with an example.'


def parse(spec: dict[str, JsonValue], *, programs: bool = False) -> Check:
    """The check that ``spec`` asks for; one that is a program only where ``programs`` may be.

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
    if kind.is_program and not programs:
        raise Refusal(
            f"{written!r} starts a program, so it must stand in a file of a suite or a case.",
            next_step="Add it to evals/suites/<suite>.yaml, where a person reviews it.",
        )
    fields = {key: value for key, value in spec.items() if key != "type"}
    try:
        assertion = kind.model_validate(fields)
    except ValidationError as problem:
        raise Refusal(
            f"The assertion {written!r} is wrong: {_told(kind, problem)}.",
            next_step=f"A right one: {_example(kind)}. Put not- before the type to negate it.",
        ) from None
    except RecursionError:
        raise Refusal(f"The assertion {written!r} is nested too deep.") from None
    return Check(assertion, spec, fingerprint(dict(spec)), negated=written != name)


def parse_all(
    specs: Iterable[dict[str, JsonValue]], *, programs: bool = False
) -> tuple[Check, ...]:
    """``parse`` each; a refusal says which one is wrong."""
    checks: list[Check] = []
    for number, spec in enumerate(specs, 1):
        try:
            checks.append(parse(spec, programs=programs))
        except Refusal as refusal:
            raise Refusal(
                f"Assertion {number}: {refusal.problem}", next_step=refusal.next_step
            ) from None
    return tuple(checks)


def _example(kind: type[Assertion]) -> str:
    return json.dumps(kind.example)


def _told(kind: type[Assertion], problem: ValidationError) -> str:
    valid = [field.alias or name for name, field in kind.model_fields.items()]
    told: list[str] = []
    for error in problem.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            told.append(f"it has no field {where!r} (its fields: {', '.join(valid)})")
        elif error["type"] == "missing":
            told.append(f"the field {where!r} is missing")
        else:
            message = error["msg"].removeprefix("Value error, ")
            told.append(f"{where}: {message}" if where else message)
    return "; ".join(told)


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
