"""What a writer of inputs is told, by prompt or by packet, and what its answer comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from pydantic import JsonValue

from regrade_prompts import render
from regrade_tools.inputs.generation.combinations import Combination
from regrade_tools.models import Inputs, ModelSpec, Prompt, Question
from regrade_tools.texts.fences import fenced
from regrade_tools.texts.jsontext import compact

# Enough to see a pattern, and little enough for a small model.
_EXAMPLES, _AVOIDED = 5, 12
_CLIPPED = 400
# Repeatable words are what nobody wants of a writer.
_TEMPERATURE = 0.9
_TYPOS = "with one or two slips of typing, as in haste"
_LOWERCASE = "all in lower case"
_FRAGMENT = "a fragment, such as a few keywords, no whole sentence"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the plan: its combination, and how tidily it is written. ``n`` is from 1."""

    n: int
    values: Combination
    mess: tuple[str, ...] = ()


def slots(inputs: Inputs, combinations: Sequence[Combination], seed: int) -> list[Slot]:
    """The slots of a plan, in which the mess of the style comes as often as it says.

    A share of .25 of 40 inputs is 10 of them, drawn by the seed.
    """
    random = Random(seed)  # noqa: S311 - no secret
    count = len(combinations)
    told = (
        (inputs.style.typos, _TYPOS),
        (inputs.style.lowercase, _LOWERCASE),
        (inputs.style.fragments, _FRAGMENT),
    )
    chosen = [
        (set(random.sample(range(count), round(share * count))), line) for share, line in told
    ]
    return [
        Slot(place + 1, values, tuple(line for places, line in chosen if place in places))
        for place, values in enumerate(combinations)
    ]


def answer_schema(inputs: Inputs) -> dict[str, JsonValue]:
    """The JSON Schema of what is written for one slot."""
    return {
        "type": "object",
        "properties": {part: {"type": "string"} for part in inputs.parts},
        "required": list[JsonValue](inputs.parts),
        "additionalProperties": False,
    }


def instructions(inputs: Inputs) -> str:
    """What every writer of these inputs is told."""
    form = compact(dict.fromkeys(inputs.parts, "..."))
    return render(
        "input_writer",
        task=inputs.task,
        style=inputs.style.note,
        steps=inputs.steps,
        form=form,
    )


def brief(
    slot: Slot, examples: Sequence[str], avoid: Sequence[str], again: str, random: Random
) -> str:
    """What is asked for one slot; the examples are drawn and shuffled by ``random``."""
    shown = random.sample(list(examples), min(_EXAMPLES, len(examples)))
    recent = list(avoid[-_AVOIDED:])
    random.shuffle(recent)
    return render(
        "input_brief",
        values=dict(random.sample(list(slot.values.items()), len(slot.values))),
        mess=slot.mess,
        examples=_listed(shown),
        avoid=_listed(recent),
        again=again,
    )


def _listed(texts: Sequence[str]) -> str:
    return "\n\n".join(fenced("input", text[:_CLIPPED]) for text in texts)


def question(model: ModelSpec, inputs: Inputs, body: str, seed: int) -> Question:
    """One slot as a model is asked; where no temperature is given, at .9."""
    if "temperature" not in model.model_fields_set:
        model = model.model_copy(update={"temperature": _TEMPERATURE})
    messages = (Prompt("system", instructions(inputs)), Prompt("user", body))
    return Question(model, messages, answer_schema(inputs), seed=seed)


def check_question(model: ModelSpec, values: Combination, text: str) -> Question:
    """Whether ``text`` fits ``values``, as a model is asked."""
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"reasoning": {"type": "string"}, "fits": {"type": "boolean"}},
        "required": ["reasoning", "fits"],
        "additionalProperties": False,
    }
    system = render("input_check", values=values)
    return Question(
        model, (Prompt("system", system), Prompt("user", fenced("input", text))), schema
    )


def texts_in(answer: Mapping[str, JsonValue], inputs: Inputs) -> dict[str, str]:
    """The parts of an input in an answer; what is no text is left out."""
    found = {part: answer.get(part) for part in inputs.parts}
    return {part: text for part, text in found.items() if isinstance(text, str)}
