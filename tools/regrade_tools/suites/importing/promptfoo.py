"""A configuration of promptfoo -> cases: its tests with their defaults and scenarios."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

from pydantic import JsonValue

from regrade_tools.models import Case, Recorded
from regrade_tools.models.case import Spec
from regrade_tools.suites.importing import expected, variables
from regrade_tools.suites.importing.conversion import (
    Conversion,
    Draft,
    LeftOut,
    UnsupportedError,
    shown,
    words,
)
from regrade_tools.suites.importing.programs import programs
from regrade_tools.suites.importing.promptfoo_assertions import Reading, decides
from regrade_tools.suites.importing.rubrics import Rubrics
from regrade_tools.suites.importing.settings import ALL, NOTHING, evaluation, metrics, unsaid
from regrade_tools.suites.importing.source import Source
from regrade_tools.suites.planning import UNASSERTED
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.names import plain

Object = dict[str, JsonValue]

_MOST = 10_000
# What makes an item a test, and not a row of a table.
_TEST_KEYS = {"vars", "assert", "options", "metadata", "provider", "providerOutput", "threshold"}
# What decides nothing about an answer.
_HARMLESS = {"description", "tests", "scenarios", "defaultTest", "assertionTemplates", "outputPath",
             "sharing", "commandLineOptions", "tags", "metadata", "env", "writeLatestResults",
             "evaluateOptions", "$schema"}  # fmt: skip
# What becomes targets, or is said to be left out on its own.
_PROGRAMS = {"prompts", "providers", "targets"}


def is_promptfoo(config: Object) -> bool:
    """Whether ``config`` looks like a configuration of promptfoo."""
    return bool({"tests", "prompts", "providers", "scenarios", "targets"} & set(config))


def conversion(config: Object, source: Source) -> Conversion:
    """The cases of ``config``, with all that could not be said."""
    reader = _Reader(config, source, [], Rubrics(), variables.environment(config))
    default = reader.default()
    tests = [(where, _joined(default, test)) for where, test in reader.tests()]
    drafts = [draft for where, test in tests for draft in reader.drafts(where, test)]
    for key in config:
        if key not in _HARMLESS | _PROGRAMS:
            reader.left_out.append(LeftOut(ALL, f"{key} {shown(config[key], key)}", NOTHING))
    reader.left_out.extend(metrics(test for _, test in tests))
    asked = programs(config.get("prompts"), config.get("providers", config.get("targets")), source)
    evaluated = evaluation(config.get("evaluateOptions"))
    return Conversion(
        format="promptfoo",
        drafts=tuple(drafts),
        description=str(config.get("description") or ""),
        trials=evaluated.trials,
        concurrency=evaluated.concurrency,
        prompts=asked.prompts,
        models=asked.models,
        judges=tuple(reader.rubrics.judges.values()),
        left_out=(*asked.left_out, *evaluated.left_out, *reader.left_out),
        shared=_shared(reader.always(default), drafts),
    )


def _shared(asked: Sequence[Spec], drafts: Sequence[Draft]) -> tuple[Spec, ...]:
    """Those of ``asked`` that every case has."""
    held = [{words(spec) for spec in draft.case.assertions} for draft in drafts]
    return tuple(spec for spec in asked if all(words(spec) in own for own in held))


@dataclass(frozen=True, slots=True)
class _Reader:
    config: Object
    source: Source
    left_out: list[LeftOut]
    rubrics: Rubrics
    environment: Object

    def default(self) -> Object:
        """What every test inherits."""
        told = self.config.get("defaultTest")
        try:
            told = self.source.value(told) if isinstance(told, str) else told
        except UnsupportedError as problem:
            self._leave(ALL, f"defaultTest {shown(told)}", str(problem))
            return {}
        return self._test("defaultTest", told) if isinstance(told, dict) else {}

    def always(self, default: Object) -> tuple[Spec, ...]:
        """What ``default`` asks whatever the variables are."""
        return self._specs("defaultTest", default, {})[0]

    def tests(self) -> Iterator[tuple[str, Object]]:
        """Every test with its place, those of scenarios last."""
        yield from self._listed("test", self.config.get("tests"))
        scenarios = self.config.get("scenarios")
        for number, scenario in enumerate(self._loaded("scenario", scenarios), 1):
            held = scenario[1] if isinstance(scenario[1], dict) else {}
            name = f"scenario {number}"
            rows = list(self._listed(f"{name} config", held.get("config"))) or [(name, Object())]
            tests = list(self._listed(f"{name} test", held.get("tests")))
            if len(rows) * len(tests) > _MOST:
                raise UnsupportedError(f"{name} stands for over {_MOST:,} tests")
            for (_, row), (where, test) in product(rows, tests):
                yield where, _joined(row, test)

    def _listed(self, what: str, told: JsonValue) -> Iterator[tuple[str, Object]]:
        for where, item in self._loaded(what, told):
            if isinstance(item, dict):
                is_row = not _TEST_KEYS & set(item)
                yield where, self._test(where, expected.test(item) if is_row else item)
            else:
                self._leave(where, shown(item), "it is no test")

    def _loaded(self, what: str, told: JsonValue) -> Iterator[tuple[str, JsonValue]]:
        items = told if isinstance(told, list) else [] if told is None else [told]
        for number, item in enumerate(items, 1):
            if not isinstance(item, str):
                yield f"{what} {number}", item
                continue
            try:
                for path in self.source.paths(item):
                    yield from self.source.rows(path)
            except UnsupportedError as problem:
                self._leave(ALL, f"{what}s {shown(item)}", str(problem))

    def _test(self, where: str, test: Object) -> Object:
        """``test`` with its references and its files of variables resolved."""
        given = test.get("vars")
        if isinstance(given, str | list):
            merged: Object = {}
            for name in given if isinstance(given, list) else [given]:
                try:
                    held = self.source.value(str(name))
                    merged.update(held if isinstance(held, dict) else {})
                except UnsupportedError as problem:
                    self._leave(where, f"vars {name}", str(problem))
            test = {**test, "vars": merged}
        listed = test.get("assert")
        if not isinstance(listed, list):
            return test
        return {**test, "assert": [self._referred(item) for item in listed]}

    def _referred(self, item: JsonValue) -> JsonValue:
        """What ``{$ref: '#/assertionTemplates/x'}`` refers to."""
        if not isinstance(item, dict) or not isinstance(item.get("$ref"), str):
            return item
        found: JsonValue = self.config
        for step in str(item["$ref"]).removeprefix("#/").split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else item

    def _leave(self, where: str, what: str, why: str) -> None:
        self.left_out.append(LeftOut(where, what, why))

    def drafts(self, where: str, test: Object) -> Iterator[Draft]:
        """A case for each combination of the values of a test's variables."""
        description = str(test.get("description") or "")
        place = f"{where} ({clip(description, 60)})" if description else where
        left_out = [*unsaid(place, test)]
        given = cast("Object", test.get("vars")) if isinstance(test.get("vars"), dict) else {}
        read = variables.read(given, self.source)
        left_out.extend(_lost(place, given, read))
        expands = not _object(test.get("options")).get("disableVarExpansion")
        known = read.values
        for number, one in enumerate(variables.combinations(known) if expands else [known]):
            if number == _MOST:
                raise UnsupportedError(f"{place} stands for over {_MOST:,} tests")
            found = variables.resolved(one, self.environment)
            lost = [*left_out, *_lost(place, one, found)]
            yield self._draft(place, description, test, found.values, lost)

    def _draft(
        self,
        place: str,
        description: str,
        test: Object,
        given: Object,
        before: list[LeftOut],
    ) -> Draft:
        specs, lost = self._specs(place, test, given)
        left_out = (*before, *lost)
        first = next((value for value in given.values() if isinstance(value, str)), "")
        content: list[JsonValue] = [given, test.get("assert")]
        output = test.get("providerOutput")
        tags = ("todo",) if left_out or not specs else ()
        case = Case(
            id=plain(description or first[:200], content),
            reason=description,
            tags=tags if specs else (*tags, UNASSERTED),
            input=given,
            assertions=specs,
            columns=_object(test.get("metadata")),
            # Of an empty one promptfoo takes no notice, either.
            recorded=None if output in (None, "") else Recorded(output=output),
        )
        return Draft(case, left_out)

    def _specs(
        self, place: str, test: Object, given: Object
    ) -> tuple[tuple[Spec, ...], list[LeftOut]]:
        listed = test.get("assert")
        assertions = listed if isinstance(listed, list) else []
        grader = _object(test.get("options")).get("provider")
        reading = Reading({**given, **self.environment}, self.source, self.rubrics, grader)
        specs: list[Spec] = []
        left_out: list[LeftOut] = []
        for item in assertions:
            try:
                specs.extend(reading.specs(item))
            except UnsupportedError as problem:
                reading.notes.append(str(problem))
            left_out.extend(LeftOut(place, shown(item), why) for why in reading.notes)
            reading.notes.clear()
        if why := _undecided(test.get("threshold"), assertions, bool(left_out)):
            left_out.extend(LeftOut(place, shown(dict(spec)), why) for spec in specs)
            return (), left_out
        distinct = {words(spec): spec for spec in specs}
        return tuple(distinct.values()), left_out


def _undecided(threshold: JsonValue, assertions: list[JsonValue], some_are_left_out: bool) -> str:  # noqa: FBT001 - private
    """Why a test's threshold makes of its assertions something else than that each must hold."""
    try:
        decides(threshold, assertions)
    except UnsupportedError as problem:
        return str(problem)
    is_shared = threshold is not None and some_are_left_out
    return "its test has a threshold, and a part of the score was left out" if is_shared else ""


def _object(value: JsonValue) -> Object:
    return value if isinstance(value, dict) else {}


def _joined(base: Object, test: Object) -> Object:
    """``test`` with what it inherits: its own variables win, its assertions come after."""
    joined: Object = {**base, **test}
    for key in ("vars", "options", "metadata"):
        joined[key] = {**_object(base.get(key)), **_object(test.get(key))}
    alone = _object(test.get("options")).get("disableDefaultAsserts")
    lists = [held.get("assert") for held in ((test,) if alone else (base, test))]
    joined["assert"] = [item for held in lists if isinstance(held, list) for item in held]
    return joined


def _lost(place: str, given: Object, found: variables.Given) -> Iterator[LeftOut]:
    for name, why in found.lost:
        yield LeftOut(place, f"{name}: {shown(given[name], name)}", why)
