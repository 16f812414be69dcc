"""Identity by content: the same thing has the same name on every machine."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache

from pydantic import JsonValue

RUN = "run"

_DAY = 86_400
_EPOCH_DAY = 18_262  # 2020-01-01
_HASH_BITS = 48
_ID = re.compile("tr_[a-z2-7]{13}")
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
# The digits of base32 as those by which Python reads numbers.
_VALUES = str.maketrans(_DIGITS, "0123456789abcdefghijklmnopqrstuv")
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


# Made once: json.dumps would make one for every value.
_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False
)


def canonical(value: JsonValue) -> bytes:
    """``value`` as JSON that is equal where the values are equal, whatever the key order."""
    return _ENCODER.encode(value).encode(errors="surrogatepass")


def fingerprint(value: JsonValue) -> str:
    """Twelve hex digits of the SHA-256 of ``value``."""
    return hashed(canonical(value))


def hashed(text: bytes) -> str:
    """Twelve hex digits of the SHA-256 of what ``canonical`` has written."""
    return hashlib.sha256(text).hexdigest()[:12]


def content_hash(value: JsonValue) -> str:
    """The whole SHA-256 of ``value`` in hex: for what is signed."""
    return hashlib.sha256(canonical(value)).hexdigest()


def item_content(
    given: JsonValue,
    output: JsonValue,
    calls: Sequence[JsonValue] = (),
    context: Sequence[JsonValue] = (),
) -> str:
    """The SHA-256 in hex of all that a judge or a person is shown of an answer.

    ``calls`` are the tool calls, each a name and its arguments; an answer without any has none.
    ``context`` is what tools returned and what was retrieved, where that is shown.
    """
    more: list[JsonValue] = [list(context)] if context else []
    return content_hash([given, output, *([list(calls)] if calls or more else []), *more])


def item_key(
    given: JsonValue,
    output: JsonValue,
    calls: Sequence[JsonValue] = (),
    context: Sequence[JsonValue] = (),
) -> str:
    """The key of an answer that is judged or labelled: ``it_`` and 20 hex digits."""
    return f"it_{item_content(given, output, calls, context)[:20]}"


def trace_id(record: JsonValue, occurrence: int, started_at: float | None) -> str:
    """The id of a trace, made from its record: ``tr_`` and 13 base32 digits (63 bits).

    Args:
        record: The record as it was read.
        occurrence: How many equal records stood before it in the same file, so that a log
            with two equal lines keeps both and a second import still adds nothing.
        started_at: Unix seconds. A timed id begins with its day, so that an index over ids
            grows at one edge; an untimed one is all hash.
    """
    digest = hashlib.sha256(canonical(record) + b"\0%d" % occurrence).digest()
    number = int.from_bytes(digest[:8], "big") >> 1
    return numbered_id(number if started_at is None else _of_day(number, started_at))


def redated(identifier: str, started_at: float) -> str:
    """The id that the record of the trace ``identifier`` has where it began at ``started_at``."""
    number = id_number(identifier)
    return identifier if number is None else numbered_id(_of_day(number, started_at))


def _of_day(number: int, started_at: float) -> int:
    day = min(max(int(started_at // _DAY) - _EPOCH_DAY, 0), (1 << 15) - 1)
    return (day << _HASH_BITS) | (number & ((1 << _HASH_BITS) - 1))


def numbered_id(number: int) -> str:
    """The trace id that holds ``number``, of at most 63 bits."""
    # Thirteen digits as base32 writes eight bytes: the last bit says nothing.
    bits = number << 1
    return f"tr_{_DIGITS[bits >> 60]}{_base32(bits, 60)}"


# An import asks for the number of each id several times: of all in a batch, and then again.
@lru_cache(maxsize=4_096)
def id_number(identifier: str) -> int | None:
    """The 63-bit number inside a trace id, or None where it is no trace id."""
    if _ID.fullmatch(identifier) is None:
        return None
    # Thirteen digits hold a bit more than the number, and that one is not set.
    number, more = divmod(int(identifier[3:].translate(_VALUES), 32), 2)
    return number if not more and number < 1 << 63 else None


def random_id(prefix: str) -> str:
    """A fresh id of 40 random bits, such as ``run_k3v9t2ma``."""
    return f"{prefix}_{_base32(secrets.randbits(40), 40)}"


def is_run(name: str) -> bool:
    """Whether ``name`` is the id of a run, there or not."""
    return name.startswith(f"{RUN}_")


def _base32(number: int, bits: int) -> str:
    """The last ``bits`` of ``number``, ten of them as two digits."""
    return "".join([_PAIRS[number >> place & 1023] for place in range(bits - 10, -1, -10)])
