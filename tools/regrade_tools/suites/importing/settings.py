"""What a configuration of promptfoo and its tests say beside what is given and asserted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.suites.importing.conversion import LeftOut, shown
from regrade_tools.suites.importing.promptfoo_assertions import OTHER_PROMPT, is_judged
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.plaintext import listed

Object = dict[str, JsonValue]

ALL = "the configuration"
NOTHING = "it has no counterpart here"
_READ = {"description", "vars", "assert", "options", "metadata", "providerOutput", "threshold"}
_ONE_TARGET = "a suite asks one target for all its cases: give such tests a suite of their own"
_WHY = {
    "provider": _ONE_TARGET,
    "providers": _ONE_TARGET,
    "prompts": _ONE_TARGET,
    "assertScoringFunction": "it is code, which an import does not run",
}
_OPTIONS = {
    "transform": "let the target return what it makes of the answer: that is what is asserted",
    "postprocess": "let the target return what it makes of the answer: that is what is asserted",
    "transformVars": "let the target make it of its input",
    "prefix": "let the target put it before the prompt",
    "suffix": "let the target put it after the prompt",
    "storeOutputAs": "each case is asked on its own: write into the input what it is to be given",
}
_SILENT = {"disableVarExpansion", "disableDefaultAsserts", "disableConversationVar", "provider",
           "rubricPrompt", "runSerially"}  # fmt: skip
_EVALUATION = {
    "delay": "let the target wait: the suite asks one case after the other",
    "cache": "a run asks anew; `regrade run --record` keeps the answers",
    "timeoutMs": "say `timeout_s` in the target",
}
_MOST_TRIALS, _MOST_AT_ONCE = 100, 256
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How often each case is asked, and how many at once where that is said."""

    trials: int
    concurrency: int | None
    left_out: tuple[LeftOut, ...]


def evaluation(told: JsonValue) -> Evaluation:
    """What ``evaluateOptions`` ask for."""
    options = told if isinstance(told, dict) else {}
    repeat, at_once = _count(options.get("repeat")), _count(options.get("maxConcurrency"))
    delay = options.get("delay")
    if isinstance(delay, int | float) and delay > 0:
        # So it does there, too.
        at_once = 1
    left_out = [
        LeftOut(ALL, f"evaluateOptions.{key} {shown(value, key)}", why)
        for key, value in options.items()
        if (why := _unsaid(key, value))
    ]
    return Evaluation(
        trials=min(repeat or 1, _MOST_TRIALS),
        concurrency=None if at_once is None else min(at_once, _MOST_AT_ONCE),
        left_out=tuple(left_out),
    )


def _unsaid(key: str, value: JsonValue) -> str:
    """Why an option of the evaluation is left out, or nothing."""
    most = {"repeat": _MOST_TRIALS, "maxConcurrency": _MOST_AT_ONCE}.get(key)
    if most is not None:
        return f"at most {most} here" if (_count(value) or 0) > most else ""
    if key == "showProgressBar" or value in (None, 0, False):
        return ""
    return _EVALUATION.get(key, NOTHING)


def _count(value: JsonValue) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 1:
        return None
    return int(value)


def unsaid(place: str, test: Object) -> Iterator[LeftOut]:
    """What of ``test`` has no place in a case."""
    assertions = test.get("assert")
    judged = isinstance(assertions, list) and any(map(is_judged, assertions))
    options = test.get("options")
    for key, value in options.items() if isinstance(options, dict) else ():
        if key == "rubricPrompt" and judged:
            yield LeftOut(place, f"{key} {shown(value, key)}", OTHER_PROMPT)
        elif key not in _SILENT:
            yield LeftOut(place, f"{key} {shown(value, key)}", _OPTIONS.get(key, NOTHING))
    for key, value in test.items():
        if key not in _READ and value not in (None, ""):
            yield LeftOut(place, f"{key} {shown(value, key)}", _WHY.get(key, NOTHING))


def metrics(tests: Iterable[Object]) -> Iterator[LeftOut]:
    """The names under which ``tests`` count their assertions, which decide nothing, told once."""
    names = dict.fromkeys(name for test in tests for name in _metrics(test.get("assert")))
    if names:
        told = f"metric {clip(listed([*names], _SHOWN), 160)}"
        yield LeftOut(ALL, told, "a run counts by feature, scenario and case, not by assertion")


def _metrics(assertions: JsonValue) -> Iterator[str]:
    for one in assertions if isinstance(assertions, list) else []:
        if isinstance(one, dict):
            if one.get("metric"):
                yield shown(one["metric"])
            yield from _metrics(one.get("assert"))
