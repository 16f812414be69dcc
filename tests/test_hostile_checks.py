"""Definitions and outputs made to hang, to crash or to run something: each gets its verdict."""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import anyio
import pytest
from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.assertions import (
    KINDS,
    Errored,
    Executes,
    Failed,
    Passed,
    Subject,
    UndecidableError,
    Verdict,
    check_all,
    parse,
    parse_all,
)
from regrade_tools.cases.outputs import Outputs
from regrade_tools.models import ToolCall
from regrade_tools.refusal import Refusal
from regrade_tools.texts.deadline import SECONDS, deadline
from regrade_tools.texts.words import fold

Spec = dict[str, JsonValue]
# What all together may take of the processor, on a machine of any load.
BOUND_S = 5.0
# And what of a check is never broken off, such as its last step.
STEP_S = 2.0


def judged(spec: Spec, subject: Subject, seconds: float = SECONDS) -> Verdict | Refusal:
    """The verdict, or the refusal of the definition; anything else that is raised is a bug.

    The check has so many ``seconds``.
    """
    before = checking = time.thread_time()
    try:
        asked = parse(spec, programs=True)
        if isinstance(asked.assertion, Executes):
            with suppress(UndecidableError):
                asked.assertion.code(subject.output)
        checking = time.thread_time()
        with deadline(seconds):
            (found,) = check_all((asked,), subject)
    except Refusal as refusal:
        found = refusal
    finally:
        ended = time.thread_time()
        assert ended - before < BOUND_S, json.dumps(spec)[:300]
        assert ended - checking < seconds + STEP_S, json.dumps(spec)[:300]
    if isinstance(found, Refusal):
        str(found).encode()
        assert len(str(found)) < 4_000
    elif not isinstance(found, Passed):
        assert len(found.reason) <= 1_200
        found.reason.encode()
        assert "error of Regrade itself" not in found.reason
    return found


def schema(**keywords: JsonValue) -> Spec:
    return {"type": "is-json", "value": keywords}


def nested(levels: int, inner: JsonValue, wrap: Callable[[JsonValue], JsonValue]) -> JsonValue:
    for _ in range(levels):
        inner = wrap(inner)
    return inner


COLLIDING: list[JsonValue] = [(2**61 - 1) * number for number in range(60_000)]


def doubled(number: int) -> JsonValue:
    following: JsonValue = {"$ref": f"#/$defs/a{number + 1}"}
    return {"allOf": [following, following], "unevaluatedProperties": False}


UNEVALUATED: Spec = {"a40": {}, **{f"a{number}": doubled(number) for number in range(40)}}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
LONG: JsonValue = ["ab " * 3_000_000]


HOSTILE: list[tuple[Spec, Any]] = [
    (schema(uniqueItems=True), COLLIDING),
    (schema(items={"$schema": DRAFT, "pattern": "(x+x+)+y"}), ["x" * 99]),
    ({"type": "expr", "value": "len(set(output)) > 1"}, COLLIDING),
    ({"type": "equals", "value": [1]}, COLLIDING),
    ({"type": "expr", "value": "int('f' * 9, 16)"}, ""),
    ({"type": "expr", "value": "int(text, 16) > 1"}, "f" * 5_000_000),
    ({"type": "expr", "value": "int(text) * int(text) > 1"}, "9" * 4_000),
    ({"type": "expr", "value": "10**10**8 > 1"}, ""),
    ({"type": "expr", "value": "1e999 > 1"}, ""),
    ({"type": "expr", "value": "text|center(1000000000)"}, ""),
    ({"type": "expr", "value": "'%1000000000d' % 1"}, ""),
    ({"type": "expr", "value": " == ".join(["sorted(output)"] * 50)}, list(range(999, 0, -1))),
    ({"type": "expr", "value": "max(" * 90 + "output" + ")" * 90}, [[1]] * 1_000_000),
    ({"type": "regex", "value": "(?:(?:(?:a{1000}){1000}){1000}){1000}"}, "a"),
    ({"type": "regex", "value": "(?x)(?:(?:a {1000}) # a\n {1000}) # b\n {1000}"}, "a"),
    ({"type": "regex", "value": "a{4000000000}"}, "a"),
    (
        schema(**{"$ref": "#/$defs/a0", "$defs": UNEVALUATED}),
        {str(number): 1 for number in range(1_000)},
    ),
    (schema(allOf=list[JsonValue](cast("list[JsonValue]", [{"minimum": 0}]) * 9_000)), 7),
    (schema(items={"enum": list(range(20_000))}), [-1] * 20_000),
    (schema(items={"anyOf": [{"const": number} for number in range(3_000)]}), [-1] * 9_000),
    (schema(**{"$ref": "#"}), {}),
    ({"type": "contains-any", "value": [f"{number}!" for number in range(99_000)]}, LONG),
    ({"type": "contains-all", "value": [f"{number}!" for number in range(99_000)]}, LONG),
    ({"type": "path", "at": "[*]" * 90_000, "len": 1}, [list[JsonValue]()] * 100_000),
    ({"type": "path", "at": "[0]", "is": 1}, [10**400]),
    ({"type": "path", "at": "[0]", "is": 1}, [10**5_000]),
    ({"type": "path", "at": "", "is": 1}, "1e999"),
    ({"type": "contains", "value": "\ud800"}, "\udfff"),
    ({"type": "equals", "value": 10**5_000}, "x"),
    ({"type": "path", "at": "a", "equals": "\ud800"}, {"\udfff": 1}),
    ({"type": "equals", "value": nested(800, 1, lambda inner: [inner])}, "x"),
    ({"type": "equals", "value": [1]}, nested(800, 1, lambda inner: [inner])),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_what_is_made_to_hang_or_to_crash_gets_a_verdict_or_a_refusal(number: int) -> None:
    spec, output = HOSTILE[number]
    # Whatever would take longer than a second would take longer than all that there are.
    judged(spec, Subject(output), seconds=1.0)


@pytest.mark.parametrize("negation", ["", "not-"])
@pytest.mark.parametrize(
    ("kind", "measured"),
    [("latency", Subject("", latency_ms=10**400)), ("cost", Subject("", cost_usd=10**400))],
)
def test_a_measure_beyond_every_number_is_errored(
    kind: str, measured: Subject, negation: str
) -> None:
    found = judged({"type": f"{negation}{kind}", "threshold": 1}, measured)
    assert isinstance(found, Errored)


def test_the_order_of_a_long_run_of_marks_takes_no_longer_than_that_of_letters() -> None:
    before = time.thread_time()
    folded = fold("a" + "\u0315\u0f73\u0591" * 300_000)
    assert time.thread_time() - before < BOUND_S
    assert len(folded) < 100


def test_a_text_with_as_many_marks_as_any_language_needs_is_folded_as_before() -> None:
    assert fold("Çà \u05e9\u05c1\u05b8 " * 9) == "ca \u05e9\u05b8\u05c1 " * 9
    assert fold("\u2014" * 99) == "\u2014" * 99


def test_all_checks_of_an_answer_share_one_time_and_what_is_not_reached_is_errored() -> None:
    slow: list[Spec] = [{"type": "regex", "value": f"(x+x+)+y{number}"} for number in range(60)]
    checks = parse_all([*slow, {"type": "contains", "value": "absent"}])
    before = time.thread_time()
    found = check_all(checks, Subject("x" * 5_000))
    assert time.thread_time() - before < BOUND_S
    reasons = [verdict.reason for verdict in found if isinstance(verdict, Errored)]
    assert len(reasons) == 61
    assert "it backtracks" in reasons[0]
    assert reasons[-1] == f"ran out of time: all checks of an answer have {SECONDS:g} s"


@pytest.mark.anyio
async def test_the_server_answers_others_while_an_output_is_checked() -> None:
    slow: list[Spec] = [{"type": "regex", "value": f"(x+x+)+y{number}"} for number in range(2)]
    outputs, beats = Outputs(None), 0
    reply = None
    async with anyio.create_task_group() as tasks:

        async def beat() -> None:
            nonlocal beats
            while True:
                await to_thread.run_sync(threading.Event().wait, 0.01)
                beats += 1

        tasks.start_soon(beat)
        reply = await outputs.check_output("x" * 5_000, assertions=slow)
        tasks.cancel_scope.cancel()
    assert reply is not None
    assert len(reply.errored) == 2
    assert beats > 10


@pytest.mark.anyio
@pytest.mark.parametrize("levels", [101, 800])
async def test_an_output_that_is_nested_too_deep_is_refused(levels: int) -> None:
    output = nested(levels, 1, lambda inner: [inner])
    with pytest.raises(Refusal, match="deeper than 100 levels") as refused:
        await Outputs(None).check_output(output, assertions=[{"type": "equals", "value": 1}])
    assert refused.value.next_step


@pytest.mark.anyio
async def test_a_reply_of_many_failures_fits_and_says_how_many_more_there_are() -> None:
    asked: list[Spec] = [{"type": "contains", "value": f"{n} {'x' * 300}"} for n in range(900)]
    reply = await Outputs(None).check_output("no", assertions=asked)
    assert len(json.dumps(reply.failed)) + len(reply.retry or "") < 24_000
    assert reply.failed[-1] == f"{901 - len(reply.failed)} more checks like these"


@pytest.mark.anyio
async def test_more_assertions_than_anybody_writes_are_refused() -> None:
    asked: list[Spec] = [{"type": "is-json"}] * 1_001
    with pytest.raises(Refusal, match="more than 1,000 assertions"):
        await Outputs(None).check_output("no", assertions=asked)


TEXTS = ["", "x", "x" * 5_000, "(x+x+)+y", "\ud800", "é\u0301" * 50, "[" * 900, "{{ 7*7 }}", "\x00",
         "__import__('os').system('true')", "%s%n", "1e999", "9" * 4_400, "<a>&b;</a>", "> 1",
         "[*]", "SELECT 1; DROP TABLE a", "- *a", "https://a.example/x", "```a\n```"]  # fmt: skip
ODD: list[JsonValue] = [
    None, True, 0, -1, 10**400, 10**5_000, 1.5, float("nan"), float("inf"), [], {}, [[]], {"": {}},
    [1, 1.0, True], {"a": [1, {"b": None}]}, list(range(3_000)), COLLIDING[:2_000],
    nested(90, 1, lambda inner: [inner]), nested(300, 1, lambda inner: {"a": inner}), *TEXTS,
]  # fmt: skip


def mutated(chance: random.Random, value: JsonValue) -> JsonValue:
    """``value`` with something in it changed, at any depth."""
    roll = chance.random()
    if roll < 0.25 or not isinstance(value, list | dict | str):
        return chance.choice(ODD)
    if isinstance(value, str):
        place = chance.randrange(len(value) + 1)
        return value[:place] + chance.choice(TEXTS) + value[place:]
    if isinstance(value, list):
        places = range(len(value))
        if not places or roll < 0.4:
            return [*value, chance.choice(ODD)] * chance.choice([1, 1, 300])
        at = chance.choice(places)
        return [mutated(chance, item) if place == at else item for place, item in enumerate(value)]
    keys = [key for key in value if key != "type"]
    if not keys or roll < 0.35:
        return {**value, chance.choice(TEXTS): chance.choice(ODD)}
    key = chance.choice(keys)
    if roll < 0.45:
        return {other: inner for other, inner in value.items() if other != key}
    return {**value, key: mutated(chance, value[key])}


def attempts(number: int) -> Iterator[tuple[Spec, Subject]]:
    """Mutants of the examples of every kind, each with a mutated answer."""
    chance = random.Random(number)  # noqa: S311 - the same attempts on every machine
    outputs: list[JsonValue] = [kind.example.get("value", "a") for kind in KINDS.values()]
    for place in range(number):
        kind = list(KINDS.values())[place % len(KINDS)]
        spec: JsonValue = dict(kind.example)
        for _ in range(chance.choice([0, 1, 1, 2])):
            spec = mutated(chance, spec)
        written = dict(spec) if isinstance(spec, dict) else {"value": spec}
        written["type"] = chance.choice(["", "not-"]) + kind.kind
        calls = (ToolCall(chance.choice(TEXTS), chance.choice(ODD)),) * chance.choice([0, 1, 50])
        measure: Any = chance.choice([None, 0, 1.5, 10**400, float("nan")])
        subject = Subject(
            mutated(chance, chance.choice(outputs)),
            input=mutated(chance, "what"),
            tool_calls=calls,
            latency_ms=measure,
            cost_usd=measure,
        )
        yield cast("Spec", written), subject


@pytest.mark.parametrize(
    "number", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_any_mutant_of_any_kind_gets_a_verdict_or_a_refusal_in_time(number: int) -> None:
    # Libraries are read in, and one unpacks a model, when they are first asked.
    for kind in KINDS.values():
        judged(kind.example, Subject("what is said", input="what is asked"))
    with watched() as done:
        seen = {type(judged(spec, subject)) for spec, subject in attempts(number)}
    assert seen == {Passed, Failed, Errored, Refusal}
    assert done == []


# What reaches out of this process, as the interpreter itself tells it.
REACHING = {
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
    "os.spawn", "os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "webbrowser.open",
}  # fmt: skip
WATCHING: list[list[str]] = []


def heard(event: str, args: tuple[Any, ...]) -> None:
    if not WATCHING or threading.current_thread() is not threading.main_thread():
        return
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    # What is compiled on its way in is kept beside its source.
    if (writes and "__pycache__" not in str(args[0])) or event in REACHING:
        WATCHING[-1].append(f"{event} {args!r}"[:300])


@contextmanager
def watched() -> Generator[list[str]]:
    """Everything that reaches out of this process meanwhile. A hook stays: it is set once."""
    if heard not in HOOKED:
        HOOKED.append(heard)
        sys.addaudithook(heard)
    WATCHING.append([])
    try:
        yield WATCHING[-1]
    finally:
        WATCHING.pop()


HOOKED: list[Any] = []
