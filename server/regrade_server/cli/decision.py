"""A gate's report as a person reads it on a terminal."""

from regrade_server.cli.printing import changed, comparison, failure, summary
from regrade_tools.gate_report import GateReport
from regrade_tools.plaintext import line


def gate(report: GateReport) -> str:
    """The figures, what changed, the failures; then the decision and why."""
    ruling = report.ruling
    lines = [summary(report.summary)]
    if ruling.baseline_rate is not None:
        lines.append(f"  baseline pass rate {ruling.baseline_rate:.1%}")
    if ruling.comparison:
        lines.extend(comparison(ruling.comparison))
        lines.extend(changed(part) for part in report.slices if part.fixed or part.broken)
    lines.extend(told for card in report.cards for told in failure(card))
    lines.append(headline(report))
    lines.extend(f"  because {line(reason)}" for reason in ruling.reasons)
    lines.extend(f"  also {line(reason)}" for reason in ruling.also)
    if ruling.accepted:
        lines.append(f"  accepted by a person: {line(ruling.accepted)}")
    if ruling.decision == "needs_review":
        lines.append("  A person who has looked accepts it: --accept 'why', or a new baseline.")
    return "\n".join(lines)


def headline(report: GateReport) -> str:
    """The decision in a line."""
    told = report.ruling.decision.upper().replace("_", " ")
    return f"Gate: {told}{f' ({report.profile})' if report.profile else ''}"
