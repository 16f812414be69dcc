"""Which Python runs the project under test."""

import os
import sys
from pathlib import Path

from regrade_tools.files.root import ENVIRONMENT, home
from regrade_tools.models import PythonTarget
from regrade_tools.refusal import Refusal


def interpreter(spec: PythonTarget, root: Path) -> str:
    """The project's own Python: as told, else ``.venv``, else ``$VIRTUAL_ENV``, else ours.

    Raises:
        Refusal: The one that was told is not there.
    """
    if spec.interpreter is not None:
        told = home(Path(spec.interpreter))
        found = told if told.is_absolute() else root / told
        if not found.is_file():
            raise Refusal(
                f"The interpreter {spec.interpreter!r} is not there.",
                next_step="Mend `interpreter` in evals/regrade.yaml, or leave it out.",
            )
        return str(found)
    folders = [root / ENVIRONMENT]
    if active := os.environ.get("VIRTUAL_ENV"):
        folders.append(Path(active))
    for folder in folders:
        for name in ("bin/python", "Scripts/python.exe"):
            if (folder / name).is_file():
                return str(folder / name)
    return sys.executable
