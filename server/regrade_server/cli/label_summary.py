"""How far a criterion is labelled, for a person."""

from collections.abc import Iterator

from regrade_tools.labels.labelbook import waiting
from regrade_tools.labels.saturation import LAST, Saturation
from regrade_tools.labels.status import LabelStatus
from regrade_tools.texts.plaintext import counted, line, listed, plain

_CHANGED = 10


def told_of(found: LabelStatus) -> str:
    """How far a criterion is labelled, for a person."""
    lines = [f"{found.criterion}: {counted(found.items, 'item')} labelled by people"]
    for split, count in found.counts.items():
        lines.append(f"  {split}: {count['pass']} pass, {count['fail']} fail")
    lines.extend(f"  {name} labelled {count}" for name, count in found.labellers.items())
    for one in found.agreement:
        names = " and ".join(one.labellers)
        lines.append(f"  {names}: kappa {_kappa(one.kappa)} on {one.both} items of both")
    if found.fleiss is not None:
        lines.append(f"  all of them: Fleiss' kappa {found.fleiss:.2f}")
    ways = ", ".join(f"{count} {way}" for way, count in found.sampled.items())
    lines.extend([f"  sampled: {ways}"] if ways else [])
    lines.extend(f"  {told}" for told in (*_again(found), *_learned(found.learned)))
    told = (
        (found.disputed, "{} disputed: people disagree"),
        (found.suggestions, waiting(found.suggestions)),
        (found.outdated, "{} given by other words of the criterion"),
        (len(found.untrusted), "{} claim a person whose key did not sign them"),
    )
    lines.extend(f"  {words.format(count)}" for count, words in told if count)
    lines.extend(f"  {told}" for told in _disputes(found))
    for judge, needs in found.needs.items():
        lines.extend(f"  {plain(judge)} needs {need.told}" for need in needs)
    return "\n".join(lines)


def _disputes(found: LabelStatus) -> Iterator[str]:
    """Who says what of that on which people disagree, and what settles it."""
    for one in found.disputes[:_CHANGED]:
        said = ", ".join(f"{name} {verdict}" for name, verdict in one.said.items())
        yield f"  {one.trace_id or 'no trace'}: {said}"
    if found.disputed:
        more = found.disputed - _CHANGED
        told = f"  and {more} more; " if more > 0 else "  "
        yield f"{told}`regrade label {found.criterion} --sample disputed` asks of them"


def _again(found: LabelStatus) -> Iterator[str]:
    for one in found.again:
        again = f"agrees with themself on {one.agreed} of {counted(one.items, 'item')}"
        yield f"{one.labeller} {again} labelled again, kappa {_kappa(one.kappa)}"
        if one.changed:
            yield f"  says otherwise now of {listed(one.changed, _CHANGED)}"


def _learned(found: Saturation) -> Iterator[str]:
    """Whether reading on still teaches new kinds of failure."""
    of = f"in the last {found.last} labelled at random"
    if found.new:
        kinds = "; ".join(plain(line(mode)) for mode in found.new)
        yield f"{counted(len(found.new), 'new kind')} of failure {of}, go on: {kinds}"
    elif found.unnamed:
        failures = counted(found.unnamed, "failure")
        yield f"no new kind of failure {of}, but {failures} without a kind: say which"
    elif found.last == LAST:
        yield f"no new kind of failure {of}: you may stop looking for more"
    if found.last < LAST:
        yield f"{found.items} labelled at random: {LAST} tell whether new kinds still come"


def _kappa(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
