"""What users and evaluators said of a trace: from the exports of platforms to searches."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from console import spoken
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from pydantic import JsonValue
from test_formats import BEGAN, LEAK, SPAN_ID, TRACE_ID, Fields, exported, logged, read, typed
from test_store import found, made, store

from regrade_server.house import House
from regrade_server.memory import MemoryStore
from regrade_server.protocol.app import build_server
from regrade_server.sqlite import SqliteStore
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Feedback, Trace
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.traces.digest import digest
from regrade_tools.traces.exports import native, spans
from regrade_tools.traces.query import parse
from regrade_tools.traces.store import Appended
from regrade_tools.traces.verbs import Traces

__all__ = ["store"]
pytestmark = pytest.mark.anyio

RUN: Fields = {
    "id": "r1", "trace_id": "r1", "run_type": "llm", "name": "x", "inputs": {"input": "q"},
    "outputs": {"output": "a"}, "start_time": "2026-11-01T10:00:00Z",
    "end_time": "2026-11-01T10:00:01Z",
}  # fmt: skip
SAID: Fields = {
    "id": "f1", "run_id": "r1", "trace_id": "r1", "key": "user_score", "score": 0, "value": None,
    "comment": "wrong city", "feedback_source": {"type": "app"},
    "created_at": "2026-11-02T10:00:00Z",
}  # fmt: skip
EVENT: JsonValue = {
    "name": "gen_ai.evaluation.result", "timeUnixNano": str(BEGAN + 5),
    "attributes": [
        typed("gen_ai.evaluation.name", "Relevance"),
        {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 0.25}},
        typed("gen_ai.evaluation.score.label", "fail"),
        typed("gen_ai.evaluation.explanation", "off topic"),
    ],
}  # fmt: skip
RELEVANCE = Feedback("Relevance", 0.25, "fail", "off topic", "", SPAN_ID)
SCORES: JsonValue = [
    {"name": "thumbs", "value": 0, "dataType": "BOOLEAN", "stringValue": "False", "source": "API",
     "comment": "no", "observationId": "o1"},
    {"name": "tone", "value": 2, "dataType": "CATEGORICAL", "stringValue": "rude",
     "source": "ANNOTATION"},
    {"name": "halluc", "value": 0.1, "dataType": "NUMERIC", "source": "EVAL", "stringValue": None},
    {"name": "output", "value": 0, "dataType": "CORRECTION", "stringValue": "Two flats."},
    {"name": "empty", "value": None},
]  # fmt: skip
ASSESSED: JsonValue = [
    {"assessment_name": "correct", "span_id": "s1", "source": {"source_type": "LLM_JUDGE"},
     "feedback": {"value": False}, "rationale": "no such flat", "valid": True},
    {"assessment_name": "old", "feedback": {"value": 1}, "valid": False},
    {"assessment_name": "broken", "source": {"source_type": "CODE"},
     "feedback": {"value": None, "error": {"error_message": "timed out"}}},
    {"assessment_name": "note", "source": {"source_type": "HUMAN"},
     "feedback": {"value": "It named two flats\nthat are let."}},
    {"assessment_name": "facts", "expectation": {"value": "two flats"}},
    {"assessment_name": "list", "expectation":
     {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": '["a", "b"]'}}},
]  # fmt: skip
RECORDS: dict[str, tuple[list[JsonValue], tuple[Feedback, ...]]] = {
    "an event of OpenTelemetry": ([exported(logged({}, events=[EVENT]))], (RELEVANCE,)),
    "attributes of OpenTelemetry": (
        [exported(logged({"gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.label": "ok"}))],
        (Feedback("a", None, "ok", span_id=SPAN_ID),)),
    "annotations of OpenInference": (
        [exported(logged({
            "annotations.0.annotation.name": "quality", "annotations.0.annotation.score": 1,
            "annotations.0.annotation.annotator_kind": "HUMAN",
            "evaluations.7.evaluation.name": "b", "evaluations.7.evaluation.label": "good",
            "trace.annotations.0.annotation.name": "whole",
            "trace.annotations.0.annotation.explanation": "fine",
            "annotations.x.annotation.name": "none"}))],
        (Feedback("quality", 1, "", "", "human", SPAN_ID),
         Feedback("b", None, "good", "", "", SPAN_ID),
         Feedback("whole", None, "", "fine"))),
    "annotations of Phoenix": (
        [{"context": {"trace_id": "t", "span_id": "s"}, "name": "n", "annotations": [
            {"name": "quality", "annotator_kind": "LLM",
             "result": {"label": "good", "score": 0.9, "explanation": "well said"}},
            {"name": "flat", "annotator_kind": "CODE", "score": 0}]}],
        (Feedback("quality", 0.9, "good", "well said", "model", "s"),
         Feedback("flat", 0, "", "", "code", "s"))),
    "scores of Langfuse": (
        [{"id": "t", "observations": [], "scores": SCORES}],
        (Feedback("thumbs", 0, "False", "no", "api", "o1"),
         Feedback("tone", 2, "rude", "", "human"),
         Feedback("halluc", 0.1, "", "", "model"), Feedback("output", None, "", "Two flats."))),
    "statistics of LangSmith": (
        [{**RUN, "feedback_stats": {
            "user_score": {"n": 2, "avg": 0.5, "values": {}, "comments": ["late", "fine"],
                           "sources": ['{"type": "api"}']},
            "tone": {"n": 3, "avg": None, "values": {"rude": 2, "kind": 1}}, "bad": None}}],
        (Feedback("user_score", 0.5, "", "late\nfine", "api", "r1"),
         Feedback("tone", None, "rude", "", "", "r1"),
         Feedback("tone", None, "kind", "", "", "r1"))),
    "feedback of LangSmith": (
        [SAID, RUN, {**SAID, "id": "f2", "key": "tone", "score": None, "value": "rude"}],
        (Feedback("user_score", 0, "", "wrong city", "human", "r1"),
         Feedback("tone", None, "rude", "wrong city", "human", "r1"))),
    "feedback of LangSmith without its run": (
        [SAID], (Feedback("user_score", 0, "", "wrong city", "human", "r1"),)),
    "assessments of MLflow": (
        [{"info": {"trace_id": "t", "assessments": ASSESSED}, "data": {"spans": []}}],
        (Feedback("correct", 0, "false", "no such flat", "model", "s1"),
         Feedback("broken", None, "", "timed out", "code"),
         Feedback("note", None, "", "It named two flats\nthat are let.", "human"))),
    "scores of Braintrust": (
        [{"span_id": "s", "metrics": {}, "input": "q", "output": "a",
          "scores": '{"Factuality": 0.6, "none": null}'}], (Feedback("Factuality", 0.6),)),
    "scores of Inspect": (
        [{"eval": {}, "sample": {"messages": [{"role": "user", "content": "q"}], "scores": {
            "match": {"value": "I", "answer": "No", "explanation": "not Yes"},
            "parts": {"value": {"a": 1, "b": 0.5}, "explanation": "half"}}}}],
        (Feedback("match", None, "I", "not Yes"), Feedback("parts.a", 1, "", "half"),
         Feedback("parts.b", 0.5))),
    "a plain word": (
        [{"input": "q", "output": "a", "feedback": "thumbs_down"}],
        (Feedback("feedback", None, "thumbs_down"),)),
    "plain ratings": (
        [{"input": "q", "output": "a", "feedback": {"helpful": True, "stars": "4.5"}}],
        (Feedback("helpful", 1, "true"), Feedback("stars", 4.5))),
    "whole ones": (
        [{"messages": [{"role": "user", "content": "q"}], "feedback": [
            {"name": "helpful", "score": 0, "explanation": "late", "annotator_kind": "human"}]}],
        (Feedback("helpful", 0, "", "late", "human"),)),
}  # fmt: skip


def trace_of(*records: JsonValue) -> Trace:
    (trace,) = read("".join(json.dumps(record) + "\n" for record in records))
    assert isinstance(trace, Trace)
    return trace


@pytest.mark.parametrize(("records", "expected"), RECORDS.values(), ids=RECORDS)
def test_each_format_tells_what_was_said(
    records: list[JsonValue], expected: tuple[Feedback, ...]
) -> None:
    assert trace_of(*records).feedback == expected


def test_what_people_expected_is_metadata_and_no_feedback() -> None:
    trace = trace_of({"info": {"assessments": ASSESSED}, "data": {"spans": []}})
    assert trace.metadata == {"expected.facts": "two flats", "expected.list": ["a", "b"]}


def test_a_mapping_names_the_field_of_a_rating() -> None:
    (trace,) = read('{"q": "Flats?", "a": "Two.", "stars": "2"}', input="q", output="a",
                    feedback="stars")  # fmt: skip
    assert isinstance(trace, Trace)
    assert trace.feedback == (Feedback("stars", 2),)
    assert trace.metadata == {}


@pytest.mark.parametrize("value", ["NaN", "1e999", str(10**400), "[]", '"a' + "b" * 200 + '"'])
def test_what_is_no_number_and_no_word_is_a_remark_or_nothing(value: str) -> None:
    (trace,) = read(f'{{"input": "q", "output": "a", "feedback": {{"x": {value}}}}}')
    assert isinstance(trace, Trace)
    assert all(one.value is None and len(one.label) < 100 for one in trace.feedback)


def test_a_secret_in_a_comment_is_redacted() -> None:
    scores: JsonValue = [{"name": "a", "value": 0, "comment": f"my key {LEAK}"}]
    trace = trace_of({"id": "t", "observations": [], "scores": scores})
    assert trace.feedback == (Feedback("a", 0, "", "my key [redacted:openai_key]"),)


OPINIONS = [
    made(0),
    made(1, feedback=(Feedback("User Score", 0, "", "Too late for me", "human", "s1"),)),
    made(2, feedback=(Feedback("user score", 1), Feedback("tone", None, "Rude"))),
    made(3, feedback=(Feedback("user score", 0.5), Feedback("user score", 0.75))),
    made(4, feedback=(Feedback("thumbs", 0, "thumbs_down"), Feedback("user=x", -1))),
    made(5, input="rude"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("feedback:*", [4, 3, 2, 1]), ("feedback:none", [5, 0]), ("-feedback:*", [5, 0]),
        ("-feedback:none rude", [2]), ("rude", [5, 2]), ("late", [1]), ('"too late"', [1]),
        ('feedback:"user score"', [3, 2, 1]), ("feedback:user*", [4, 3, 2, 1]),
        ("feedback:thumbs", [4]), ("feedback:thumbs_down", [4]), ("feedback:THUMBS_*", [4]),
        ("feedback:tone=rude", [2]), ("-feedback:tone=rude feedback:*", [4, 3, 1]),
        ("feedback:tone=ru*", [2]), ("feedback:tone=kind", []), ("feedback:thumbs=0", [4]),
        ('feedback:"user score"=0', [1]), ('feedback:"user score"=1.0', [2]),
        ('feedback:"user score"=0.75', [3]), ('feedback:"user score=0"', [1]),
        ('feedback:"user score"<0.6', [3, 1]), ('feedback:"user score">=1', [2]),
        ('-feedback:"user score"<0.6', [5, 4, 2, 0]), ('feedback:"USER score"<0.6 late', [1]),
        ("feedback:user=x", [4]), ('feedback:"user=x"<0', [4]), ("feedback:thumbs>0", []),
        ('feedback:"user score">0.5 -feedback:tone', [3]), ("feedback:tone<1", []),
        ('feedback:"user \n score"<0.1', [1]), ('feedback:"\ud83d"<1', []), ("feedback:\x00", []),
    ],
)  # fmt: skip
async def test_traces_are_found_by_what_was_said_of_them(
    query: str, expected: list[int], store: Store
) -> None:
    await store.append(OPINIONS)
    assert await found(store, query) == [OPINIONS[number].id for number in expected]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("feedback:", "feedback: has no value."),
        ("feedback:a<b", "feedback:a<b is no bound."),
        ("feedback:<1", "feedback:<1 is no bound."),
        ("feedback:=good", "feedback:=good is no bound."),
        ("feedback:=1", "feedback:=1 is no bound."),
        ("feedback:a<nan", "feedback:a<nan is no bound."),
        ("feedback:a>=1e400", "feedback:a>=1e400 is no bound."),
        ('feedback:a="very good"', 'A quote stands inside feedback:a="very.'),
        ('feedback:"a b"clinging', "After a closing quote stands 'clinging'."),
        ('feedback:"a"b<0.5', "After a closing quote stands 'b<0.5'."),
        ('tag:"a b"<1', "After a closing quote stands '<1'."),
    ],
)
def test_a_mistake_is_told_with_what_is_valid(query: str, problem: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(query, now=0)
    assert refused.value.problem == problem
    assert refused.value.next_step


async def test_traces_are_counted_by_what_was_said_of_them(store: Store) -> None:
    await store.append(OPINIONS)
    groups = (await store.summary(parse("", now=0), "feedback", limit=20)).groups
    assert [(group.value, group.traces) for group in groups] == [
        ("user score", 3), ("none", 2), ("thumbs", 1), ("thumbs=thumbs_down", 1), ("tone", 1),
        ("tone=rude", 1), ("user score=0", 1), ("user score=1", 1), ("user=x", 1), ("user=x=-1", 1),
    ]  # fmt: skip


async def test_what_is_removed_is_found_no_more_by_what_was_said(store: Store) -> None:
    await store.append(OPINIONS)
    assert await store.remove([trace.id for trace in OPINIONS]) == 6
    for query in ("feedback:*", 'feedback:"user score"<1', "late"):
        assert await found(store, query) == []
    await store.append(OPINIONS[:1])
    assert await found(store, "feedback:none") == [OPINIONS[0].id]


PHOENIX: Fields = {
    "context": {"trace_id": "t", "span_id": "s"}, "name": "n", "start_time": "2026-11-01T10:00:00Z",
}  # fmt: skip
EXPECTED: Fields = {"assessment_name": "facts", "expectation": {"value": "two flats"}}


def assessed(*assessments: JsonValue) -> JsonValue:
    """A trace of MLflow with what was said of it."""
    return {"info": {"trace_id": "t", "assessments": [*assessments]}, "data": {"spans": []}}


LATER: dict[str, tuple[list[JsonValue], list[JsonValue]]] = {
    "Langfuse": ([{"id": "t", "observations": [], "scores": []}],
                 [{"id": "t", "observations": [], "scores": [{"name": "a", "value": 0}]}]),
    "Langfuse's trace": ([{"trace": {"id": "t", "scores": []}, "observations": [], "id": "t"}],
                         [{"trace": {"id": "t", "scores": [{"name": "a", "value": 0}]},
                           "observations": [], "id": "t"}]),
    "MLflow": ([{"info": {"trace_id": "t"}, "data": {"spans": []}}],
               [{"info": {"trace_id": "t", "assessments": [
                   {"assessment_name": "a", "feedback": {"value": 0}}]}, "data": {"spans": []}}]),
    "MLflow's, of which something is expected": (
        [assessed(EXPECTED)],
        [assessed(EXPECTED, {"assessment_name": "a", "feedback": {"value": 0}})]),
    "MLflow's, of which nothing was said": (
        [assessed()], [assessed({"assessment_name": "a", "feedback": {"value": 0}})]),
    "MLflow's, of which all was overridden": (
        [assessed({"assessment_name": "a", "feedback": {"value": 1}, "valid": False})],
        [assessed({"assessment_name": "a", "feedback": {"value": 0}})]),
    "Phoenix": ([PHOENIX], [{**PHOENIX, "annotations": [{"name": "a", "score": 0}]}]),
    "statistics": ([RUN], [{**RUN, "feedback_stats": {"a": {"n": 1, "avg": 0}}}]),
    "feedback alone": ([RUN], [{**SAID, "key": "a"}]),
    "its run later": ([{**SAID, "key": "a"}], [RUN]),
}  # fmt: skip


@pytest.mark.parametrize(("first", "then"), LATER.values(), ids=LATER)
async def test_what_is_said_later_comes_to_the_trace_that_is_known(
    first: list[JsonValue], then: list[JsonValue], store: Store
) -> None:
    before, after = trace_of(*first), trace_of(*then)
    assert before.id == after.id
    assert await store.append([before]) == Appended(1, 0)
    assert await store.append([after]) == Appended(0, 0, completed=1)
    assert await store.append([before, after]) == Appended(0, 2)
    assert await found(store, "feedback:a=0") == await found(store, "feedback:a<1") == [before.id]
    kept = await store.trace(before.id)
    assert kept is not None
    assert [(one.name, one.value) for one in kept.feedback] == [("a", 0)]


async def test_what_was_said_may_be_edited_and_the_latest_stands(store: Store) -> None:
    first: JsonValue = [{"name": "a", "value": 0}, {"name": "b", "value": 5}]
    then: JsonValue = [{"name": "a", "value": 1}]
    await store.append([trace_of({"id": "t", "observations": [], "scores": first})])
    later = trace_of({"id": "t", "observations": [], "scores": then})
    assert await store.append([later]) == Appended(0, 0, completed=1)
    assert await found(store, "feedback:a=0") == []
    assert len(await found(store, "feedback:a=1 feedback:b=5")) == 1


async def test_what_was_said_of_a_run_stays_when_it_is_exported_with_what_was_said_since(
    store: Store,
) -> None:
    since = [{**SAID, "id": "f2", "key": "tone", "score": 1}, {**SAID, "id": "f1", "score": 2}]
    both = [("user_score", 2), ("tone", 1)]
    await store.append([trace_of(RUN, SAID)])
    for later, said in (
        (trace_of(RUN, since[0]), [("user_score", 0), ("tone", 1)]),
        # The same feedback may be edited.
        (trace_of({**RUN, "feedback": [since[1]]}), both),
    ):
        assert await store.append([later]) == Appended(0, 0, completed=1)
        assert await store.append([later]) == Appended(0, 1)
        kept = await store.trace(later.id)
        assert kept is not None
        assert [(one.name, one.value) for one in kept.feedback] == said


def test_feedback_without_an_id_is_not_taken_for_another() -> None:
    nameless = {key: value for key, value in SAID.items() if key != "id"}
    trace = trace_of(RUN, nameless, {**nameless, "key": "tone", "score": 1}, nameless)
    assert [(one.name, one.value) for one in trace.feedback] == [("user_score", 0), ("tone", 1)]


async def test_an_evaluation_that_is_logged_later_belongs_to_its_span(store: Store) -> None:
    log: Fields = {
        "traceId": TRACE_ID, "spanId": SPAN_ID, "eventName": "gen_ai.evaluation.result",
        "timeUnixNano": str(BEGAN + 5), "attributes": EVENT["attributes"],  # type: ignore[index, call-overload]
    }  # fmt: skip
    logs: Fields = {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}
    span, said = trace_of(exported(logged({}))), trace_of(logs)
    await store.append([span])
    assert await store.append([said]) == Appended(0, 0, completed=1)
    kept = await store.trace(span.id)
    assert kept is not None
    assert kept.feedback == (RELEVANCE,)


def test_a_digest_tells_what_was_said() -> None:
    trace = replace(
        made(1),
        feedback=(
            Feedback("helpful", 0, "thumbs_down", "Too\nlate.", "human", "s1"),
            Feedback("score", 0.25),
            Feedback("note", None, "", "word " * 500),
        ),
    )
    content, _ = digest(trace)
    told = content["feedback"]
    assert isinstance(told, list)
    assert told[:2] == ["helpful=thumbs_down (0, human) of s1: Too late.", "score=0.25"]
    assert str(told[2]).startswith("note: word")
    assert "feedback" not in digest(made(1))[0]


@pytest.mark.parametrize("kind", ["jsonl", "otlp"])
def test_what_was_said_is_written_out_and_read_again(kind: str) -> None:
    trace = trace_of({"id": "t", "scores": SCORES, "observations": [
        {"id": "o1", "type": "GENERATION", "name": "g", "input": "q", "output": "a"}]})  # fmt: skip
    (again,) = read({"jsonl": native, "otlp": spans}[kind].line(trace))
    assert isinstance(again, Trace)
    told, known = ({(one.name, one.value, one.label, one.comment) for one in found.feedback}
                   for found in (again, trace))  # fmt: skip
    assert told == known


async def test_an_agent_searches_by_feedback_and_reads_it(tmp_path: Path) -> None:
    log = [{"input": f"q{n}", "output": "a", "feedback": {"helpful": n % 2 == 0, "stars": n}}
           for n in range(3)]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in log))
    async with Client(build_server(House(Workspace(tmp_path)))) as client:

        async def told(tool: str, **arguments: Any) -> dict[str, Any]:
            reply = await client.call_tool(tool, arguments)
            return reply.structured_content or {}

        await told("import_traces", path="log.jsonl")
        bad = await told("search_traces", query="feedback:helpful=false", fields=["feedback"])
        few = await told("search_traces", query="feedback:stars<1")
        none = await told("search_traces", query="feedback:helpfull<1")
        counted = await told("summarize_traces", by="feedback", query="feedback:stars>0")
        read_one = await told("get_trace", trace_id=bad["traces"][0]["id"])
    assert [row["feedback"] for row in bad["traces"]] == [["helpful=false (0)", "stars=1"]]
    assert [row["preview"] for row in few["traces"]] == ["q0"]
    assert none["hint"].startswith(
        "No trace has feedback:helpfull (did you mean 'helpful'?); there is: helpful, stars,"
    )
    assert [(row["value"], row["traces"]) for row in counted["rows"]][:2] == [
        ("helpful", 2), ("stars", 2),
    ]  # fmt: skip
    assert read_one["content"]["feedback"] == ["helpful=false (0)", "stars=1"]
    _, out, _ = await to_thread.run_sync(
        spoken, "--root", str(tmp_path), "show", bad["traces"][0]["id"]
    )
    assert '  feedback: ["helpful=false (0)", "stars=1"]' in out


async def test_a_row_of_feedback_counts_what_a_search_for_it_finds(store: Store) -> None:
    said: list[JsonValue] = [
        {"name": "helpful", "score": 0, "label": "no"}, {"name": "helpful", "score": 0},
        {"name": "helpful", "score": 1, "label": "yes"}, {"name": "other", "label": "helpful"},
    ]  # fmt: skip
    log = [{"input": f"q{n}", "output": "a", "feedback": [one]} for n, one in enumerate(said)]
    traces = read("".join(json.dumps(one) + "\n" for one in log))
    await store.append([one for one in traces if isinstance(one, Trace)])
    counted = await store.summary(parse("", now=0), "feedback", limit=20)
    rows = {group.value: group.traces for group in counted.groups}
    assert rows == {
        value: len(await found(store, f"feedback:{value}"))
        for value in ("helpful", "helpful=0", "helpful=no", "helpful=yes", "other", "other=helpful")
    }
    assert rows["helpful=0"] == 2


NAMES = st.sampled_from(
    ["x", "\x00", "*", '"', "a\nb", "\ue000any", "none", "a=b", "İ", "n" * 500, ""]
)
SAYS = st.none() | st.booleans() | st.integers() | st.floats() | NAMES | st.just([{"a": None}])


@given(st.dictionaries(NAMES, SAYS, max_size=3), NAMES)
@settings(max_examples=40)
def test_whatever_was_said_is_kept_and_found(said: dict[str, JsonValue], name: str) -> None:
    """With whatever a log may hold in names and in values both stores answer alike."""
    (trace,) = read(json.dumps({"input": "q", "output": "a", "feedback": said}))
    assert isinstance(trace, Trace)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    asked = [f'feedback:"{quoted}"', f'-feedback:"{quoted}"<1', "feedback:*", "feedback:x*"]

    async def answers(store: Store) -> list[list[str]]:
        await store.append([trace])
        return [await found(store, query) for query in (asked if quoted else asked[2:])]

    with tempfile.TemporaryDirectory() as folder:
        kept = SqliteStore(Path(folder) / "store.db")
        told = anyio.run(answers, kept)
        kept.close()
    assert told == anyio.run(answers, MemoryStore())
    assert told[-2] == ([trace.id] if trace.feedback else [])


BEFORE: dict[str, JsonValue] = {
    "Langfuse": {"id": "t", "timestamp": "2026-11-01T10:00:00Z", "observations": [],
                 "scores": [{"name": "a", "value": 0}]},
    "MLflow": assessed(EXPECTED, {"assessment_name": "a", "feedback": {"value": 0}}),
}  # fmt: skip


@pytest.mark.parametrize("record", BEFORE.values(), ids=BEFORE)
async def test_a_trace_of_before_keeps_its_id_and_is_given_its_feedback(
    record: JsonValue, store: Store, tmp_path: Path
) -> None:
    trace = trace_of(record)
    before = replace(trace, id=trace_id(record, 0, trace.started_at), feedback=())
    assert before.id != trace.id
    await store.append([before])
    (tmp_path / "log.jsonl").write_text(json.dumps(record))
    for completed in (1, 0):
        told = await Traces(store, Workspace(tmp_path)).import_traces("log.jsonl")
        assert (told.stored, told.completed, told.notes) == (0, completed, [])
    assert await found(store, "feedback:a<1") == [before.id]


async def test_a_trace_of_before_of_which_nothing_was_said_is_known(
    store: Store, tmp_path: Path
) -> None:
    record = assessed()
    trace = trace_of(record)
    await store.append([replace(trace, id=trace_id(record, 0, trace.started_at))])
    (tmp_path / "log.jsonl").write_text(json.dumps(record))
    told = await Traces(store, Workspace(tmp_path)).import_traces("log.jsonl")
    assert (told.stored, told.already_known, told.notes) == (0, 1, [])
