"""A dataset of pydantic-evals -> cases."""

from pydantic import JsonValue

from regrade_tools.assertions import parse
from regrade_tools.models import Case
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal
from regrade_tools.suites.importing.conversion import (
    Conversion,
    Draft,
    LeftOut,
    UnsupportedError,
    shown,
)
from regrade_tools.suites.importing.programs import model
from regrade_tools.suites.importing.rubrics import Rubrics
from regrade_tools.suites.planning import UNASSERTED
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.names import plain

Object = dict[str, JsonValue]

_REASONS = {
    "IsInstance": "an answer has no Python type here; `is-json` with a schema tells its form",
    "HasMatchingSpan": "it looks at spans; `tool-called` asks for the call of a tool",
    "Python": "it is code; what it checks may be said by `expr`, or by a scorer in Python",
}
_KEYS = {"cases", "evaluators", "name", "$schema", "report_evaluators"}


def is_pydantic_evals(config: Object) -> bool:
    """Whether ``config`` looks like a dataset of pydantic-evals."""
    return isinstance(config.get("cases"), list)


def conversion(config: Object) -> Conversion:
    """The cases of ``config``, with all that could not be said."""
    left_out = [
        LeftOut("the dataset", f"{key} {shown(config[key], key)}", "it is not known here")
        for key in config
        if key not in _KEYS or (key == "report_evaluators" and config[key])
    ]
    shared = config.get("evaluators")
    listed = shared if isinstance(shared, list) else []
    cases = config.get("cases")
    drafts: list[Draft] = []
    rubrics = Rubrics()
    for number, case in enumerate(cases if isinstance(cases, list) else [], 1):
        if isinstance(case, dict):
            drafts.append(_draft(number, case, listed, rubrics))
        else:
            left_out.append(LeftOut(f"case {number}", shown(case), "it is no case"))
    return Conversion(
        "pydantic-evals",
        tuple(drafts),
        description=str(config.get("name") or ""),
        judges=tuple(rubrics.judges.values()),
        left_out=tuple(left_out),
    )


def _draft(number: int, case: Object, shared: list[JsonValue], rubrics: Rubrics) -> Draft:
    name = str(case.get("name") or "")
    place = f"case {number} ({clip(name, 60)})" if name else f"case {number}"
    own = case.get("evaluators")
    specs: list[Spec] = []
    left_out: list[LeftOut] = []
    for evaluator in (*shared, *(own if isinstance(own, list) else [])):
        try:
            specs.extend(_specs(evaluator, case, rubrics))
        except UnsupportedError as problem:
            left_out.append(LeftOut(place, shown(evaluator), str(problem)))
    metadata = case.get("metadata")
    tags = ("todo",) if left_out or not specs else ()
    return Draft(
        Case(
            id=plain(name, [case.get("inputs"), name, own]),
            reason=name,
            tags=tags if specs else (*tags, UNASSERTED),
            input=case.get("inputs"),
            assertions=tuple(specs),
            corrected_output=case.get("expected_output"),
            columns=metadata if isinstance(metadata, dict) else {},
        ),
        tuple(left_out),
    )


def _specs(evaluator: JsonValue, case: Object, rubrics: Rubrics) -> list[Spec]:
    """What an evaluator becomes: ``Name``, ``{Name: argument}`` or ``{Name: {key: value}}``."""
    if isinstance(evaluator, str):
        kind, told = evaluator, None
    elif isinstance(evaluator, dict) and len(evaluator) == 1:
        kind, told = next(iter(evaluator.items()))
    else:
        raise UnsupportedError("it is no evaluator: a name, or an object of one")
    if kind == "EqualsExpected":
        # Where nothing is expected it says nothing.
        value = case.get("expected_output")
        specs: list[Spec] = [] if value is None else [{"type": "equals", "value": value}]
    elif kind == "Equals":
        specs = [{"type": "equals", "value": _argument(told, "value")}]
    elif kind == "Contains":
        specs = [_contains(told)]
    elif kind == "MaxDuration":
        specs = [{"type": "latency", "threshold": _milliseconds(_argument(told, "seconds"))}]
    elif kind == "LLMJudge":
        specs = [_judged(told, rubrics)]
    else:
        raise UnsupportedError(_REASONS.get(kind, "it is code of a project of its own"))
    for spec in specs:
        try:
            # What is written are files of cases, where a judge may stand.
            parse(spec, programs=True)
        except Refusal as refusal:
            raise UnsupportedError(refusal.problem) from None
    return specs


def _judged(told: JsonValue, rubrics: Rubrics) -> Spec:
    settings = told if isinstance(told, dict) else {}
    if settings.get("assertion") is False:
        raise UnsupportedError("it gives a score and asserts nothing")
    if settings.get("include_expected_output"):
        raise UnsupportedError(
            "its judge is shown what is expected, and one of ours the input and the output: say in "
            "its criterion what is right"
        )
    return rubrics.spec(_argument(told, "rubric"), model(settings.get("model")))


def _argument(told: JsonValue, name: str) -> JsonValue:
    return told[name] if isinstance(told, dict) and name in told else told


def _contains(told: JsonValue) -> Spec:
    value = _argument(told, "value")
    if not isinstance(value, str):
        raise UnsupportedError("what it means depends on the Python type; `path` says it of data")
    exact = not isinstance(told, dict) or told.get("case_sensitive", True)
    return {"type": "contains" if exact else "icontains", "value": value}


def _milliseconds(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnsupportedError("its seconds are no number")
    return value * 1000
