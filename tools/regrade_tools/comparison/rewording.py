"""Which assertions a baseline asked that are asked no more, each told once and by its words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from regrade_tools.assertions.strictness import is_as_strict
from regrade_tools.comparison.standing import Standing
from regrade_tools.fingerprint import fingerprint
from regrade_tools.models.case import Spec
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.plaintext import listed

_WORDS, _SHOWN, _NAMED = 160, 3, 5


@dataclass(frozen=True, slots=True)
class Reworded:
    """Assertions that the same cases lost, and those that they got: an edit of a suite is one.

    ``tightened`` where no answer passes those that were got and fails those that were lost.
    """

    cases: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    tightened: bool = False


@dataclass(frozen=True, slots=True)
class Edits:
    """Which assertions came in the place of which, as far as their words are known."""

    before: Standing
    after: Standing
    known: dict[tuple[str, str], bool] = field(default_factory=dict[tuple[str, str], bool])

    def stricter(self, mark: str, come: Sequence[str]) -> list[str]:
        """Those that came and that no answer passes which fails the one that is gone."""
        return [one for one in come if self._is_as_strict(mark, one)]

    def _is_as_strict(self, was: str, now: str) -> bool:
        pair = was, now
        if pair not in self.known:
            first, second = self.before.wording.get(was), self.after.wording.get(now)
            # Words of another assertion would prove nothing of this one.
            told = first is not None and second is not None and _mark(first) == was
            self.known[pair] = told and is_as_strict(first or {}, second or {})
        return self.known[pair]


def reworded(edits: Edits) -> Iterator[Reworded]:
    """What the cases in both lost, by the cases that it was lost in."""
    lost: dict[tuple[str, bool], list[str]] = {}
    gained: dict[tuple[str, bool], list[str]] = {}
    for case_id, was in edits.before.cases.items():
        now = edits.after.cases.get(case_id)
        if now is None or was.checks == now.checks:
            continue
        gone = [mark for mark in dict.fromkeys(was.checks) if mark not in now.checks]
        come = [mark for mark in dict.fromkeys(now.checks) if mark not in was.checks]
        stricter = {mark: found for mark in gone if (found := edits.stricter(mark, come))}
        used = {one for found in stricter.values() for one in found}
        for mark in gone:
            lost.setdefault((mark, mark in stricter), []).append(case_id)
        for mark in come:
            gained.setdefault((mark, mark in used), []).append(case_id)
    new = _by_cases(gained)
    for (cases, tightened), marks in _by_cases(lost).items():
        yield Reworded(cases, tuple(marks), tuple(new.get((cases, tightened), ())), tightened)


def _mark(words: Spec) -> str:
    return fingerprint(cast("JsonValue", words))


def _by_cases(
    found: Mapping[tuple[str, bool], Sequence[str]],
) -> dict[tuple[tuple[str, ...], bool], list[str]]:
    """The marks that the same cases have, those of what was tightened apart."""
    groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for (mark, tightened), cases in found.items():
        groups.setdefault((tuple(cases), tightened), []).append(mark)
    return groups


def is_reworded(before: Standing, after: Standing) -> bool:
    """Whether there is anything to be told in words."""
    return next(reworded(Edits(before, after)), None) is not None


def told(one: Reworded, before: Standing, after: Standing) -> str:
    """One line of it, with the words of what was and is asked where they are known."""
    number = len(one.lost)
    how = "tightened" if one.tightened else "changed or gone"
    if len(one.cases) == 1:
        of = len(before.cases[one.cases[0]].checks)
        head = f"{one.cases[0]}: {number} of its {of} assertions {how}"
    else:
        named = listed(one.cases, _NAMED)
        what = "assertion" if number == 1 else "assertions"
        head = f"{len(one.cases)} cases ({named}): {number} {what} {how}"
    was = _words(one.lost, before)
    now = _words(one.gained, after)
    if not was:
        return head
    return f"{head}; was {was}" + (f"; now {now}" if now else "")


def _words(marks: tuple[str, ...], found: Standing) -> str:
    known = [clip(compact(found.wording[mark]), _WORDS) for mark in marks if mark in found.wording]
    rest = len(marks) - _SHOWN
    return ", ".join(known[:_SHOWN]) + (f" and {rest} more" if known and rest > 0 else "")


def is_fixed(case_id: str, edits: Edits) -> bool:
    """Whether what failed of a case is still asked; where nobody knows what did, whether all is.

    What is asked more strictly is.
    """
    was, now = edits.before.cases[case_id].checks, edits.after.cases[case_id].checks
    asked = edits.before.failing.get(case_id, was)
    come = [mark for mark in now if mark not in was]
    return all(mark in now or edits.stricter(mark, come) for mark in asked)
