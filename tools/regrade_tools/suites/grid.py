"""A suite drawn: features by scenarios, how many cases each has, and how they ended last."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from regrade_tools.models import Case, Outcome, Suite
from regrade_tools.texts.clipping import clip

_DESCRIPTION = 300


def grid(
    suite: Suite, cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[dict[str, JsonValue]]:
    """Features by scenarios, in the order of the file; cases outside the grid come last.

    ``outcomes`` are of the last run that measured them; a scenario without a case is a hole.
    """
    counted = Counter((case.feature, case.scenario) for case in cases)
    ended: dict[tuple[str | None, str | None], Counter[Outcome]] = {}
    for case in cases:
        if case.id in outcomes:
            ended.setdefault((case.feature, case.scenario), Counter())[outcomes[case.id]] += 1
    lines: list[dict[str, JsonValue]] = []
    for feature, held in suite.features.items():
        for scenario, inner in held.scenarios.items():
            line: dict[str, JsonValue] = {
                "feature": feature,
                "scenario": f"{feature} / {scenario}",
                "cases": counted.pop((feature, scenario), 0),
                **_ended(ended.get((feature, scenario))),
            }
            if inner.description:
                line["description"] = clip(inner.description, _DESCRIPTION)
            lines.append(line)
    lines.extend(
        {
            "place": " / ".join(filter(None, place)) or "no feature",
            "cases": number,
            **_ended(ended.get(place)),
        }
        for place, number in counted.items()
    )
    return lines


def _ended(counts: Counter[Outcome] | None) -> dict[str, JsonValue]:
    """The pass rate of a place, of what was decided there; nothing where nothing was."""
    if not counts:
        return {}
    decided = counts["passed"] + counts["failed"]
    told: dict[str, JsonValue] = {}
    if decided:
        told["pass_rate"] = round(counts["passed"] / decided, 4)
    if counts["failed"]:
        told["failed"] = counts["failed"]
    if counts["errored"]:
        told["errored"] = counts["errored"]
    return told


def holes(lines: Sequence[Mapping[str, JsonValue]]) -> list[str]:
    """The scenarios without a case."""
    return [str(line["scenario"]) for line in lines if "scenario" in line and not line["cases"]]
