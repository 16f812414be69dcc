"""A judge against people, in lines for a terminal."""

from regrade_server.cli import translation
from regrade_tools.judges.alignment_report import AlignmentReport
from regrade_tools.judges.cards import Disagreement
from regrade_tools.judges.versions import Version, Versus
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.figures import Figure
from regrade_tools.texts.plaintext import line

_LINE = 200


def measured(found: AlignmentReport) -> str:
    """A judge that was measured."""
    lines = [_headline(found), *_figures(found), *_people(found), *_state(found)]
    if found.versus is not None:
        lines.extend(_versus(found.versus))
    lines.extend(text for one in found.disagreements for text in _disagreement(one))
    if found.next_cursor:
        lines.append("More of them: `regrade call align_judge` pages through them by a cursor.")
    if found.cost_usd:
        lines.append(f"Cost: ${found.cost_usd:.4g}")
    if found.work is not None:
        lines.append(
            "An agent is this judge, and nobody has asked it: it calls align_judge, or reads its "
            f"packet, and answers it by `answers`: {translation.packet(found.work.packet_id)}."
        )
    return "\n".join([*lines, *translation.told(found.hint)])


def _headline(found: AlignmentReport) -> str:
    return (
        f"{found.judge} is {found.state}. On {found.split}: {found.comparable} of {found.labels} "
        f"labels compared, {found.unknown} unknown, {found.errored} errored"
    )


def _figures(found: AlignmentReport) -> list[str]:
    """Positive is PASS."""
    if found.tpr is None or found.tnr is None:
        return []
    lines = [f"  TPR {_figure(found.tpr)}", f"  TNR {_figure(found.tnr)}"]
    others = [
        f"{name} {value:.3f}"
        for name, value in (("kappa", found.kappa), ("MCC", found.mcc), ("F1", found.f1_pass))
        if value is not None
    ]
    if found.agreement is not None and found.majority is not None:
        others.append(
            f"agreement {found.agreement:.3f}, where always the commonest label has "
            f"{found.majority:.3f}"
        )
    lines.append(f"  {', '.join(others)}")
    if found.unknown and found.policies:
        lines.append("  an UNKNOWN counted otherwise:")
        lines.extend(
            f"    {policy}: TPR {_number(rates['tpr'])}, TNR {_number(rates['tnr'])}"
            for policy, rates in found.policies.items()
        )
    return lines


def _people(found: AlignmentReport) -> list[str]:
    lines = [
        f"  people, {line(pair)}: kappa {_number(kappa)}"
        for pair, kappa in (found.people_kappa or {}).items()
    ]
    if found.people_fleiss is not None:
        lines.append(f"  people, all of them: Fleiss' kappa {found.people_fleiss:.3f}")
    return [*lines, *(f"  {line(problem)}" for problem in found.label_problems or [])]


def _state(found: AlignmentReport) -> list[str]:
    lines = [f"  {found.state}, because {line(reason)}" for reason in found.reasons]
    return [*lines, *(f"  needs {need.told}" for need in found.needs)]


def _versus(found: Versus) -> list[str]:
    told = f"  versus {line(found.other)} on {found.rows} rows: right alone {found.only_this}, "
    told += f"and {found.only_other} the other"
    if found.change is not None and found.low is not None and found.high is not None:
        told += (
            f"; agreement {found.change * 100:+z.1f} points, 95 % from {found.low * 100:+z.1f} to "
            f"{found.high * 100:+z.1f} (p = {found.p_value or 0:.2g})"
        )
    other = f"    the other: TPR {_figure(found.other_tpr)}, TNR {_figure(found.other_tnr)}"
    return [told, other]


def _disagreement(one: Disagreement) -> list[str]:
    place = one.trace_id or one.item
    lines = [f"DIFFERS {place}: people {one.people.upper()}, the judge {one.judge.upper()}"]
    told = (("people", one.critique), ("judge", one.reasoning), ("output", one.output))
    lines.extend(f"    {name}: {clip(line(str(text)), _LINE)}" for name, text in told if text)
    return lines


def history(found: AlignmentReport) -> str:
    """What a judge reached before."""
    lines = [f"{found.judge} is {found.state}. Looks at the test split: {found.looks}"]
    lines.extend(_state(found))
    lines.extend(_version(one, found.fingerprint) for one in found.history)
    return "\n".join(lines if found.history else [*lines, "  it was never measured"])


def _version(one: Version, now: str) -> str:
    mine = " (as it is now)" if one.fingerprint == now else ""
    return (
        f"  {one.at} {one.split} {line(one.fingerprint)}{mine}: "
        f"TPR {_figure(one.tpr)}, TNR {_figure(one.tnr)}, looks: {one.looks}"
    )


def _figure(one: Figure) -> str:
    if one.value is None:
        return f"undefined ({one.of})"
    return f"{one.value:.3f} ({one.of}, 95 % from {_number(one.low)} to {_number(one.high)})"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
