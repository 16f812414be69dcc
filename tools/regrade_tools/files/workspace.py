"""The workspace: what lies where in a repository's ``evals/``, read as what it should be."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from regrade_tools.files.repository import Repository
from regrade_tools.files.root import Root
from regrade_tools.models import (
    Case,
    Dataset,
    ModelSpec,
    Project,
    RecordedTarget,
    Suite,
    TargetSpec,
)
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.suites.datasets import row_cases

# The targets that are always there: they run nothing.
BUILT_IN: dict[str, TargetSpec] = {
    "recorded": RecordedTarget(recorded="filed"),
    "corrected": RecordedTarget(recorded="corrected"),
    "latest": RecordedTarget(recorded="latest"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
# A file that ends otherwise and was surely meant to be read is told of, not passed over.
SUFFIX = ".yaml"
_MEANT = (SUFFIX, ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Workspace(Repository):
    """A repository with its evaluations."""

    @property
    def evals(self) -> Path:
        """The folder of what is reviewed in pull requests."""
        return self.root / "evals"

    def project(self) -> Project:
        """``evals/regrade.yaml``, or the defaults where there is none."""
        path = self.evals / "regrade.yaml"
        return self.file(path, Project) if self.holds(path) else Project()

    def language_model(self, name: str) -> ModelSpec:
        """A model by its name in ``evals/regrade.yaml``, or as litellm calls it.

        Raises:
            Refusal: There is none of that name.
        """
        declared = self.project().models
        if name in declared:
            return declared[name]
        if "/" not in name:
            raise unknown(
                "model",
                name,
                declared,
                next_step="Declare it under `models` in evals/regrade.yaml, or name it as litellm "
                "does: openai/gpt-4o-mini.",
            )
        return ModelSpec(model=name)

    def target(self, name: str) -> TargetSpec:
        """A target by its name.

        Raises:
            Refusal: There is none of that name.
        """
        known = {**BUILT_IN, **self.project().targets}
        if name not in known:
            raise unknown(
                "target", name, known, next_step="Targets are declared in evals/regrade.yaml."
            )
        return known[name]

    def suites(self) -> list[str]:
        """The names of the suites."""
        return self.names("suites", ".yaml")

    def suite(self, name: str) -> Suite:
        """One suite.

        Raises:
            Refusal: There is no such suite, or its file is wrong.
        """
        if not self.has_suite(name):
            raise unknown(
                "suite",
                name,
                self.suites(),
                next_step=f"A suite is a file {self.shown(self.evals / 'suites')}/<suite>.yaml; "
                "`regrade init` writes a first one, `regrade schema suite` says what it may hold.",
            )
        return self.file(self.suite_path(name), Suite)

    def has_suite(self, name: str) -> bool:
        """Whether there is a suite of that name."""
        # Not by listing them all: who reads every suite would list them once for each.
        if not _NAME.fullmatch(name):
            return False
        path = self.suite_path(name)
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as problem:
            raise self.closed(path, problem) from None
        return True

    def suite_path(self, name: str) -> Path:
        """The file of a suite."""
        return self.evals / "suites" / f"{name}.yaml"

    def case_path(self, suite: str, case_id: str) -> Path:
        """The file of a case."""
        return self.evals / "cases" / suite / f"{case_id}.yaml"

    def baseline_path(self, suite: str) -> Path:
        """The file that the gate of a suite compares with."""
        return self.evals / "baselines" / f"{suite}.json"

    def recordings_path(self, suite: str) -> Path:
        """The file of what the targets of a suite answered."""
        return self.evals / "recordings" / f"{suite}.jsonl"

    def verdicts_path(self, suite: str) -> Path:
        """The file of what judges said of those answers."""
        return self.evals / "recordings" / f"{suite}.verdicts.jsonl"

    def cases(self, suite: str) -> tuple[Case, ...]:
        """The cases of a suite: those in files by their ids, then the rows of its dataset.

        Raises:
            Refusal: A file or a row is wrong, or the name of a file is not its id.
        """
        return (*(self.case(path) for path in self.case_files(suite)), *self.rows(suite))

    def place_of(self, suite: str, dataset: Dataset | None, case_id: str) -> str:
        """The file of a case, else that of the rows; the suite's, where traces are its cases."""
        path = self.case_path(suite, case_id)
        if dataset is not None and not self.holds(path):
            rows = dataset.file
            path = self.suite_path(suite) if rows is None else self.root / rows
        return self.shown(path)

    def some_cases(self, suite: str, ids: Iterable[str]) -> dict[str, Case]:
        """Those of the cases with these ids that are still there; a dataset is read once at most.

        Raises:
            Refusal: A file or a row is wrong.
        """
        missing = set(ids)
        paths = {case_id: self.case_path(suite, case_id) for case_id in missing}
        found = {key: self.case(path) for key, path in paths.items() if self.holds(path)}
        missing -= set(found)
        for case in self.rows(suite) if missing else ():
            if case.id in missing:
                found[case.id] = case
                missing.remove(case.id)
            if not missing:
                break
        return found

    def rows(self, suite: str) -> Iterator[Case]:
        """The rows of a suite's dataset as cases, as they are read.

        Raises:
            Refusal: A row is wrong, or its file, or a case in a file has its id.
        """
        dataset = self.suite(suite).dataset if self.has_suite(suite) else None
        if dataset is None or dataset.file is None:
            return
        try:
            path = self.readable(dataset.file)
        except Refusal as refusal:
            raise Refusal(
                refusal.problem, next_step="A dataset is a file of the workspace: copy it there."
            ) from None
        # A file that is called otherwise than its case is refused where it is read.
        filed = {file.stem for file in self.case_files(suite)}
        for case in row_cases(dataset, path, dataset.file):
            if case.id in filed:
                raise Refusal(
                    f"The case {case.id!r} is a file and a row of the dataset of {suite!r}.",
                    next_step="Rename one of the two.",
                )
            yield case

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of the files of a kind in a folder of ``evals/``."""
        return self.named((path.name for path in self.listed(self.evals / folder)), suffix)

    def named(self, files: Iterable[str], suffix: str) -> list[str]:
        """The names among those of files, in their order."""
        found = (name.removesuffix(suffix) for name in files if name.endswith(suffix))
        return [name for name in found if _NAME.fullmatch(name)]

    def asks(self, suite: str) -> bool:
        """Whether a suite has something to ask; one that cannot be read is taken to have."""
        if self.case_files(suite):
            return True
        try:
            return self.suite(suite).dataset is not None
        except Refusal:
            return True

    def suite_files(self) -> list[Path]:
        """The files that were meant as suites."""
        return self._meant(self.evals / "suites")

    def case_files(self, suite: str) -> list[Path]:
        """The files that were meant as cases of a suite."""
        return self._meant(self.evals / "cases" / suite)

    def _meant(self, folder: Path) -> list[Path]:
        """The files in ``folder`` that were meant to be read, those of folders in it, too."""
        found: list[Path] = []
        for path in self.listed(folder):
            if meant(path):
                found.append(path)
            elif self._is_folder(path):
                found += self._meant(path)
        return found

    def _is_folder(self, path: Path) -> bool:
        try:
            # A link may lead back.
            return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        except OSError as problem:
            raise self.closed(path, problem) from None

    def misplaced(self, path: Path, folder: Path) -> Refusal:
        """The refusal of a file that lies in a folder of ``folder``."""
        return Refusal(
            f"{self.shown(path)} is not read: it lies in a folder of {self.shown(folder)}.",
            next_step=f"Move it to {self.shown(folder / path.name)}, or take it away.",
        )

    def misnamed(self, path: Path) -> Refusal:
        """The refusal of a file that was surely meant to be read."""
        return Refusal(
            f"{self.shown(path)} is not read: its name does not end in {SUFFIX}.",
            next_step=f"Rename it to {path.stem}{SUFFIX}, or take it away.",
        )

    def case(self, path: Path) -> Case:
        """The case of a file.

        Raises:
            Refusal: It holds none, or one of another name, or lies in a folder of its suite's.
        """
        if path.parent.parent != (folder := self.evals / "cases"):
            raise self.misplaced(path, folder / path.relative_to(folder).parts[0])
        if path.suffix != SUFFIX:
            raise self.misnamed(path)
        case = self.file(path, Case)
        if case.id != path.stem:
            raise Refusal(
                f"{self.shown(path)} holds the id {case.id!r}, which is not its name.",
                next_step="Make the two the same.",
            )
        return case


NO_WORKSPACE = (
    "Start in a repository: a folder with .git or evals/regrade.yaml, or one inside it. Or give "
    "--root /path/to/repository, to a command or in the args of a client's config."
)


def workspace_at(root: Root | None) -> Workspace | None:
    """The workspace of a root."""
    return None if root is None else Workspace(root.path, root.found_by)


def needed(workspace: Workspace | None) -> Workspace:
    """The workspace.

    Raises:
        Refusal: There is none; it says how a client is told of one.
    """
    if workspace is None:
        raise Refusal("There is no workspace here.", next_step=NO_WORKSPACE)
    return workspace


def meant(path: Path) -> bool:
    """Whether a file was surely meant to be read."""
    return path.suffix.lower() in _MEANT and not path.name.startswith(".")
