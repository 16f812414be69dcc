"""``trajectory:*`` of promptfoo, which looks at spans -> assertions about the calls of tools."""

from collections.abc import Callable

from pydantic import JsonValue

from regrade_tools.models.case import Spec
from regrade_tools.suites.importing.conversion import UnsupportedError

Object = dict[str, JsonValue]

_NO_VALUE = "its value is not what it takes"


def specs(kind: str, value: JsonValue, *, negated: bool) -> tuple[Spec, ...]:
    """What an assertion of the type ``kind`` becomes; all of them must hold.

    Raises:
        UnsupportedError: It cannot be said with the same meaning.
    """
    found = KINDS[kind](value)
    if not negated:
        return (found,)
    if found["type"] == "tools-called" and found.get("order") is None:
        # There not one of them may be called, and not only not all.
        names = found["names"]
        listed = names if isinstance(names, list) else []
        return tuple({"type": "not-tool-called", "name": name} for name in listed)
    return ({**found, "type": f"not-{found['type']}"},)


def _used(value: JsonValue) -> Spec:
    if isinstance(value, list):
        return {"type": "tools-called", "names": [_named(item) for item in value]}
    if isinstance(value, str):
        return {"type": "tool-called", "name": _named(value)}
    held = _object(value, {"name", "pattern", "type", "min", "max"})
    return {"type": "tool-called", "name": _named(held), **_times(held, least=1)}


def _sequence(value: JsonValue) -> Spec:
    held = {"steps": value} if isinstance(value, list) else _object(value, {"steps", "mode"})
    steps = held.get("steps")
    if not isinstance(steps, list) or not steps:
        raise UnsupportedError(_NO_VALUE)
    order = "exact" if held.get("mode") == "exact" else "in-order"
    return {"type": "tools-called", "names": [_named(item) for item in steps], "order": order}


def _arguments(value: JsonValue) -> Spec:
    held = _object(value, {"name", "pattern", "type", "args", "arguments", "mode"})
    given = held["args"] if "args" in held else held.get("arguments")
    if not isinstance(given, dict):
        raise UnsupportedError("its arguments are no object")
    if held.get("mode", "partial") != "partial":
        raise UnsupportedError("here a call may have other arguments, too")
    if any(isinstance(item, dict | list) for item in given.values()):
        raise UnsupportedError("here what stands inside of an argument must be equal as a whole")
    return {"type": "tool-called", "name": _named(held), **({"arguments": given} if given else {})}


def _count(value: JsonValue) -> Spec:
    held = _object(value, {"name", "pattern", "type", "min", "max"})
    if held.get("type") != "tool":
        raise UnsupportedError("it counts spans of every kind; `steps` bounds the model's calls")
    times = _times(held)
    if "name" in held or "pattern" in held:
        return {"type": "tool-called", "name": _named(held), **times}
    return {"type": "tool-call-count", **times}


KINDS: dict[str, Callable[[JsonValue], Spec]] = {
    "trajectory:tool-used": _used,
    "trajectory:tool-sequence": _sequence,
    "trajectory:tool-args-match": _arguments,
    "trajectory:step-count": _count,
}


def _object(value: JsonValue, known: set[str]) -> Object:
    if not isinstance(value, dict):
        raise UnsupportedError(_NO_VALUE)
    if strange := sorted(set(value) - known):
        raise UnsupportedError(f"`{strange[0]}` changes what it means")
    return value


def _named(value: JsonValue) -> str:
    """The name of the one tool that ``value`` means."""
    held: Object = value if isinstance(value, dict) else {"pattern": value}
    _object(held, {"name", "pattern", "type", "min", "max", "args", "arguments", "mode"})
    name = held.get("pattern") or held.get("name")
    if held.get("type", "tool") != "tool":
        raise UnsupportedError("it looks at a span that is no call of a tool")
    if not isinstance(name, str) or not name:
        raise UnsupportedError(_NO_VALUE)
    if "*" in name or "?" in name:
        raise UnsupportedError("its name is a pattern; here a tool is named")
    return name


def _times(held: Object, least: int | None = None) -> Spec:
    low, high = held.get("min"), held.get("max")
    low = least if low is None else low
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | None):
            raise UnsupportedError("its bounds are no whole numbers")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise UnsupportedError("its bounds let nothing pass")
    if high is None:
        if low is None:
            raise UnsupportedError("it has neither min nor max")
        return {} if low == least else {"times": f">= {low}"}
    return {"times": f"<= {high}" if low is None else f"{low}..{high}"}
