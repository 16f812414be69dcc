"""Every kind of assertion, once; how one is read from a file and described to an agent."""

import inspect
import json
from collections.abc import Iterable, MutableMapping
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from regrade_tools.assertions import (
    behaviour,
    calls,
    code,
    effort,
    execution,
    grounding,
    language,
    likeness,
    markup,
    phrases,
    retrieval,
    safety,
    scorers,
    sql,
    structure,
    text,
)
from regrade_tools.assertions.asking import Check
from regrade_tools.assertions.verdicts import Assertion
from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.fingerprint import canonical, hashed
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.deadline import look
from regrade_tools.texts.jsontext import DEEPEST, is_deep

KINDS: dict[str, type[Assertion]] = {
    kind.kind: kind
    for kind in (
        text.Equals,
        text.Contains,
        text.IContains,
        text.ContainsAll,
        text.ContainsAny,
        text.StartsWith,
        phrases.EndsWith,
        phrases.IContainsAll,
        phrases.IContainsAny,
        text.Regex,
        text.Count,
        structure.IsJson,
        code.ContainsJson,
        structure.Path,
        structure.Expr,
        likeness.CloseTo,
        likeness.Levenshtein,
        likeness.RougeN,
        likeness.RougeL,
        likeness.Bleu,
        likeness.Gleu,
        markup.IsXml,
        markup.ContainsXml,
        markup.IsHtml,
        markup.ContainsHtml,
        sql.IsSql,
        code.IsYaml,
        code.CodeBlock,
        language.Language,
        phrases.IsRefusal,
        phrases.Abstains,
        safety.NoSecrets,
        safety.NoPii,
        grounding.GroundedUrls,
        grounding.GroundedQuotes,
        retrieval.RecallAtK,
        retrieval.PrecisionAtK,
        retrieval.Mrr,
        retrieval.Ndcg,
        calls.IsValidToolsCall,
        calls.IsValidFunctionCall,
        behaviour.ToolCalled,
        calls.ToolsCalled,
        calls.ToolCallCount,
        effort.Latency,
        effort.TimeToFirstToken,
        effort.Cost,
        effort.Tokens,
        effort.Steps,
        effort.NoErrors,
        execution.Executes,
        scorers.PythonScorer,
        scorers.CommandScorer,
        scorers.JudgeScorer,
    )
}
_NEGATION = "not-"
# What is written by hand is far below; what is compared with a whole document is a judge's work.
_LARGEST = 1_000_000
_MOST = 1_000
_REFERENCE = "Needs a reference: it compares with the expected value of one case."
_LIST_THEM = (
    'overview("assertions") shows every kind with an example (a person: regrade guide assertions).'
)


def parse(
    spec: dict[str, JsonValue],
    *,
    programs: bool = False,
    known: MutableMapping[bytes, Check] | None = None,
) -> Check:
    """The check that ``spec`` asks for; one that is a program only where ``programs`` may be.

    What is ``known`` is not read again, and what is read is added to it.

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
    words = _words(spec, written)
    if known is not None and words in known:
        return known[words]
    fields = {key: value for key, value in spec.items() if key != "type"}
    try:
        assertion = kind.model_validate(fields)
    except ValidationError as problem:
        raise Refusal(
            f"The assertion {written!r} is wrong: {mistakes_in(problem, kind)}.",
            next_step=f"A right one: {_example(kind)}. Put not- before the type to negate it.",
        ) from None
    check = Check(assertion, spec, hashed(words), negated=written != name)
    if known is not None:
        known[words] = check
    return check


def _words(spec: dict[str, JsonValue], written: str) -> bytes:
    """``spec`` as it is told from others; it is of a size that can be checked in time."""
    # A dict is invariant in what it holds, and JSON of its own kind.
    value = cast("JsonValue", spec)
    problem = "nested too deep"
    try:
        text = canonical(value)
    except RecursionError:
        pass
    except ValueError:
        problem = "one with a number that is too long"
    else:
        # Nearly all are too short to be deep.
        brackets = text.count(b"[") + text.count(b"{")
        if len(text) > _LARGEST:
            problem = f"larger than {_LARGEST:,} bytes"
        elif brackets <= DEEPEST or not is_deep(value):
            return text
    raise Refusal(
        f"The assertion {written!r} is {problem}.",
        next_step="Say what must hold in fewer words, or split it.",
    )


def parse_all(
    specs: Iterable[dict[str, JsonValue]],
    *,
    programs: bool = False,
    known: MutableMapping[bytes, Check] | None = None,
) -> tuple[Check, ...]:
    """``parse`` each.

    Raises:
        Refusal: One is wrong, the message says which, or there are over a thousand.
        OutOfTimeError: To read them took longer than the deadline around it.
    """
    checks: list[Check] = []
    for number, spec in enumerate(specs, 1):
        look()
        if number > _MOST:
            raise Refusal(
                f"There are more than {_MOST:,} assertions in one place.",
                next_step="Ask for several phrases at once: contains-all, contains-any, is-json.",
            )
        try:
            checks.append(parse(spec, programs=programs, known=known))
        except Refusal as refusal:
            raise Refusal(
                f"Assertion {number}: {refusal.problem}", next_step=refusal.next_step
            ) from None
    return tuple(checks)


def _example(kind: type[Assertion]) -> str:
    return json.dumps(kind.example)


def _use(kind: type[Assertion]) -> str:
    told = inspect.getdoc(kind) or ""
    return told if kind.reference_free else f"{told} {_REFERENCE}"


def fields_of(name: str) -> str:
    """The fields of a kind in short, those that may be left out with a question mark."""
    found = KINDS[name].model_fields.items()
    told = [(field.alias or key, field.is_required()) for key, field in found]
    listed = [f"{key}{'' if required else '?'}" for key, required in told]
    return ", ".join(sorted(listed, key=lambda one: one.endswith("?")))


def described() -> list[dict[str, Any]]:
    """Every kind with the line that says when to use it, and an example."""
    return [
        {
            "use": _use(kind),
            "example": kind.example,
            "reference_free": kind.reference_free,
        }
        for kind in KINDS.values()
    ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one assertion in a file: the kinds, each with its negation."""
    members: list[dict[str, Any]] = []
    for name, kind in KINDS.items():
        schema = kind.model_json_schema()
        if not kind.reference_free:
            schema["description"] = _use(kind)
        schema["properties"] = {
            "type": {"enum": [name, f"{_NEGATION}{name}"]},
            **schema.get("properties", {}),
        }
        schema["required"] = ["type", *schema.get("required", [])]
        members.append(schema)
    return {"oneOf": members}
