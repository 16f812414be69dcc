"""What is wrong with the targets of a workspace, none of which is started."""

import os
import shutil
from collections.abc import Generator, Mapping
from pathlib import Path

from regrade_server.findings import Finding
from regrade_server.program.interpreter import interpreter
from regrade_server.program.lookup import look_up
from regrade_tools.models import CommandTarget, McpTarget, Project, PythonTarget
from regrade_tools.refusal import Refusal


def of_targets(
    project: Project, root: Path, environment: Mapping[str, str]
) -> Generator[Finding, None, None]:
    """Whether each target that is started here has what it is started from."""
    for name, spec in project.targets.items():
        if isinstance(spec, PythonTarget):
            yield from _python(name, spec, root)
        elif isinstance(spec, CommandTarget):
            yield _program(name, spec.command[0], root, {**environment, **spec.env})
        elif isinstance(spec, McpTarget):
            yield _program(name, spec.mcp.command[0], root, {**environment, **spec.mcp.env})


def _python(name: str, spec: PythonTarget, root: Path) -> Generator[Finding, None, None]:
    """What a target names, looked for in the text of its module."""
    try:
        python = interpreter(spec, root)
    except Refusal as refusal:
        yield Finding("target", "wrong", f"{name}: {refusal.problem}", refusal.next_step)
        return
    for reference in filter(None, (spec.python, spec.preprocess)):
        looked = look_up(reference, root)
        if looked.found == "missing":
            mend = f"Write it, or mend {reference} in evals/regrade.yaml."
            yield Finding("target", "wrong", f"{name}: {looked.told}.", mend)
        elif looked.found == "unknown":
            yield Finding("target", "note", f"{name}: {looked.told}; {python}")
        else:
            yield Finding("target", "good", f"{name}: {reference}, {python}")


def _program(name: str, program: str, root: Path, environment: Mapping[str, str]) -> Finding:
    """A program as it would be started: a path from the root, else by the PATH it is given."""
    if os.sep in program:
        found = shutil.which(str(root / program))
    else:
        found = shutil.which(program, path=os.pathsep.join(os.get_exec_path(dict(environment))))
    if found is not None:
        return Finding("target", "good", f"{name}: {found}")
    where = f"{root / program} is no program" if os.sep in program else f"{program} is not found"
    return Finding(
        "target", "wrong", f"{name}: {where}.",
        "Install it where the server is started, or mend `command` in evals/regrade.yaml.",
    )  # fmt: skip
