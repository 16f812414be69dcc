"""Whether the JSON of a value may tell a secret, found in one pass over all of its text.

What is not suspect holds none: not in a text, in a key or under a name, and not in JSON that is
inside a text, at any depth. Nearly every record is without, and need not be taken apart. The
pattern knows of each kind of ``credentials`` how it begins, as JSON writes it: a sign may stand
there with escapes before it, or as one.
"""

from pydantic import JsonValue
from pydantic_core import to_json

from regrade_tools.secrets.credentials import DOOR_WORDS, NAME_WORDS, SESSION
from regrade_tools.texts.patterns import linear

# Blanks and signs between a name and the sign after it: as they are, or escaped once or oftener.
_BETWEEN = r"(?:[\\\"'`\]\s]|\\[nrtfb]|\\u[0-9a-f]{4})*"
_TEXT = r"[A-Za-z0-9_-]"
_FORMS = (
    "-----BEGIN ",
    f"sk-{_TEXT}{{16}}",
    "[rs]k_(?:live|test)_",
    "A[KS]IA[A-Z0-9]{16}",
    "gh[pousr]_[A-Za-z0-9]{16}",
    "github_pat_",
    "glpat-",
    "AIza",
    "xox[abeprs]-|xapp-",
    "hf_[A-Za-z0-9]{16}",
    "npm_[A-Za-z0-9]{16}",
    f"pypi-{_TEXT}{{16}}",
    "gsk_[A-Za-z0-9]{16}",
    rf"SG\.{_TEXT}{{16}}",
    f"[0-9]{{8}}:AA{_TEXT}{{16}}",
    f"eyJ{_TEXT}{{7}}",
    # A user and a password in a URL.
    r":\\*/\\*/[^\s/\"<>]*@",
    r"(?i:bearer)[\s\\]",
    # A name, which ends a text or has a sign after it.
    rf"(?i:(?:{NAME_WORDS}|{DOOR_WORDS})(?:\\*\"|{_BETWEEN}[=:]))",
    rf"{SESSION}(?:\\*\"|{_BETWEEN}[=:])",
    rf"(?i:\"token\\*\"|(?:[^a-z0-9_-]|\\[nrtfb]|\\u[0-9a-f]{{4}})token{_BETWEEN}[=:])",
    # A letter or a sign as an escape, also the Kelvin sign, whose lower case is a letter.
    r"\\u(?:00[2-7]|212[Aa])",
)
_ANY = "|".join(_FORMS)


def is_suspect(value: JsonValue) -> bool:
    """Whether ``value`` may hold a secret; of what cannot be written as JSON, anything may be."""
    try:
        written = to_json(value)
    except ValueError:
        return True
    return may_tell(written)


def may_tell(written: bytes) -> bool:
    """As ``is_suspect``, for JSON in UTF-8, however its writer set blanks and escapes."""
    return linear(_ANY)(written)
