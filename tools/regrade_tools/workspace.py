"""The user's repository: where it is, the files in its ``evals/``, and how they are written."""

import os
import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from regrade_tools.mistakes import mistakes_in
from regrade_tools.models import Case, Project, Suite
from regrade_tools.refusal import Refusal, unknown

File = TypeVar("File", bound=BaseModel)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
_LARGEST_FILE = 16 * 1024 * 1024
_MARKERS = ("evals/regrade.yaml", ".git")


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
        return self._read(path, Project) if self.holds(path) else Project()

    def suites(self) -> list[str]:
        """The names of the suites."""
        found = (path.stem for path in self._listed(self.evals / "suites", ".yaml"))
        return [name for name in found if _NAME.fullmatch(name)]

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
                next_step=f"A suite is a file {self._shown(self.evals / 'suites')}/<suite>.yaml; "
                "`regrade init` writes a first one, `regrade schema suite` says what it may hold.",
            )
        return self._read(self.suite_path(name), Suite)

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
        """The cases of a suite in the order of their ids.

        Raises:
            Refusal: A file is wrong, or its name is not its id.
        """
        return tuple(self._case(path) for path in self._case_files(suite))

    def case(self, suite: str, case_id: str) -> Case | None:
        """One case, or None where its file is not there.

        Raises:
            Refusal: Its file is wrong.
        """
        path = self.case_path(suite, case_id)
        return self._case(path) if self.holds(path) else None

    def problems(self) -> Iterator[str]:
        """What is wrong in ``evals/``, one line a file."""
        try:
            self.project()
        except Refusal as refusal:
            yield refusal.problem
        for name in self.suites():
            try:
                self.suite(name)
            except Refusal as refusal:
                yield refusal.problem
        known = set(self.suites())
        for folder in self._listed(self.evals / "cases"):
            if folder.name not in known:
                yield f"{self._shown(folder)} holds cases of no suite."
            for path in self._case_files(folder.name):
                try:
                    self._case(path)
                except Refusal as refusal:
                    yield refusal.problem

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
        return self._listed(self.evals / "cases" / suite, ".yaml")

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
            f"{self._shown(path)} cannot be read: {_why(problem)}.",
            next_step="Mend its permissions, or those of a folder above it.",
        )

    def _case(self, path: Path) -> Case:
        case = self._read(path, Case)
        if case.id != path.stem:
            raise Refusal(
                f"{self._shown(path)} holds the id {case.id!r}, which is not its name.",
                next_step="Make the two the same.",
            )
        return case

    def _read(self, path: Path, kind: type[File]) -> File:
        # Imported with the first file: a server that lists its tools reads none.
        from regrade_tools.documents import DocumentError, load  # noqa: PLC0415

        try:
            self._ordinary(path)
            value = load(path.read_text(encoding="utf-8"))
            return kind.model_validate(value)
        except (OSError, UnicodeDecodeError, DocumentError, _Unusable) as problem:
            told = f"{self._shown(path)} {problem}."
            raise Refusal(told, next_step="Mend the file.") from None
        except ValidationError as problem:
            raise Refusal(
                f"{self._shown(path)} is wrong: {mistakes_in(problem, kind)}.",
                next_step=f"`regrade schema {kind.__name__.lower()}` says what it may hold.",
            ) from None

    def _ordinary(self, path: Path) -> None:
        """Make sure that reading ``path`` ends, and stays in the workspace."""
        if not path.is_file():
            raise _Unusable("is no ordinary file")
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise _Unusable("leads out of the workspace by a link")
        if path.stat().st_size > _LARGEST_FILE:
            raise _Unusable("is larger than 16 MB")

    def _shown(self, path: Path) -> str:
        told = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        # A file's name may be no text at all; what is said of it must be.
        return os.fsencode(told.as_posix()).decode("utf-8", "replace")

    def readable(self, path: str, more: tuple[str, ...] = ()) -> Path:
        """``path`` inside the workspace, or inside one of the folders ``more``.

        Raises:
            Refusal: It leads elsewhere, by ``..``, a link or an absolute name.
        """
        target = self.root / path
        # A glob is judged by the folder it looks in.
        anchor = target.parent if any(sign in target.name for sign in "*?[") else target
        try:
            allowed = [self.root, *(self.root / Path(folder).expanduser() for folder in more)]
            inside = any(anchor.resolve().is_relative_to(base.resolve()) for base in allowed)
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
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
        with self._temporary(path, text) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        return True

    def replace(self, path: Path, text: str) -> None:
        """Write a file of ours anew, whole or not at all."""
        with self._temporary(path, text) as temporary:
            temporary.replace(path)

    @contextmanager
    def _temporary(self, path: Path, text: str) -> Generator[Path]:
        """A file with ``text`` beside ``path``; whatever happens, nothing is left of it."""
        temporary: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(self.root.resolve()):
                raise Refusal(f"{self._shown(path)} leads out of the workspace by a link.")
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
            temporary = Path(name)
            _fill(handle, text)
            # A temporary file is its owner's alone; what it becomes is a file like its neighbours.
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            yield temporary
        except (OSError, RuntimeError) as problem:
            raise Refusal(
                f"{self._shown(path)} cannot be written: {_why(problem)}.",
                next_step="Nothing was changed; mend that and try again.",
            ) from None
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def _fill(handle: int, text: str) -> None:
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _why(problem: Exception) -> str:
    """What the system says, without the path, which is told already."""
    return (isinstance(problem, OSError) and problem.strerror) or str(problem)


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


def find_workspace(
    start: Path, told: Path | None = None, found_by: str = "--root"
) -> Workspace | None:
    """The workspace that was ``told``, else the nearest parent of ``start`` that looks like one.

    Raises:
        Refusal: What was told is no folder.
    """
    if told is not None:
        try:
            root = told.expanduser().resolve()
            is_folder = root.is_dir()
        except (OSError, RuntimeError, ValueError):
            # No such user, links that go in a circle, no name of a file, a folder that is gone.
            root, is_folder = told, False
        if not is_folder:
            raise Refusal(
                f"The workspace {told} is no folder.", next_step=f"Mend {found_by} and start again."
            )
        return Workspace(root, found_by)
    for folder in (start, *start.parents):
        for marker in _MARKERS:
            if _exists(folder / marker):
                return Workspace(folder, f"it holds {marker}")
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A folder that may not be looked into is nobody's workspace.
        return False
