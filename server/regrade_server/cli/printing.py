"""What a person reads of a run on a terminal."""

from typing import Any

from regrade_server.cli import translation
from regrade_tools.comparison.baselines import Saved
from regrade_tools.comparison.comparison import Comparison
from regrade_tools.comparison.paired import Difference
from regrade_tools.comparison.slices import Slice
from regrade_tools.inputs.generation.struggles import Struggles
from regrade_tools.models.run import told_state
from regrade_tools.runs.cards import Card
from regrade_tools.runs.estimates import Estimate
from regrade_tools.runs.measures import Measures, Moved
from regrade_tools.runs.reports import RunReport
from regrade_tools.runs.summary import Summary
from regrade_tools.runs.trials import Trials
from regrade_tools.texts.clipping import clip, clip_list
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import counted, line

_LINE = 200
# What is listed of a comparison; an agent's, which is shorter, is listed whole.
_LISTED = 4_000


def saved(baseline: Saved) -> list[str]:
    """A baseline that was written, and what is doubtful in it."""
    lines = [f"Baseline written: {baseline.path}"]
    return [*lines, f"  WARNING: {baseline.warning}"] if baseline.warning else lines


def run(report: RunReport) -> str:
    """A run: its figures, then a card a failure."""
    if report.estimate:
        return estimate(report.summary, report.estimate)
    lines = [summary(report.summary)]
    if report.comparison:
        lines.extend(comparison(report.comparison))
        lines.extend(changed(part) for part in report.slices or ())
    lines.extend(told for card in report.cards for told in failure(card))
    if report.generated:
        lines.append(f"  {generated(report.generated)}")
    if report.next_cursor:
        lines.append(
            f'  ... more: regrade call get_run \'{{"run_id": "{report.summary.run_id}"}}\''
        )
    if report.summary.state == "interrupted":
        lines.extend(_goes_on(report.summary))
    else:
        lines.extend(translation.told(report.hint))
    return "\n".join(lines)


def generated(found: Struggles) -> str:
    """How the generated inputs of a run ended, and the values of those that failed most."""
    values = "; ".join(f"{line(it.value)} {it.failed} of {it.of}" for it in found.values)
    told = f"of {counted(found.of, 'generated input')} {found.failed} failed"
    return f"{told}, most with {values}" if values else told


def summary(told: Summary) -> str:
    """The figures of a run."""
    rate = "nothing was decided" if told.pass_rate is None else f"pass rate {told.pass_rate:.1%}"
    state = told_state(told.state, told.problem)
    lines = [
        f"{told.run_id} ({told.name}): {told.suite} on {told.target}, {state}",
        f"  {ended(told)}: {rate}",
    ]
    if told.replayed:
        lines.append(f"  {told.replayed} of {told.answers} answers are recordings, not asked now")
    if told.verdicts_replayed:
        lines.append(f"  {counted(told.verdicts_replayed, 'recorded verdict')} of judges, too")
    if told.trials:
        lines.append(f"  {trials(told.trials)}")
    if told.took:
        lines.append(f"  {took(told.took)}")
    lines.extend(
        f"  {line(place)}: {it.passed} passed, {it.failed} failed, {it.errored} errored"
        for place, it in told.by_scenario.items()
    )
    return "\n".join([*lines, *([f"  {told.problem}"] if told.problem else [])])


def ended(told: Summary) -> str:
    """How many cases ended how, and how many came to no end."""
    unasked = f", {told.not_asked} not asked" if told.not_asked else ""
    return f"{told.passed} passed, {told.failed} failed, {told.errored} errored{unasked}"


def took(told: Measures) -> str:
    """What the answers of a run took."""
    partly = {name: f" ({of})" for name, of in (told.partly or {}).items()}
    parts: list[str] = []
    if told.latency_p50_ms is not None and told.latency_p95_ms is not None:
        latency = f"latency p50 {told.latency_p50_ms:,.10g} ms, p95 {told.latency_p95_ms:,.10g} ms"
        parts.append(f"{latency}{partly.get('latency_ms', '')}")
    if told.tokens is not None:
        parts.append(f"{counted(told.tokens, 'token')}{partly.get('tokens', '')}")
    if told.cost_usd is not None:
        parts.append(f"${told.cost_usd:,.10g}{partly.get('cost_usd', '')}")
    return "; ".join(parts)


# What is told of a figure that moved: its name, and what stands before and after a number.
_MOVED = {
    "latency_p50_ms": ("latency p50", "", " ms"),
    "latency_p95_ms": ("p95", "", " ms"),
    "tokens": ("tokens a case", "", ""),
    "cost_usd": ("cost a case", "$", ""),
}


def moved(found: dict[str, Moved]) -> str:
    """How what the cases took has moved."""
    parts: list[str] = []
    for key, move in found.items():
        name, before, after = _MOVED[key]
        was, now = (f"{before}{value:,.10g}{after}" for value in (move.before, move.after))
        parts.append(f"{name} {was} -> {now}")
    return f"{', '.join(parts)} (over {counted(max(it.cases for it in found.values()), 'case')})"


def stopped(told: Summary) -> str:
    """A run that was stopped before its end, and how it goes on."""
    return "\n".join([summary(told), *_goes_on(told)])


def _goes_on(told: Summary) -> list[str]:
    return [
        f"  {counted(told.answers, 'answer')} kept. It goes on with:",
        f"    regrade run --resume {told.run_id}",
    ]


def trials(told: Trials) -> str:
    """What several trials of each case say."""
    at, hat = list(told.pass_at_k.items())[-1], list(told.pass_hat_k.items())[-1]
    return (
        f"{counted(told.each, 'trial')} of {counted(told.cases, 'case')}: {told.flaky} flaky, "
        f"pass@{at[0]} {at[1]:.1%}, pass^{hat[0]} {hat[1]:.1%}"
    )


def failure(card: Card, stood: str = "") -> list[str]:
    """A card: what failed and why, and how it ``stood`` in a baseline."""
    place = " / ".join(filter(None, (card.feature, card.scenario)))
    trial = f", {card.trials}" if card.trials else f" trial {card.trial}" if card.trial else ""
    about = f"{f' ({place})' if place else ''}{f', {stood}' if stood else ''}"
    lines = [f"{card.outcome.upper()} {card.case_id}{trial}{about}"]
    lines.extend(f"    {line(reason)}" for reason in card.reasons)
    if card.input is not None:
        lines.append(f"    input:  {short(card.input)}")
    if card.output is not None:
        lines.append(f"    output: {short(card.output)}")
    if card.expected is not None:
        lines.append(f"    expected: {short(card.expected)}")
    if card.since_passed:
        lines.append("    since it passed last:")
        lines.extend(f"      {line(told)}" for told in card.since_passed.splitlines())
    if card.also:
        lines.append(f"    and so did: {listed(card.also)}")
    if card.rerun:
        lines.append(f"    again: {line(card.rerun)}")
    return lines


def estimate(about: Summary, found: Estimate) -> str:
    """What a run would come to."""
    cost = "nobody knows what they cost" if found.cost_usd is None else f"about ${found.cost_usd:g}"
    took = "" if found.duration_s is None else f", about {found.duration_s:g} s"
    asked = f"{counted(found.cases, 'case')} in {counted(found.trials, 'trial')}"
    asked += f", {counted(found.answers, 'answer')} to ask for"
    lines = [f"{about.suite} on {about.target}: {asked}, {cost}{took}"]
    if found.judgements:
        lines.append(f"  {counted(found.judgements, 'judgement')} besides, at their own cost")
    if found.based_on:
        lines.append(f"  as in {found.based_on}")
    return "\n".join(lines)


def comparison(found: Comparison) -> list[str]:
    """What changed since the baseline, one line a kind."""
    kinds = (
        ("fixed", found.fixed),
        ("broken", found.broken),
        ("flaky", found.flaky),
        ("new", found.added),
    )
    lines = [f"  {word}: {listed(ids)}" for word, ids in kinds if ids]
    if found.renamed:
        names = [f"{was} is {now}" for was, now in found.renamed.items()]
        lines.append(f"  renamed: {listed(names)}")
    change = found.difference
    if change and (change.fixed or change.broken):
        lines.append(f"  change on {counted(change.cases, 'case')} in both: {difference(change)}")
    if found.took:
        lines.append(f"  {moved(found.took)}")
    lines.extend(f"  not comparable: {line(why)}" for why in found.not_comparable)
    if found.loosened:
        lines.append(f"  LOOSENED since the baseline: {found.loosening}")
        lines.extend(f"    {line(told)}" for told in clip_list(found.loosened, _LISTED))
    lines.extend(f"  tightened: {line(told)}" for told in clip_list(found.tightened or [], _LISTED))
    return lines


def difference(found: Difference) -> str:
    """How a pass rate changed, and whether that may be chance."""
    return (
        f"{found.change * 100:+z.1f} points, 95 % from {found.low * 100:+z.1f} "
        f"to {found.high * 100:+z.1f} (p = {found.p_value:.2g})"
    )


def rate(part: Slice) -> str:
    """From which rate a part came to which; of what no baseline decided, what it is now."""
    before = () if part.baseline_rate is None else (part.baseline_rate,)
    rates = (*before, part.pass_rate)
    return " -> ".join("nothing decided" if it is None else f"{it:.1%}" for it in rates)


def changed(part: Slice) -> str:
    """What a part of a suite was and is."""
    return f"  {line(part.name)}: {rate(part)}, {part.fixed} fixed, {part.broken} broken"


def listed(ids: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return line(", ".join(clip_list(ids, _LISTED)))


def short(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value in one line of a terminal."""
    return clip(line(legible(value)), _LINE)
