import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from regrade_tools.assertions import (
    KINDS,
    Errored,
    Failed,
    Passed,
    Subject,
    Verdict,
    check,
    parse,
    parse_all,
)
from regrade_tools.files.published import SCHEMAS
from regrade_tools.models import ToolCall
from regrade_tools.refusal import Refusal

Spec = dict[str, JsonValue]


def said(output: JsonValue) -> Subject:
    return Subject(output)


def ranked(ids: str) -> Subject:
    return Subject({"documents": [{"id": name} for name in ids]})


TWO: JsonValue = {"listings": [{"id": "a", "price": 900}, {"id": "b", "price": 1100}]}
SEARCHED = ToolCall("search_listings", {"city": "San Jose", "beds": 2})

# Of each kind: what its published example holds of, what it does not, and what is told of that.
TABLE: dict[str, tuple[Subject, Subject, str]] = {
    "equals": (said("unknown"), said("Unknown"), "it says 'Unknown'"),
    "contains": (said("in San Jose"), said("in san jose"), "it says 'in san jose'"),
    "icontains": (said("SAN JOSE!"), said("Austin"), "it says 'Austin'"),
    "contains-all": (said("2 bed, San Jose"), said("San Jose"), "it lacks ['2 bed']"),
    "contains-any": (said("nothing found"), said("one found"), "it says 'one found'"),
    "starts-with": (said("Dear Ann"), said("Oh Dear"), "it says 'Oh Dear'"),
    "regex": (said("for $1,200"), said(""), "it is empty"),
    "count": (said("word " * 80), said("word " * 81), "it has 81"),
    "is-json": (said(TWO), said("{}"), "the output: 'listings' is a required property"),
    "path": (said(TWO), said('{"listings":[7]}'), "its length is 1: [7]"),
    "expr": (said({"listings": [1]}), said(TWO), "it comes to 2 == 1"),
    "tool-called": (
        Subject("", tool_calls=(SEARCHED,)),
        Subject("", tool_calls=(ToolCall("search_listings", {"city": "Austin"}), ToolCall("ask"))),
        "there were 0 such calls (tools called: search_listings, ask)",
    ),
    "ends-with": (said("Bye. Kind regards"), said("Bye"), "it says 'Bye'"),
    "icontains-all": (said("2 BED in San Jose"), said("San Jose"), "it lacks ['2 bed']"),
    "icontains-any": (said("None found"), said("One"), "it says 'One'"),
    "contains-json": (said('So: {"listings": []}.'), said("So: {oops"), "it has none"),
    "close-to": (said({"price": 1200.5}), said({"price": 1201}), "it is 1201"),
    "levenshtein": (said("San José!"), said("Sausalito"), "it takes 7: it says 'Sausalito'"),
    "rouge-n": (
        said("Two listings in San Jose."),
        said("one listing in San Jose"),
        "it has 0.60: it says 'one listing in San Jose'",
    ),
    "rouge-l": (
        said("two new listings in San Jose"),
        said("San Jose: two listings"),
        "it has 0.44: it says 'San Jose: two listings'",
    ),
    "bleu": (
        said("two listings in San Jose"),
        said("San Jose in listings two"),
        "it has 0.43: it says 'San Jose in listings two'",
    ),
    "gleu": (
        said("two listings in San Jose"),
        said("no listing"),
        "it has 0.00: it says 'no listing'",
    ),
    "is-xml": (
        said("<a><b/></a>"),
        said("<a><b></a>"),
        "it is not well-formed: mismatched tag: line 1, column 8",
    ),
    "contains-xml": (said("So: <a>x</a>."), said("1 < 2 > 0"), "none is well-formed"),
    "is-html": (said("<p>Hi</p>"), said("Hi <p>you</p>"), "there is text around the HTML"),
    "contains-html": (said("Hi <b>you</b>"), said("a <b"), "it has no HTML element"),
    "is-sql": (
        said("SELECT * FROM listings WHERE price < 5"),
        said("DELETE FROM listings"),
        "it has a delete that does more than read",
    ),
    "is-yaml": (said("a: 1\nb: [2]"), said("just words"), "it says 'just words'"),
    "code-block": (
        said("So:\n```python\n1\n```"),
        said("```js\n1\n```\n```python\n1"),
        "its code blocks are of js",
    ),
    "language": (
        said("He encontrado tres pisos en Madrid, y ninguno es caro."),
        said({"listings": ["I found three listings for you."]}),
        "it is in en",
    ),
    "is-refusal": (said("I\u2019m sorry, but I can't help."), said("Sure!"), "it says 'Sure!'"),
    "abstains": (said("The page does not mention it."), said("It is 7."), "it says 'It is 7.'"),
    "no-secrets": (said("no key"), said("AKIAIOSFODNN7EXAMPLE"), "it shows aws_key"),
    "no-pii": (
        said("Order 4111 1111 1111 1112 of 2026-11-01"),
        said("ann@a.example paid by 4111 1111 1111 1111"),
        "it shows an e-mail address, a payment card number",
    ),
    "grounded-urls": (
        Subject("See https://a.example/b.", "(https://a.example/b)"),
        Subject("See https://a.example/c", "https://a.example/b"),
        "the input has no ['https://a.example/c']",
    ),
    "grounded-quotes": (
        Subject('It says "two beds,  one bath."', {"text": "Two beds, one bath"}),
        Subject('It says "three beds, one bath"', "two beds, one bath"),
        "the input has no ['three beds, one bath']",
    ),
    "recall-at-k": (ranked("xab"), ranked("axxxxb"), "it has 0.500"),
    "precision-at-k": (ranked("bax"), ranked("a"), "it has 0.500"),
    "mrr": (ranked("xa"), ranked("xxa"), "it has 0.333"),
    "ndcg": (ranked("bax"), ranked("axxb"), "it has 0.877"),
    "is-valid-openai-tools-call": (
        said([{"function": {"name": "search_listings", "arguments": '{"city": "Ulm"}'}}]),
        said([{"function": {"name": "search_listings", "arguments": "{}"}}]),
        "search_listings: the output: 'city' is a required property",
    ),
    "is-valid-function-call": (
        said({"name": "search_listings", "arguments": {"city": "Ulm"}}),
        said({"name": "buy", "arguments": {}}),
        "there is no tool 'buy'",
    ),
    "tools-called": (
        Subject("", tool_calls=(SEARCHED, ToolCall("ask"), ToolCall("send_email"))),
        Subject("", tool_calls=(ToolCall("send_email"), SEARCHED)),
        "the tools called were ['send_email', 'search_listings']",
    ),
    "tool-call-count": (
        Subject("", tool_calls=(SEARCHED,) * 5),
        Subject("", tool_calls=(SEARCHED,) * 6),
        "there were 6",
    ),
    "latency": (Subject("", latency_ms=2000), Subject("", latency_ms=2001), "it took 2001 ms"),
    "cost": (Subject("", cost_usd=0.01), Subject("", cost_usd=0.0125), "it cost $0.0125"),
    "tokens": (Subject("", tokens=4_000), Subject("", tokens=4_001), "it took 4,001 tokens"),
    "time-to-first-token": (
        Subject("", ttft_ms=800),
        Subject("", ttft_ms=801),
        "it began after 801 ms",
    ),
    "steps": (Subject("", steps=12), Subject("", steps=13), "it took 13 steps"),
    "no-errors": (
        Subject("", errors=()),
        Subject("", errors=("look", "look", "book")),
        "3 steps failed: look, book",
    ),
}


def verdict(spec: Spec, subject: Subject) -> Verdict:
    return check(parse(spec), subject)


def verdict_unless_refused(spec: Spec, subject: Subject) -> Verdict | None:
    try:
        return verdict(spec, subject)
    except Refusal:
        return None


def valid(schema: str, document: JsonValue) -> bool:
    validator: Any = Draft202012Validator(SCHEMAS[schema]())
    return validator.is_valid(document)


def negated(spec: Spec) -> Spec:
    return {**spec, "type": f"not-{spec['type']}"}


@contextmanager
def within(seconds: int) -> Generator[None]:
    """Fail, rather than wait for ever, where what stands inside takes so long of a processor."""

    def expired(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def test_the_table_covers_every_kind() -> None:
    # Those that are programs have a room of their own: test_scorers.py.
    assert set(TABLE) == {name for name, kind in KINDS.items() if not kind.is_program}


@pytest.mark.parametrize("kind", TABLE)
def test_every_kind_holds_or_fails_with_what_was_found(kind: str) -> None:
    (holds, fails, flaw), asked = TABLE[kind], parse(KINDS[kind].example)
    assert check(asked, holds) == Passed()
    assert check(asked, fails) == Failed(f"the output must {asked.assertion.claim}, but {flaw}")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"equals": False}, "the output must have a equal to false, but it is true"),
        ({"equals": "no"}, "the output must have a equal to 'no', but it is true"),
        (
            {"one_of": [None, "x"]},
            'the output must have a that is one of [null, "x"], but it is true',
        ),
    ],
)
def test_a_value_is_told_as_json_on_both_sides_of_a_reason(spec: Spec, reason: str) -> None:
    found = verdict({"type": "path", "at": "a", **spec}, said({"a": True}))
    assert found == Failed(reason)


@pytest.mark.parametrize("kind", TABLE)
def test_a_negated_kind_fails_where_it_holds_and_passes_where_it_does_not(kind: str) -> None:
    (holds, fails, _), asked = TABLE[kind], parse(negated(KINDS[kind].example))
    claim = asked.assertion.claim
    assert check(asked, holds) == Failed(f"the output must not {claim}, but it does")
    assert check(asked, fails) == Passed()


@pytest.mark.parametrize("kind", TABLE)
def test_the_published_schema_accepts_each_example_and_its_negation(kind: str) -> None:
    example = KINDS[kind].example
    assert valid("assertion", example)
    assert valid("case", {"id": "one", "assertions": [example, negated(example)]})


@pytest.mark.parametrize("spec", [{"type": "contain", "value": "a"}, {"value": "a"},
                                  {"type": "contains"}, {"type": "cost", "limit": 1}])  # fmt: skip
def test_the_published_schema_rejects_what_the_reader_refuses(spec: Spec) -> None:
    assert not valid("suite", {"assertions": [spec]})
    with pytest.raises(Refusal):
        parse(spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"type": "contain", "value": "a"}, "'contain' (did you mean 'contains'?); valid: abs"),
        ({"type": "not-regx", "value": "a"}, "'not-regx' (did you mean 'regex'?)"),
        ({"value": "a"}, "An assertion is an object with a `type`"),
        ({"type": "cost", "treshold": 1}, "'threshold' is missing"),
        ({"type": "cost", "treshold": 1}, "unknown field 'treshold' (did you mean 'threshold'?)"),
        ({"type": "path", "at": "a", "is_": 1}, "'is_' (did you mean 'is'?)"),
        ({"type": "cost", "zzz": 1}, "unknown field 'zzz' (valid: threshold)"),
        ({"type": "path", "at": "a"}, "say what must hold there"),
        ({"type": "path", "at": "a..b", "len": 1}, "cannot read '..b'"),
        ({"type": "path", "at": "a", "len": "many"}, 'write a number, or a text such as "> 1"'),
        ({"type": "count", "of": "words", "min": 3, "max": 2}, "nothing could pass"),
        ({"type": "regex", "value": "("}, "not a regular expression"),
        ({"type": "is-json", "value": {"type": "text"}}, "not a JSON Schema"),
        ({"type": "is-json", "value": {"pattern": "a{99999999999999999999}"}}, "not a "),
        ({"type": "is-json", "value": {"$ref": "https://a.example"}}, "nothing is ever fetched"),
        ({"type": "contains", "value": ""}, "at least 1 character"),
    ],
)
def test_a_wrong_assertion_is_refused_with_what_is_right(spec: Spec, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(spec)
    assert told in str(refused.value)
    assert refused.value.next_step


def test_a_wrong_assertion_among_many_is_told_by_its_number() -> None:
    with pytest.raises(Refusal, match=r"^Assertion 2: There is no assertion type 'x'"):
        parse_all([KINDS["cost"].example, {"type": "x"}])


@pytest.mark.parametrize(
    ("spec", "output", "but"),
    [
        ({"type": "path", "at": "a[3]", "is": 1}, '{"a":[1]}', "output.a has 1 items, so no [3]"),
        ({"type": "path", "at": "b", "is": 1}, {"a": 1}, "output has no 'b' (its keys: a)"),
        ({"type": "path", "at": "a[*]", "len": 1}, {"a": 1}, "output.a is a number, not a list"),
        ({"type": "path", "at": "a", "is": 1}, {"a": True}, "it is true, which is not a number"),
        ({"type": "path", "at": "a", "len": 1}, {"a": 1}, "it is 1, which has no length"),
        ({"type": "path", "at": "", "len": 1}, "no", "the output is not JSON"),
        ({"type": "equals", "value": [1]}, "hello", "the output is not JSON"),
        (
            {"type": "expr", "value": "output.b > 1"},
            {"a": 1},
            "an object in it has no 'b' (its keys: a)",
        ),
        ({"type": "expr", "value": "output.b.c == 1"}, {"a": 1}, "an object in it has no 'b'"),
        ({"type": "expr", "value": "output[7].c"}, [1, 2], "a list in it has no [7]"),
        ({"type": "expr", "value": "output.a.keys()"}, {"a": 1}, "a number in it has no 'keys'"),
    ],
)
@pytest.mark.parametrize("negation", ["", "not-"])
def test_what_is_not_there_fails_whether_negated_or_not(
    spec: Spec, output: JsonValue, but: str, negation: str
) -> None:
    found = verdict({**spec, "type": f"{negation}{spec['type']}"}, said(output))
    assert isinstance(found, Failed)
    assert but in found.reason.rpartition(", but ")[2]


@pytest.mark.parametrize(
    "kind",
    ["latency", "cost", "tokens", "time-to-first-token", "steps", "no-errors"],
)
@pytest.mark.parametrize("negation", ["", "not-"])
def test_what_was_not_measured_is_errored_and_never_failed(kind: str, negation: str) -> None:
    found = verdict({**KINDS[kind].example, "type": f"{negation}{kind}"}, said("fine"))
    assert isinstance(found, Errored)
    assert re.fullmatch("no .* (was|were) recorded for this answer", found.reason)


@pytest.mark.parametrize(
    "value",
    [
        "len(output.listings) == 2 and text.startswith('{')",
        "output.listings[0].price < output.listings[1].price",
        "sum([1, 2.5]) == 3.5 and max(1, 2) == 2 and upper('a') == 'A'",
        "sorted(set([2, 1, 2])) == [1, 2] and any([0, 1]) and not all([0, 1])",
        "input.city == 'San Jose' and tool_calls[0].arguments.beds == 2",
        "latency_ms <= 10 and cost_usd < 1 and 'a' in ('a', 'b')",
        "output.items == 1 and output.keys == 2 and output.count == 3",
        "output.values == 4 and output.get == 5 and output['items'] == 1",
    ],
)
def test_an_expression_reads_data_and_takes_any_key_before_a_method(value: str) -> None:
    keys: Spec = {"items": 1, "keys": 2, "count": 3, "values": 4, "get": 5}
    output: Spec = {"listings": [{"price": 1}, {"price": 2}], **keys}
    subject = Subject(output, {"city": "San Jose"}, (SEARCHED,), latency_ms=10, cost_usd=0)
    assert verdict({"type": "expr", "value": value}, subject) == Passed()


@pytest.mark.parametrize("value", ["output.__class__", "output['__class__']", "text['upper']",
    "output['items']", "output.keys", "output['a'].real", "text.format", "latency_ms['real']",
    "'a' * 1000000000", "text * 1000000000", "'%1000000000d' % 1", "[0] * 1000000000",
    "text + text", "output.a / 0"])  # fmt: skip
def test_an_expression_reaches_no_attribute_and_builds_no_text(value: str) -> None:
    subject = Subject({"a": 1}, latency_ms=1)
    assert isinstance(verdict({"type": "expr", "value": value}, subject), Failed)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("10 ** 9", "pow is not part of an expression"),
        ("text ~ text", "concat is not part of an expression"),
        ("output | length", "filter is not part of an expression"),
        ("output is defined", "test is not part of an expression"),
        ("open('x')", "only these can be called: abs, all"),
        ("price > 1", "unknown name 'price'; known: context, cost_usd, input"),
        ("text.format(1)", "only these can be called: abs"),
        ("output.items()", "and of a value: count, endswith, get, keys"),
        ("output['get']('a')", "only these can be called"),
        ("1 }} {{ 2", "not an expression"),
        ("(" * 500 + "1" + ")" * 500, "longer than 1000"),
        ("-" * 999 + "1", "not an expression"),
    ],
)
def test_an_expression_outside_the_grammar_is_refused(value: str, told: str) -> None:
    with within(5), pytest.raises(Refusal) as refused:
        parse({"type": "expr", "value": value})
    assert told in str(refused.value)


def schema(**keywords: JsonValue) -> Spec:
    return {"type": "is-json", "value": keywords}


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        ({"type": "regex", "value": "(x+x+)+y"}, "x" * 5_000),
        ({"type": "not-regex", "value": "(a+)+$"}, "a" * 5_000 + "!"),
        (schema(items={"pattern": "(x+x+)+y"}), ["x" * 5_000]),
        (schema(patternProperties={"(x+x+)+y": {}}), {"x" * 5_000: 1}),
        (schema(patternProperties={"(x+x+)+y": {}}, additionalProperties=False), {"x" * 5_000: 1}),
    ],
)
def test_a_pattern_that_backtracks_is_errored_in_time(spec: Spec, output: JsonValue) -> None:
    with within(5):
        found = verdict(spec, said(output))
    assert isinstance(found, Errored)
    assert "it backtracks" in found.reason


def twice(number: int) -> JsonValue:
    follower: JsonValue = {"$ref": f"#/$defs/a{number + 1}"}
    return {"allOf": [follower, follower]}


DOUBLING: Spec = {"a30": {}, **{f"a{number}": twice(number) for number in range(30)}}


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        ({"type": "count", "of": "items", "max": 3}, "\n" * 30_000),
        ({"type": "count", "of": "sentences", "max": 3}, "." * 30_000 + "x"),
        ({"type": "expr", "value": "round(5, -999999999) == 0"}, ""),
        ({"type": "expr", "value": "len(sum(output, [])) > 1"}, [[1]] * 100_000),
        (schema(**{"$ref": "#/$defs/a0", "$defs": DOUBLING}), {}),
        (schema(uniqueItems=True), list(range(100_000))),
        (schema(multipleOf=0.5), "1" + "0" * 400),
        (schema(patternProperties={"(x+x+)+y": {}}, unevaluatedProperties=False), {"x" * 50: 1}),
    ],
)
def test_the_work_of_a_check_is_bounded(spec: Spec, output: JsonValue) -> None:
    with within(5):
        found = verdict_unless_refused(spec, said(output))
    # What took too long to know may be errored or refused; it is never the answer's fault.
    assert not isinstance(found, Failed)


@pytest.mark.parametrize("keywords", [{"$ref": "#"}, {"$ref": "#/$defs/none"},
    {"$ref": "#/type", "type": "object"}, {"$ref": "#/required/a", "required": []},
    {"$dynamicRef": "http://a.example/b"}])  # fmt: skip
def test_a_schema_that_cannot_be_followed_is_refused_or_errored(keywords: Spec) -> None:
    found = verdict_unless_refused(schema(**keywords), said({}))
    assert found is None or (isinstance(found, Errored) and "cannot be followed" in found.reason)
