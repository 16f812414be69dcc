"""A program with a form of its own: how it is asked, and where in its answer what stands."""

from collections.abc import Callable

from pydantic import JsonValue

from regrade_server.program.reply import UNSAYABLE, amount
from regrade_tools.files.templates import filled, names
from regrade_tools.formats.messages import tool_calls
from regrade_tools.models import Endpoint
from regrade_tools.ports import Reply, TargetError
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import is_sayable, read
from regrade_tools.texts.selector import MissingError, Selector

_SHOWN = 600
_ANSWER_SHOWN = 300


def made(what: str, form: JsonValue, given: JsonValue) -> JsonValue:
    """The ``form`` of a question, such as its body, with what is ``given`` filled in.

    Raises:
        TargetError: It cannot be.
    """
    # Imported with the first template, as in templates.py.
    from jinja2 import TemplateError  # noqa: PLC0415

    known = names(given)
    try:
        return filled(form, known)
    except (TemplateError, ValueError, TypeError, ArithmeticError, RecursionError) as problem:
        told = clip(f"{problem}; it has {', '.join(sorted(known)[:12])}", _SHOWN)
        raise TargetError(f"the {what} cannot be filled in: {told}") from None


def placed(
    raw: bytes, output: Selector, spec: Endpoint, took: float, clean: Callable[[str], str]
) -> Reply:
    """The reply in ``raw``, which took so many ms; ``spec`` says where in it what stands.

    Raises:
        TargetError: There is no output, or what was told beside it is not what it should be.
    """
    text = raw.decode(errors="replace")

    def shown() -> str:
        return clip(clean(text.strip()), _ANSWER_SHOWN)

    value = _value(text, output, spec, shown)
    try:
        found = output.find(value)
    except MissingError as problem:
        told = clip(clean(str(problem)), _ANSWER_SHOWN)
        raise TargetError(
            f"the answer has no {output.text}, where `output` of the target looks: {told}; it "
            f"answered {shown()!r}"
        ) from None
    told = {
        key: _there(place, value)
        for key, place in (("tokens", spec.tokens), ("cost_usd", spec.cost_usd))
        if place is not None
    }
    tokens = amount(told, "tokens", clean)
    calls = None if spec.tool_calls is None else _there(spec.tool_calls, value)
    return Reply(
        found,
        tool_calls=tuple(tool_calls({"tool_calls": calls})),
        latency_ms=took,
        cost_usd=amount(told, "cost_usd", clean),
        tokens=None if tokens is None else round(tokens),
    )


def _value(text: str, output: Selector, spec: Endpoint, shown: Callable[[], str]) -> JsonValue:
    """The JSON that ``text`` is; the text itself, where all of it is the output and it is none."""
    try:
        value = read(text)
    except ValueError:
        if output.steps:
            raise TargetError(f"the target answered {shown()!r}, which is no JSON") from None
        return text
    if value is None and not output.steps and text.strip() != "null":
        # NaN, as a word.
        return text
    places = (output, *([spec.tool_calls] if spec.tool_calls else []))
    if not is_sayable(text, lambda told: [_there(place, told) for place in places]):
        raise TargetError(UNSAYABLE)
    return value


def _there(place: Selector, value: JsonValue) -> JsonValue:
    """What stands at ``place``; an answer need not tell it."""
    try:
        return place.find(value)
    except MissingError:
        return None
