"""Recordings: what a target answered, kept in the repository so that it can be scored again.

One line of ``evals/recordings/<suite>.jsonl`` is one answer. It is found by the program that gave
it (how the target is declared, and the files of the repository that git knows), what it was given,
and the trial: an answer of another program is never taken for this one's. Errors are not recorded.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, ValidationError

from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models import Case, CaseResult, Mode, Run, ToolCall, Verdicts
from regrade_tools.models.case import Recorded
from regrade_tools.models.document import Document
from regrade_tools.ports import Reply
from regrade_tools.refusal import Refusal
from regrade_tools.texts import jsontext
from regrade_tools.texts.plaintext import listed

Key = tuple[str, str, int]


# One more than a suite may ask for; and how many of them are named.
_TRIALS, _NUMBERS = 101, 10


class _Line(Document):
    case: str
    program: str
    input: str
    trial: int
    output: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    ttft_ms: float | None = None
    steps: int | None = None
    errors: tuple[str, ...] | None = None
    context: tuple[JsonValue, ...] = ()

    @property
    def key(self) -> Key:
        return self.program, self.input, self.trial


# To record keeps what a file has of other answers: one that cannot be read is in its way.
ANEW = (
    "Take the line back to what version control has of it, or take the file away and record it "
    "anew: `regrade run SUITE --record`."
)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a run may answer from recordings; ``program`` names whoever would answer else."""

    mode: Mode = "live"
    program: str = ""
    known: Mapping[Key, Reply] = field(default_factory=dict[Key, Reply])
    verdicts: Verdicts = field(default_factory=Verdicts)

    def find(self, case: Case, trial: int) -> Reply | None:
        """What was recorded of this case and trial."""
        if not self.known:
            return None
        return self.known.get((self.program, fingerprint(case.state), trial))

    def absence(self, case: Case, trial: int) -> str:
        """Why nothing was recorded of this case and trial, and what would be.

        The same of every case: it is told once for all of them.
        """
        given = fingerprint(case.state)
        numbers = [one for one in range(1, _TRIALS) if (self.program, given, one) in self.known]
        if not numbers:
            return (
                "there is no recording of what this program answers to it; run it live with "
                "--record"
            )
        held = listed([str(number) for number in numbers], _NUMBERS)
        return (
            f"there is no recording of trial {trial} of it, only of trial {held}; run it with "
            "--mode changed --record and as many --trials, which asks what is missing"
        )

    def covers(self, cases: Iterable[Case], trials: int) -> bool:
        """Whether nothing has to be asked."""
        return all(
            self.find(case, trial) is not None for case in cases for trial in range(1, trials + 1)
        )


def read_recordings(text: str, shown: str) -> dict[Key, Reply]:
    """The answers of a file of recordings.

    Raises:
        Refusal: A line is not what it should be, or is of the same answer as another.
    """
    found: dict[Key, Reply] = {}
    first: dict[Key, int] = {}
    for number, line in jsontext.lines(text):
        try:
            told = _Line.model_validate_json(line)
        except ValidationError as problem:
            raise Refusal(
                f"{shown}:{number} is no recording: {mistakes_in(problem, _Line)}.",
                next_step=ANEW,
            ) from None
        if not jsontext.says_once(line):
            # Who reviews it may read the one, and the other is scored.
            raise Refusal(f"{shown}:{number} is no recording: a key stands twice.", next_step=ANEW)
        if (line_of := first.setdefault(told.key, number)) != number:
            # Which of the two was answered nobody can tell.
            raise Refusal(f"{shown}:{number} is recorded in line {line_of}, too.", next_step=ANEW)
        found[told.key] = reply_of(told)
    return found


def reply_of(kept: Recorded | _Line) -> Reply:
    """What was answered, as a case or a recording keeps it."""
    return Reply(
        kept.output,
        kept.tool_calls,
        kept.latency_ms,
        kept.cost_usd,
        kept.tokens,
        kept.ttft_ms,
        kept.steps,
        kept.errors,
        kept.context,
    )


def answered(text: str) -> set[tuple[str, int]]:
    """The cases and trials of which a file holds an answer."""
    held = (_Line.model_validate_json(line) for _, line in jsontext.lines(text))
    return {(line.case, line.trial) for line in held}


def written(run: Run, results: Iterable[CaseResult], before: str) -> str:
    """The text of a file of recordings after ``run``, which was recorded.

    What was asked is written anew; what ``before`` holds of the same program stays, what was
    replayed with it, and what it holds of another can never be replayed again, and goes. Sorted,
    so that a diff can be reviewed.
    """
    inputs = {case.id: case.input for case in run.cases}
    kept = (_Line.model_validate_json(line) for _, line in jsontext.lines(before))
    lines = {line.key: line for line in kept if line.program == run.sources}
    for result in results:
        # Of an answer that was replayed the result does not tell all: nothing was paid for it now.
        if result.error or result.replayed or result.case_id not in inputs:
            continue
        line = _Line(
            case=result.case_id,
            program=run.sources,
            input=inputs[result.case_id],
            trial=result.trial,
            output=result.output,
            tool_calls=result.tool_calls,
            latency_ms=result.latency_ms,
            cost_usd=result.cost_usd,
            tokens=result.tokens,
            ttft_ms=result.ttft_ms,
            steps=result.steps,
            errors=result.errors,
            context=result.context,
        )
        lines[line.key] = line
    ordered = sorted(lines.values(), key=lambda line: (line.case, line.trial, line.input))
    told = (line.model_dump(mode="json", exclude_defaults=True) for line in ordered)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in told)
