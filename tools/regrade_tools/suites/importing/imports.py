"""The verb: read a suite of another tool, write ours beside what is there, and report."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Case, PromptTarget
from regrade_tools.models.case import Name, Spec
from regrade_tools.refusal import Refusal
from regrade_tools.suites.importing import promptfoo, pydantic_evals
from regrade_tools.suites.importing.conversion import (
    Conversion,
    Draft,
    LeftOut,
    UnsupportedError,
    words,
)
from regrade_tools.suites.importing.source import Source, document
from regrade_tools.suites.importing.targets import (
    declaration,
    judge_file,
    lacking,
    prompt_files,
    prompt_targets,
)
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.names import plain

_CONFIGS = ("promptfooconfig.yaml", "promptfooconfig.yml", "promptfooconfig.json")
_LINE = 240


@dataclass(frozen=True, slots=True)
class SuiteImport:
    """What an import did. ``kept`` are files that were there already and were left as they are."""

    suite: str
    format: str
    cases: int
    assertions: int
    # The prompts and models that may answer, and the judges, which are drafts.
    targets: list[str] = field(default_factory=list[str])
    judges: list[str] = field(default_factory=list[str])
    written: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    unasserted: list[str] = field(default_factory=list[str])
    # Cases of files that were there, and are none of what was imported.
    not_in_source: list[str] = field(default_factory=list[str])
    # Lines for evals/regrade.yaml, where it was there already and lacks a target.
    declare: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class SuiteImports:
    """Imports into one workspace."""

    workspace: Workspace

    def import_suite(
        self, path: Path, name: str | None = None, *, dry_run: bool = False
    ) -> SuiteImport:
        """Write evals/suites/<name>.yaml and evals/cases/<name>/ from the suite at ``path``.

        Raises:
            Refusal: It cannot be read, or is a suite of no known tool.
        """
        config = _config(path)
        suite = _named(config, name)
        try:
            found = self._converted(config)
        except UnsupportedError as problem:
            raise Refusal(f"{config} cannot be imported: {problem}.") from None
        targets = prompt_targets(suite, found)
        project = self.workspace.project() if self.workspace.holds(self._project) else None
        asked = self._asked(suite)
        # Whoever asks a target of their own needs none of these.
        missing = {} if project is None or asked else lacking(targets, project)
        texts, begun = self._begun(suite, found, {} if missing else targets, dry_run=dry_run)
        kept = [at for at in texts if at != begun and os.path.lexists(at)]
        written = [at for at in texts if at not in kept]
        if not dry_run:
            written = [
                at for at in written if at == begun or self.workspace.write_new(at, texts[at])
            ]
        unasserted = [draft.case.id for draft in found.drafts if not draft.case.assertions]
        return SuiteImport(
            suite=suite,
            format=found.format,
            cases=len(found.drafts),
            assertions=sum(len(draft.case.assertions) for draft in found.drafts),
            targets=[*targets],
            judges=[one.name for one in found.judges],
            written=[self.workspace.shown(at) for at in written],
            kept=[self.workspace.shown(at) for at in kept],
            left_out=[*found.left_out, *(one for draft in found.drafts for one in draft.left_out)],
            unasserted=unasserted,
            not_in_source=self._not_in(found, suite),
            declare=declaration(missing) if missing else None,
            hint=_undeclared(suite, targets)
            if missing and not dry_run and _target(found, targets) != "recorded"
            else _hint(suite, found, targets, asked, dry_run=dry_run),
        )

    @property
    def _project(self) -> Path:
        return self.workspace.evals / "regrade.yaml"

    def _asked(self, suite: str) -> str | None:
        """The target that a suite asks already: it is there, and declares one that is there."""
        try:
            name = self.workspace.suite(suite).target
            self.workspace.target(name)
        except Refusal:
            return None
        return None if name == "recorded" else name

    def _not_in(self, found: Conversion, suite: str) -> list[str]:
        """The cases of ``suite`` that were filed otherwise, or were in an earlier source."""
        known = {draft.case.id for draft in found.drafts}
        return [path.stem for path in self.workspace.case_files(suite) if path.stem not in known]

    def _converted(self, config: Path) -> Conversion:
        try:
            text = config.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            raise UnsupportedError(f"it cannot be read: {problem}") from None
        told = document(text)
        # A file that was found is looked for again by its path, from this folder.
        folder = config.parent.absolute()
        roots = [folder]
        if config.resolve().is_relative_to(self.workspace.root.resolve()):
            roots.append(self.workspace.root)
        if isinstance(told, dict) and promptfoo.is_promptfoo(told):
            found = promptfoo.conversion(told, Source(folder, tuple(roots)))
        elif isinstance(told, dict) and pydantic_evals.is_pydantic_evals(told):
            found = pydantic_evals.conversion(told)
        else:
            raise UnsupportedError(
                "it is neither a configuration of promptfoo nor a dataset of pydantic-evals"
            )
        if not found.drafts:
            why = "; ".join(f"{one.what}: {one.why}" for one in found.left_out[:3])
            raise UnsupportedError(f"it has no test ({why})" if why else "it has no test")
        return replace(found, drafts=_distinct(found.drafts))

    def _begun(
        self, suite: str, found: Conversion, targets: Mapping[str, PromptTarget], *, dry_run: bool
    ) -> tuple[dict[Path, str], Path | None]:
        """The files of a suite, and which of them was written by now: its own.

        What it asks of every case stands there alone. So cases are without it only where that
        file is surely ours: another may be there, or come meanwhile, and not ask it.
        """
        own = self.workspace.suite_path(suite)
        if not os.path.lexists(own):
            texts = self._texts(suite, found, targets, found.shared)
            if dry_run:
                return texts, None
            if self.workspace.write_new(own, texts[own]):
                return texts, own
        return self._texts(suite, found, targets, ()), None

    def _texts(
        self,
        suite: str,
        found: Conversion,
        targets: Mapping[str, PromptTarget],
        shared: Sequence[Spec],
    ) -> dict[Path, str]:
        # Imported with the first file, as everywhere: `regrade serve` writes none.
        from regrade_tools.files.documents import dump  # noqa: PLC0415

        told: dict[str, JsonValue] = {
            "description": found.description,
            "target": _target(found, targets),
            "trials": found.trials if found.trials > 1 else "",
            "concurrency": found.concurrency or "",
            "assertions": [dict(spec) for spec in shared] or "",
        }
        about = {key: value for key, value in told.items() if value != ""}
        texts = {self.workspace.suite_path(suite): _noted(found.left_out) + dump(about)}
        for draft in found.drafts:
            at = self.workspace.case_path(suite, draft.case.id)
            texts[at] = _noted(draft.left_out) + dump(_written(draft.case, shared))
        for name, prompt in prompt_files(suite, found).items():
            texts[self.workspace.root / name] = prompt
        for judge in found.judges:
            texts[self.workspace.evals / "judges" / f"{judge.name}.md"] = judge_file(judge)
        if targets:
            texts[self._project] = declaration(targets)
        return texts


def _written(case: Case, shared: Sequence[Spec]) -> dict[str, JsonValue]:
    """``case`` as its file says it, without the assertions that its suite has."""
    known = [words(spec) for spec in shared]
    own = tuple(spec for spec in case.assertions if words(spec) not in known)
    return case.model_copy(update={"assertions": own}).model_dump(
        mode="json", exclude_defaults=True
    )


def _config(path: Path) -> Path:
    if path.is_file():
        return path
    found = [path / name for name in _CONFIGS if (path / name).is_file()]
    if not found:
        raise Refusal(
            f"There is no suite at {str(path)[:200]!r}.",
            next_step="Give a configuration of promptfoo in YAML or JSON, a folder that holds "
            "promptfooconfig.yaml, or a dataset of pydantic-evals in YAML.",
        )
    return found[0]


def _named(config: Path, told: str | None) -> str:
    if told is None:
        stem = config.resolve().parent.name if config.name in _CONFIGS else config.stem
        return plain(stem, stem).rpartition("-")[0]
    try:
        return TypeAdapter(Name).validate_python(told)
    except ValidationError:
        raise Refusal(
            f"{told[:80]!r} is no name of a suite.",
            next_step="A name has letters, digits, - and _, such as --as support.",
        ) from None


def _distinct(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The same test twice is two cases."""
    seen: Counter[str] = Counter()
    told: list[Draft] = []
    for draft in drafts:
        seen[draft.case.id] += 1
        number = seen[draft.case.id]
        case = (
            draft.case
            if number == 1
            else draft.case.model_copy(update={"id": f"{draft.case.id}-{number}"})
        )
        told.append(replace(draft, case=case))
    return tuple(told)


def _noted(left_out: tuple[LeftOut, ...]) -> str:
    return "".join(f"# Not imported: {line}\n" for line in _lines(left_out))


def _lines(left_out: tuple[LeftOut, ...]) -> Iterator[str]:
    for one in left_out:
        text = "".join(sign if sign.isprintable() else " " for sign in f"{one.what}: {one.why}")
        yield clip(text, _LINE)


def _target(found: Conversion, targets: Mapping[str, PromptTarget]) -> str:
    """Whom the suite asks: nobody who costs money, where answers came with it."""
    recorded = any(draft.case.recorded is not None for draft in found.drafts)
    return "recorded" if recorded or not targets else next(iter(targets))


def _undeclared(suite: str, targets: Mapping[str, PromptTarget]) -> str:
    return (
        "Nobody is asked yet: add the lines to evals/regrade.yaml and write "
        f"`target: {next(iter(targets))}` in evals/suites/{suite}.yaml, then: regrade run {suite}, "
        "which may cost money."
    )


def _hint(
    suite: str,
    found: Conversion,
    targets: Mapping[str, PromptTarget],
    asked: str | None,
    *,
    dry_run: bool,
) -> str:
    unasserted = sum(not draft.case.assertions for draft in found.drafts)
    if dry_run:
        return "Nothing was written: --dry-run."
    if unasserted == len(found.drafts):
        return "No case has an assertion left, so nothing can be run: give each one."
    if unasserted:
        return (
            f"regrade run {suite} --select=-tag:unasserted leaves out those without an assertion."
        )
    if asked:
        return f"regrade run {suite} asks {asked}."
    if _target(found, targets) != "recorded":
        return f"regrade run {suite} asks {next(iter(targets))}, which may cost money."
    if targets:
        return f"regrade run {suite} scores recorded answers; --target {next(iter(targets))} asks."
    return f"Name a target in evals/suites/{suite}.yaml, then: regrade run {suite}"
