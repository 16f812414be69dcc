"""The recordings of a suite in ``evals/recordings/``: read for a run, written after one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from regrade_tools.files.repository import LARGEST_OF_OURS
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint
from regrade_tools.judges.alignments import Alignments
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.models import (
    CaseResult,
    Judged,
    Mode,
    PromptTarget,
    RecordedTarget,
    Run,
    TargetSpec,
    Verdicts,
)
from regrade_tools.models.judgement import Heard
from regrade_tools.ports import Host, Store
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.runs.recorded_verdicts import (
    WITHHELD,
    Place,
    grounds,
    key_of,
    read_verdicts,
    written_verdicts,
)
from regrade_tools.runs.recordings import Replay, answered, read_recordings, written
from regrade_tools.suites.planning import files_of, program
from regrade_tools.texts.plaintext import line, listed

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of recordings that was written: where, and how many answers of the run are in it.

    ``verdicts`` of judges are in the file beside it.
    """

    path: str
    answers: int
    verdicts: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingFiles:
    """What was answered before, and by which program."""

    workspace: Workspace
    store: Store
    host: Host

    def program(self, spec: TargetSpec) -> str:
        """A name for the program of ``spec`` as its files are now; empty where nobody can tell.

        Raises:
            Refusal: The target names files that are not there.
        """
        if isinstance(spec, RecordedTarget):
            return ""
        if isinstance(spec, PromptTarget):
            return fingerprint([program(spec), *self._prompt(spec)])
        sources = self.host.sources(files_of(spec))
        return "" if sources is None else fingerprint([program(spec), sources])

    def _prompt(self, spec: PromptTarget) -> list[JsonValue]:
        """The texts and the model of a prompt: nothing else of the repository is asked with."""
        files = [spec.prompt, *([spec.system] if spec.system else [])]
        model = self.workspace.language_model(spec.model)
        return [
            model.model_dump(mode="json"),
            *(self.workspace.text(self.workspace.readable(file)) for file in files),
        ]

    def replay(self, suite: str, target: str, spec: TargetSpec, who: str, mode: Mode) -> Replay:
        """What a run of ``suite`` on ``target``, which is ``who``, may answer from recordings.

        Raises:
            Refusal: Nobody can tell which recordings are of this program, or the file is wrong.
        """
        if mode == "live":
            return Replay()
        if not who:
            raise Refusal(
                f"Nothing can be replayed for the target {target}.",
                next_step="It scores what is stored already, or this is no git repository and "
                "nobody can tell whether the program has changed since it was recorded.",
            )
        path = self.workspace.recordings_path(suite)
        shown = self.workspace.shown(path)
        verdicts = self._verdicts(suite, mode)
        if not self.workspace.holds(path):
            if mode == "changed":
                return Replay(mode, who, verdicts=verdicts)
            raise Refusal(
                f"There is no {shown}.",
                next_step=f"`regrade run {suite} --record` asks the program and writes it.",
            )
        known = read_recordings(self._text(path), shown)
        if mode == "replay" and known and not any(program == who for program, _, _ in known):
            raise Unavailable(
                f"The recordings in {shown} are of another program than {target} is now"
                f"{self.since_committed(spec)}.",
                next_step=f"{_of_it(target, spec)}; `regrade run {suite} --record` records it as "
                "it is.",
            )
        return Replay(mode, who, known, verdicts)

    def _verdicts(self, suite: str, mode: Mode) -> Verdicts:
        path = self.workspace.verdicts_path(suite)
        known = read_verdicts(self._held(path), self.workspace.shown(path))
        return Verdicts(known, only=mode == "replay")

    def since_committed(self, spec: TargetSpec) -> str:
        """Which files of the program are not as they were committed; empty where all are."""
        found = [] if isinstance(spec, PromptTarget) else self.host.uncommitted(files_of(spec))
        if not found:
            return ""
        return f" (not as committed: {line(listed(found, _NAMED))})"

    def _text(self, path: Path) -> str:
        return self.workspace.text(path, LARGEST_OF_OURS)

    def _held(self, path: Path) -> str:
        """The text of a file of ours; none where there is no file yet."""
        return self._text(path) if self.workspace.holds(path) else ""

    def check(self, suite: str, target: str | None) -> None:
        """See to it that a run of ``suite`` on ``target`` can be recorded.

        Raises:
            Refusal: What is recorded already cannot be read, or nobody can tell whose answers
                these are.
        """
        spec = self.workspace.target(target or self.workspace.suite(suite).target)
        if not self.program(spec):
            raise _nobodys(suite)
        for path, read in (
            (self.workspace.recordings_path(suite), read_recordings),
            (self.workspace.verdicts_path(suite), read_verdicts),
        ):
            read(self._held(path), self.workspace.shown(path))

    async def save(self, run_id: str) -> Recorded:
        """Record what a run was answered.

        Raises:
            Refusal: There is no such run, it has not ended, or nobody can tell whose answers
                these are.
        """
        stored = await self.store.run(run_id)
        if stored is None or stored.end is None or stored.end.state != "done":
            raise Refusal(f"{run_id} is no run that came to its end.")
        if not stored.run.sources:
            raise _nobodys(run_id)
        results = await self.store.results(run_id)
        path = self.workspace.recordings_path(stored.run.suite)
        shown = self.workspace.shown(path)
        said = await self._said(results)
        with self.workspace.locked():
            before = self._held(path)
            read_recordings(before, shown)
            answers = written(stored.run, results, before)
            verdicts = self._write_verdicts(stored.run, results, said, answered(answers))
            self.workspace.replace(path, answers)
        return Recorded(shown, sum(not result.error for result in results), verdicts or None)

    async def _said(self, results: Sequence[CaseResult]) -> dict[Heard, Judged]:
        """What the judges of a run said: without a reason where nobody is to learn from it."""
        asked: dict[tuple[str, str], set[str]] = {}
        for one in (one for result in results for one in grounds(result.checks)):
            asked.setdefault((one.judge, one.fingerprint), set()).add(one.item)
        files, found = JudgeFiles(self.workspace), dict[Heard, Judged]()
        for (judge, mark), keys in asked.items():
            gone = judge not in files.names()
            tested = keys if gone else Alignments(self.workspace).tested(files.judge(judge).spec)
            for key, one in (await self.store.judgements(mark, keys)).items():
                reason = WITHHELD if key in tested else one.reasoning
                found[mark, key] = replace(one, reasoning=reason)
        return found

    def _write_verdicts(
        self,
        run: Run,
        results: Sequence[CaseResult],
        said: Mapping[Heard, Judged],
        answers: Collection[Place],
    ) -> int:
        """Write what judges said of the answers of a run; how many verdicts there are of it."""
        path = self.workspace.verdicts_path(run.suite)
        shown = self.workspace.shown(path)
        held = self._held(path)
        read_verdicts(held, shown)
        text = written_verdicts(run, results, said, held, answers)
        known = read_verdicts(text, shown)
        if text != held:
            self.workspace.replace(path, text)
        return sum(key_of(one) in known for result in results for one in grounds(result.checks))


def _of_it(target: str, spec: TargetSpec) -> str:
    """What to do where a program is not the one that was recorded."""
    back = "take back what was changed there"
    if isinstance(spec, PromptTarget):
        return f"The prompt, its system text and its model count: {back}"
    if files_of(spec) is None:
        return (
            "Every file counts that git does not ignore, but evals/: ignore or take away what is "
            "no part of it, or name its parts as `files` of the target"
        )
    return f"The declaration of {target} and the files that its `files` name count: {back}"


def _nobodys(whose: str) -> Refusal:
    return Refusal(
        f"The answers of {whose} cannot be recorded: nobody can tell whose they are.",
        next_step="Record a run on a program, in a git repository.",
    )
