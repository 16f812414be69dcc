"""What judges said of recorded answers, kept in the repository beside them.

One line of ``evals/recordings/<suite>.verdicts.jsonl`` is what one judge said of one answer. It is
found by the fingerprint of the judge and the key of all that it was shown: what another judge
said, or of another answer, is never taken for it.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import ValidationError

from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.models import CaseResult, CheckResult, Grounds, Judged, Run
from regrade_tools.models.document import Document
from regrade_tools.models.judgement import Heard
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recordings import ANEW
from regrade_tools.texts import jsontext

WITHHELD = "its reason is withheld, for this answer is of the test split"

Place = tuple[str, int]  # a case and a trial


class _Line(Document):
    case: str
    trial: int
    judge: str
    verdict: Literal["pass", "fail", "unknown"]
    reasoning: str = ""
    problem: str = ""
    item: str
    fingerprint: str

    @property
    def place(self) -> Place:
        return self.case, self.trial

    @property
    def key(self) -> Heard:
        return self.fingerprint, self.item

    @property
    def grounds(self) -> Grounds:
        return Grounds(self.judge, self.fingerprint, self.item)

    @property
    def judged(self) -> Judged:
        return Judged(
            self.item,
            self.judge,
            self.fingerprint,
            self.verdict,
            self.reasoning,
            self.problem,
            cost_usd=0,
            replayed=True,
        )


def read_verdicts(text: str, shown: str) -> dict[Heard, Judged]:
    """What a file of verdicts holds.

    Raises:
        Refusal: A line is not what it should be, or two say different things of one answer.
    """
    found: dict[Heard, Judged] = {}
    for number, line in _lines(text, shown):
        other = found.setdefault(line.key, line.judged)
        if other.verdict != line.verdict:
            told = f"{shown}:{number} says {line.verdict} of what another line says {other.verdict}"
            raise Refusal(f"{told} of.", next_step=ANEW)
    return found


def written_verdicts(
    run: Run,
    results: Sequence[CaseResult],
    said: Mapping[Heard, Judged],
    before: str,
    answered: Collection[Place],
) -> str:
    """The text of a file of verdicts after ``run``, of which ``said`` is what its judges said.

    What judges said of answers that were measured is written anew, wherever ``before`` holds the
    same answer. What it holds of others stays as long as these are ``answered``, recorded, and the
    judge is the same: nobody can replay it else. Sorted, so that a diff can be reviewed.
    """
    judges = {one.judge: one.fingerprint for result in results for one in grounds(result.checks)}
    asked = {
        place: tuple(grounds(result.checks)) for result in results for place in [_place(result)]
    }
    lines: dict[tuple[Place, Heard], _Line] = {}
    for _, line in _lines(before, ""):
        same = judges.get(line.judge, line.fingerprint) == line.fingerprint
        other = run.judges and line.place in asked
        if line.place not in answered or not same:
            continue
        if not other or line.key in map(key_of, asked[line.place]):
            anew = _line(line.place, line.grounds, said.get(line.key))
            lines[line.place, line.key] = anew or line
    for place, all_grounds in asked.items():
        for one in all_grounds:
            line = _line(place, one, said.get(key_of(one)))
            if line is not None and place in answered:
                lines[place, line.key] = line
    ordered = sorted(lines.values(), key=lambda line: (line.case, line.trial, line.judge, line.key))
    told = (line.model_dump(mode="json", exclude_defaults=True) for line in ordered)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in told)


def _line(place: Place, one: Grounds, judged: Judged | None) -> _Line | None:
    """What was ``judged`` of the answer at ``place``; None where there is no verdict."""
    if judged is None or judged.verdict == "errored":
        return None
    case, trial = place
    return _Line(
        case=case,
        trial=trial,
        judge=one.judge,
        verdict=judged.verdict,
        reasoning=judged.reasoning,
        problem=judged.problem,
        item=one.item,
        fingerprint=one.fingerprint,
    )


def grounds(checks: Iterable[CheckResult]) -> Iterator[Grounds]:
    """What the verdicts of judges on an answer rest on, out of all its checks."""
    return (check.rests_on for check in checks if check.rests_on is not None)


def key_of(one: Grounds) -> Heard:
    """By which the verdict behind it is found."""
    return one.fingerprint, one.item


def _place(result: CaseResult) -> Place:
    return result.case_id, result.trial


def _lines(text: str, shown: str) -> Iterator[tuple[int, _Line]]:
    for number, line in jsontext.lines(text):
        try:
            told = _Line.model_validate_json(line)
        except ValidationError as problem:
            raise Refusal(
                f"{shown}:{number} is no verdict: {mistakes_in(problem, _Line)}.", next_step=ANEW
            ) from None
        if not jsontext.says_once(line):
            raise Refusal(f"{shown}:{number} is no verdict: a key stands twice.", next_step=ANEW)
        yield number, told
