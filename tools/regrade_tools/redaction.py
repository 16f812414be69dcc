"""Secrets are replaced before anything is stored; what they were is not kept anywhere."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from pydantic import JsonValue

from regrade_tools.jsontext import compact, unpacked
from regrade_tools.patterns import compiled, replaced

# The beginning of a word, so that a chain of them is looked at once; also what follows an
# escape, in a text that holds the text of a string.
_START = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"
# A block ends where the next dashes begin, so that many beginnings cost no more than one.
_LABEL, _BODY = "[A-Z ]{0,20}", "(?:[^-]|-(?!----)){0,20000}+"
# Kind, letters without which there is none, pattern. To look for the letters costs a hundredth
# of the pattern, and nearly every text is without.
_SECRETS = tuple(
    (kind, hint, re.compile(pattern))
    for kind, hint, pattern in (
        (
            "private_key",
            "-----BEGIN ",
            f"-----BEGIN {_LABEL}PRIVATE KEY-----{_BODY}-----END {_LABEL}KEY-----",
        ),
        ("openai_key", "sk-", _START + r"sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,200}"),
        ("aws_key", "AKIA", _START + r"AKIA[A-Z0-9]{16}\b"),
        ("aws_key", "ASIA", _START + r"ASIA[A-Z0-9]{16}\b"),
        ("github_token", "gh", _START + r"gh[pousr]_[A-Za-z0-9]{36,255}"),
        ("github_token", "github_pat_", _START + r"github_pat_[A-Za-z0-9_]{22,255}"),
        ("google_key", "AIza", _START + r"AIza[A-Za-z0-9_-]{35}"),
        ("slack_token", "xox", _START + r"xox[abprs]-[A-Za-z0-9-]{10,200}"),
        (
            "jwt",
            "eyJ",
            _START
            + r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
        ),
        ("bearer", "earer ", r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{20,2000}=*"),
        ("bearer", "BEARER ", r"\bBEARER\s+[A-Za-z0-9._~+/-]{20,2000}=*"),
        ("password_url", "://", r"(?<=://)[^\s:/@]{0,100}:[^\s/@]{1,200}(?=@)"),
    )
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to replace. ``count`` grows with what was replaced, by kind."""

    more: tuple[tuple[str, str], ...] = ()
    count: Counter[str] = field(default_factory=Counter[str])

    def apply(self, value: JsonValue) -> JsonValue:
        """``value`` with every secret in it, at any depth, replaced by ``[redacted:<kind>]``.

        Keys are kept: they are the structure of the record.

        Raises:
            SlowPatternError: A configured pattern backtracks on it, so nobody can say it is clean.
        """
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if isinstance(value, dict):
            return {key: self.apply(item) for key, item in value.items()}
        return value

    def _clean(self, text: str) -> str:
        clean = text
        for kind, hint, pattern in _SECRETS:
            if hint in clean:
                clean = pattern.sub(partial(self._replaced, kind), clean)
        for kind, source in self.more:
            clean = replaced(source, clean, partial(self._replaced, kind))
        return self._inside(clean) if "\\" in clean else clean

    def _inside(self, text: str) -> str:
        """JSON in a text: what is written with escapes there is read without them later."""
        value = unpacked(text)
        if value is text:
            return text
        clean = self.apply(value)
        return text if clean == value else compact(clean)

    def _replaced(self, kind: str, _match: object) -> str:
        self.count[kind] += 1
        return f"[redacted:{kind}]"


def redaction(more: Mapping[str, str] | None = None) -> Redaction:
    """A fresh redaction of the built-in secrets and of ``more``: names with patterns.

    Raises:
        ValueError: One of ``more`` is not a regular expression.
    """
    for name, pattern in (more or {}).items():
        try:
            compiled(pattern)
        except ValueError as problem:
            raise ValueError(f"`redact` {name}: {problem}") from None
    return Redaction(tuple((more or {}).items()))
