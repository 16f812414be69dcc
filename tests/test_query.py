import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regrade_tools.models import Message, Span, ToolCall, Trace
from regrade_tools.refusal import Refusal
from regrade_tools.texts.words import fold, pattern, tokens
from regrade_tools.traces.matching import SEARCHED_CHARACTERS, excerpt, matches, searched
from regrade_tools.traces.query import (
    FACETS,
    MEASURES,
    QUALIFIERS,
    Having,
    Query,
    Within,
    Words,
    parse,
)

NOW = 1_800_000_000.0
DAY = 86_400.0


def query(text: str) -> Query:
    return parse(text, now=NOW)


def words(*found: str, prefix: bool = False, negated: bool = False) -> Query:
    return Query(words=(Words(found, prefix, negated),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Query()),
        ("  \n ", Query()),
        ("Refund", words("refund")),
        ("gpt-4o", words("gpt", "4o")),
        ("don't", words("don", "t")),
        ("snake_case", words("snake", "case")),
        ('"Not available"', words("not", "available")),
        (r'"a \"b\" \\ c"', words("a", "b", "c")),
        ("-test", words("test", negated=True)),
        ('-"not there"', words("not", "there", negated=True)),
        ("refund*", words("refund", prefix=True)),
        ("-refund*", words("refund", prefix=True, negated=True)),
        ("late refund", Query(words=(Words(("late",)), Words(("refund",))))),
        ('refund - please ? "" -"…" *', Query(words=(Words(("refund",)), Words(("please",))))),
        ("- tag:a", Query(having=(Having("tag", "a"),))),
        ('"status:error"', words("status", "error")),
    ],
)
def test_words_are_read(text: str, found: Query) -> None:
    assert query(text) == found


NAMED = ("status", "wrong", "label")


@pytest.mark.parametrize("facet", [facet for facet in FACETS if facet not in NAMED])
def test_every_facet_is_read_plain_negated_quoted_and_as_a_prefix(facet: str) -> None:
    read = query(f'{facet}:Prod -{facet}:b {facet.upper()}:"Two Words*" {facet}:gpt-4o* {facet}:*')
    assert [replace(term, facet="tag") for term in read.having] == [
        Having("tag", "prod"),
        Having("tag", "b", negated=True),
        Having("tag", "two words*"),
        Having("tag", "gpt-4o", prefix=True),
        Having("tag", "", prefix=True),
    ]
    assert {term.facet for term in read.having} == {facet}
    assert replace(read, having=()) == Query()


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("label:fail", Having("label", "fail")),
        ("-label:PASS", Having("label", "pass", negated=True)),
        ("label:none", Having("label", "", prefix=True, negated=True)),
        ("-label:none", Having("label", "", prefix=True)),
        ('mode:"Wrong date"', Having("mode", "wrong date")),
        ("wrong:Tool_Error", Having("wrong", "tool_error")),
        ("wrong:*", Having("wrong", "", prefix=True)),
        ("wrong:none", Having("wrong", "", prefix=True, negated=True)),
    ],
)
def test_a_label_its_mode_and_what_went_wrong_are_read(text: str, term: Having) -> None:
    assert query(text) == Query(having=(term,))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("latency:>2s", Within("latency", ">", 2000)),
        ("latency:>=150ms", Within("latency", ">=", 150)),
        ("latency:<1.5m", Within("latency", "<", 90_000)),
        ("latency:<=2s", Within("latency", "<=", 2000)),
        ("latency:>0", Within("latency", ">", 0)),
        ("cost:>0.01", Within("cost", ">", 0.01)),
        ("cost:<$1", Within("cost", "<", 1)),
        ("cost:>=1e-3", Within("cost", ">=", 0.001)),
        ("tokens:>4000", Within("tokens", ">", 4000)),
        ('Tokens:"<= 10"', Within("tokens", "<=", 10)),
    ],
)
def test_every_measure_is_read_with_its_bound(text: str, term: Within) -> None:
    assert query(text) == Query(within=(term,))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("since:7d", Query(since=NOW - 7 * DAY)),
        ("since:12h until:30m", Query(since=NOW - DAY / 2, until=NOW - 1800)),
        ("until:2w", Query(until=NOW - 14 * DAY)),
        ("since:2026-11-01", Query(since=1_793_491_200)),
        ("until:2026-11-01T08:00", Query(until=1_793_520_000)),
        ("since:2026-11-01T08:00:00+02:00", Query(since=1_793_512_800)),
        ("since:2026-11-01T08:00:00Z", Query(since=1_793_520_000)),
        ("since:1793520000", Query(since=1_793_520_000)),
        ("since:1793520000123", Query(since=1_793_520_000.123)),
    ],
)
def test_every_time_is_read(text: str, found: Query) -> None:
    assert query(text) == found


def test_a_whole_query_is_read_term_by_term() -> None:
    text = 'refund -test "not there" status:error -tag:staging latency:>2s cost:<1 since:7d'
    assert query(text) == Query(
        words=(Words(("refund",)), Words(("test",), negated=True), Words(("not", "there"))),
        having=(Having("status", "error"), Having("tag", "staging", negated=True)),
        within=(Within("latency", ">", 2000), Within("cost", "<", 1)),
        since=NOW - 7 * DAY,
    )


@pytest.mark.parametrize(
    ("text", "problem", "next_step"),
    [
        ("statu:a", "There is no qualifier 'statu' (did you mean 'status'?); valid: ", "statu:a"),
        ("https://a.example", "There is no qualifier 'https'", '"https://a.example"'),
        ('status:""', "status: has no value.", "status:error"),
        ('"unclosed phrase', "The quote in '\"unclosed' is not closed.", "Example: refund"),
        ('tag:"unclosed', "The quote in 'tag:\"unclosed' is not closed.", "Example: refund"),
        ("since:7", "since:7 is no time.", "since:7d"),
        ("status:failed", "There is no status 'failed'; valid: error, ok.", ""),
        ("label:bad", "There is no label 'bad'; valid: fail, none, pass.", ""),
        ("status:", "status: has no value.", "status:error"),
        ("refund status: error", "status: has no value.", "status:error"),
        ("-latency:>2s", "-latency: cannot be negated.", "Turn its sign round"),
        ("-since:7d", "-since: cannot be negated.", "until:"),
        ("latency:2s", "latency:2s is no bound.", "latency:>2s"),
        ("latency:>soon", "latency:>soon is no bound.", "latency:>2s"),
        ("latency:>900", "latency:>900 has no unit.", "latency:>900ms or latency:>900s"),
        ("ttft:<=0.5", "ttft:<=0.5 has no unit.", "ttft:<=0.5ms or ttft:<=0.5s"),
        ("latency:>-1s", "latency:>-1s is no bound.", "latency:>2s"),
        ("cost:>free", "cost:>free is no bound.", "cost:>0.01"),
        ("cost:>nan", "cost:>nan is no bound.", "cost:>0.01"),
        ("tokens:>4k", "tokens:>4k is no bound.", "tokens:>=4000"),
        ("tokens:>1e16", "tokens:>1e16 is no bound.", "tokens:>=4000"),
        ("since:yesterday", "since:yesterday is no time.", "since:7d, since:12h"),
        ("a " * 65, "The query has more than 64 terms.", "Example: "),
        ("a" * 2001, "The query is longer than 2000 characters.", "Example: "),
    ],
)
def test_a_mistake_is_refused_with_what_is_valid(text: str, problem: str, next_step: str) -> None:
    with pytest.raises(Refusal) as refused:
        query(text)
    assert refused.value.problem.startswith(problem)
    assert next_step in refused.value.next_step


@pytest.mark.parametrize(
    ("text", "named"),
    [
        *((sign, sign) for sign in ("👎", "🙂", ":", "?!", "…", "-", "*", '""', "$;--")),
        ("-👎*", "👎*"),
        ('- ... * "" -""', "-"),
        ("👎 refund", "👎"),
        ("refund -👎", "👎"),
        ('refund "👍 👎"', "👍 👎"),
        ("since:7d + tag:a", "+"),
    ],
)
def test_what_has_no_letter_is_refused_and_never_finds_everything(text: str, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        query(text)
    told = f"{named!r} has no letter or digit, and only those are searched."
    assert refused.value.problem == told
    assert refused.value.next_step.startswith("Leave it out, or write a word or a qualifier.")


def test_an_unknown_qualifier_is_told_all_the_known_ones() -> None:
    with pytest.raises(Refusal, match=", ".join(sorted(QUALIFIERS))):
        query("colour:red")


@pytest.mark.parametrize("text", ['"a b"clinging', 'tag:"a b"clinging', '-"a b"clinging*'])
def test_what_clings_to_a_closing_quote_is_read_or_refused(text: str) -> None:
    try:
        read = query(text)
    except Refusal:
        return
    assert "clinging" in repr(read)


PIECES = st.sampled_from([*QUALIFIERS, "-", ":", '"', "*", ">", "<=", "7d", "2s", "0.1", " ", "\\",
                          "2026-11-01", "word", "é", "世界"])  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join) | st.text())
def test_any_text_is_read_or_refused_with_a_next_step(text: str) -> None:
    try:
        read = query(text)
    except Refusal as refused:
        told = refused.next_step
    else:
        told = repr(read)
        assert (read == Query()) == (not text.strip())
        assert all(term.tokens for term in read.words)
        assert {term.facet for term in read.having} <= set(FACETS)
        assert {term.measure for term in read.within} <= set(MEASURES)
    assert told


@given(st.lists(st.text(st.characters(categories=["L", "Nd", "Zs"]), min_size=1), max_size=9))
def test_every_plain_word_is_looked_for_and_found_in_its_own_text(found: list[str]) -> None:
    text = " ".join(found)
    # These are refused.
    assume(not {"AND", "OR", "NOT"} & {*text.split()})
    read = query(text)
    assert tuple(word for term in read.words for word in term.tokens) == tokens(text)
    assert matches(read, Trace("tr_a", "a", "chat", input=text), NOW)


TRACE = Trace(
    id="tr_a",
    source="logs/Chat.jsonl:12",
    format="chat",
    name="Answer",
    session="S-1",
    model="gpt-4o-mini",
    status="error",
    error="Timed out",
    duration_ms=2000,
    input_tokens=3000,
    output_tokens=1000,
    cost_usd=0.01,
    tags=("Prod", "eu"),
    messages=(
        Message("user", "Where is my REFUND?"),
        Message("assistant", "", (ToolCall("find_order", {"number": 4711, "how": ["Crème"]}),)),
        Message("tool", "order 4711: not available"),
    ),
    spans=(
        Span("1", "llm", "llm", input="seen by the model alone"),
        Span("2", "db", error="connection lost", output={"rows": "東京都"}),
    ),
)
BEGAN = NOW - DAY


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("refund", True),
        ("refunds", False),
        ("refun", False),
        ("refun*", True),
        ("-refun*", False),
        ("-invoice", True),
        ('"not available"', True),
        ('"available not"', False),
        ("creme how 4711", True),
        ("find_order", True),
        ("timed connection 東京*", True),
        ("model", False),
        ("status:error", True),
        ("status:ok", False),
        ("-status:ok", True),
        ("model:GPT-4o*", True),
        ("model:gpt-4o", False),
        ("name:answer session:s-1 format:chat", True),
        ("tag:prod tag:EU", True),
        ("tag:prod -tag:eu", False),
        ("tag:p*", True),
        ("tool:find_order", True),
        ("tool:find", False),
        ("source:logs/chat.jsonl", True),
        ("source:logs/*", True),
        ("latency:>2s", False),
        ("latency:>=2s latency:<=2s", True),
        ("latency:<2s", False),
        ("cost:>0.009 cost:<0.011", True),
        ("tokens:>4000", False),
        ("tokens:>=4000", True),
        ("since:1d", True),
        ("since:23h", False),
        ("until:1d", False),
        ("until:23h", True),
    ],
)
def test_a_query_means_what_it_says(text: str, *, found: bool) -> None:
    assert matches(query(text), TRACE, BEGAN) == found


@pytest.mark.parametrize("text", ["latency:>=0s", "latency:<9d", "cost:<9", "tokens:<9", "name:*"])
def test_what_was_not_logged_is_within_no_bound(text: str) -> None:
    assert not matches(query(text), Trace("tr_b", "b.jsonl", "chat"), BEGAN)


def test_only_the_first_part_of_a_runaway_text_is_searched() -> None:
    trace = Trace("tr_c", "c", "chat", input="first " + "x " * SEARCHED_CHARACTERS + "last")
    assert matches(query("first -last"), trace, BEGAN)
    assert len("\n".join(text for _, text in searched(trace))) == SEARCHED_CHARACTERS


def test_an_excerpt_is_one_line_that_says_where_the_first_word_stands_and_marks_the_words() -> None:
    long = "before " * 30 + "the late\nREFUND " + "after " * 40
    trace = Trace("tr_a", "a", "chat", input="a short one", output=long)
    shown = excerpt(query("-test refund late*").words, trace)
    assert re.fullmatch(r"output: \.\.\..*the \*\*late\*\* \*\*REFUND\*\* after.*\.\.\.", shown)
    assert excerpt(query("invoice").words, trace) == ""
    assert excerpt(query("-invoice").words, trace) == ""
    assert excerpt(query('"A short"').words, trace) == "input: **a short** one"
    spoken = replace(TRACE, input=None)
    assert [excerpt(query(word).words, spoken) for word in ("refund", "4711", "東京*", "lost")] == [
        "user: Where is my **REFUND**?",
        "tool call: **4711**",
        "span db output: **東京**都",
        "span db error: connection **lost**",
    ]


def test_a_phrase_stands_in_one_text_and_not_across_two() -> None:
    trace = Trace("tr_a", "a", "chat", input="was late", output="refund due")
    assert not matches(query('"late refund"'), trace, NOW)
    assert matches(query('"was late" "refund due"'), trace, NOW)


@pytest.mark.parametrize(
    ("text", "folded", "found"),
    [
        ("Crème BRÛLÉE", "creme brulee", ("creme", "brulee")),
        ("Cre\u0300me", "creme", ("creme",)),
        ("Ångström İstanbul", "angstrom istanbul", ("angstrom", "istanbul")),
        ("ΆΛΦΑ Ёлка", "αλφα елка", ("αλφα", "елка")),
        ("Straße", "strasse", ("strasse",)),
        ("東京都、世界!", "東京都、世界!", ("東京都", "世界")),
        ("한국어 \u1112\u1161\u11ab", "한국어 한", ("한국어", "한")),
        ("がぎ カ\u3099 ぱ", "がぎ ガ ぱ", ("がぎ", "ガ", "ぱ")),
        ("snake_case x2-3", "snake_case x2-3", ("snake", "case", "x2", "3")),
        ("", "", ()),
    ],
)
def test_case_and_accents_are_folded_and_the_marks_of_other_scripts_are_kept(
    text: str, folded: str, found: tuple[str, ...]
) -> None:
    assert (fold(text), tokens(text)) == (folded, found)


@given(st.text())
def test_the_words_of_a_text_are_found_in_it_side_by_side(text: str) -> None:
    found = tokens(text)
    assert not found or pattern(found, prefix=False).search(fold(text))
