"""On which terms a gate is asked: the suite's own, a profile's, and what was told on the spot."""

from collections.abc import Iterator

from regrade_tools.models import PROFILES, GatePolicy, Profile, Project, SlicePolicy, Suite
from regrade_tools.refusal import unknown
from regrade_tools.texts.plaintext import often


def terms(suite: Suite, project: Project, profile: str | None) -> Profile:
    """What holds for ``suite`` under ``profile``, or without one.

    Each field comes from the last that sets it: Regrade's default, the suite's ``gate`` and
    ``trials``, the built-in profile, the project's profile of that name.

    Raises:
        Refusal: There is no such profile.
    """
    own = Profile(trials=suite.trials, gate=suite.gate)
    if profile is None:
        return own
    layers = [known[profile] for known in (PROFILES, project.profiles) if profile in known]
    if not layers:
        raise unknown(
            "profile",
            profile,
            {*PROFILES, *project.profiles},
            next_step="Profiles are declared in evals/regrade.yaml.",
        )
    for layer in layers:
        own = own.overridden(layer)
    return own


def all_terms(suite: Suite, project: Project) -> dict[str, Profile]:
    """What holds for ``suite`` under every profile, and under "" without one."""
    names = sorted({*PROFILES, *project.profiles})
    told = {name: terms(suite, project, name) for name in names}
    return {"": terms(suite, project, None), **told}


def relaxed(was: Profile, now: Profile, *, least: float = 0) -> tuple[str, ...]:
    """What the terms allow now and did not when the baseline was written, a line each.

    ``least`` is the pass rate that is asked where no ``min_pass_rate`` is told.
    """
    lines = [
        f"the gate's {name} was {before} and is {after}"
        for name, (before, after, laxer) in _rules(was.gate, now.gate, least).items()
        if laxer
    ]
    before, after = was.select or "all", now.select or "all"
    if before != after:
        lines.append(f"the gate selected {before!r} and selects {after!r}")
    if was.judges and not now.judges:
        lines.append("judges were asked and are not")
    if (was.trials or 1) > (now.trials or 1):
        lines.append(
            f"each case was asked {often(was.trials or 1)} and is asked {often(now.trials or 1)}"
        )
    for key, slice_was in was.gate.slices.items():
        if key in now.gate.slices:
            lines.extend(_slice_relaxed(key, slice_was, now.gate.slices[key]))
        else:
            lines.append(f"the gate's slice {key!r} is gone")
    return tuple(lines)


def _slice_relaxed(key: str, was: SlicePolicy, now: SlicePolicy) -> Iterator[str]:
    if (now.min_pass_rate or 0) < (was.min_pass_rate or 0):
        yield f"the min_pass_rate of {key!r} was {was.min_pass_rate} and is {now.min_pass_rate}"
    if was.max_drop is not None and (now.max_drop is None or now.max_drop > was.max_drop):
        yield f"the max_drop of {key!r} was {was.max_drop} and is {now.max_drop}"


def _rules(
    was: GatePolicy, now: GatePolicy, least: float
) -> dict[str, tuple[object, object, bool]]:
    """Of each rule what it was, what it is, and whether that is laxer."""
    rates = [least if one.min_pass_rate is None else one.min_pass_rate for one in (was, now)]
    return {
        "max_drop": (was.max_drop, now.max_drop, now.max_drop > was.max_drop),
        "min_pass_rate": (was.min_pass_rate, now.min_pass_rate, rates[1] < rates[0]),
        "max_broken": (was.max_broken, now.max_broken, now.max_broken > was.max_broken),
        "strict": (was.strict, now.strict, was.strict and not now.strict),
        "max_errored": (was.max_errored, now.max_errored, now.max_errored > was.max_errored),
        "min_cases": (was.min_cases, now.min_cases, now.min_cases < was.min_cases),
    }
