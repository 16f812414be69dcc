"""Where the workspace is: as told, or above the working directory."""

from dataclasses import dataclass
from pathlib import Path

from regrade_tools.refusal import Refusal, why

# Where the project's own Python lies, unless a target names another.
ENVIRONMENT = ".venv"
_MARKERS = ("evals/regrade.yaml", ".git")


@dataclass(frozen=True, slots=True)
class Root:
    """The folder of a workspace, and how it was chosen."""

    path: Path
    found_by: str


def find_root(start: Path, told: Path | None = None, found_by: str = "--root") -> Root | None:
    """What was ``told``, else the nearest parent of ``start`` that looks like a workspace.

    Raises:
        Refusal: What was told is no folder, or cannot be looked for.
    """
    if told is not None:
        return Root(_folder(told, found_by), found_by)
    for folder in (start, *start.parents):
        for marker in _MARKERS:
            if _exists(folder / marker):
                return Root(folder, f"it holds {marker}")
    return None


def home(path: Path) -> Path:
    """``path`` with its ~ as the home that it stands for; one that names no user stays a name."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _folder(told: Path, found_by: str) -> Path:
    try:
        root = home(told).resolve()
        problem = "" if root.is_dir() else "is no folder"
    except (OSError, RuntimeError, ValueError) as error:
        # Links that go in a circle, no name of a file, a folder that is gone or closed to us.
        root, problem = told, f"cannot be looked for: {why(error)}"
    if problem:
        raise Refusal(
            f"The workspace {str(told)!r} {problem}.", next_step=f"Mend {found_by} and start again."
        )
    return root


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A folder that may not be looked into is nobody's workspace.
        return False
