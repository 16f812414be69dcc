"""The tool that labels: an agent's label is a suggestion, whatever the agent says it is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.consenting import Consent
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import id_number
from regrade_tools.judges.population import item_of
from regrade_tools.labels.labelling import LONGEST_MODE, Answer, Criterion, Labelling, misfit
from regrade_tools.models import Item, Label
from regrade_tools.ports import Signers, Store
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import first_lines, line, plain

_FIELDS = ("trace_id", "verdict", "critique", "mode")
# Who labelled is bound to the channel it came by; no argument decides it.
_BOUND = ("source", "labeller", "signature", "split", "sampled", "sample", "drawn_by", "version",
          "labelled_at", "id")  # fmt: skip
_MOST = 100
_ASKED = 5
_SHOWN = 10
# Characters of an item that a form can show; a longer one is for a terminal, which pages.
_WHOLE = 4_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """What became of labels: each refused one with its reason; ``signed`` are a person's now."""

    criterion: str
    suggested: int
    signed: int
    passed: int
    failed: int
    known: int = 0
    labeller: str | None = None
    refused: list[str] = field(default_factory=list[str])
    hint: str | None = None


@dataclass(frozen=True)
class Labels:
    """What can be done with labels."""

    store: Store
    workspace: Workspace | None
    signers: Signers

    async def label_traces(
        self,
        labels: list[dict[str, JsonValue]],
        criterion: str,
        confirm: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool, passed by name
        client: str = "",
        consent: Consent = "unasked",
    ) -> Labelled:
        """Say whether traces pass a criterion, and why: suggestions until a person signs.

        labels: [{"trace_id", "verdict": "pass" | "fail", "critique", "mode"?}]; mode names the
        failure in a few words. Only signed labels measure a judge: confirm=true asks the person
        at your client (5 at most), else they run `regrade label CRITERION`.
        """
        labelling = self._labelling()
        about = labelling.criterion(criterion)
        answers, refused = await self._answers(about, labels)
        if confirm:
            _askable(answers)
        if confirm and consent == "given":
            labeller = labelling.labeller()
            rows = await labelling.sign(about, answers, labeller)
            known = 0
        else:
            # Nobody of the repository is called so: a person's name has no colon.
            labeller = f"agent:{plain(client)[:60] or 'unnamed'}"
            fresh = await self._fresh(about, answers, labeller)
            known = len(answers) - len(fresh)
            rows = labelling.rows(about, fresh, "agent", labeller)
            if rows:
                await labelling.keep(about, rows)
        signed = sum(row.label.source == "human" for row in rows)
        return Labelled(
            criterion=criterion,
            suggested=len(rows) - signed,
            signed=signed,
            passed=sum(row.label.verdict == "pass" for row in rows),
            failed=sum(row.label.verdict == "fail" for row in rows),
            known=known,
            labeller=labeller,
            refused=first_lines(refused, _SHOWN),
            hint=_hint(about, consent if confirm else "unasked", signed),
        )

    async def question(
        self,
        labels: list[dict[str, JsonValue]],
        criterion: str,
        confirm: bool,  # noqa: FBT001 - the argument of the tool
    ) -> str | None:
        """What a person is asked before labels are signed as theirs: all that they would sign.

        Raises:
            Refusal: There is nothing to ask, too much of it, or nobody here who could sign.
        """
        if not confirm:
            return None
        labelling = self._labelling()
        about = labelling.criterion(criterion)
        labeller = labelling.labeller()
        answers, _ = await self._answers(about, labels)
        _askable(answers)
        words = [f"Criterion {criterion}."]
        words.extend(f"{name}: {told}" for name, told in
                     (("Passes", about.passes), ("Fails", about.fails)) if told)  # fmt: skip
        shown = [_shown(labelling, number, answer) for number, answer in enumerate(answers, 1)]
        asked = f"An agent suggests these labels. Sign all {len(answers)} as {labeller}?"
        return "\n\n".join([asked, "\n".join(words), *shown])

    def _labelling(self) -> Labelling:
        return Labelling(self.store, needed(self.workspace), self.signers)

    async def _answers(
        self, criterion: Criterion, labels: list[dict[str, JsonValue]]
    ) -> tuple[list[Answer], list[str]]:
        if not 1 <= len(labels) <= _MOST:
            raise Refusal(
                f"There are {len(labels)} labels; a call takes 1 to {_MOST}.",
                next_step='Each is {"trace_id": "tr_...", "verdict": "fail", "critique": "..."}.',
            )
        answers: list[Answer] = []
        refused: list[str] = []
        seen: set[str] = set()
        for number, given in enumerate(labels, 1):
            problem = _problem(given)
            trace_id = str(given.get("trace_id"))
            trace = None if problem else await self.store.trace(trace_id)
            if not problem and trace is None:
                problem = f"there is no trace {clip(trace_id, 40)!r}; search_traces finds them"
            if not problem and trace_id in seen:
                problem = f"{trace_id} was labelled above in this call; one label each"
            if problem or trace is None:
                refused.append(f"label {number}: {problem}")
                continue
            seen.add(trace_id)
            item = item_of(trace, context=criterion.context)
            answers.append(_answer(given, item))
        if not answers:
            raise Refusal(f"No label could be taken: {'; '.join(refused[:_SHOWN])}.")
        return answers, refused

    async def _fresh(
        self, criterion: Criterion, answers: Sequence[Answer], labeller: str
    ) -> list[Answer]:
        """Those answers that are not what this labeller said last of the trace."""
        ids = [answer.item.trace_id for answer in answers]
        latest: dict[str, Label] = {}
        for label in await self.store.labels(criterion=criterion.name, trace_ids=ids):
            if label.labeller == labeller:
                latest[label.trace_id] = label
        clean = self._labelling().clean
        return [
            answer
            for answer in answers
            if (before := latest.get(answer.item.trace_id)) is None
            or (before.verdict, before.critique, before.mode, before.item, before.version)
            != (answer.verdict, clean(answer.critique), clean(answer.mode), answer.item.key,
                criterion.version)
        ]  # fmt: skip


def _problem(given: dict[str, JsonValue]) -> str:
    """Why a label cannot be taken, or nothing."""
    bound = [name for name in given if name in _BOUND]
    if bound:
        return (
            f"{bound[0]!r} is not yours to say: what comes from an agent is a suggestion, and "
            "what a person signs is signed with their key"
        )
    strange = [name for name in given if name not in _FIELDS]
    if strange:
        return f"unknown field {clip(strange[0], 40)!r}; valid: {', '.join(_FIELDS)}"
    trace_id, verdict, critique, mode = (given.get(name) for name in _FIELDS)
    if not isinstance(trace_id, str) or id_number(trace_id) is None:
        return f"trace_id is {clip(json.dumps(trace_id), 40)}; ids look like tr_bhkyre6x44caa"
    if verdict not in ("pass", "fail"):
        return f'verdict is {clip(json.dumps(verdict), 40)}; it is "pass" or "fail"'
    if not isinstance(critique, str) or not critique.strip():
        return "critique is missing; say what in the answer decides it"
    if not isinstance(mode, str | None):
        return f"mode is a text of at most {LONGEST_MODE} characters"
    return misfit(str(verdict), critique, mode or "")


def _answer(given: dict[str, JsonValue], item: Item) -> Answer:
    verdict = "pass" if given["verdict"] == "pass" else "fail"
    return Answer(item, verdict, str(given["critique"]).strip(), str(given.get("mode") or ""))


def _askable(answers: Sequence[Answer]) -> None:
    if len(answers) > _ASKED:
        raise Refusal(
            f"A person is asked about {_ASKED} labels at most, so that each is read.",
            next_step="Give fewer, or leave out confirm: they can run `regrade label CRITERION`.",
        )
    for answer in answers:
        if sum(len(text) for _, text in _parts(answer.item)) > _WHOLE:
            raise Refusal(
                f"{answer.item.trace_id} is too long to be shown whole in a form, and nobody signs "
                "what they have not seen.",
                next_step="Leave it out, or leave out confirm: a person reads it whole with "
                "`regrade label CRITERION --sample suggestions`.",
            )


def _shown(labelling: Labelling, number: int, answer: Answer) -> str:
    """All that a person would sign, as it would stand in the file."""
    mode = f" ({plain(line(labelling.clean(answer.mode)))})" if answer.mode else ""
    return "\n".join(
        (
            f"{number}. {answer.verdict.upper()}{mode}, {answer.item.trace_id}",
            *(f"   {name}: {text}" for name, text in _parts(answer.item)),
            f"   Critique: {plain(line(labelling.clean(answer.critique)))}",
        )
    )


def _parts(item: Item) -> list[tuple[str, str]]:
    """What is signed of an item, each part on one line, so that none can pass for another."""
    calls: list[tuple[str, JsonValue]] = [("Tool calls", item.calls)] if item.calls else []
    calls.extend(("Context", one) for one in item.context)
    return [
        (name, plain(" ".join(legible(value).split())))
        for name, value in (("Input", item.input), *calls, ("Output", item.output))
    ]


def _hint(criterion: Criterion, consent: Consent, signed: int) -> str:
    told = f"A person confirms with `regrade label {criterion.name} --sample suggestions`."
    if signed:
        told = "" if criterion.judges else f"No judge uses {criterion.name} yet."
    elif consent == "declined":
        told = f"The person declined: these stay suggestions. {told}"
    elif consent == "unable":
        told = (
            "Nobody could be asked: your client shows no forms, or no key here is in "
            f"evals/labellers.yaml (`regrade labeller NAME`). {told}"
        )
    return told
