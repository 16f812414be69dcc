"""What is wrong with an installation and a workspace, and how to mend it."""

import os
import site
import sqlite3
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from regrade_server.clients import client_configs
from regrade_server.findings import Finding
from regrade_server.sqlite.trouble import refusal
from regrade_server.target_findings import of_targets
from regrade_tools.files.workspace import NO_WORKSPACE, Workspace
from regrade_tools.models import HttpTarget, Project
from regrade_tools.models.target import VARIABLE
from regrade_tools.refusal import Refusal
from regrade_tools.suites.soundness import problems as problems_of
from regrade_tools.texts.plaintext import counted

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Doctor:
    """Looks at ``workspace`` and at this Python; nothing is changed, and nothing is started."""

    workspace: Workspace | None
    environment: Mapping[str, str]
    home: Path
    packages: tuple[Path, ...] = tuple(map(Path, site.getsitepackages()))

    def findings(self) -> Generator[Finding, None, None]:
        """Everything that was looked at, in the order in which it is needed."""
        version = ".".join(map(str, sys.version_info[:3]))
        yield Finding("python", "good", f"{version}, {sys.executable}")
        yield from self._packages()
        if self.workspace is None:
            yield Finding("workspace", "wrong", "There is none here.", NO_WORKSPACE)
        else:
            yield from self._workspace(self.workspace)
        yield from self._clients()

    def _packages(self) -> Generator[Finding, None, None]:
        for folder in self.packages:
            path = folder / "litellm_init.pth"
            if path.exists():
                yield Finding(
                    "packages", "damaged",
                    f"{path} is there: litellm 1.82.7 and 1.82.8 came with it, to steal keys.",
                    "Delete this environment, change every key that it could read, install anew.",
                )  # fmt: skip

    def _workspace(self, workspace: Workspace) -> Generator[Finding, None, None]:
        yield Finding("workspace", "good", f"{workspace.root} ({workspace.found_by})")
        problems = list(problems_of(workspace))
        for problem in problems:
            yield Finding("evals", "wrong", problem, "Mend the file; `overview` tells the same.")
        if not workspace.evals.is_dir():
            yield Finding("evals", "note", "There is no evals/ yet.", "Run `regrade init`.")
        elif not problems:
            suites = counted(len(workspace.suites()), "suite")
            yield Finding("evals", "good", f"{suites}, every file is right")
        yield self._store(workspace.state / "store.db")
        try:
            project = workspace.project()
        except Refusal:
            return
        yield from of_targets(project, workspace.root, self.environment)
        yield from self._keys(project)

    def _store(self, path: Path) -> Finding:
        if not path.exists():
            return Finding("store", "note", "There is none yet.", "Run `regrade import PATH`.")
        try:
            with closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            ) as opened:
                [told] = opened.execute("PRAGMA quick_check(1)").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as problem:
            # A store that may not be read is no damaged one.
            refused = refusal(path, problem)
            return Finding("store", "damaged", refused.problem, refused.next_step)
        if told != "ok":
            mend = "Move the file away and import the logs again; evals/ is not touched by it."
            return Finding("store", "damaged", f"{path} is damaged: {told}.", mend)
        # What was written last stands beside the file until it is taken into it.
        sizes = (file.stat().st_size for file in (path, _log(path)) if file.is_file())
        return Finding("store", "good", f"{path}, {sum(sizes) / _MEGABYTE:.1f} MB, sound")

    def _keys(self, project: Project) -> Generator[Finding, None, None]:
        """Names of keys only: what they hold is told nowhere."""
        named: dict[str, str] = {}
        for name, model in project.models.items():
            if model.api_key_env:
                named.setdefault(model.api_key_env, f"model {name}")
        for name, spec in project.targets.items():
            texts = spec.http.headers.values() if isinstance(spec, HttpTarget) else ()
            for variable in VARIABLE.findall(" ".join(texts)):
                named.setdefault(variable, f"target {name}")
        for variable, by in named.items():
            if self.environment.get(variable):
                yield Finding("key", "good", f"{variable} is set, for {by}")
            else:
                mend = "Set it where the server is started: in `env` of the client's config."
                yield Finding("key", "wrong", f"{variable} is not set; {by} needs it.", mend)

    def _clients(self) -> Generator[Finding, None, None]:
        root = None if self.workspace is None else self.workspace.root
        for found in client_configs(root, self.home):
            told = f"{found.path} {found.problem or 'starts this server'}"
            # What cannot be read, an installation leaves as it is.
            begin = "Run" if found.readable else "Mend the file, then run"
            mend = f"{begin} `regrade install {found.client}`." if found.problem else ""
            yield Finding("client", "note" if found.problem else "good", told, mend)


def _log(path: Path) -> Path:
    """Where SQLite logs what is written to the file at ``path``."""
    return path.with_name(f"{path.name}-wal")


def doctor(workspace: Workspace | None) -> Doctor:
    """One for this machine."""
    return Doctor(workspace, os.environ, Path.home())
