"""`regrade gate`: decide whether a change may be merged, and tell everyone who asked."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regrade_server.cli import decision, github
from regrade_server.cli.console import Console, dumped
from regrade_server.cli.junit import junit
from regrade_server.ground_floor import GroundFloor
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.gate.round import Gated, GateRound
from regrade_tools.models import GatePolicy, Profile
from regrade_tools.refusal import Refusal

_RATES = ("max_drop", "min_pass_rate")


def add_options(parser: ArgumentParser) -> None:
    """The options of the command that only it has."""
    parser.add_argument(
        "--all", action="store_true", help="gate every suite: one exit code, that of the worst"
    )
    parser.add_argument("--profile", help="smoke, pr, release, nightly or one of regrade.yaml")
    parser.add_argument(
        "--select",
        metavar="PART",
        help="refused: who calls the gate could leave out what fails; a part is the `select` of a "
        "profile in regrade.yaml, where it is reviewed",
    )
    parser.add_argument("--trials", type=int, help="how often each case is asked")
    parser.add_argument("--budget-usd", type=float, help="stop a run whose answers cost more")
    parser.add_argument("--max-drop", type=float, help="0.02 by default: two points")
    parser.add_argument("--min-pass-rate", type=float, help="0 to 1; without a baseline 1")
    parser.add_argument("--max-broken", type=int, help="cases that may break; 0 by default")
    parser.add_argument(
        "--strict", action="store_true", help="hold also what a person should review"
    )
    parser.add_argument("--accept", metavar="WHY", help="a person has reviewed it: let it through")
    parser.add_argument("--run-id", help="decide on this run instead of a fresh one")
    add_mode(parser)
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML")
    parser.add_argument(
        "--summary", metavar="FILE", type=Path, help="append Markdown; $GITHUB_STEP_SUMMARY"
    )


def add_mode(parser: ArgumentParser) -> None:
    """Who is asked: the program or recordings of it, and judges or none."""
    parser.add_argument("--no-judges", action="store_true", help="ask no judge what it says")
    parser.add_argument(
        "--mode", choices=("live", "replay", "changed"), default="live",
        help="replay: take every answer from evals/recordings/; changed: ask what is not there",
    )  # fmt: skip


def told_profile(told: Namespace) -> Profile:
    """What the command line says over the profile and the suite.

    Raises:
        Refusal: A figure is out of its range.
    """
    if told.select is not None:
        raise Refusal(
            "The gate takes no --select: who calls it could leave out what fails.",
            next_step=f"Write a profile with `select: {told.select}` in evals/regrade.yaml, where "
            "it is reviewed, and give --profile. `regrade run --select` runs any part.",
        )
    for name in _RATES:
        value = getattr(told, name)
        if value is not None and not 0 <= value <= 1:
            raise Refusal(f"--{name.replace('_', '-')} is {value:g}; it is 0 to 1.")
    if told.max_broken is not None and told.max_broken < 0:
        raise Refusal(f"--max-broken is {told.max_broken}; it is 0 or more.")
    if told.trials is not None and not 1 <= told.trials <= 100:  # noqa: PLR2004 - as in a suite
        raise Refusal(f"--trials is {told.trials}; it is 1 to 100.")
    if told.budget_usd is not None and not told.budget_usd > 0:
        raise Refusal(f"--budget-usd is {told.budget_usd:g}; it is more than 0.")
    if told.accept is not None and not told.accept.strip():
        raise Refusal("--accept says nothing.", next_step="Say why it may go through.")
    policy: dict[str, Any] = {
        name: getattr(told, name)
        for name in (*_RATES, "max_broken")
        if getattr(told, name) is not None
    }
    if told.strict:
        policy["strict"] = True
    asked: dict[str, Any] = {
        name: getattr(told, name)
        for name in ("trials", "budget_usd")
        if getattr(told, name) is not None
    }
    if told.no_judges:
        asked["judges"] = False
    return Profile(**asked, gate=GatePolicy(**policy))


async def decided(house: GroundFloor, suite: str, told: Namespace, console: Console) -> list[Gated]:
    """What the gate of ``suite`` says, or with ``--all`` that of each suite."""
    if told.all:
        return await GateRound(
            house.gating,
            told_profile(told),
            told.profile,
            told.target,
            told.baseline,
            told.accept or "",
            told.mode,
            console.progress,
        ).decided()
    report = await house.gating.gate(
        suite,
        profile=told.profile,
        told=told_profile(told),
        target=told.target,
        baseline=told.baseline,
        accepted=told.accept or "",
        run_id=told.run_id,
        mode=told.mode,
        progress=console.progress,
    )
    return [Gated(suite, report)]


def publish(
    found: Sequence[Gated], told: Namespace, workspace: Workspace | None, console: Console
) -> int:
    """Tell what was decided to everyone who asked; the exit code of the worst."""
    several: bool = told.all
    below = github.below(needed(workspace).root)
    if told.junit:
        _write(told.junit, junit(found, below, several=several), append=False)
    summaries = [told.summary, os.environ.get("GITHUB_STEP_SUMMARY")]
    for path in {Path(it) for it in summaries if it}:
        _write(path, github.markdown(found, several=several), append=True)
    report = found[0].report
    text = decision.all_gates(found) if several or report is None else decision.gate(report)
    if github.in_actions():
        notes = github.annotations(found, below, several=several)
        # GitHub reads commands on both streams; standard output may be a program's.
        sys.stderr.writelines(f"{note}\n" for note in notes)
        text = "\n".join(github.quoted(text))
    if console.as_json:
        console.data([_item(one) for one in found] if several else dumped(report))
    console.say(text)
    return decision.EXIT[decision.end(decision.ranked(found)[0])]


def _item(one: Gated) -> dict[str, Any]:
    """One suite of several as JSON: with its report, or with why there is none."""
    head = {"suite": one.suite, "exit_code": decision.EXIT[decision.end(one)]}
    if one.report is not None:
        return {**head, **dumped(one.report)}
    if one.gone is not None:
        return {**head, "ruling": dumped(one.gone)}
    if one.refusal is not None:
        refusal = one.refusal
        return {**head, "refused": refusal.problem, "next_step": refusal.next_step}
    return {**head, "left_out": one.left_out}


def _write(path: Path, text: str, *, append: bool) -> None:
    try:
        with path.open("a" if append else "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except (OSError, ValueError) as problem:
        raise Refusal(
            f"{path} cannot be written: {problem}.", next_step="The gate was not decided for CI."
        ) from None
