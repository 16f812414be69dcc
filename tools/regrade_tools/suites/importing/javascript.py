"""Values and patterns as JavaScript reads them, in the words of ours."""

import re

from pydantic import JsonValue

from regrade_tools.suites.importing.conversion import UnsupportedError
from regrade_tools.texts.jsontext import compact

_TOKEN = re.compile(r"\\(.)|(\[\^?\]?)|(\])|(\$)|([^\\\[\]$]+)|(\\)", re.DOTALL)
_ASCII = {"d": "0-9", "w": "A-Za-z0-9_"}
# What JavaScript calls white space or the end of a line.
_SPACES = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_FLAGS = re.compile(r"\(\?[aiLmsuxw]+\)")


def written(value: JsonValue) -> str:
    """``String(value)``: ``true``, ``2`` for 2.0; lists and objects as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # noqa: PLR2004 - beyond it JavaScript writes an exponent, too
        return str(int(value))
    return compact(value)


def whole(value: JsonValue) -> JsonValue:
    """``value``, a whole number as one: JavaScript has one kind of number, and 5.0 is its 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def trimmed(text: str) -> str:
    """``text.trim()``: JavaScript counts a byte order mark as a space, and no separator of ours."""
    return text.strip(_SPACES)


def separated(value: str) -> list[str]:
    """The parts of ``a, "b, c", d``: trimmed, empty ones left out.

    Raises:
        UnsupportedError: A quote is not closed.
    """
    parts: list[str] = []
    rest = value.lstrip(" \t\r\n,")
    while rest:
        if rest.startswith('"'):
            match = re.match(r'"((?:\\["\\]|""|[^"])*)"\s*(?=,|$)', rest)
            if match is None:
                raise UnsupportedError("a quote in its value is not closed")
            parts.append(re.sub(r'\\(["\\])|""', lambda found: found[1] or '"', match[1]))
            rest = rest[match.end() :]
        else:
            part, _, rest = rest.partition(",")
            parts.append(part.strip())
        rest = rest.lstrip(" \t\r\n,")
    return parts


def pattern(source: str) -> str:
    r"""A regular expression of JavaScript, without flags, as one of ours that means the same.

    There ``\d`` and ``\w`` are ASCII, ``$`` is the very end, ``[]`` nothing and ``[^]`` anything.

    Raises:
        UnsupportedError: JavaScript has no such pattern.
    """
    if _FLAGS.search(source) or "(?P" in source or "\\A" in source or "\\Z" in source:
        raise UnsupportedError("it is no pattern of JavaScript")
    told: list[str] = []
    inside = False
    for match in _TOKEN.finditer(source):
        escaped, opening, closing, end, plain, _ = match.groups()
        if escaped is not None:
            told.append(_escaped(escaped, inside=inside))
        elif opening is not None:
            inside, text = _opened(opening, inside=inside)
            told.append(text)
        elif closing is not None:
            told.append("]" if inside else "\\]")
            inside = False
        elif end is not None:
            told.append("$" if inside else "\\Z")
        else:
            told.append(plain or match[0])
    return "".join(told)


def _opened(opening: str, *, inside: bool) -> tuple[bool, str]:
    if inside:
        # A bracket in a set is a character; a closing one after it ends the set.
        return not opening.endswith("]"), opening.replace("[", "\\[")
    empty = {"[]": "(?!)", "[^]": "[\\s\\S]"}
    return (False, empty[opening]) if opening in empty else (True, opening)


def _escaped(sign: str, *, inside: bool) -> str:
    if sign == "/":
        return "/"
    if sign.lower() not in _ASCII:
        return f"\\{sign}"
    signs = _ASCII[sign.lower()]
    if sign.islower():
        return signs if inside else f"[{signs}]"
    if inside:
        raise UnsupportedError(f"\\{sign} in a set is ASCII in JavaScript alone")
    return f"[^{signs}]"
