"""Which texts are kept: those that fit their values and say something new; each as a candidate."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from regrade_tools.assertions import Errored, Failed, Subject, check_all, parse_all
from regrade_tools.cases.filing import case_text
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint
from regrade_tools.inputs.generation.combinations import Combination
from regrade_tools.inputs.generation.diversity import Known
from regrade_tools.models import Case, Generated, Inputs, Provenance
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip

Trouble = Literal["same", "near", "unfit", "unreadable", "errored"]

# The tag by which a run knows that an input was generated.
SYNTHETIC = "synthetic"
_LONGEST = 20_000
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a text is not kept."""

    trouble: Trouble
    why: str


@dataclass
class Batch:
    """Inputs of one suite while they come: what is there already, and what was rejected."""

    workspace: Workspace
    suite: str
    inputs: Inputs
    hidden: Redaction
    known: Known = field(default_factory=Known)
    fingerprints: dict[str, str] = field(default_factory=dict[str, str])
    kept: list[Case] = field(default_factory=list[Case])
    rejected: Counter[Trouble] = field(default_factory=Counter[Trouble])
    write: bool = True

    def know(self, name: str, given: JsonValue) -> None:
        """Compare with an input that is there."""
        self.fingerprints[fingerprint(given)] = name
        for text in compared(said(given, self.inputs.field)):
            self.known.add(name, text)

    def problem(self, texts: Mapping[str, str], values: Combination) -> Rejected | None:
        """Why ``texts``, the parts of an input by their names, cannot be kept."""
        for part in self.inputs.parts:
            if not texts.get(part, "").strip():
                return Rejected("unreadable", f"it has no text in {part!r}")
            if len(texts[part]) > _LONGEST:
                return Rejected("unreadable", f"{part} is longer than {_LONGEST:,} characters")
        return self._unfit(texts, values) or self.familiar(texts)

    def familiar(self, texts: Mapping[str, str]) -> Rejected | None:
        """Whether an input says what another does."""
        given = self.given(texts)
        same = self.fingerprints.get(fingerprint(given))
        if same is not None:
            return Rejected("same", f"it is the same as {same}")
        for text in compared(said(given, self.inputs.field)):
            like = self.known.like(text)
            if like is not None:
                return Rejected("near", f"it is nearly the same ({like[1]:.2f}) as {like[0]}")
        return None

    def _unfit(self, texts: Mapping[str, str], values: Combination) -> Rejected | None:
        text = "\n".join(texts[part] for part in self.inputs.parts)
        for name, value in values.items():
            specs = self.inputs.rules.get(name, {}).get(value, ())
            for verdict in check_all(parse_all(specs), Subject(text)) if specs else ():
                if isinstance(verdict, Failed | Errored):
                    # Assertions begin with what they speak of, which here is an input.
                    why = verdict.reason.replace("the output", "the input", 1)
                    return Rejected("unfit", f"{name}={value}: {clip(why, 200)}")
        return None

    def given(self, texts: Mapping[str, str]) -> JsonValue:
        """What the target is given: a text, an object, or messages where there are steps."""
        parts = [
            self.hidden.shown(texts[part].strip()) for part in self.inputs.parts if texts[part]
        ]
        if self.inputs.steps:
            messages: list[JsonValue] = [{"role": "user", "content": text} for text in parts]
            return messages if self.inputs.field is None else {self.inputs.field: messages}
        return parts[0] if self.inputs.field is None else {self.inputs.field: parts[0]}

    def keep(self, texts: Mapping[str, str], origin: Generated) -> Rejected | None:
        """Keep an input as a candidate, durably, or say why not."""
        problem = self.familiar(texts)
        if problem is not None:
            self.rejected[problem.trouble] += 1
            return problem
        case = self._case(self.given(texts), origin)
        path = self.workspace.case_path(self.suite, case.id)
        if self.write and not self.workspace.write_new(path, case_text(case)):
            self.rejected["same"] += 1
            return Rejected("same", f"it is the same as {case.id}")
        self.kept.append(case)
        self.know(case.id, case.input)
        return None

    def _case(self, given: JsonValue, origin: Generated) -> Case:
        text = " ".join(said(given, self.inputs.field))
        words = re.findall(r"[a-z0-9]+", text.lower())[:6]
        return Case(
            id=f"syn_{'-'.join(words)[:48] or 'input'}-{fingerprint(given)[:6]}",
            candidate=True,
            feature=origin.values.get("feature"),
            scenario=origin.values.get("scenario"),
            tags=(SYNTHETIC,),
            input=given,
            provenance=Provenance(generated=origin),
        )

    @property
    def told_rejected(self) -> dict[str, int]:
        """How many were rejected, by why."""
        return {str(name): count for name, count in self.rejected.most_common()}


def said(given: JsonValue, field_name: str | None) -> list[str]:
    """The texts in an input: itself, or what its messages say."""
    if field_name is not None and isinstance(given, dict):
        given = given.get(field_name)
    if isinstance(given, str):
        return [given]
    messages = given if isinstance(given, list) else []
    contents = [one.get("content") for one in messages if isinstance(one, dict)]
    return [text for text in contents if isinstance(text, str)]


def compared(texts: list[str]) -> list[str]:
    """What two inputs are compared by: their whole, and where there are several how they begin."""
    if not texts:
        return []
    return ["\n".join(texts)] if len(texts) == 1 else ["\n".join(texts), texts[0]]


def shown(case: Case, inputs: Inputs) -> str:
    """An input in one line."""
    return clip(" / ".join(said(case.input, inputs.field)), _SHOWN)
