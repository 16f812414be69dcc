"""Secrets are replaced before anything is stored; what they were is not kept anywhere."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

# One line a kind of secret. Each begins with letters that an ordinary text seldom has, so a
# scan of clean text costs little.
_SECRETS = {
    "private_key": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[\s\S]{0,20000}?"
    r"-----END [A-Z ]{0,20}KEY-----",
    "openai_key": r"\bsk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{20,200}",
    "aws_key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "github_token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
    "google_key": r"\bAIza[A-Za-z0-9_-]{35}",
    "slack_token": r"\bxox[abprs]-[A-Za-z0-9-]{10,200}",
    "jwt": r"\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
    "bearer": r"(?i:\bbearer)\s+[A-Za-z0-9._~+/-]{20,2000}=*",
    "password_url": r"(?<=://)[^\s:/@]{1,100}:[^\s/@]{1,200}(?=@)",
}


@dataclass(frozen=True, slots=True)
class Redaction:
    """The patterns to replace. ``count`` grows with what was replaced, by kind."""

    pattern: re.Pattern[str]
    count: Counter[str] = field(default_factory=Counter[str])

    def apply(self, value: JsonValue) -> JsonValue:
        """``value`` with every secret in it, at any depth, replaced by ``[redacted:<kind>]``.

        Keys are kept: they are the structure of the record.
        """
        if isinstance(value, str):
            return self.pattern.sub(self._replace, value)
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if isinstance(value, dict):
            return {key: self.apply(item) for key, item in value.items()}
        return value

    def _replace(self, match: re.Match[str]) -> str:
        kind = match.lastgroup or "secret"
        self.count[kind] += 1
        return f"[redacted:{kind}]"


def redaction(more: Mapping[str, str] | None = None) -> Redaction:
    """A fresh redaction of the built-in secrets and of ``more``: names with patterns.

    Raises:
        ValueError: One of ``more`` is not a regular expression.
    """
    kinds = {
        **_SECRETS,
        **{name.replace("-", "_"): source for name, source in (more or {}).items()},
    }
    try:
        return Redaction(re.compile("|".join(f"(?P<{name}>{p})" for name, p in kinds.items())))
    except re.error as problem:
        raise ValueError(f"`redact` holds what is not a regular expression: {problem}") from None
