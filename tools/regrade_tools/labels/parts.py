"""An item in parts, as a person reads it before they label it. All of it, and nothing but text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from regrade_tools.models import Item, Trace
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import line, plain
from regrade_tools.traces.digest import digest

PartKind = Literal["input", "call", "context", "failure", "output"]
# A longer part is shown by its first words until it is opened, and so is one that came long before.
_LONG = 1_500
_BEFORE = 4
_OPENING = 140
# Not what others say of it: whoever reads that first says the same.
_KNOWN = ("name", "status", "when", "duration_ms", "model", "tokens", "cost_usd", "session", "tags",
          "source", "first_wrong", "steps", "metadata")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """``name`` is whose message or which tool it is; ``text`` steers neither terminal nor page.

    ``data`` where it is JSON, and ``folded`` where it need not be read first.
    """

    kind: PartKind
    name: str
    text: str
    data: bool = False
    folded: bool = False

    @property
    def opening(self) -> str:
        """Its first words, in a line."""
        return clip(line(self.text[: _OPENING * 4]), _OPENING)


def parts(item: Item) -> tuple[Part, ...]:
    """What is labelled: the input, a message a part where it is a conversation, calls, output.

    Before the output stands its context, where that is judged, too; where the trace failed, that
    stands there, and in the place of an output that there is none of.
    """
    context = (_part("context", "", one, folds=True) for one in item.context)
    return (*_input(item.input), *_calls(item), *context, *_said(item))


def _said(item: Item) -> Iterator[Part]:
    if item.failure:
        yield _part("failure", "", item.failure)
    if item.output is not None or not item.failure:
        yield _part("output", "", item.output)


def readable(value: JsonValue) -> str:
    """A text as it is, anything else as JSON with an indent; without what would steer a screen."""
    return "\n".join(plain(one) for one in legible(value, indent=2).splitlines())


def known(trace: Trace) -> dict[str, str]:
    """What is known of a trace beside what was said in it."""
    facts = digest(trace)[0]
    return {name: _fact(facts[name]) for name in _KNOWN if name in facts}


def _fact(value: JsonValue) -> str:
    given = value if isinstance(value, list) else []
    lines = [one for one in given if isinstance(one, str)]
    return readable("\n".join(lines) if lines else value)


def _input(value: JsonValue) -> Iterator[Part]:
    turns = _turns(value)
    if not turns:
        yield _part("input", "", value)
        return
    last = len(turns) - 1
    for place, turn in enumerate(turns):
        role = plain(line(str(turn["role"])))
        rest = {key: it for key, it in turn.items() if key not in ("role", "content")}
        # A call of a tool has no content; with one, what stands beside it must be shown, too.
        said = turn if rest and turn.get("content") else rest or turn.get("content")
        early = place < last - _BEFORE
        yield _part("input", role, said, folds=place < last, early=early)


def _calls(item: Item) -> Iterator[Part]:
    for call in item.tool_calls:
        yield _part("call", plain(line(call.name)), call.arguments, folds=True)


def _turns(value: JsonValue) -> list[dict[str, JsonValue]]:
    """The messages of a conversation, or none where it is anything else."""
    given = value if isinstance(value, list) else []
    turns = [one for one in given if isinstance(one, dict) and isinstance(one.get("role"), str)]
    return turns if len(turns) == len(given) else []


def _part(
    kind: PartKind, name: str, value: JsonValue, *, folds: bool = False, early: bool = False
) -> Part:
    text = readable(value)
    folded = early or (folds and len(text) > _LONG)
    return Part(kind, name, text, not isinstance(value, str), folded)
