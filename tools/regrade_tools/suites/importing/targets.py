"""What an import writes beside suite and cases: targets with their prompts, and judges."""

from collections.abc import Mapping
from itertools import product

from pydantic import JsonValue

from regrade_tools.models import Project, PromptTarget
from regrade_tools.suites.importing.conversion import Conversion, JudgeDraft

# Of more prompts times models nobody asks each.
_MOST = 20


def prompt_targets(suite: str, found: Conversion) -> dict[str, PromptTarget]:
    """Every prompt with every model, by the names of the targets."""
    pairs = list(product(_files(suite, found), found.models))[:_MOST]
    names = [suite] if len(pairs) == 1 else [f"{suite}-{number + 1}" for number in range(_MOST)]
    return {
        name: PromptTarget(prompt=file, model=model)
        for name, (file, model) in zip(names, pairs, strict=False)
    }


def prompt_files(suite: str, found: Conversion) -> dict[str, str]:
    """The text of every prompt, by its file in the workspace."""
    return dict(zip(_files(suite, found), (prompt.text for prompt in found.prompts), strict=True))


def _files(suite: str, found: Conversion) -> list[str]:
    if len(found.prompts) == 1:
        return [f"evals/prompts/{suite}.md"]
    return [f"evals/prompts/{suite}-{n}.md" for n in range(1, len(found.prompts) + 1)]


def lacking(targets: Mapping[str, PromptTarget], project: Project) -> dict[str, PromptTarget]:
    """Those of ``targets`` that ``project`` does not declare, or declares as something else."""
    return {name: one for name, one in targets.items() if project.targets.get(name) != one}


def declaration(targets: Mapping[str, PromptTarget]) -> str:
    """The lines of evals/regrade.yaml that declare ``targets``."""
    # Imported with the first file, as everywhere: `regrade serve` writes none.
    from regrade_tools.files.documents import dump  # noqa: PLC0415

    told: dict[str, JsonValue] = {
        name: {"prompt": one.prompt, "model": one.model} for name, one in targets.items()
    }
    return dump({"targets": told})


def judge_file(judge: JudgeDraft) -> str:
    """The file of a judge."""
    from regrade_tools.files.documents import dump  # noqa: PLC0415 - as above

    front = {"criterion": judge.name, "passes": judge.passes}
    if judge.model:
        front["model"] = judge.model
    return f"---\n{dump({**front})}---\n{{{{ input }}}}\n\n{{{{ output }}}}\n"
