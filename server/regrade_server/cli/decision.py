"""A gate's report as a person reads it on a terminal."""

from collections.abc import Iterator, Sequence

from regrade_server.cli import translation
from regrade_server.cli.evidence import stood
from regrade_server.cli.exits import Exit, of
from regrade_server.cli.printing import changed, comparison, failure, summary
from regrade_tools.gate.decision import Ruling
from regrade_tools.gate.report import GateReport
from regrade_tools.gate.round import Gated
from regrade_tools.texts.plaintext import counted, line

# How the gate of a suite may end, the worst first, and the exit code of each. A change that a
# person must look at first is not good yet.
EXIT = {
    "hold": Exit.FAILED,
    "refused": Exit.REFUSED,
    "unavailable": Exit.UNDECIDED,
    "insufficient_evidence": Exit.UNDECIDED,
    "needs_review": Exit.FAILED,
    "ship": Exit.GOOD,
    "left_out": Exit.GOOD,
}
_WORST = list(EXIT)


def gate(report: GateReport) -> str:
    """The figures, what changed, the failures; then the decision and why."""
    ruling = report.ruling
    lines = [summary(report.summary)]
    if ruling.baseline_rate is not None:
        lines.append(
            f"  baseline pass rate {ruling.baseline_rate:.1%} ({line(report.baseline or '')})"
        )
    if ruling.comparison:
        lines.extend(comparison(ruling.comparison))
        lines.extend(changed(part) for part in report.slices if part.fixed or part.broken)
    before = {(case.case_id, case.outcome): stood(report, case) for case in report.cases}
    for card in report.cards:
        lines.extend(failure(card, before.get((card.case_id, card.outcome), "")))
    lines.append(headline(ruling, report.profile))
    lines.extend(_why(ruling))
    return "\n".join(lines)


def _why(ruling: Ruling) -> Iterator[str]:
    yield from (f"  because {line(reason)}" for reason in ruling.reasons)
    yield from (f"  also {line(reason)}" for reason in ruling.also)
    if ruling.accepted:
        yield f"  accepted by a person: {line(ruling.accepted)}"
    if ruling.decision == "needs_review":
        yield "  A person who has looked accepts it: --accept 'why', or a new baseline."


def headline(ruling: Ruling, profile: str | None, suite: str = "") -> str:
    """The decision in a line, of a ``suite`` where several are told in one place."""
    of = f" of {suite}" if suite else ""
    return f"Gate{of}: {_shown(ruling.decision)}{f' ({profile})' if profile else ''}"


def all_gates(found: Sequence[Gated]) -> str:
    """What was decided on each of several suites; then all decisions, the worst first."""
    texts = [gate(one.report) if one.report else "\n".join(lines_of(one)) for one in found]
    last = [headline_of(found), *(f"  {one.suite}: {_shown(end(one))}" for one in ranked(found))]
    return "\n\n".join([*texts, "\n".join(last)])


def headline_of(found: Sequence[Gated]) -> str:
    """What is decided on several suites together."""
    return f"Gate of {counted(len(found), 'suite')}: {_shown(end(ranked(found)[0]))}"


def lines_of(one: Gated) -> list[str]:
    """The lines of a suite that was not measured."""
    if one.gone is not None:
        return [f"{one.suite}: {_shown(one.gone.decision)}", *_why(one.gone)]
    if one.refusal is not None:
        steps = (f"  {step}" for step in translation.told(one.refusal.next_step))
        return [f"{one.suite}: {one.refusal.problem}", *steps]
    return [f"{one.suite} is left out: {line(one.left_out)}"]


def ranked(found: Sequence[Gated]) -> list[Gated]:
    """The worst first."""
    return sorted(found, key=lambda one: _WORST.index(end(one)))


def end(one: Gated) -> str:
    """How the gate of a suite ended: one of ``EXIT``."""
    if one.refusal is not None:
        return "unavailable" if of(one.refusal) is Exit.UNDECIDED else "refused"
    return one.ruling.decision if one.ruling else "left_out"


def _shown(ended: str) -> str:
    return ended.upper().replace("_", " ")
