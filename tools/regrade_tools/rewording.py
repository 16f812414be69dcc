"""Which assertions a baseline asked that are asked no more, each told once and by its words."""

from collections.abc import Iterator
from dataclasses import dataclass

from regrade_tools.clipping import clip
from regrade_tools.jsontext import compact
from regrade_tools.standing import Standing

_WORDS, _SHOWN, _NAMED = 160, 3, 5


@dataclass(frozen=True, slots=True)
class Reworded:
    """Assertions that the same cases lost, and those that they got: an edit of a suite is one."""

    cases: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]


def reworded(before: Standing, after: Standing) -> Iterator[Reworded]:
    """What the cases in both lost, by the cases that it was lost in."""
    lost: dict[str, list[str]] = {}
    gained: dict[str, list[str]] = {}
    for case_id, was in before.cases.items():
        now = after.cases.get(case_id)
        if now is None or was.checks == now.checks:
            continue
        for found, one, other in ((lost, was, now), (gained, now, was)):
            for mark in dict.fromkeys(one.checks):
                if mark not in other.checks:
                    found.setdefault(mark, []).append(case_id)
    groups: dict[tuple[str, ...], list[str]] = {}
    for mark, cases in lost.items():
        groups.setdefault(tuple(cases), []).append(mark)
    new: dict[tuple[str, ...], list[str]] = {}
    for mark, cases in gained.items():
        new.setdefault(tuple(cases), []).append(mark)
    for cases, marks in groups.items():
        yield Reworded(cases, tuple(marks), tuple(new.get(cases, ())))


def is_reworded(before: Standing, after: Standing) -> bool:
    """Whether there is anything to be told in words."""
    return next(reworded(before, after), None) is not None


def told(one: Reworded, before: Standing, after: Standing) -> str:
    """One line of it, with the words of what was and is asked where they are known."""
    number = len(one.lost)
    if len(one.cases) == 1:
        of = len(before.cases[one.cases[0]].checks)
        head = f"{one.cases[0]}: {number} of its {of} assertions changed or gone"
    else:
        rest = len(one.cases) - _NAMED
        named = ", ".join(one.cases[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        what = "assertion" if number == 1 else "assertions"
        head = f"{len(one.cases)} cases ({named}): {number} {what} changed or gone"
    was = _words(one.lost, before)
    now = _words(one.gained, after)
    if not was:
        return head
    return f"{head}; was {was}" + (f"; now {now}" if now else "")


def _words(marks: tuple[str, ...], found: Standing) -> str:
    known = [clip(compact(found.wording[mark]), _WORDS) for mark in marks if mark in found.wording]
    rest = len(marks) - _SHOWN
    return ", ".join(known[:_SHOWN]) + (f" and {rest} more" if known and rest > 0 else "")


def is_fixed(case_id: str, before: Standing, after: Standing) -> bool:
    """Whether what failed of a case is still asked; where nobody knows what did, whether all is."""
    asked = before.failing.get(case_id, before.cases[case_id].checks)
    return set(asked) <= set(after.cases[case_id].checks)
