"""A judge and an item -> what a model is asked; a model's words -> a judgement."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_prompts import render
from regrade_tools.files.templates import absent, named_in, template
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Completion, Item, Judge, Judgement, ModelSpec, Prompt, Verdict
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.fences import fenced

# Part of every fingerprint: a judge whose answers are read otherwise is another judge.
_PARSER = 1
_VERDICTS: dict[str, Judgement] = {"PASS": "pass", "FAIL": "fail", "UNKNOWN": "unknown"}
# A comparison is kept as what it says of the answer that was shown first.
_WINNERS: dict[str, Judgement] = {"FIRST": "pass", "SECOND": "fail", "TIE": "unknown"}
_FENCED_JSON = re.compile(r"```(?:json)?\s*(\{.*?\})\s*```", re.DOTALL)
_LONGEST_REASONING = 4_000


class NoContextError(Exception):
    """A judge asks for the context of an answer of which none is known."""

    def __str__(self) -> str:
        """Why it was not judged, and what to do about it."""
        return (
            "it is to be judged by its context, and nothing tells what its tools returned or what "
            "was retrieved; a prompt that can do without says {% if context %}"
        )


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled item of the train split, shown to the judge."""

    item: Item
    verdict: Verdict
    critique: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a model's answer comes to. ``problem`` says why an unknown is one."""

    verdict: Judgement
    reasoning: str = ""
    problem: str = ""


def answer_schema(judge: Judge) -> dict[str, JsonValue]:
    """The JSON Schema of what a judge answers: reasoning first, then the verdict."""
    word, said = ("winner", _WINNERS) if judge.spec.pairwise else ("verdict", _VERDICTS)
    return {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            word: {"type": "string", "enum": list[JsonValue](said)},
        },
        "required": ["reasoning", word],
        "additionalProperties": False,
    }


def judge_fingerprint(
    judge: Judge, models: Sequence[ModelSpec], examples: Sequence[Example], source: str = ""
) -> str:
    """Which judge this is: whatever could change a verdict is in it, and nothing else.

    Where a model is reached and how quickly does not change what it says.
    """
    spec = judge.spec
    minds: list[JsonValue] = [
        [model.model, model.temperature, model.max_tokens, model.api_base] for model in models
    ]
    shown: list[JsonValue] = [[one.item.key, one.verdict, one.critique] for one in examples]
    return fingerprint(
        [
            _PARSER,
            render(_system(judge), criterion="", passes="", fails=""),
            judge.prompt,
            spec.criterion,
            spec.passes,
            spec.fails,
            spec.python,
            spec.recorded,
            spec.max_characters,
            minds,
            shown,
            source,
            # Without it a judge is who it was before there was one.
            *(["context"] if spec.context else []),
        ]
    )


def prompts(judge: Judge, item: Item, examples: Sequence[Example]) -> tuple[Prompt, ...]:
    """The messages in which ``judge`` is asked about ``item``.

    Raises:
        Refusal: The prompt of the judge is no template, or asks for something that is not there.
        NoContextError: It asks for the context, and there is none.
    """
    spec = judge.spec
    system = render(_system(judge), criterion=spec.criterion, passes=spec.passes, fails=spec.fails)
    values = {"input": fenced("input", item.input), **_context(judge, item)}
    values |= _answers(judge, item)
    if examples:
        values["examples"] = "\n\n".join(_shown(judge, example) for example in examples)
    body, used = _filled(judge, values), named_in(judge.prompt)
    # What the prompt does not place itself stands below it: nothing is judged unseen.
    body = "\n\n".join([body, *(text for name, text in values.items() if name not in used)])
    return Prompt("system", system), Prompt("user", body.strip())


def reads_context(judge: Judge) -> bool:
    """Whether a judge is shown what tools returned and what was retrieved."""
    if judge.spec.context:
        return True
    try:
        return "context" in named_in(judge.prompt)
    except ValueError:
        # What is no template is refused when it is filled in.
        return False


def said(completion: Completion) -> Said:
    """The judgement in a model's answer; whatever is no answer is unknown, never a failure."""
    if completion.finish == "content_filter":
        return Said("unknown", problem="the model refused to answer")
    if completion.finish == "length":
        return Said("unknown", problem="the answer was cut at max_tokens")
    return spoken(object_in(completion.text))


def spoken(value: JsonValue) -> Said:
    """The judgement in what a function or a file says: a boolean, a word, or an object.

    An object has a ``verdict``, or ``pass``, or the ``winner`` of a pair, and may have
    ``reasoning`` (or ``reason``).
    """
    if isinstance(value, bool):
        return Said("pass" if value else "fail")
    if isinstance(value, str):
        value = {"verdict": value}
    if not isinstance(value, dict):
        return Said("unknown", problem="there is no verdict in what the judge returned")
    passes = value.get("pass")
    told = ("PASS" if passes else "FAIL") if isinstance(passes, bool) else value.get("verdict")
    word = str(value.get("winner") if told is None else told).strip().upper()
    verdict = (_WINNERS if told is None else _VERDICTS).get(word)
    if verdict is None:
        heard = f"{clip(word, 40)!r} is no verdict; " if word != "NONE" else ""
        return Said("unknown", problem=f"{heard}there is no verdict in what the judge returned")
    reasoning = str(value.get("reasoning") or value.get("reason") or "")[:_LONGEST_REASONING]
    return Said(verdict, reasoning, "the judge cannot tell" if verdict == "unknown" else "")


def majority(votes: Sequence[Said]) -> Said:
    """What more than half of a jury says; a jury without a majority does not know."""
    for verdict in ("pass", "fail"):
        agreeing = [vote for vote in votes if vote.verdict == verdict]
        if len(agreeing) * 2 > len(votes):
            return agreeing[0]
    told = ", ".join(vote.verdict for vote in votes)
    return Said("unknown", votes[0].reasoning if votes else "", f"the jury is split: {told}")


def object_in(text: str) -> dict[str, JsonValue]:
    """The JSON object in what a model said; empty where there is none."""
    inside = _FENCED_JSON.search(text)
    for candidate in (text, inside.group(1) if inside else "", _braced(text)):
        try:
            value: JsonValue = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def _braced(text: str) -> str:
    """From the first brace to the last: small models talk around what they were asked for."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else ""


def _system(judge: Judge) -> str:
    return "judge_pair" if judge.spec.pairwise else "judge"


def _answers(judge: Judge, item: Item) -> dict[str, str]:
    if judge.spec.pairwise and isinstance(item.output, dict):
        return {name: fenced(name, item.output.get(name)) for name in ("first", "second")}
    calls = {"tool_calls": fenced("tool_calls", item.calls)} if item.tool_calls else {}
    return {**calls, "output": fenced("output", item.output)}


def _context(judge: Judge, item: Item) -> dict[str, str]:
    """Each thing between marks of its own: what one tool returned cannot speak for another."""
    if not reads_context(judge):
        return {}
    if not item.context:
        # A prompt that places it may ask whether there is any.
        if "context" in named_in(judge.prompt):
            return {}
        raise NoContextError
    return {"context": "\n".join(fenced("context", one) for one in item.context)}


def _shown(judge: Judge, example: Example) -> str:
    answer = {"reasoning": example.critique, "verdict": example.verdict.upper()}
    return "\n".join(
        [
            "An example that people have judged:",
            fenced("input", example.item.input),
            *(fenced("context", one) for one in example.item.context if reads_context(judge)),
            fenced("output", example.item.output),
            f"Their judgement: {json.dumps(answer, ensure_ascii=False)}",
        ]
    )


def _filled(judge: Judge, values: Mapping[str, str]) -> str:
    # Imported with the first judge: a server that lists its tools fills in nothing.
    from jinja2 import TemplateError  # noqa: PLC0415

    missing: dict[str, object] = {"context": absent("context", NoContextError)}
    try:
        return template(judge.prompt).render({**missing, **values})
    except (TemplateError, ValueError, TypeError, ArithmeticError, RecursionError) as problem:
        names = (f"{{{{ {name} }}}}" for name in {**values, **missing})
        raise Refusal(
            f"The prompt of the judge {judge.name} cannot be filled in: {problem}.",
            next_step=f"It may use {', '.join(names)}.",
        ) from None
