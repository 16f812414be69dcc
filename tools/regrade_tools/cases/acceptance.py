"""Candidates become cases: a person has read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Case
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.suites.planning import planned_case
from regrade_tools.texts.clipping import clip_list

_LINE = re.compile(r"^candidate:[^\n]*\n", re.MULTILINE)
_SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which candidates are cases now, and how many still wait."""

    suite: str
    accepted: list[str] = field(default_factory=list[str])
    waiting: int = 0


def candidates(workspace: Workspace, suite: str) -> list[Case]:
    """The candidates of a suite, by their ids."""
    workspace.suite(suite)
    return [case for case in workspace.cases(suite) if case.candidate]


def accept(workspace: Workspace, suite: str, ids: Sequence[str] = ()) -> Accepted:
    """Take the line ``candidate: true`` out of the files of ``ids``, or of all.

    Everything else in a file stays as it is, its comments with it. All of them are checked
    before the first is changed.

    Raises:
        Refusal: There is no such candidate, or one has nothing that could fail.
    """
    found = workspace.suite(suite)
    with workspace.locked():
        cases = {case.id: case for case in workspace.cases(suite)}
        waiting = {case_id: case for case_id, case in cases.items() if case.candidate}
        for case_id in ids:
            if case_id not in waiting and not _was_accepted(cases.get(case_id)):
                raise unknown("candidate", case_id, waiting)
        asked = dict.fromkeys(ids or waiting)
        chosen = [waiting[case_id] for case_id in asked if case_id in waiting]
        if not asked:
            raise Refusal(
                f"The suite {suite} has no candidate.", next_step="generate_inputs makes some."
            )
        for case in chosen:
            planned_case(found, case)
        texts = [_accepted(workspace, suite, case) for case in chosen]
        for case, text in zip(chosen, texts, strict=True):
            workspace.replace(workspace.case_path(suite, case.id), text)
    names = [case.id for case in chosen]
    return Accepted(suite, clip_list(names, _SHOWN), len(waiting) - len(chosen))


def _was_accepted(case: Case | None) -> bool:
    """Whether it was a candidate: to accept it again, as after a kill, is no mistake."""
    return bool(case and case.provenance and case.provenance.generated)


def _accepted(workspace: Workspace, suite: str, case: Case) -> str:
    """The file of ``case`` without the line that makes it a candidate."""
    # Imported here: a server that lists its tools reads no file.
    from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

    path = workspace.case_path(suite, case.id)
    text = _LINE.sub("", workspace.text(path), count=1)
    try:
        same = Case.model_validate(load(text)) == case.model_copy(update={"candidate": False})
    except (DocumentError, ValueError):
        same = False
    if not same:
        raise Refusal(
            f"{workspace.shown(path)} is written in a way that cannot be edited safely.",
            next_step="Take `candidate: true` out of it by hand.",
        )
    return text
