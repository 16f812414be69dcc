"""One answer of a run told to an agent: what was asked, what came, and why that is wrong."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from pydantic import JsonValue

from regrade_tools.models import Case, CaseResult, Outcome, Run
from regrade_tools.runs.measures import rounded
from regrade_tools.texts.clipping import clip, clip_list, clip_value
from regrade_tools.texts.jsontext import compact, legible

_INPUT, _OUTPUT, _REASON = 600, 800, 400
_REASONS, _TAGS = 2_000, 300
# Where one case was asked for: how much longer its input and its output may be.
_CLOSE = 8
_DIFF = 500
# More lines take a diff seconds.
_LONGEST_DIFF = 2_000


@dataclass(frozen=True, slots=True)
class Card:
    """One answer that failed or errored: what was asked, what came, and why that is wrong.

    It speaks for every trial of its case that ended so; ``trials`` says how many did. ``expected``
    is what a person said the answer should have been; ``since_passed`` a diff from the output
    with which the case passed last on this target; ``rerun`` the command that runs it alone;
    ``also`` the other cases that errored with the very same words.
    """

    case_id: str
    outcome: Outcome
    reasons: list[str]
    trial: int | None = None
    trials: str | None = None
    feature: str | None = None
    scenario: str | None = None
    tags: list[str] | None = None
    input: JsonValue = None
    output: JsonValue = None
    expected: JsonValue = None
    tool_calls: list[str] | None = None
    since_passed: str | None = None
    replayed: bool = False
    latency_ms: float | None = None
    rerun: str | None = None
    also: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a card is made from beside an answer.

    ``passed`` is the answer with which the case passed last; ``trials`` how often the suite asks
    each case by itself.
    """

    run: Run
    case: Case | None
    passed: CaseResult | None
    trials: int


def card(alike: Sequence[CaseResult], seen: Seen) -> Card:
    """The card of the trials of one case that ended alike, with the answer of the first."""
    told, run = _card(alike[0], seen, 1), seen.run
    if run.trials == 1:
        return told
    return replace(told, trials=f"{len(alike)} of {run.trials} trials {alike[0].outcome}")


def close_card(result: CaseResult, seen: Seen) -> Card:
    """The card of one answer with more of the input and the output."""
    return _card(result, seen, _CLOSE)


def _card(result: CaseResult, seen: Seen, scale: int) -> Card:
    run, case, passed = seen.run, seen.case, seen.passed
    failed = result.outcome == "failed"
    told = [c.reason for c in result.checks if c.outcome == result.outcome and c.reason]
    if failed:
        # Beside a failure it decides nothing, and would be an error as soon as that is mended.
        told += [f"not measured: {c.reason}" for c in result.checks if c.outcome == "errored"]
    return Card(
        case_id=result.case_id,
        outcome=result.outcome,
        reasons=clip_list(
            [clip(reason, _REASON) for reason in ([result.error] if result.error else told)],
            _REASONS,
        ),
        trial=result.trial if run.trials > 1 else None,
        feature=case.feature if case else None,
        scenario=case.scenario if case else None,
        tags=clip_list(case.tags, _TAGS) or None if case else None,
        input=clip_value(case.input, _INPUT * scale) if case else None,
        output=clip_value(result.output, _OUTPUT * scale),
        expected=clip_value(case.corrected_output, _OUTPUT * scale) if case and failed else None,
        tool_calls=clip_list(_called(result), _OUTPUT * scale) or None,
        since_passed=_difference(passed, result, _DIFF * scale) if passed and failed else None,
        replayed=result.replayed,
        latency_ms=rounded(result.latency_ms),
        rerun=rerun(run, result, seen.trials) if result.outcome != "passed" else None,
    )


def rerun(run: Run, result: CaseResult, trials: int) -> str:
    """The command that runs the case of ``result`` again, alone and as ``run`` did.

    ``trials`` is how often the suite asks it where nothing is told.
    """
    # Of an old run it is not known, but that somebody had recorded the answer.
    mode = "replay" if result.replayed and run.mode == "live" else run.mode
    return shlex.join(
        [
            *("regrade", "run", run.suite, "--target", run.target),
            *("--select", f"id:{result.case_id}"),
            *(["--trials", str(run.trials)] if run.trials != trials else []),
            *(["--mode", mode] if mode != "live" else []),
            *([] if run.judges else ["--no-judges"]),
        ]
    )


def _called(result: CaseResult) -> list[str]:
    return [clip(f"{call.name}({compact(call.arguments)})", _REASON) for call in result.tool_calls]


def _difference(before: CaseResult, after: CaseResult, most: int) -> str | None:
    """How the output differs from an earlier one, as a unified diff without its head."""
    was, now = _lines(before.output), _lines(after.output)
    if was == now or max(len(was), len(now)) > _LONGEST_DIFF:
        return None
    lines = [*unified_diff(was, now, n=1, lineterm="")][2:]
    return clip("\n".join(lines), most)


def _lines(output: JsonValue) -> list[str]:
    return legible(output, indent=1).splitlines()
