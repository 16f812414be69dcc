"""The commands for test inputs: make them, accept them, and what real traffic says of them."""

from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio

from regrade_server.cli import translation
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.cli.exits import Exit
from regrade_server.house import House
from regrade_tools.cases.acceptance import accept, candidates
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.inputs.generation.diversity import Diversity
from regrade_tools.inputs.generation.reports import Generation
from regrade_tools.inputs.imports import ImportedInputs, InputImports
from regrade_tools.models import Case
from regrade_tools.refusal import Refusal, refusal_in
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import line

Result = TypeVar("Result")


def add_to(verb: Adder) -> None:
    """Add the commands."""
    making = verb("generate", generate)
    making.add_argument("suite")
    making.add_argument("--n", type=int, default=20, help="how many; 20 by default")
    making.add_argument("--seed", type=int, default=0, help="another plan; 0 by default")
    making.add_argument("--budget-usd", type=float, help="stop before it costs more")
    making.add_argument("--dry-run", action="store_true", help="show the plan, spend nothing")
    taking = verb("accept", accept_candidates)
    taking.add_argument("suite")
    taking.add_argument("ids", nargs="*", help="their ids; all, once you have seen them")
    proposing = verb("dimensions", dimensions)
    proposing.add_argument("suite")
    proposing.add_argument(
        "--from-traces", metavar="QUERY", required=True, help='which traces; "" for all'
    )
    scoring = verb("import-inputs", import_inputs)
    scoring.add_argument("path", type=Path, help="CSV, JSON lines or JSON")
    scoring.add_argument("--suite", required=True)
    scoring.add_argument("--text", default="input", help="the field of the input")
    scoring.add_argument(
        "--values", action="append", required=True, metavar="FIELD",
        help="a field with an object of dimensions and values, or one that is a dimension",
    )  # fmt: skip
    scoring.add_argument("--dry-run", action="store_true", help="score only, write nothing")


def _alive(workspace: Workspace | None, work: Callable[[House], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        async with House(workspace).open() as house:
            return await work(house)

    try:
        return anyio.run(inside)
    except BaseExceptionGroup as group:
        raise refusal_in(group) or group from None


def generate(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Make inputs; 1 where fewer were made than asked."""
    done = _alive(
        workspace,
        lambda house: house.inputs.generate_inputs(
            told.suite,
            n=told.n,
            seed=told.seed,
            budget_usd=told.budget_usd,
            dry_run=told.dry_run,
            progress=console.progress,
        ),
    )
    console.result(done, _generated(done))
    return Exit.FAILED if done.unfilled else Exit.GOOD


def _generated(done: Generation) -> str:
    lines = [f"{done.suite}: {done.told}"]
    lines.extend(f"  {line(text)}" for text in (*done.plan, *done.kept))
    if done.rejected:
        listed = ", ".join(f"{count} {why}" for why, count in done.rejected.items())
        lines.append(f"Rejected: {listed}")
    lines.extend(f"  without an input: {text}" for text in done.unfilled)
    if done.coverage is not None:
        lines.append(f"Covered: {done.coverage.covered} of {done.coverage.cells} cells")
        lines.extend(f"  hole: {text}" for text in done.coverage.holes)
    if done.diversity is not None:
        lines.append(_diverse(done.diversity))
    if done.leans:
        lines.append(f"Leans to what failed: {done.leans}")
    lines.append(f"Compared with {done.compared}")
    if done.cost_usd is not None:
        lines.append(f"Cost: ${done.cost_usd:.4g}")
    if done.work is not None:
        lines.append(
            "There is no model: an agent, or you, reads what is to be written, and hands it in by "
            f"`answers`: {translation.packet(done.work.packet_id)}. A model of regrade.yaml, named "
            f"under `inputs` of {done.suite}, writes them itself."
        )
    return "\n".join([*lines, *translation.told(done.hint)])


def _diverse(figures: Diversity) -> str:
    return (
        f"Diversity: self-similarity {figures.self_similarity}, distinct-1 {figures.distinct_1}, "
        f"distinct-2 {figures.distinct_2}, {figures.vocabulary} words"
    )


def accept_candidates(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Make cases of candidates."""
    here = needed(workspace)
    waiting = [] if told.ids else candidates(here, told.suite)
    if waiting and not _taken(waiting, console):
        console.say("Nothing was accepted.")
        return 0
    done = accept(here, told.suite, told.ids or [case.id for case in waiting])
    listed = "\n".join(f"  {case_id}" for case_id in done.accepted)
    console.result(done, f"Accepted:\n{listed}\n{done.waiting} candidates of {done.suite} wait")
    return 0


def _taken(waiting: list[Case], console: Console) -> bool:
    """Whether the person at the terminal, who has seen them, takes them all."""
    if not console.at_a_terminal:
        raise Refusal(
            "A person accepts candidates, having read them, and this is no terminal.",
            next_step="Name the ids of those that somebody has read, or run it in a terminal.",
        )
    for case in waiting:
        console.say(f"{case.id}: {line(legible(case.input))}")
    return console.agreed(f"Make cases of these {len(waiting)}?")


def dimensions(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Propose what may stand under `inputs` in a suite."""
    # Only here: no other command writes YAML to a terminal.
    from regrade_tools.files.documents import dump  # noqa: PLC0415

    found = _alive(
        workspace,
        lambda house: InputImports(house.store, workspace).propose(told.suite, told.from_traces),
    )
    sizes = ", ".join(f"{name} {size}" for name, size in found.characters.items())
    told_lines = [f"# {found.texts} inputs of {found.of} traces; characters: {sizes}"]
    told_lines.extend(f"# {note}" for note in found.notes)
    text = dump({"inputs": found.inputs}).rstrip()
    console.result(found, "\n".join([*told_lines, text]))
    return 0


def import_inputs(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Score inputs of a file, and make candidates of them."""
    done = _alive(
        workspace,
        lambda house: InputImports(house.store, workspace).import_inputs(
            told.path, told.suite, told.text, told.values, dry_run=told.dry_run
        ),
    )
    console.result(done, _imported(done))
    return 0


def _imported(done: ImportedInputs) -> str:
    named = ", ".join(f"{name} ({count})" for name, count in done.dimensions.items())
    lines = [
        done.told,
        f"Dimensions: {named}; {done.combinations} different combinations",
        _diverse(done.diversity),
    ]
    lines.extend(f"  hole: {text}" for text in done.coverage.holes)
    lines.extend(f"  repeats: {line(text)}" for text in done.near)
    lines.extend(f"  not a value of the suite: {line(text)}" for text in done.unknown)
    lines.extend(f"  skipped: {line(text)}" for text in done.skipped_first)
    return "\n".join(lines)
