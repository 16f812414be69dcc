"""What changed between two sets of traces: a test for each feature, told with its size."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from pydantic import JsonValue

from regrade_tools.models import WRONG_KINDS, Feedback
from regrade_tools.texts.clipping import clip
from regrade_tools.traces.features import UNKNOWN, Features
from regrade_tools.traces.grouping import Group
from regrade_tools.traces.store import Sampled
from regrade_tools.traces.twosample import (
    chi_square,
    fisher,
    holm,
    kolmogorov_smirnov,
    mean_shift,
    rate_shift,
)

# With fewer in one arm a test could find hardly anything, and the formulas are rough.
_FEWEST = 8
# The mean of a cost is near enough to normal from here on.
_FEWEST_FOR_A_MEAN = 30
_LEVEL = 0.05
_LISTED, _CELL = 4, 100
# Each name is one test more, and with each the others need to be clearer.
_NAMES = 5
# A larger number is no opinion, and the mean of some has no number.
_LARGEST = 1e100
_ERRORS, _WRONG = "errors", "wrong:"
_NUMBERS: dict[str, Callable[[Features], float | None]] = {
    "latency_ms": lambda one: one.latency_ms,
    "ttft_ms": lambda one: one.ttft_ms,
    "tokens": lambda one: one.tokens,
    "input_characters": lambda one: one.input_characters,
    "output_characters": lambda one: one.output_characters,
    "tool_calls": lambda one: one.tool_calls,
}
_KINDS: dict[str, Callable[[Features], str | None]] = {
    # An answer in a word or two has none, and of more such answers their lengths tell.
    "language": lambda one: None if one.language == UNKNOWN else one.language,
    "output_shape": lambda one: one.shape,
    "tools_called": lambda one: one.tools,
}


@dataclass(frozen=True, slots=True)
class Arm:
    """One set of traces: all of them counted, and what a sample of them looks like.

    ``wrong`` counts the traces in which something of a kind went wrong; of ``unexamined`` traces
    of the store that is not known yet.
    """

    total: Group
    sample: Sampled[Features]
    wrong: Mapping[str, int]
    unexamined: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One feature in both arms. ``effect`` names its measure; ``p_adjusted`` is Holm's.

    ``baseline`` and ``now`` are rates, means, medians, or shares of the values that differ most.
    """

    what: str
    test: str
    baseline: JsonValue
    now: JsonValue
    effect: dict[str, float]
    p_value: float
    p_adjusted: float = 1.0

    @property
    def of_wrong(self) -> bool:
        """Whether it tells of what went wrong."""
        return self.what == _ERRORS or self.what.startswith(_WRONG)

    @property
    def is_clear(self) -> bool:
        """Whether it is hardly chance, all the tests together considered."""
        return self.p_adjusted < _LEVEL


def changes(before: Arm, after: Arm) -> tuple[list[Change], list[str]]:
    """What could be tested, and what could not, with why.

    What is clear comes first; before the rest what went wrong; then by how clear it is.
    """
    tested: list[Change] = []
    untested: list[str] = []
    for found in _tests(before, after):
        if isinstance(found, str):
            untested.append(found)
        else:
            tested.append(found)
    adjusted = holm([change.p_value for change in tested])
    told = [replace(one, p_adjusted=p) for one, p in zip(tested, adjusted, strict=True)]

    def order(one: Change) -> tuple[bool, bool, float, float]:
        return not one.is_clear, not one.of_wrong, one.p_adjusted, one.p_value

    return sorted(told, key=order), untested


def _tests(before: Arm, after: Arm) -> Iterable[Change | str]:
    old, new = before.total, after.total
    yield _rate(_ERRORS, (old.errors, old.traces), (new.errors, new.traces))
    yield from _went_wrong(before, after)
    if old.passed + old.failed or new.passed + new.failed:
        labelled = [(one.failed, one.passed + one.failed) for one in (old, new)]
        yield _rate("label_fail", labelled[0], labelled[1])
    if old.priced or new.priced:
        yield _cost(old, new)
    one, two = before.sample.told, after.sample.told
    for what, number in _NUMBERS.items():
        values = [[x for item in arm if (x := number(item)) is not None] for arm in (one, two)]
        if values[0] or values[1]:
            yield _distribution(what, values[0], values[1])
    for what, kind in _KINDS.items():
        known = [Counter(filter(None, map(kind, arm))) for arm in (one, two)]
        yield _mix(what, known[0], known[1])
    yield from _opinions(one, two)


def _opinions(old: Sequence[Features], new: Sequence[Features]) -> Iterable[Change | str]:
    """Feedback by its name, of the names that most traces have."""
    known = Counter(name for one in (*old, *new) for name in {said.name for said in one.feedback})
    names = sorted(known, key=lambda name: (-known[name], name))
    for name in names[:_NAMES]:
        said = [[[x for x in one.feedback if x.name == name] for one in arm] for arm in (old, new)]
        yield _opinion(f"feedback:{clip(name, _CELL)}", said[0], said[1])
    if rest := names[_NAMES:]:
        yield f"feedback:{clip(rest[0], _CELL)}: more traces have others" + (
            f"; and {len(rest) - 1} more names" if rest[1:] else ""
        )


_Said = Sequence[Sequence[Feedback]]


def _opinion(what: str, old: _Said, new: _Said) -> Change | str:
    """One name, of which each trace tells once: by its numbers, where enough tell one."""
    numbers = [[_number(own) for own in arm] for arm in (old, new)]
    before, now = ([x for x in arm if x is not None] for arm in numbers)
    words = [Counter(word for own in arm if (word := _word(own))) for arm in (old, new)]
    if min(len(before), len(now)) < _FEWEST and words[0].total() + words[1].total():
        return _mix(what, words[0], words[1])
    each = {x.value for own in (*old, *new) for x in own if x.value is not None}
    if each <= {0.0, 1.0}:
        # Of several that disagree none has the last word.
        return _rate(what, (before.count(1.0), len(before)), (now.count(1.0), len(now)))
    return _distribution(what, before, now)


def _number(said: Sequence[Feedback]) -> float | None:
    told = [x.value for x in said if x.value is not None and abs(x.value) < _LARGEST]
    return fmean(told) if told else None


def _word(said: Sequence[Feedback]) -> str:
    return ", ".join(sorted({x.label for x in said if x.label}))


def _went_wrong(before: Arm, after: Arm) -> Iterable[Change | str]:
    """Each kind that either side knows, but for errors where they are those of the status."""
    unknown = max(before.unexamined, after.unexamined)
    if unknown:
        yield f"{_WRONG}*: of {unknown:,} older traces it is not known yet; ask again"
        return
    arms = before, after
    for kind in WRONG_KINDS:
        counts = [(arm.wrong.get(kind, 0), arm.total.traces) for arm in arms]
        repeats = kind == "error" and all(
            arm.total.errors == count for arm, (count, _) in zip(arms, counts, strict=True)
        )
        if any(count for count, _ in counts) and not repeats:
            yield _rate(f"{_WRONG}{kind}", counts[0], counts[1])


def _few(what: str, old: int, new: int, fewest: int = _FEWEST) -> str:
    return f"{what}: known of {old} and {new} traces; at least {fewest} of each are needed"


def _rate(what: str, old: tuple[int, int], new: tuple[int, int]) -> Change | str:
    if min(old[1], new[1]) < _FEWEST:
        return _few(what, old[1], new[1])
    shift = rate_shift(*old, *new)
    effect = {"difference": shift.difference, "low": shift.low, "high": shift.high}
    return Change(
        what,
        "Fisher's exact; interval of Newcombe",
        old[0] / old[1],
        new[0] / new[1],
        effect,
        fisher(*old, *new),
    )


def _cost(old: Group, new: Group) -> Change | str:
    if min(old.priced, new.priced) < _FEWEST_FOR_A_MEAN:
        return _few("cost_usd", old.priced, new.priced, _FEWEST_FOR_A_MEAN)
    sums = [(one.priced, one.cost_usd, one.cost_squares) for one in (old, new)]
    shift, p_value = mean_shift(sums[0], sums[1])
    effect = {"difference": shift.difference, "low": shift.low, "high": shift.high}
    means = old.cost_usd / old.priced, new.cost_usd / new.priced
    return Change("cost_usd_mean", "Welch, normal", *means, effect, p_value)


def _distribution(what: str, old: Sequence[float], new: Sequence[float]) -> Change | str:
    if min(len(old), len(new)) < _FEWEST:
        return _few(what, len(old), len(new))
    apart, p_value = kolmogorov_smirnov(old, new)
    test = "Kolmogorov-Smirnov; medians shown"
    return Change(what, test, median(old), median(new), {"distance": apart}, p_value)


def _mix(what: str, old: Counter[str], new: Counter[str]) -> Change | str:
    sizes = old.total(), new.total()
    if min(sizes) < _FEWEST:
        return _few(what, *sizes)
    found = chi_square(old, new)
    if found is None:
        if len({*old, *new}) == 1:
            return f"{what}: the same of all"
        return f"{what}: too many different values for so few traces"
    shares = {name: (old[name] / sizes[0], new[name] / sizes[1]) for name in {**old, **new}}
    most = sorted(shares, key=lambda name: (-abs(shares[name][0] - shares[name][1]), name))
    told: list[dict[str, JsonValue]] = [
        {clip(name, _CELL): round(shares[name][side], 4) for name in most[:_LISTED]}
        for side in (0, 1)
    ]
    return Change(what, "chi-square", told[0], told[1], {"cramers_v": found[0]}, found[1])
