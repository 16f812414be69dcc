"""Whom a judge is set beside: another judge of its criterion, or an earlier version of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regrade_tools.judges.alignments import Alignments, Row
from regrade_tools.judges.bench import Sitting
from regrade_tools.judges.versions import Versus, versus_of
from regrade_tools.models import Judged
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal, unknown


@dataclass(frozen=True, slots=True)
class Rival:
    """The other one, by its name or its fingerprint.

    ``answers`` are what its file keeps, by the item; None of an earlier version, which is looked
    up in the store.
    """

    name: str
    answers: Mapping[str, Judged] | None = None


def rival(alignments: Alignments, sitting: Sitting, other: str) -> Rival:
    """Who is meant by ``other``.

    Raises:
        Refusal: There is no such judge or version, it judges something else, or nothing is kept of
            what it said.
    """
    files, criterion = alignments.files, sitting.judge.spec.criterion
    if other not in files.names():
        known = {look.fingerprint for look in files.book(sitting.judge.name).history}
        if other not in known:
            raise unknown("judge or version", other, [*files.names(), *sorted(known)])
        return Rival(other)
    theirs = alignments.known_agent(files.sitting(files.judge(other)))
    if theirs.judge.spec.criterion != criterion:
        raise Refusal(
            f"{other} judges {theirs.judge.spec.criterion}, not {criterion}.",
            next_step="A judge is set beside one of the same criterion.",
        )
    kept = files.book(other).answers.items()
    answers = {key: one for key, one in kept if one.fingerprint == theirs.fingerprint}
    if not answers:
        raise _nothing_kept(other)
    return Rival(other, answers)


async def beside(store: Store, other: Rival, sitting: Sitting, rows: Sequence[Row]) -> Versus:
    """``rows`` of a judge beside what ``other`` said of the same items.

    Raises:
        Refusal: Nothing is kept of what it said.
    """
    said = other.answers
    if said is None:
        said = await store.judgements(other.name, [row.truth.item.key for row in rows])
    found = versus_of(other.name, rows, said, sitting.judge.spec.unknown)
    if not found.rows:
        raise _nothing_kept(other.name)
    return found


def _nothing_kept(other: str) -> Refusal:
    return Refusal(
        f"Nothing is kept of what {other} said of these rows.",
        next_step=f'align_judge("{other}", split=...) measures a judge; of a version that was '
        "recorded or is gone from this machine nothing is kept.",
    )
