"""What the kinds of assertions say at their edges."""

import math
from collections.abc import Callable
from functools import partial

import pytest
from pydantic import JsonValue

from regrade_tools.assertions import (
    KINDS,
    Errored,
    Failed,
    Passed,
    Subject,
    check,
    described,
    parse,
)
from regrade_tools.assertions.overlap import bleu, gleu, rouge_l, rouge_n
from regrade_tools.models import ToolCall
from regrade_tools.refusal import Refusal

Spec = dict[str, JsonValue]


def outcome(kind: str, output: JsonValue, given: JsonValue = None, **fields: JsonValue) -> str:
    found = check(parse({"type": kind, **fields}), Subject(output, given))
    return type(found).__name__.lower()


@pytest.mark.parametrize(
    ("score", "words", "reference", "expected"),
    [
        # Lin 2004, section 3: ROUGE-L tells "police killed the gunman" from its reverse.
        (rouge_l, "police kill the gunman", "police killed the gunman", 0.75),
        (rouge_l, "the gunman kill police", "police killed the gunman", 0.5),
        (partial(rouge_n, size=1), "the cat", "the cat sat", 0.8),
        (partial(rouge_n, size=2), "the cat", "the cat sat", 2 / 3),
        # Papineni 2002: a word counts no more often than in the reference.
        (partial(rouge_n, size=1), "the the the the the the the", "the cat is on the mat", 4 / 13),
        (bleu, "a b c d", "a b c d", 1.0),
        (bleu, "a b c d", "a b c d e f g h", math.exp(-1)),
        (bleu, "x", "a b", 0.0),
        (bleu, "", "a", 0.0),
        (gleu, "a b c d", "a b c d", 1.0),
        # 4 + 3 + 2 + 1 n-grams of the reference, 2 + 1 of them found.
        (gleu, "a b", "a b c d", 0.3),
    ],
)
def test_an_overlap_is_what_its_publication_says(
    score: Callable[[list[str], list[str]], float], words: str, reference: str, expected: float
) -> None:
    assert score(words.split(), reference.split()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM listings", "passed"),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "passed"),
        ("SELECT a FROM listings UNION SELECT b FROM users", "failed"),
        ("WITH users AS (SELECT * FROM users) SELECT * FROM users", "failed"),
        ("SELECT (SELECT max(a) FROM users)", "failed"),
        ("SELECT a FROM other.listings", "failed"),
        ("SELECT 1; DROP TABLE listings", "failed"),
        ("WITH x AS (DELETE FROM listings RETURNING a) SELECT a FROM x", "failed"),
        ("SELECT a INTO copy FROM listings", "failed"),
        ("PRAGMA writable_schema = 1", "failed"),
        ("please select something nice", "failed"),
        ("Hello world", "failed"),
        ("42", "failed"),
        ("SELECT FROM WHERE", "failed"),
        ("", "failed"),
        ("SELECT " + "(" * 9_000, "errored"),
        ("SELECT 1 " * 9_000, "errored"),
    ],
)
def test_sql_only_reads_the_tables_that_are_allowed(sql: str, expected: str) -> None:
    assert outcome("is-sql", sql, read_only=True, tables=["listings"]) == expected


def test_a_dialect_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refusal, match="postgres"):
        parse({"type": "is-sql", "dialect": "nosql"})


ENTITIES = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("kind", "output", "expected"),
    [
        ("is-xml", ENTITIES, "failed"),
        ("is-xml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "passed"),
        ("is-xml", "<a>\ud800</a>", "passed"),
        ("is-xml", "<a/> and more", "failed"),
        ("contains-xml", "<" * 5_000 + "<a><b></a>", "failed"),
        ("contains-xml", "a <b/> c", "passed"),
        ("is-html", "<!DOCTYPE html><html><body>Hi</body></html>", "passed"),
        ("is-html", "<listing>1</listing>", "failed"),
        ("contains-html", "if a <b and c> d", "passed"),
        ("is-yaml", "- a\n- b", "passed"),
        ("is-yaml", "a: [1", "failed"),
        ("is-yaml", "a: 1\n" * 99_000, "errored"),
        ("code-block", "```\n1\n```", "passed"),
        ("code-block", "````\n```\n````", "passed"),
        ("code-block", "```python", "failed"),
        ("contains-json", "[oops] then [1]", "passed"),
        ("contains-json", "[" * 3_000, "failed"),
        ("no-pii", "call (555) 123-4567", "failed"),
        ("no-pii", "SSN 123-45-6789", "failed"),
        ("no-pii", "DE89 3704 0044 0532 0130 00", "failed"),
        ("no-pii", "Version 1.2.3 of 2026-11-01 has 12345 rows, id 123456789012", "passed"),
        ("is-refusal", "  ", "passed"),
        ("grounded-urls", "https://a.example", "errored"),
        ("grounded-quotes", 'a "b c d" e', "errored"),
    ],
)
def test_a_kind_decides_its_edges(kind: str, output: str, expected: str) -> None:
    assert outcome(kind, output) == expected


@pytest.mark.parametrize(
    ("fields", "output", "expected"),
    [
        ({"value": 1200}, "It is $1,200.00.", "passed"),
        ({"value": 3}, "3 or 4", "failed"),
        ({"value": 0.3}, "0.30000000000000004", "passed"),
        ({"value": 1, "at": "a"}, {"a": True}, "failed"),
        ({"value": 1, "at": "a"}, {"a": 10**400}, "errored"),
    ],
)
def test_a_number_is_read_from_its_place_or_from_a_text_that_has_only_one(
    fields: Spec, output: JsonValue, expected: str
) -> None:
    assert outcome("close-to", output, **fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"at": "a", "same_items": [3, 1, 2.0, 1]}, "passed"),
        ({"at": "a", "same_items": [1, 2, 3]}, "failed"),
        ({"at": "a", "sorted": "ascending"}, "failed"),
        ({"at": "b", "sorted": "ascending"}, "passed"),
        ({"at": "b", "sorted": "descending"}, "failed"),
        ({"at": "c", "sorted": "descending"}, "failed"),
    ],
)
def test_a_list_compares_in_any_order_or_by_its_order(fields: Spec, expected: str) -> None:
    output: JsonValue = {"a": [1, 2, 1, 3], "b": ["a", "b", "b"], "c": [1, "a"]}
    assert outcome("path", output, **fields) == expected


@pytest.mark.parametrize(
    ("order", "names", "expected"),
    [
        ("any", ["c", "a"], Passed),
        ("in-order", ["a", "c"], Passed),
        ("in-order", ["c", "a"], Failed),
        ("exact", ["a", "b", "c"], Passed),
        ("exact", ["a", "c"], Failed),
    ],
)
def test_tools_are_called_in_any_in_this_or_in_exactly_this_order(
    order: str, names: list[JsonValue], expected: type
) -> None:
    asked = parse({"type": "tools-called", "names": names, "order": order})
    calls = tuple(ToolCall(name) for name in "abc")
    assert isinstance(check(asked, Subject("", tool_calls=calls)), expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("[]", "failed"),
        ("not JSON", "failed"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}, "passed"),
        ([{"function": {"name": "f", "arguments": '{"a": "x"}'}}], "failed"),
        ([{"function": {"name": "f", "arguments": "{"}}], "failed"),
        ([{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"b": 1}}], "passed"),
    ],
)
def test_calls_are_valid_against_the_tools_given(output: JsonValue, expected: str) -> None:
    tool: Spec = {
        "name": "f",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    }
    tools: list[JsonValue] = [{"type": "function", "function": tool}]
    assert outcome("is-valid-openai-tools-call", output, tools=tools) == expected


ENGLISH = "I found three listings for you."
GERMAN = "Ich suche eine Wohnung mit zwei Zimmern"
FRENCH = "Voici le code, pour vous:\n```python\nfor the_price in prices: pass\n```"


@pytest.mark.parametrize(
    ("value", "output", "given", "expected"),
    [
        ("en", ENGLISH, None, "passed"),
        ("en", "Leider habe ich nichts gefunden.", None, "failed"),
        ("pt-BR", "Encontrei três apartamentos para você.", None, "passed"),
        ("zh", "我找到了三套公寓。", None, "passed"),
        ("nb", "Jeg fant tre leiligheter til deg.", None, "passed"),
        ("de", '{"message": "Leider habe ich nichts gefunden.", "the": 1}', None, "passed"),
        ("fr", FRENCH, None, "passed"),
        # What is too short, or too much alike, is not told.
        ("en", "Booked!", None, "errored"),
        ("de", "OK", None, "errored"),
        ("pt", "Fica aqui.", None, "errored"),
        ("fr", "Hello", None, "errored"),
        # A few common words tell more than their letters.
        ("en", "Hello", None, "passed"),
        ("en", "We will do that.", None, "passed"),
        ("pt", "Onde fica a biblioteca?", None, "passed"),
        ("input", ENGLISH, "Can you do that?", "passed"),
        ("en", "https://a.example/the/and 123", None, "errored"),
        ("en", None, None, "errored"),
        ("qqq", ENGLISH, None, "errored"),
        ("input", "Leider habe ich nichts gefunden.", GERMAN, "passed"),
        ("input", ENGLISH, GERMAN, "failed"),
        ("input", ENGLISH, "San Jose", "errored"),
        ("input", ENGLISH, None, "errored"),
    ],
)  # fmt: skip
def test_a_language_is_told_where_it_shows(
    value: str, output: JsonValue, given: JsonValue, expected: str
) -> None:
    assert outcome("language", output, given, value=value) == expected


def test_what_compares_with_a_value_of_one_case_says_so() -> None:
    told = {one["example"]["type"] for one in described() if "Needs a reference" in one["use"]}
    with_reference = {name for name, kind in KINDS.items() if not kind.reference_free}
    assert with_reference == {
        "equals", "close-to", "levenshtein", "rouge-n", "rouge-l", "bleu", "gleu", "mrr", "ndcg",
        "recall-at-k", "precision-at-k",
    }  # fmt: skip
    assert told == with_reference


def test_what_takes_too_long_to_compare_is_errored() -> None:
    asked = parse({"type": "levenshtein", "value": "a"})
    found = check(asked, Subject("b" * 20_001))
    assert found == Errored("the output is over 20,000 characters")


ANSWER: JsonValue = {
    "text": "Der Zug f\u00e4hrt um acht Uhr. Er h\u00e4lt in Jena und Weimar.",
    "sorry": "I'm sorry, but I can't help with that.",
    "data": '{"a": 1}',
    "link": "https://made.up/x",
    "mail": "write to ada@example.com",
    "items": ["one", "two"],
}


@pytest.mark.parametrize(
    ("kind", "at", "fields"),
    [
        ("equals", "data", {"value": {"a": 1}}),
        ("contains", "text", {"value": "Jena"}),
        ("starts-with", "text", {"value": "Der"}),
        ("ends-with", "text", {"value": "Weimar."}),
        ("icontains-all", "text", {"value": ["jena", "weimar"]}),
        ("regex", "text", {"value": "^Der .*Weimar\\.$"}),
        ("count", "text", {"of": "sentences", "min": 2, "max": 2}),
        ("count", "items", {"of": "items", "min": 2, "max": 2}),
        ("language", "text", {"value": "de"}),
        ("levenshtein", "items[0]", {"value": "ones"}),
        ("rouge-l", "items[1]", {"value": "two"}),
        ("is-refusal", "sorry", {}),
        ("is-json", "data", {"value": {"required": ["a"]}}),
        ("not-is-json", "text", {}),
        ("not-no-pii", "mail", {}),
        ("not-grounded-urls", "link", {}),
    ],
)
def test_a_text_is_judged_at_its_place(kind: str, at: str, fields: Spec) -> None:
    negated = kind.removeprefix("not-") if kind.startswith("not-") else f"not-{kind}"
    assert outcome(kind, ANSWER, "asked", at=at, **fields) == "passed"
    assert outcome(negated, ANSWER, "asked", at=at, **fields) == "failed"
    for either in (kind, negated):
        assert outcome(either, ANSWER, "asked", at="absent", **fields) == "failed"


def test_a_reason_names_the_place_that_was_judged() -> None:
    asked = parse({"type": "contains", "value": "Bonn", "at": "items[0]"})
    absent = parse({"type": "not-contains", "value": "Bonn", "at": "texts"})
    assert check(asked, Subject(ANSWER)) == Failed(
        "the output at items[0] must contain 'Bonn', but it says 'one'"
    )
    assert check(absent, Subject({"text": "a"})) == Failed(
        "the output at texts must not contain 'Bonn', but output has no 'texts' (its keys: text)",
        decided=False,
    )


def test_every_kind_that_judges_a_text_takes_a_place() -> None:
    judged = {name for name, kind in KINDS.items() if "at" in kind.model_fields}
    assert set(KINDS) - judged == {
        "expr",
        "is-valid-openai-tools-call", "is-valid-function-call",
        "tool-called", "tools-called", "tool-call-count",
        "latency", "time-to-first-token", "cost", "tokens", "steps", "no-errors",
        "python", "command", "judge",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("took", "threshold", "told"),
    [(0.4, 0.1, "0.4"), (2000.3, 2000, "2000.3"), (812.4, 500, "812")],
)
def test_a_time_over_a_limit_is_shown_over_it(took: float, threshold: float, told: str) -> None:
    found = check(parse({"type": "latency", "threshold": threshold}), Subject("", latency_ms=took))
    assert found == Failed(f"the output must come within {threshold:g} ms, but it took {told} ms")
