"""Candidates that a person accepts at their client: all of each is shown, or nobody is asked."""

from collections.abc import Sequence

from regrade_tools.cases.acceptance import accept, candidates
from regrade_tools.consenting import Consent
from regrade_tools.files.workspace import Workspace
from regrade_tools.inputs.generation.reports import Generation
from regrade_tools.models import Case
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.texts.clipping import clip_list
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import line, plain

_MOST = 10
# Characters that a person reads in a form; more are for a terminal and an editor.
_WHOLE = 6_000
_SHOWN = 2_000
_TOLD_ELSEWHERE = frozenset({"id", "candidate", "provenance"})


def question_of(workspace: Workspace, suite: str, ids: Sequence[str]) -> str:
    """What a person is asked before ``ids`` become cases of ``suite``.

    Raises:
        Refusal: There is no such candidate, or too much to be read in a form.
    """
    step = f"Give fewer, or let a person run `regrade accept {suite}`, who reads the files."
    if not 1 <= len(set(ids)) <= _MOST:
        told = f"There are {len(set(ids))} ids; a person is asked about 1 to {_MOST} at once."
        raise Refusal(told, next_step=step)
    waiting = {case.id: case for case in candidates(workspace, suite)}
    for case_id in ids:
        if case_id not in waiting:
            raise unknown("candidate", case_id, waiting)
    shown = [_shown(n, waiting[one]) for n, one in enumerate(dict.fromkeys(ids), 1)]
    if sum(map(len, shown)) > _WHOLE:
        raise Refusal("They are too long to be shown whole in a form.", next_step=step)
    asked = f"An agent asks: make these {len(shown)} inputs cases of the suite {suite}? From then "
    return "\n\n".join([f"{asked}on runs and the gate count them.", *shown])


def accepted(workspace: Workspace, suite: str, ids: Sequence[str], consent: Consent) -> Generation:
    """What became of ``ids`` by the word of a person.

    Raises:
        Refusal: As of the question; and where nobody could be asked.
    """
    question_of(workspace, suite, ids)
    if consent == "given":
        done = accept(workspace, suite, ids)
        told = f"accepted by the person at your client; {done.waiting} candidates wait"
        return Generation(suite, len(ids), told, kept=clip_list(done.accepted, _SHOWN))
    if consent == "declined":
        told = "the person declined: they stay candidates, which no run counts"
        return Generation(suite, len(ids), told)
    raise Refusal(
        "Nobody could be asked: your client shows no forms, and an agent accepts nothing.",
        next_step=f"A person reads them and runs `regrade accept {suite} {ids[0]} ...`.",
    )


def _shown(number: int, case: Case) -> str:
    """All that would be a case, each part on a line, so that none can pass for another."""
    told = case.model_dump(mode="json", exclude_defaults=True)
    parts = {name: value for name, value in told.items() if name not in _TOLD_ELSEWHERE}
    lines = [f"   {name}: {line(legible(value))}" for name, value in parts.items()]
    return plain("\n".join([f"{number}. {case.id}", *lines]))
