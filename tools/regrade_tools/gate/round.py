"""The gates of all suites of a repository in one go, where none hides what another says."""

from dataclasses import dataclass, replace
from pathlib import Path

from regrade_tools.comparison.baselines import Told
from regrade_tools.comparison.standing import UNMEASURED, Standing
from regrade_tools.files.workspace import SUFFIX, Workspace
from regrade_tools.gate.decision import Ruling
from regrade_tools.gate.gating import Gating
from regrade_tools.gate.report import GateReport
from regrade_tools.gate.terms import terms
from regrade_tools.models import Mode, Profile, Suite
from regrade_tools.ports import Reference
from regrade_tools.refusal import Refusal, Unasked
from regrade_tools.runs.running import Progress, silent
from regrade_tools.texts.plaintext import counted


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gate says of one suite: a ``report``, or why there is none.

    ``gone`` decides on a suite that the baseline has and of which nothing can be asked any more,
    ``refusal`` is of one that could not be gated. ``left_out`` says why nothing is asked of one
    of which nothing was asked before.
    """

    suite: str
    report: GateReport | None = None
    gone: Ruling | None = None
    refusal: Refusal | None = None
    left_out: str = ""

    @property
    def ruling(self) -> Ruling | None:
        """The decision, where there is one."""
        return self.report.ruling if self.report else self.gone


@dataclass(frozen=True)
class GateRound:
    """One round through all suites, on the same terms. Its fields are as of ``Gating.gate``."""

    gating: Gating
    told: Profile
    profile: str | None = None
    target: str | None = None
    baseline: Told = None
    accepted: str = ""
    mode: Mode = "live"
    progress: Progress = silent

    async def decided(self) -> list[Gated]:
        """What the gate says of each suite, in the order of their names.

        Raises:
            Refusal: There is no suite, no such profile or reference, the baseline is that of one
                suite, or nothing is asked of any.
        """
        # What is wrong for each of them is told once.
        terms(Suite(), self._workspace.project(), self.profile)
        before, unread = self._before(), self._unread()
        here = {*self._workspace.suites(), *unread}
        found = [
            Gated(name, refusal=unread[name]) if name in unread else await self._gated(name, before)
            for name in sorted(here | set(self.gating.baselines.suites(before)))
        ]
        if all(one.left_out for one in found):
            told = f"Nothing is asked of any suite: {found[0].left_out}" if found else "No suite."
            raise Refusal(told, next_step="`regrade init` writes a first one.")
        return found

    @property
    def _workspace(self) -> Workspace:
        return self.gating.baselines.workspace

    def _before(self) -> Reference | None:
        """What all are compared with, looked up once; None where each has its own file."""
        if self.baseline is None:
            return None
        found = self.gating.baselines.resolved(self.baseline)
        if isinstance(found, str):
            raise Refusal(
                f"{found} is the baseline of one suite.",
                next_step="--all compares with a git reference, such as git:origin/main, or else "
                "each suite with its file in evals/baselines/.",
            )
        return found

    def _unread(self) -> dict[str, Refusal]:
        """Files that were surely meant as suites, by the names that they would have."""
        folder = self._workspace.evals / "suites"
        read = self._workspace.suites()
        files = self._workspace.suite_files()
        names = [(path.relative_to(folder).with_suffix("").as_posix(), path) for path in files]
        return {name: self._not_read(path, folder) for name, path in names if name not in read}

    def _not_read(self, path: Path, folder: Path) -> Refusal:
        workspace = self._workspace
        if path.parent != folder:
            return workspace.misplaced(path, folder)
        if path.suffix != SUFFIX:
            return workspace.misnamed(path)
        return Refusal(
            f"{workspace.shown(path)} is not read: it has no name that a suite may have.",
            next_step="Letters, digits, - and _ alone, and no - or _ at the beginning.",
        )

    async def _gated(self, name: str, before: Reference | None) -> Gated:
        try:
            if not self._workspace.has_suite(name):
                known = await self.gating.baselines.find(name, before)
                return Gated(name, gone=self._ruling(known, "the suite is gone"))
            return Gated(
                name,
                await self.gating.gate(
                    name,
                    profile=self.profile,
                    told=self.told,
                    target=self.target,
                    baseline=before,
                    accepted=self.accepted,
                    mode=self.mode,
                    progress=self.progress,
                ),
            )
        except Unasked as nothing:
            return await self._unasked(name, before, nothing.problem)
        except Refusal as refusal:
            return Gated(name, refusal=refusal)

    async def _unasked(self, name: str, before: Reference | None, problem: str) -> Gated:
        """A suite of which nothing is asked: as before, or where something was."""
        try:
            known = await self.gating.baselines.find(name, before)
            own = terms(self._workspace.suite(name), self._workspace.project(), self.profile)
        except Refusal as refusal:
            return Gated(name, refusal=refusal)
        asked = own.overridden(self.told)
        measured = replace(UNMEASURED, judges=asked.judges)
        if known is None or not (known.narrowed(asked.select, measured).cases or known.doubts):
            return Gated(name, left_out=problem)
        return Gated(name, gone=self._ruling(known, f"nothing is asked any more: {problem}"))

    def _ruling(self, known: Standing | None, told: str) -> Ruling:
        """On a suite that is gone: a person must look, and a strict gate holds it for good."""
        was = known.gates.get(self.profile or "", Profile()) if known else Profile()
        here = terms(Suite(gate=was.gate), self._workspace.project(), self.profile)
        strict = was.gate.strict or here.overridden(self.told).gate.strict
        lost = f", with {counted(len(known.cases), 'case')}" if known and known.cases else ""
        reasons = [f"{told.rstrip('.')}{lost}", *(known.doubts if known else ())]
        accepted = self.accepted if not strict else ""
        return Ruling(
            decision="hold" if strict else "ship" if accepted else "needs_review",
            reasons=[] if accepted else reasons,
            pass_rate=None,
            passed=0,
            failed=[],
            errored=[],
            also=reasons if accepted else [],
            accepted=accepted or None,
            baseline_rate=known.pass_rate if known else None,
        )
