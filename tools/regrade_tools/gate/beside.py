"""What changed beside a suite: files that its scorers may read, and no fingerprint is of."""

from pathlib import PurePosixPath

from regrade_tools.assertions import JudgeScorer, Scorer
from regrade_tools.files.workspace import Workspace
from regrade_tools.ports import Host, Reference
from regrade_tools.suites.verbs import Prepared
from regrade_tools.texts.plaintext import listed

_JUDGES = "judges"
# Folders and files of ``evals/`` that a gate compares by what they say, or that decide nothing.
_COMPARED = frozenset(
    {"suites", "cases", "baselines", "recordings", _JUDGES, "judgements", "labels"}
    | {"regrade.yaml", "labellers.yaml"}
)
_NAMED = 10


def changed_beside(
    workspace: Workspace, host: Host, prepared: Prepared, reference: Reference, *, judges: bool
) -> list[str]:
    """What a reviewer of a suite with scorers is told: one line, or none.

    ``judges`` says whether those count, too, and their files.

    Raises:
        Unavailable: Nobody could tell what changed.
    """
    checks = (check.assertion for one in prepared.planned for check in one.checks)
    scorers = [it for it in checks if isinstance(it, Scorer)]
    if not judges:
        scorers = [it for it in scorers if not isinstance(it, JudgeScorer)]
    if not scorers:
        return []
    compared = _COMPARED - {_JUDGES} if judges else _COMPARED
    folder = workspace.shown(workspace.evals)
    dataset = prepared.suite.dataset
    rows = dataset.file if dataset else None
    loose = [
        path
        for path in host.changed(reference, folder)
        if PurePosixPath(path).relative_to(folder).parts[0] not in compared and path != rows
    ]
    told = f"changed since {reference.name}, and a scorer may read it: {listed(loose, _NAMED)}"
    return [told] if loose else []
