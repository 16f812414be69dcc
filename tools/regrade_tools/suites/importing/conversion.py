"""What a suite of another tool becomes, before anything is written."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.models import Case
from regrade_tools.models.case import Spec
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact


class UnsupportedError(Exception):
    """Something that cannot be said here with the same meaning; the message says why."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not converted, where it stood, and why."""

    where: str
    what: str
    why: str


def shown(value: JsonValue, under: str = "") -> str:
    """``value``, which stands ``under`` a name, in one line of a report and without its secrets.

    The report goes into files that are committed, and what it is of may be in none.
    """
    clean = Redaction().apply({under: value})
    told = next(iter(clean.values())) if isinstance(clean, dict) else clean
    return clip(" ".join((told if isinstance(told, str) else compact(told)).split()), 160)


def words(spec: Spec) -> str:
    """What tells an assertion from others: as it is written, since Python takes True for 1."""
    return compact(dict(spec))


@dataclass(frozen=True, slots=True)
class Draft:
    """A case, and what of it was left out."""

    case: Case
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptDraft:
    """A prompt: a template of the variables of a case."""

    text: str


@dataclass(frozen=True, slots=True)
class JudgeDraft:
    """A judge before anybody has measured it; without a model the agent that calls is asked."""

    name: str
    passes: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A whole suite; ``left_out`` is what concerns no single case.

    ``shared`` are those assertions of its cases that it asks of every case, whatever it is given.
    Each of ``prompts`` may be asked of each of ``models``, by their names of litellm.
    """

    format: str
    drafts: tuple[Draft, ...]
    description: str = ""
    trials: int = 1
    concurrency: int | None = None
    prompts: tuple[PromptDraft, ...] = ()
    models: tuple[str, ...] = ()
    judges: tuple[JudgeDraft, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=())
    shared: tuple[Spec, ...] = ()
