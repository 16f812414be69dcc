"""The user's repository as a folder: what may be read and written there, and how."""

import os
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK
from typing import TypeVar

from pydantic import ValidationError

from regrade_tools.files.locks import exclusive
from regrade_tools.files.mistakes import first_place, mistakes_in, unquoted
from regrade_tools.files.root import home
from regrade_tools.files.tail import extend
from regrade_tools.files.temporary import temporary
from regrade_tools.formats.files import is_glob
from regrade_tools.models.document import Document
from regrade_tools.refusal import Refusal, why
from regrade_tools.texts.plaintext import encodable

File = TypeVar("File", bound=Document)

# What people write is smaller. What Regrade writes, a line a case, grows with a suite as far as the
# rows of its dataset may.
_LARGEST_FILE = 16 * 1024 * 1024
_LINE_END = re.compile("\r\n?")
LARGEST_OF_OURS = 512 * 1024 * 1024


class _Unusable(Exception):  # noqa: N818 - said of a file, and told as a refusal
    """Why a file is not even opened."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder whose files are read and written whole, and never followed out of it.

    ``found_by`` says how it was chosen.
    """

    root: Path
    found_by: str = "--root"

    @property
    def state(self) -> Path:
        """The folder of what is this machine's own."""
        return self.root / ".regrade"

    def holds(self, path: Path) -> bool:
        """Whether there is a file at ``path``.

        Raises:
            Refusal: Nobody can tell, because a folder on the way may not be looked into.
        """
        try:
            return path.is_file()
        except OSError as problem:
            raise self.closed(path, problem) from None

    def listed(self, folder: Path, ending: str = "") -> list[Path]:
        """What lies in ``folder``, sorted; nothing where it is none.

        Raises:
            Refusal: It may not be looked into.
        """
        try:
            return sorted(path for path in folder.iterdir() if path.name.endswith(ending))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as problem:
            raise self.closed(folder, problem) from None

    def closed(self, path: Path, problem: OSError) -> Refusal:
        """The refusal of what may not be looked into."""
        return Refusal(
            f"{self.shown(path)} cannot be read: {why(problem)}.",
            next_step="Mend its permissions, or those of a folder above it.",
        )

    def file(self, path: Path, kind: type[File]) -> File:
        """A YAML file of the workspace as what it should be.

        Raises:
            Refusal: It is not that.
        """
        # Imported with the first file: a server that lists its tools reads none.
        from regrade_tools.files.documents import DocumentError, line_of, load  # noqa: PLC0415

        text = self.text(path)
        try:
            return kind.model_validate(load(text))
        except DocumentError as problem:
            told = f"{self.shown(path)} {problem}."
            raise Refusal(told, next_step="Mend the file.") from None
        except ValidationError as problem:
            place = first_place(problem, kind)
            line = line_of(text, place) if place else None
            raise self.wrong(path, kind, kind.__name__.lower(), problem, line) from None

    def wrong(
        self,
        path: Path,
        kind: type[Document],
        schema: str,
        problem: ValidationError,
        line: int | None = None,
    ) -> Refusal:
        """The refusal of a file that is not what its ``schema`` says."""
        where = self.shown(path) + (f":{line}" if line else "")
        quoted = (
            " (a plain `null`, `true` or number is no text in YAML: put it in quotes)"
            if unquoted(problem)
            else ""
        )
        return Refusal(
            f"{where} is wrong: {mistakes_in(problem, kind)}{quoted}.",
            next_step=f"`regrade schema {schema}` says what it may hold.",
        )

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Alone among the processes of this machine, for reading a file of ours and replacing it.

        Raises:
            Refusal: Another process has held the lock for ten seconds, or a link leads out of
                the workspace.
        """
        lock = self.state / "files.lock"
        try:
            self._stays(lock)
            own_folder(self.state)
        except (OSError, RuntimeError) as problem:
            raise Refusal(
                f"{self.shown(self.state)} cannot be made: {why(problem)}.",
                next_step="Mend that and try again.",
            ) from None
        with exclusive(lock):
            yield

    def text(self, path: Path, largest: int = _LARGEST_FILE, *, grows: bool = False) -> str:
        """The text of a file of the workspace; one that ``grows`` may end within a character.

        Raises:
            Refusal: It is no ordinary file of the workspace, too large, unreadable or not UTF-8.
        """
        try:
            self._ordinary(path, largest)
            # Editors of Windows begin a file with a mark that is none of its text.
            text = getincrementaldecoder("utf-8-sig")().decode(path.read_bytes(), final=not grows)
            return _LINE_END.sub("\n", text) if "\r" in text else text
        except UnicodeDecodeError:
            problem: Exception | str = "is not UTF-8"
        except OSError as error:
            problem = f"cannot be read: {why(error)}"
        except (ValueError, _Unusable) as error:
            # A name that no file can have is a ValueError.
            problem = error
        raise Refusal(f"{self.shown(path)} {problem}.", next_step="Mend the file.")

    def _ordinary(self, path: Path, largest: int) -> None:
        """Make sure that reading ``path`` ends, and stays in the workspace."""
        if not path.is_file():
            raise _Unusable("is no ordinary file")
        found = path.lstat()
        if S_ISLNK(found.st_mode):
            found, stays = path.stat(), self.reaches(path)
        else:
            stays = _inside(path.parent, self.root)
        if not stays:
            raise _Unusable("leads out of the workspace by a link")
        if found.st_size > largest:
            raise _Unusable(f"is larger than {largest // 1024**2} MB")

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

    def append(self, path: Path, text: str, torn: Callable[[bytes], bool]) -> None:
        """Add whole lines to the end of a file of ours, on the disk on return.

        What a process left there that was killed while it wrote (``torn``) is taken away. Call it
        alone (``locked``).

        Raises:
            Refusal: It is no ordinary file of the workspace, or cannot be written.
        """
        if not self.holds(path):
            self.replace(path, text)
            return
        try:
            self._ordinary(path, LARGEST_OF_OURS)
            extend(path, text.encode(), torn)
        except (OSError, ValueError, _Unusable) as problem:
            told = f"cannot be written: {why(problem)}" if isinstance(problem, OSError) else problem
            raise Refusal(
                f"{self.shown(path)} {told}.", next_step="Mend that and try again."
            ) from None

    @contextmanager
    def _temporary(self, path: Path, text: str) -> Generator[Path]:
        """A file with ``text`` beside ``path``, until it has another name."""
        try:
            self._stays(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stays(path)
            with temporary(self._scratch(path.parent), text) as file:
                yield file
        except (OSError, RuntimeError) as problem:
            raise Refusal(
                f"{self.shown(path)} cannot be written: {why(problem)}.",
                next_step="Nothing was changed; mend that and try again.",
            ) from None

    def _stays(self, path: Path) -> None:
        """Make sure that the folder of ``path``, or what there is of it, lies in the workspace."""
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise Refusal(f"{self.shown(path)} leads out of the workspace by a link.")

    def _scratch(self, folder: Path) -> Path:
        """Where a file for ``folder`` is written first: not among what is committed, if possible.

        A process that is killed leaves it behind, and the next one takes that away.
        """
        state = self.state
        if state.is_symlink() or not state.is_dir() or state.stat().st_dev != folder.stat().st_dev:
            return folder
        return state


def _inside(folder: Path, root: Path) -> bool:
    """Whether ``folder``, its links followed, lies in ``root``.

    Where no step on the way is a link that is so, and found out sooner than by following each.
    It is found out for each file: a folder may be a link by the time of the next.
    """
    place, above = os.fspath(folder), os.fspath(root)
    # As texts: paths take longer to be parted than files to be looked at.
    steps = place.removeprefix(above).split(os.sep)  # noqa: PTH206 - see above
    if not place.startswith(above) or steps[0] or os.pardir in steps:
        return folder.resolve().is_relative_to(root.resolve())
    for step in filter(None, steps):
        above = f"{above}{os.sep}{step}"
        if S_ISLNK(os.lstat(above).st_mode):
            return folder.resolve().is_relative_to(root.resolve())
    return True


def own_folder(folder: Path) -> None:
    """Make ``folder``, where it is not there, for what is this machine's own.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    # It must not be committed by accident.
    with suppress(FileExistsError), (folder / ".gitignore").open("x", encoding="utf-8") as file:
        file.write("*\n")
