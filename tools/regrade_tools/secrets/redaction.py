"""Secrets are replaced before anything is stored; what they were is not kept anywhere."""

from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import thread_time
from typing import TYPE_CHECKING

from pydantic import JsonValue

from regrade_tools.refusal import Refusal
from regrade_tools.secrets.credentials import NAMED, concealed, is_header, is_name, marked, named
from regrade_tools.secrets.suspicion import is_suspect, may_tell
from regrade_tools.texts.jsontext import compact, unpacked
from regrade_tools.texts.patterns import DEADLINE_S, SlowPatternError, compiled, replaced

if TYPE_CHECKING:
    # The formats that a workspace reads redact what they read.
    from regrade_tools.files.workspace import Workspace

# What a pattern of the project may cost over everything that one redaction sees: so many
# seconds, and half a megabyte of text a second. A sane one is twenty times as fast.
_SLACK_S = 5.0
_CHARACTERS_A_S = 500_000
# How many keys are remembered.
_HARMLESS = 4_096


@dataclass(slots=True)
class _Own:
    """A pattern of the project, with the seconds and characters it has taken so far."""

    kind: str
    source: str
    spent_s: float = 0.0
    characters: int = 0

    def took(self, seconds: float, characters: int) -> None:
        """Count what one text has cost.

        Raises:
            Refusal: All texts together have cost too much.
        """
        self.spent_s += seconds
        self.characters += characters
        if self.spent_s > _SLACK_S + self.characters / _CHARACTERS_A_S:
            raise Refusal(
                f"The pattern {self.kind!r} under `redact` in evals/regrade.yaml is too slow: "
                f"{self.spent_s:.0f} s for {self.characters:,} characters.",
                next_step="Make its repetitions unambiguous. What was stored before it stopped "
                "stays.",
            )


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to replace. ``count`` grows with what was replaced, by kind."""

    own: tuple[_Own, ...] = ()
    count: Counter[str] = field(default_factory=Counter[str])
    # Names that were looked at, and are no secrets: records repeat theirs.
    harmless: set[str] = field(default_factory=set[str], repr=False, compare=False)

    def apply(self, value: JsonValue, written: bytes = b"") -> JsonValue:
        """``value`` with every secret in it, at any depth, replaced by ``[redacted:<kind>]``.

        A secret may stand in a text, in a key, or under a key that says what it is. Where
        ``written``, its JSON in UTF-8, is at hand, it is not written anew to look through it.

        Raises:
            SlowPatternError: A configured pattern backtracks on it, so nobody can say it is clean.
            Refusal: A configured pattern has taken too long in all.
        """
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, list | dict) or self._innocent(value, written):
            return value
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        return self._object(value)

    def _innocent(self, value: JsonValue, written: bytes = b"") -> bool:
        return not self.own and not (may_tell(written) if written else is_suspect(value))

    def text(self, text: str) -> str:
        """As ``apply``, for a text."""
        if self._innocent(text):
            return text
        clean = concealed(text, self._mark)
        for own in self.own:
            clean = self._without(own, clean)
        return self._inside(clean) if "\\" in clean else clean

    def shown(self, text: str) -> str:
        """As ``text``, or why it cannot be shown where a pattern backtracks on it."""
        try:
            return self.text(text)
        except SlowPatternError as problem:
            return f"[not shown: it cannot be redacted: {problem}]"

    def _object(self, value: dict[str, JsonValue], name: str | None = None) -> dict[str, JsonValue]:
        """``value``, which stands under ``name``."""
        clean: dict[str, JsonValue] = {}
        # Attributes and headers are often logged as pairs of a name and a value.
        paired = value.get("key", value.get("name")) if "value" in value else None
        for key, item in value.items():
            shown = key if key in self.harmless else self._name(key)
            if shown in clean:
                shown = _another(shown, clean)
            if isinstance(item, str) and item is paired:
                clean[shown] = item if item in self.harmless else self._name(item)
            elif key == "value" and isinstance(paired, str):
                clean[shown] = self._under(paired, item)
            elif key == "stringValue" and name is not None:
                # As OTLP types a text.
                clean[shown] = self._under(name, item)
            else:
                clean[shown] = self._under(key, item)
        return clean

    def _name(self, name: str) -> str:
        """``name`` without secrets."""
        shown = self.text(name)
        if shown == name and len(self.harmless) < _HARMLESS:
            self.harmless.add(name)
        return shown

    def _under(self, name: str, value: JsonValue) -> JsonValue:
        """``value`` without secrets, and without what ``name`` says is one."""
        if isinstance(value, str):
            if is_header(name):
                # As the line that it is.
                shown = self.text(f"{name}: {value}").removeprefix(f"{name}: ")
                return self._mark(NAMED) if shown == value and named(name, value) else shown
            return self._mark(NAMED) if named(name, value) else self.text(value)
        if isinstance(value, dict):
            return self._object(value, name)
        if isinstance(value, list):
            return self._listed(name, value)
        if isinstance(value, int) and not isinstance(value, bool) and named(name, value):
            return self._mark(NAMED)
        return value

    def _listed(self, name: str, value: list[JsonValue]) -> list[JsonValue]:
        """As ``_under``; of many records in a list most are without any secret."""
        if is_header(name) or is_name(name):
            return [self._under(name, item) for item in value]
        return [
            item if _is_record(item) and self._innocent(item) else self._under(name, item)
            for item in value
        ]

    def _inside(self, text: str) -> str:
        """JSON in a text: what is written with escapes there is read without them later."""
        value = unpacked(text)
        if value is text:
            return text
        clean = self.apply(value)
        return text if clean == value else compact(clean)

    def _mark(self, kind: str) -> str:
        self.count[kind] += 1
        return marked(kind)

    def _without(self, own: _Own, text: str) -> str:
        began = thread_time()
        try:
            clean = replaced(own.source, text, lambda _: self._mark(own.kind))
        except SlowPatternError:
            # Its deadline is by the clock: the time counts, whoever had the processor.
            own.took(DEADLINE_S, len(text))
            raise
        own.took(thread_time() - began, len(text))
        return clean


def _is_record(value: JsonValue) -> bool:
    """Whether ``value`` is large enough to be looked at by itself."""
    return isinstance(value, dict) and any(isinstance(item, list) for item in value.values())


def _another(name: str, beside: Collection[str]) -> str:
    """Two keys that are secrets of one kind stay two."""
    number = len(beside) + 1
    while f"{name} {number}" in beside:
        number += 1
    return f"{name} {number}"


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
    return Redaction(tuple(_Own(name, pattern) for name, pattern in (more or {}).items()))


def redaction_of(workspace: "Workspace | None") -> Redaction:
    """A fresh redaction with the patterns of the project.

    Raises:
        Refusal: One of them is not a regular expression.
    """
    try:
        return redaction(workspace.project().redact if workspace else None)
    except ValueError as problem:
        raise Refusal(f"evals/regrade.yaml: {problem}", next_step="Mend the pattern.") from None


@contextmanager
def redactable(what: str) -> Generator[None]:
    """What is redacted inside is called ``what``, where a pattern backtracks on it.

    Raises:
        Refusal: One did.
    """
    try:
        yield
    except SlowPatternError as problem:
        raise Refusal(
            f"{what} cannot be redacted: {problem}.",
            next_step="Mend the pattern under `redact` in evals/regrade.yaml.",
        ) from None
