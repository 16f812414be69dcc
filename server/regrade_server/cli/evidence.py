"""What a failure rests on, as reports hold it: what was asked, what came, what changed."""

from regrade_tools.gate.report import GateReport, Judged
from regrade_tools.runs.cards import Card
from regrade_tools.texts.jsontext import legible


def evidence(report: GateReport, case: Judged) -> list[str]:
    """The lines of a case that did not pass, cut to size as its card is; none where it has none."""
    card = next(
        (one for one in report.cards if (one.case_id, one.outcome) == (case.case_id, case.outcome)),
        None,
    )
    return [] if card is None else [*_values(card), *_changed(card)]


def stood(report: GateReport, case: Judged) -> str:
    """How a case that did not pass stood in the baseline; nothing where there is none."""
    if report.ruling.comparison is None:
        return ""
    if case.baseline is None:
        return "not in the baseline"
    return f"{case.baseline} in the baseline{', too' if is_old(case) else ''}"


def is_old(case: Judged) -> bool:
    """Whether it ended so in the baseline already."""
    return case.baseline == case.outcome


def _values(card: Card) -> list[str]:
    named = (("input", card.input), ("output", card.output), ("expected", card.expected))
    lines = [f"{name}: {legible(value)}" for name, value in named if value is not None]
    return [*lines, *(f"called: {call}" for call in card.tool_calls or ())]


def _changed(card: Card) -> list[str]:
    told = card.since_passed.splitlines() if card.since_passed else []
    return ["since it passed last:", *(f"  {one}" for one in told)] if told else []
