"""``len(output.listings) == 1``: a condition in words of data, on Jinja2's sandbox.

The grammar is cut down until the work is bounded by the size of the expression times the
size of the data: no loops, no text building, no method but the few named here. Between two
of its steps the clock is looked at.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from regrade_tools.assertions.verdicts import Subject, UndecidableError, UnmeasuredError
from regrade_tools.texts.deadline import look
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.selector import keys, kind

_LONGEST = 1_000
_MOST_DIGITS = 15
# Beyond every quantity; products of longer ones grow until they take minutes.
_MOST_BITS = 1_024


def _lower(text: object) -> str:
    return _only_text(text).lower()


def _upper(text: object) -> str:
    return _only_text(text).upper()


def _only_text(value: object) -> str:
    # The text of a list is longer than what is in it: nested calls would double it each time.
    if not isinstance(value, str):
        raise TypeError("lower and upper are for texts")
    return value


def _rounded(number: float, digits: int = 0) -> float:
    if not 0 <= digits <= _MOST_DIGITS:
        raise UnmeasuredError(f"round takes 0 to {_MOST_DIGITS} digits")
    return round(number, digits)


def _total(items: Iterable[Any], *more: object) -> float:
    # Of numbers alone: a sum of lists takes the square of their length.
    if more:
        raise UnmeasuredError("sum takes one list of numbers")
    numbers = list(items)
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("sum is for numbers")
    return sum(numbers)


def _distinct(items: Iterable[Any]) -> list[Any]:
    # Sorted first: the hashes of numbers can be made to collide, and a set then takes hours.
    ordered = sorted(items)
    return [item for place, item in enumerate(ordered) if not place or ordered[place - 1] != item]


def _integer(value: Any) -> int:  # noqa: ANN401 - a number, or a text that says one
    return int(value)


def _real(value: Any) -> float:  # noqa: ANN401 - as above
    return float(value)


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*values: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the functions below
        look()
        return function(*values, **options)

    return timed


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _timed(function)
    for name, function in (
        ("abs", abs),
        ("all", all),
        ("any", any),
        ("float", _real),
        ("int", _integer),
        ("len", len),
        ("lower", _lower),
        ("max", max),
        ("min", min),
        ("round", _rounded),
        ("set", _distinct),
        ("sorted", sorted),
        ("sum", _total),
        ("upper", _upper),
    )
}
# What stands for what people know of Jinja2's templates.
_INSTEAD = {
    "filter": ": call a function, as in len(output.items) > 0",
    "test": ": compare, as in output.price == 1 or output.price in [1, 2]",
}
_METHODS = frozenset({"startswith", "endswith", "keys", "values", "count", "get"})
_NAMES = frozenset({"output", "text", "input", "context", "tool_calls", "latency_ms", "cost_usd"})
_SIGNS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in",
    "notin": "not in",
}  # fmt: skip
# Of a side of a comparison: enough for a number, a name or a short list.
_SHOWN = 120
_UNDECIDED = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
_ALLOWED = (
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.CondExpr,
    nodes.Call,
    nodes.Keyword,
)


class _Missing(StrictUndefined):
    """What the data does not hold, told in words of data."""

    @property
    def _undefined_message(self) -> str:
        holder, name = self._undefined_obj, self._undefined_name
        if isinstance(holder, dict):
            told = keys(cast("dict[str, JsonValue]", holder))
            return f"an object in it has no {name!r} ({told})"
        step = f"[{name}]" if isinstance(name, int) else repr(name)
        return f"{kind(holder)} in it has no {step}"


class _Data(ImmutableSandboxedEnvironment):
    """A sandbox in which a dot reads a key, and arithmetic is for numbers alone."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's signature
        """The key first: JSON has keys called ``items`` and ``count``."""
        look()
        if isinstance(obj, Undefined):
            # The first that is missing is what a person wants to be told.
            return obj
        if isinstance(obj, Mapping) and attribute in obj:
            return cast("Any", obj[attribute])
        if attribute in _METHODS:
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401
        """An item and nothing else: Jinja2 would go on to attributes."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Refuse to build texts and lists: ``text * 10**9`` would eat the machine."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"{operator} is for numbers")
        if any(isinstance(side, int) and side.bit_length() > _MOST_BITS for side in (left, right)):
            raise UnmeasuredError(f"{operator} is for numbers of up to {_MOST_BITS} bits")
        return super().call_binop(context, operator, left, right)


_DATA = _Data(undefined=_Missing)


@lru_cache(maxsize=1024)
def compiled(source: str) -> Callable[..., Any]:
    """``source`` as a function of its names.

    Raises:
        ValueError: It is not an expression of the grammar; the message says what is.
    """
    if len(source) > _LONGEST:
        raise ValueError(f"the expression is longer than {_LONGEST} characters")
    try:
        tree = _DATA.parse("{{ (" + source + ") }}")
        _only_allowed(tree)
        return _DATA.compile_expression(source, undefined_to_none=False)
    except (TemplateError, RecursionError, OverflowError, SyntaxError, MemoryError) as problem:
        raise ValueError(f"not an expression: {problem}") from None


def _only_allowed(tree: nodes.Template) -> None:
    body = tree.body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        raise ValueError("not one expression")
    for node in (body[0].nodes[0], *body[0].nodes[0].find_all(nodes.Node)):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            raise ValueError(f"a {kind} is not part of an expression{_INSTEAD.get(kind, '')}")  # noqa: TRY004 - as compiled()
        if isinstance(node, nodes.Name) and node.name not in {*_NAMES, *_FUNCTIONS}:
            raise ValueError(
                f"unknown name {node.name!r}; known: {', '.join(sorted(_NAMES))}; "
                f"functions: {', '.join(sorted(_FUNCTIONS))}"
            )
        if isinstance(node, nodes.Call):
            _only_known_call(node)
        if isinstance(node, nodes.Const) and isinstance(node.value, float):  # noqa: SIM102
            if not math.isfinite(node.value):
                raise ValueError("a number in it is too large")


def _only_known_call(node: nodes.Call) -> None:
    called = node.node
    function = isinstance(called, nodes.Name) and called.name in _FUNCTIONS
    method = isinstance(called, nodes.Getattr) and called.attr in _METHODS
    if not (function or method):
        raise ValueError(
            f"only these can be called: {', '.join(sorted(_FUNCTIONS))}; "
            f"and of a value: {', '.join(sorted(_METHODS))}"
        )


@lru_cache(maxsize=1024)
def _sides(source: str) -> tuple[Callable[..., Any], str, Callable[..., Any]] | None:
    """The two sides of a comparison with its sign; None of what is no single one."""
    (shown,) = _DATA.parse("{{ (" + source + ") }}").body
    compared = cast("nodes.Output", shown).nodes[0]
    if not isinstance(compared, nodes.Compare) or len(compared.ops) != 1:
        return None
    (operand,) = compared.ops
    return _side(compared.expr), _SIGNS[operand.op], _side(operand.expr)


def _side(expression: nodes.Expr) -> Callable[..., Any]:
    # As Jinja2 itself compiles an expression.
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    template = _DATA.from_string(nodes.Template(body, lineno=1))
    return TemplateExpression(template, undefined_to_none=False)


def holds(source: str, subject: Subject) -> bool:
    """Whether ``source`` is true of ``subject``.

    Raises:
        UndecidableError: It speaks of something that the answer does not have.
    """
    names = _names(source, subject)
    try:
        value = compiled(source)(**names)
        if not isinstance(value, Undefined) and callable(value):
            raise UndecidableError("it is a function that was not called")
        return bool(value)
    except _UNDECIDED as problem:
        raise UndecidableError(str(problem)[:300]) from None


def comes_to(source: str, subject: Subject) -> str:
    """What ``source``, which does not hold, compares, such as ``0 == 1``; empty of anything else.

    Raises:
        UndecidableError: As of ``holds``.
    """
    sides = _sides(source)
    if sides is None:
        return ""
    names = _names(source, subject)
    left, sign, right = sides
    try:
        return f"{_shown(left(**names))} {sign} {_shown(right(**names))}"
    except _UNDECIDED as problem:
        raise UndecidableError(str(problem)[:300]) from None


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a side is
    try:
        text = compact(value)
    except (TypeError, ValueError, RecursionError):
        return kind(value)
    return text if len(text) <= _SHOWN else kind(value)


def _names(source: str, subject: Subject) -> dict[str, Any]:
    """What the names in ``source`` stand for."""
    try:
        output: JsonValue = subject.data
    except UndecidableError:
        output = subject.text
    for name, value in (("latency_ms", subject.latency_ms), ("cost_usd", subject.cost_usd)):
        if name in source and value is None:
            raise UnmeasuredError(f"no {name} was recorded for this answer")
    calls = [{"name": call.name, "arguments": call.arguments} for call in subject.tool_calls]
    return {
        **_FUNCTIONS,
        "output": output,
        "text": subject.text,
        "input": subject.input,
        "context": list(subject.context),
        "tool_calls": calls,
        "latency_ms": subject.latency_ms,
        "cost_usd": subject.cost_usd,
    }
