"""What a digest tells: under a thousand tokens, what went wrong first, and where the rest is."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_server.sqlite.payload import encode
from regrade_tools import formats
from regrade_tools.models import Label, Message, Span, ToolCall, Trace
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import size
from regrade_tools.texts.jsontext import compact
from regrade_tools.traces.digest import digest
from regrade_tools.traces.wrong import Wrong, first_wrong, tool_failed, wrong_kinds

PLAIN = Trace("tr_aaaaaaaaaaaaa", "log.jsonl:1", "chat", input="Why?", output="Because.")
CALL = ToolCall("look_up", {"city": "Ulm"}, "c1")
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["\x00\u20ac" * 2_000, "word " * 1_000, "\ud83d\ude00"]
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, TEXTS, VALUES, st.sampled_from(["c1", "c2", ""]))
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "asssistant", "tool", "x"]),
    TEXTS,
    st.lists(CALLS, max_size=2).map(tuple),
    st.sampled_from(["c1", ""]),
    TEXTS,
)
SPANS = st.builds(
    Span,
    st.sampled_from(["a", "b", "c", "d", ""]),
    TEXTS,
    st.sampled_from(["llm", "tool", "agent", "retrieval", "other"]),
    st.sampled_from(["a", "b", "c", "e", ""]),
    st.none() | st.floats(0, 2e9),
    st.none() | st.floats(0, 1e7),
    st.sampled_from(["ok", "error"]),
    TEXTS,
    TEXTS,
    VALUES,
    VALUES,
)
TRACES = st.builds(
    Trace,
    st.just("tr_aaaaaaaaaaaaa"),
    TEXTS,
    st.just("chat"),
    name=TEXTS,
    session=TEXTS,
    model=TEXTS,
    status=st.sampled_from(["ok", "error"]),
    error=TEXTS,
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    input=VALUES,
    output=VALUES,
    messages=st.lists(MESSAGES, max_size=5).map(tuple),
    spans=st.lists(SPANS, max_size=5).map(tuple),
    metadata=st.dictionaries(TEXTS, VALUES, max_size=3),
    raw=VALUES,
)


def tokens(trace: Trace) -> float:
    content, hint = digest(trace)
    return size({"id": trace.id, "view": "digest", "content": content, "hint": hint}) / 4


@settings(max_examples=50)
@given(TRACES)
def test_whatever_a_trace_holds_its_digest_is_short_and_names_the_next_call(trace: Trace) -> None:
    content, hint = digest(trace)
    assert tokens(trace) <= 1_000
    assert content["status"] == trace.status
    assert "View" in hint


@settings(max_examples=50)
@given(st.lists(SPANS, max_size=8))
def test_every_span_has_one_step_whoever_its_parent_is(spans: list[Span]) -> None:
    short = tuple(replace(s, name="n", error="", input=None, output=None) for s in spans)
    content, _ = digest(replace(PLAIN, spans=short))
    steps = content.get("steps", [])
    assert isinstance(steps, list)
    assert len(steps) == len(spans)


def chat(*messages: Message) -> Trace:
    return replace(PLAIN, input=None, output=None, messages=messages)


USER, CALLS_IT = Message("user", "Flats in Ulm?"), Message("assistant", "", (CALL,))
ANSWER = Message("assistant", "None.")


@pytest.mark.parametrize(
    ("trace", "wrong"),
    [
        (PLAIN, None),
        (chat(USER, CALLS_IT, Message("tool", '{"rows": []}', (), "c1"), ANSWER), None),
        (chat(USER, CALLS_IT, Message("tool", "Error: no city", (), "c1"), ANSWER),
         Wrong("tool_error", "look_up failed: Error: no city", "", 3)),
        (replace(chat(USER, CALLS_IT, Message("tool", '{"error": "no"}', (), "c1"), ANSWER),
                 spans=(Span("c1", "look_up", "tool"),)),
         Wrong("tool_error", 'look_up failed: {"error": "no"}', "c1", 3)),
        (chat(USER, Message("assistant", "")), Wrong("empty", "the assistant said nothing", "", 2)),
        (chat(USER, ANSWER, CALLS_IT, Message("tool", "2", (), "c1")),
         Wrong("empty", "it ends with what a tool said: nobody answered", "", 4)),
        (chat(USER, CALLS_IT, CALLS_IT, CALLS_IT, ANSWER),
         Wrong("repeated_call", 'the same call for the third time: look_up({"city":"Ulm"})', "c1",
               4)),
        (replace(PLAIN, output="I'm sorry, but I can't help with that."),
         Wrong("refusal", "the answer refuses: I'm sorry, but I can't help with that.")),
        (replace(PLAIN, output=""), Wrong("empty", "there is no output")),
        (replace(PLAIN, status="error", error="timed out"), Wrong("error", "timed out")),
        (replace(PLAIN, raw={"choices": [{"finish_reason": "length"}]}),
         Wrong("truncated", "the answer was cut off: the limit of tokens was reached")),
        (replace(PLAIN, raw=[{"spanId": "s1", "attributes": [
            {"key": "gen_ai.response.finish_reasons",
             "value": {"arrayValue": {"values": [{"stringValue": "max_tokens"}]}}}]}]),
         Wrong("truncated", "the answer was cut off: the limit of tokens was reached", "s1")),
        # The cause, not the spans that pass it on; and of two causes the earlier.
        (replace(PLAIN, spans=(
            Span("root", "run", "agent", status="error", error="failed"),
            Span("late", "b", "tool", "root", started_at=9.0, status="error", error="second"),
            Span("soon", "a", "tool", "root", started_at=5.0, status="error", error="first"))),
         Wrong("tool_error", "a: first", "soon")),
        (replace(PLAIN, spans=(Span("t", "look_up", "tool", output={"isError": True}),)),
         Wrong("tool_error", 'look_up failed: {"isError":true}', "t")),
    ],
)  # fmt: skip
def test_the_first_thing_that_went_wrong_is_named_with_its_place(
    trace: Trace, wrong: Wrong | None
) -> None:
    assert first_wrong(trace) == wrong


@settings(max_examples=50)
@given(TRACES)
def test_what_went_wrong_is_of_the_same_kinds_whether_its_json_is_at_hand_or_not(
    trace: Trace,
) -> None:
    kinds = wrong_kinds(trace)
    # No text of JSON has half a character in it; see jsontext.py.
    assert kinds == wrong_kinds(trace, compact(asdict(trace)).encode(errors="replace"))
    first = first_wrong(trace)
    assert kinds[:1] == (() if first is None else (first.kind,))


@pytest.mark.parametrize(
    ("record", "kinds"),
    [
        ({"choices": [{"finish_reason": "length"}]}, ("truncated",)),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, ("truncated",)),
        ([{"spanId": "s", "attributes": [{"key": "llm.finish_reasons",
           "value": {"arrayValue": {"values": [{"stringValue": "content_filter"}]}}}]}],
         ("filtered",)),
        ({"max_tokens": 9, "stop_reason": "end_turn", "reason": "max_tokens"}, ()),
        ({"stop_reason": {"max_tokens": 9}}, ()),
    ],
)  # fmt: skip
def test_an_answer_that_was_stopped_is_told_from_a_limit_that_was_set(
    record: JsonValue, kinds: tuple[str, ...]
) -> None:
    trace = replace(PLAIN, raw=record)
    assert wrong_kinds(trace) == wrong_kinds(trace, encode(trace)) == kinds


@pytest.mark.parametrize(
    ("output", "failed"),
    [
        ("Error: no", True), ("Traceback (most recent call last)", True), ('{"error": "x"}', True),
        ({"success": False}, True), ({"status": "failed"}, True), ('{"error": null}', False),
        ("No errors were found", False), ({"status": "shipped"}, False), (None, False), ("", False),
        (["Error"], False),
    ],
)  # fmt: skip
def test_a_tool_is_heard_to_fail_by_what_it_says(output: JsonValue, failed: bool) -> None:  # noqa: FBT001 - a table
    assert tool_failed(output) is failed


def test_steps_are_a_tree_in_the_order_of_time_with_what_tools_were_given_and_said() -> None:
    spans = (
        Span("2", "chat", "llm", "1", 5.0, 20.0, output=[{"content": [{"text": "It rains."}]}]),
        Span("1", "run", "agent", "", 1.0, 30.0),
        Span(
            "3", "look_up", "other", "1", 3.0, 4.0, input={"input": {"city": "Ulm"}}, output="Rain"
        ),
        Span("4", "plumbing", "other", "3", 3.0, 0.0),
    )
    content, hint = digest(replace(PLAIN, spans=spans, calls=(CALL,)))
    assert content["steps"] == [
        "1 agent run 30 ms",
        '  3 look_up 4 ms {"city":"Ulm"} -> Rain',
        "    4 plumbing 0 ms",
        "  2 llm chat 20 ms -> It rains.",
    ]
    assert hint.startswith("No error, failed tool, loop or empty answer shows: judge what was said")


def test_the_failing_step_is_shown_of_however_many_and_plumbing_is_left_out_first() -> None:
    spans = tuple(
        Span(f"{n}", "write" if n % 2 else "search", "other" if n % 2 else "tool", "0" if n else "",
             float(n), 1.0, "error" if n == 700 else "ok", "no such city" if n == 700 else "")
        for n in range(1_000)
    )  # fmt: skip
    trace = replace(PLAIN, spans=spans)
    content, hint = digest(trace)
    steps = content["steps"]
    assert isinstance(steps, list)
    assert "  700 tool search 1 ms ERROR no such city" in steps
    assert not any("write" in str(step) for step in steps)
    left_out = sum(
        int(str(step).split()[1].replace(",", "")) for step in steps if str(step)[:3] == "..."
    )
    assert left_out + sum(str(step)[:3] != "..." for step in steps) == 1_000
    assert content["first_wrong"] == {
        "kind": "tool_error", "what": "search: no such city", "where": "span 700",
    }  # fmt: skip
    assert hint.startswith("span_id shows the failing span.")
    assert 'View "spans" shows each step.' in hint
    assert tokens(trace) <= 1_000


def test_a_digest_tells_what_was_asked_last_how_it_began_and_what_labels_say() -> None:
    trace = chat(USER, ANSWER, Message("user", "And in Bonn?"), Message("assistant", "Two."))
    label = Label(
        "l", "it", "diet", "fail", "human", "kim", 1.0, "names butter", "wrong", trace_id=trace.id
    )
    content, _ = digest(trace, [label])
    told: dict[str, Any] = {key: content[key] for key in ("opening", "input", "output", "labels")}
    assert told == {
        "opening": "Flats in Ulm?",
        "input": "And in Bonn?",
        "output": "Two.",
        "labels": ["fail diet (human): wrong: names butter"],
    }


@pytest.mark.parametrize(
    "folder",
    ["taubench", "langfuse_framework_traces", "phoenix_openinference", "otlp_json", "nurtureboss",
     "inspect_logs", "claude_code"],
)  # fmt: skip
def test_every_real_trace_is_told_in_under_a_thousand_tokens(folder: str, data: Path) -> None:
    told = 0
    for file in sorted((data / folder).iterdir()):
        if file.name.endswith((".chatml.json", "LICENSE")):
            continue
        records = formats.records(file, file.name, None)
        for trace in formats.traces(records, formats.Reading(Redaction())):
            if isinstance(trace, Trace):
                told += 1
                assert tokens(trace) <= 1_000, trace.source
    assert told


def test_a_failed_tool_of_a_real_airline_agent_is_found(data: Path) -> None:
    file = data / "taubench" / "gpt-4o-airline.json.gz"
    found = formats.traces(formats.records(file, file.name, None), formats.Reading(Redaction()))
    first = next(trace for trace in found if isinstance(trace, Trace))
    assert first_wrong(first) == Wrong(
        "tool_error", "book_reservation failed: Error: payment amount does not add up, total price "
        "is 305, but paid 255", "", 22,
    )  # fmt: skip
