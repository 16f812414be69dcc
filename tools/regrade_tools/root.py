"""Where the workspace is: as told, or above the working directory."""

from pathlib import Path

from regrade_tools.formats.files import home
from regrade_tools.refusal import Refusal, why
from regrade_tools.workspace import Workspace

_MARKERS = ("evals/regrade.yaml", ".git")


def find_workspace(
    start: Path, told: Path | None = None, found_by: str = "--root"
) -> Workspace | None:
    """The workspace that was ``told``, else the nearest parent of ``start`` that looks like one.

    Raises:
        Refusal: What was told is no folder, or cannot be looked for.
    """
    if told is not None:
        return Workspace(_folder(told, found_by), found_by)
    for folder in (start, *start.parents):
        for marker in _MARKERS:
            if _exists(folder / marker):
                return Workspace(folder, f"it holds {marker}")
    return None


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
