"""The user's repository: the files in its ``evals/``, and what may be read and written there."""

import os
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from regrade_tools.datasets import row_cases
from regrade_tools.formats.files import home, is_glob
from regrade_tools.locks import exclusive
from regrade_tools.mistakes import mistakes_in
from regrade_tools.models import Case, Project, Suite
from regrade_tools.models.document import Document
from regrade_tools.plaintext import encodable
from regrade_tools.refusal import Refusal, unknown, why
from regrade_tools.temporary import temporary

File = TypeVar("File", bound=Document)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
_LARGEST_FILE = 16 * 1024 * 1024
# A file that ends otherwise and was surely meant to be read is told of, not passed over.
_SUFFIX = ".yaml"
_MEANT = (_SUFFIX, ".yml", ".json")


class _Unusable(Exception):  # noqa: N818 - said of a file, and told as a refusal
    """Why a file is not even opened."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A repository with its evaluations. ``found_by`` says how it was chosen."""

    root: Path
    found_by: str = "--root"

    @property
    def evals(self) -> Path:
        """The folder of what is reviewed in pull requests."""
        return self.root / "evals"

    @property
    def state(self) -> Path:
        """The folder of what is this machine's own."""
        return self.root / ".regrade"

    def project(self) -> Project:
        """``evals/regrade.yaml``, or the defaults where there is none."""
        path = self.evals / "regrade.yaml"
        return self.file(path, Project) if self.holds(path) else Project()

    def suites(self) -> list[str]:
        """The names of the suites."""
        return self.names("suites", ".yaml")

    def suite(self, name: str) -> Suite:
        """One suite.

        Raises:
            Refusal: There is no such suite, or its file is wrong.
        """
        if not self._has_suite(name):
            raise unknown(
                "suite",
                name,
                self.suites(),
                next_step=f"A suite is a file {self.shown(self.evals / 'suites')}/<suite>.yaml; "
                "`regrade init` writes a first one, `regrade schema suite` says what it may hold.",
            )
        return self.file(self.suite_path(name), Suite)

    def _has_suite(self, name: str) -> bool:
        # Not by listing them all: who reads every suite would list them once for each.
        if not _NAME.fullmatch(name):
            return False
        path = self.suite_path(name)
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as problem:
            raise self._closed(path, problem) from None
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

    def cases(self, suite: str) -> tuple[Case, ...]:
        """The cases of a suite: those in files by their ids, then the rows of its dataset.

        Raises:
            Refusal: A file or a row is wrong, or the name of a file is not its id.
        """
        filed = tuple(self._case(path) for path in self._case_files(suite))
        known = {case.id for case in filed}
        rows = tuple(self._rows(suite))
        for case in rows:
            if case.id in known:
                raise Refusal(
                    f"The case {case.id!r} is a file and a row of the dataset of {suite!r}.",
                    next_step="Rename one of the two.",
                )
        return (*filed, *rows)

    def some_cases(self, suite: str, ids: Iterable[str]) -> dict[str, Case]:
        """Those of the cases with these ids that are still there; a dataset is read once at most.

        Raises:
            Refusal: A file or a row is wrong.
        """
        missing = set(ids)
        paths = {case_id: self.case_path(suite, case_id) for case_id in missing}
        found = {key: self._case(path) for key, path in paths.items() if self.holds(path)}
        missing -= set(found)
        for case in self._rows(suite) if missing else ():
            if case.id in missing:
                found[case.id] = case
                missing.remove(case.id)
            if not missing:
                break
        return found

    def _rows(self, suite: str) -> Iterator[Case]:
        """The rows of a suite's dataset as cases, as they are read."""
        dataset = self.suite(suite).dataset if self._has_suite(suite) else None
        if dataset is None or dataset.file is None:
            return
        try:
            path = self.readable(dataset.file)
        except Refusal as refusal:
            raise Refusal(
                refusal.problem, next_step="A dataset is a file of the workspace: copy it there."
            ) from None
        yield from row_cases(dataset, path, dataset.file)

    def problems(self) -> Iterator[str]:
        """What is wrong in ``evals/``, one line a file."""
        try:
            self.project()
        except Refusal as refusal:
            yield refusal.problem
        beside = [path for path in self._listed(self.evals) if path.stem == "regrade"]
        for path in [*beside, *self._listed(self.evals / "suites")]:
            if _meant(path) and path.suffix != _SUFFIX:
                yield self._misnamed(path).problem
        for name in self.suites():
            try:
                self.suite(name)
                deque(self._rows(name), maxlen=0)
            except Refusal as refusal:
                yield refusal.problem
        known = set(self.suites())
        for folder in self._listed(self.evals / "cases"):
            if folder.name not in known:
                yield f"{self.shown(folder)} holds cases of no suite."
            for path in self._case_files(folder.name):
                try:
                    self._case(path)
                except Refusal as refusal:
                    yield refusal.problem

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of the files of a kind in a folder of ``evals/``."""
        listed = self._listed(self.evals / folder, suffix)
        found = (path.name.removesuffix(suffix) for path in listed)
        return [name for name in found if _NAME.fullmatch(name)]

    def holds(self, path: Path) -> bool:
        """Whether there is a file at ``path``.

        Raises:
            Refusal: Nobody can tell, because a folder on the way may not be looked into.
        """
        try:
            return path.is_file()
        except OSError as problem:
            raise self._closed(path, problem) from None

    def _case_files(self, suite: str) -> list[Path]:
        return [path for path in self._listed(self.evals / "cases" / suite) if _meant(path)]

    def _listed(self, folder: Path, ending: str = "") -> list[Path]:
        """What lies in ``folder``, sorted; nothing where it is none."""
        try:
            return sorted(path for path in folder.iterdir() if path.name.endswith(ending))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as problem:
            raise self._closed(folder, problem) from None

    def _closed(self, path: Path, problem: OSError) -> Refusal:
        return Refusal(
            f"{self.shown(path)} cannot be read: {why(problem)}.",
            next_step="Mend its permissions, or those of a folder above it.",
        )

    def _misnamed(self, path: Path) -> Refusal:
        return Refusal(
            f"{self.shown(path)} is not read: its name does not end in {_SUFFIX}.",
            next_step=f"Rename it to {path.stem}{_SUFFIX}, or take it away.",
        )

    def _case(self, path: Path) -> Case:
        if path.suffix != _SUFFIX:
            raise self._misnamed(path)
        case = self.file(path, Case)
        if case.id != path.stem:
            raise Refusal(
                f"{self.shown(path)} holds the id {case.id!r}, which is not its name.",
                next_step="Make the two the same.",
            )
        return case

    def file(self, path: Path, kind: type[File]) -> File:
        """A YAML file of the workspace as what it should be.

        Raises:
            Refusal: It is not that.
        """
        # Imported with the first file: a server that lists its tools reads none.
        from regrade_tools.documents import DocumentError, load  # noqa: PLC0415

        try:
            return kind.model_validate(load(self.text(path)))
        except DocumentError as problem:
            told = f"{self.shown(path)} {problem}."
            raise Refusal(told, next_step="Mend the file.") from None
        except ValidationError as problem:
            raise self.wrong(path, kind, kind.__name__.lower(), problem) from None

    def wrong(
        self, path: Path, kind: type[Document], schema: str, problem: ValidationError
    ) -> Refusal:
        """The refusal of a file that is not what its ``schema`` says."""
        return Refusal(
            f"{self.shown(path)} is wrong: {mistakes_in(problem, kind)}.",
            next_step=f"`regrade schema {schema}` says what it may hold.",
        )

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Alone among the processes of this machine, for reading a file of ours and replacing it.

        Raises:
            Refusal: Another process has held the lock for ten seconds.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with exclusive(self.state / "files.lock"):
            yield

    def text(self, path: Path) -> str:
        """The text of a file of the workspace.

        Raises:
            Refusal: It is no ordinary file of the workspace, too large, unreadable or not UTF-8.
        """
        try:
            self._ordinary(path)
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            problem: Exception | str = "is not UTF-8"
        except OSError as error:
            problem = f"cannot be read: {why(error)}"
        except (ValueError, _Unusable) as error:
            # A name that no file can have is a ValueError.
            problem = error
        raise Refusal(f"{self.shown(path)} {problem}.", next_step="Mend the file.")

    def _ordinary(self, path: Path) -> None:
        """Make sure that reading ``path`` ends, and stays in the workspace."""
        if not path.is_file():
            raise _Unusable("is no ordinary file")
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise _Unusable("leads out of the workspace by a link")
        if path.stat().st_size > _LARGEST_FILE:
            raise _Unusable("is larger than 16 MB")

    def shown(self, path: Path) -> str:
        """``path`` as people are told of it."""
        told = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return encodable(told.as_posix())

    def reaches(self, path: Path, more: tuple[str, ...] = ()) -> bool:
        """Whether ``path``, its links followed, lies in the workspace or in one of ``more``."""
        try:
            allowed = [self.root, *(self.root / home(Path(folder)) for folder in more)]
            return any(path.resolve().is_relative_to(base.resolve()) for base in allowed)
        except (OSError, ValueError, RuntimeError):
            return False

    def readable(self, path: str, more: tuple[str, ...] = ()) -> Path:
        """``path`` inside the workspace, or inside one of the folders ``more``.

        Raises:
            Refusal: It leads elsewhere, by ``..``, a link or an absolute name.
        """
        target = self.root / path
        # A glob is judged by the folder it looks in, and then each file that it finds.
        if not self.reaches(target.parent if is_glob(target) else target, more):
            raise Refusal(
                f"{path!r} lies outside the workspace {self.root}.",
                next_step="A person can run `regrade import PATH`, or list the folder under "
                "`import_from` in evals/regrade.yaml.",
            )
        return target

    def write_new(self, path: Path, text: str) -> bool:
        """Write a file that must not exist yet, whole or not at all; False where it does.

        Raises:
            Refusal: ``path`` leads out of the workspace by a link.
        """
        with self._temporary(path, text) as file:
            try:
                os.link(file, path)
            except FileExistsError:
                return False
        return True

    def replace(self, path: Path, text: str) -> None:
        """Write a file of ours anew, whole or not at all."""
        with self._temporary(path, text) as file:
            file.replace(path)

    @contextmanager
    def _temporary(self, path: Path, text: str) -> Generator[Path]:
        """A file with ``text`` beside ``path``, until it has another name."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(self.root.resolve()):
                raise Refusal(f"{self.shown(path)} leads out of the workspace by a link.")
            with temporary(path.parent, text) as file:
                yield file
        except (OSError, RuntimeError) as problem:
            raise Refusal(
                f"{self.shown(path)} cannot be written: {why(problem)}.",
                next_step="Nothing was changed; mend that and try again.",
            ) from None


NO_WORKSPACE = (
    "Start the server in a repository with evals/regrade.yaml or .git, "
    'or add "--root", "/path/to/repo" to its args in the client\'s config.'
)


def needed(workspace: Workspace | None) -> Workspace:
    """The workspace.

    Raises:
        Refusal: There is none; it says how a client is told of one.
    """
    if workspace is None:
        raise Refusal("There is no workspace here.", next_step=NO_WORKSPACE)
    return workspace


def _meant(path: Path) -> bool:
    return path.suffix.lower() in _MEANT and not path.name.startswith(".")
