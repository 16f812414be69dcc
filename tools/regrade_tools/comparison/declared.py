"""A suite as it is declared at a git reference.

A baseline tells what was measured when it was written. Cases that were filed since, and what was
asked of the others since, stand in the files beside it: whoever takes one of those away again
loosens the suite as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from regrade_tools.comparison.standing import Standing
from regrade_tools.files.workspace import Workspace
from regrade_tools.gate.terms import all_terms
from regrade_tools.models import Profile, Scheduled
from regrade_tools.models.case import Spec
from regrade_tools.ports import Host, Reference
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.suites.planning import plan, program, scored


@dataclass(frozen=True, slots=True)
class Declared:
    """What a suite asks: its cases, the words of their assertions by fingerprint, and its terms.

    ``target`` is the one of the baseline, else the suite's, and ``program`` what it stands for.
    ``whole`` says whether these are all of its cases: those of stored traces are in no file.
    """

    cases: dict[str, Scheduled]
    wording: dict[str, Spec]
    gates: dict[str, Profile]
    target: str
    program: str
    whole: bool = True


def as_declared(known: Standing, suite: str, host: Host, reference: Reference) -> Standing:
    """``known``, a baseline at ``reference``, with what the suite asks there.

    How the cases ended is the baseline's. Where the files cannot be read it is as it was, and
    says so.

    Raises:
        Unavailable: Nobody could tell what is there.
    """
    try:
        found = _declared(suite, known.target, host, reference)
    except Unavailable:
        raise
    except Refusal as refusal:
        why = f"what {suite} asks at {reference.name} cannot be read: {refusal.problem.rstrip('.')}"
        return replace(known, doubts=(*known.doubts, why))
    if known.unmeasured:
        known = _unmeasured(known, found)
    kept = {} if found.whole else known.cases
    cases = {**kept, **found.cases}
    return replace(
        known,
        cases=cases,
        outcomes={key: outcome for key, outcome in known.outcomes.items() if key in cases},
        wording={**known.wording, **found.wording},
        gates=found.gates,
    )


def _unmeasured(known: Standing, found: Declared) -> Standing:
    """What else stands in the files where no baseline tells it."""
    untold = "its cases are stored traces, and what was asked of them before is not known"
    doubts = known.doubts if found.whole else (*known.doubts, untold)
    return replace(known, target=found.target, program=found.program, doubts=doubts)


def _declared(suite: str, target: str, host: Host, reference: Reference) -> Declared:
    """The suite at ``reference``.

    Raises:
        Refusal: It is not there, or a file of it is wrong.
    """
    with TemporaryDirectory(prefix="regrade-") as folder:
        there = Workspace(Path(folder), f"git:{reference.name}")
        asked = (
            there.evals / "regrade.yaml",
            there.suite_path(suite),
            there.case_path(suite, "").parent,
        )
        _write(there, host.files_at(reference, [there.shown(path) for path in asked]))
        read = there.suite(suite)
        rows = read.dataset.file if read.dataset else None
        if rows is not None:
            there.readable(rows)
            _write(there, host.files_at(reference, [rows]))
        target = target or read.target
        spec = there.target(target)
        counted = tuple(case for case in there.cases(suite) if not case.candidate)
        planned = plan(read, counted) if counted else ()
        return Declared(
            cases={one.case.id: one.scheduled(scored(spec)) for one in planned},
            wording={it.fingerprint: it.spec for one in planned for it in one.checks},
            gates=all_terms(read, there.project()),
            target=target,
            program=program(spec),
            whole=read.dataset is None or read.dataset.query is None,
        )


def _write(there: Workspace, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = there.root / name
        if not there.reaches(path):
            # No git that is sound has such a name.
            raise Refusal(f"{name} leads out of the repository.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
