"""What tools returned and what was retrieved: an answer may draw on it as on its input."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from calling import client_of, replied
from console import answered
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue
from test_formats import ROOT_ID, exported, logged, read
from test_programs import suite

from regrade_tools import formats
from regrade_tools.assertions import (
    Failed,
    Passed,
    Subject,
    Verdict,
    check,
    parse,
    subject_of,
)
from regrade_tools.files.documents import load
from regrade_tools.formats import Reading
from regrade_tools.models import Message, Span, ToolCall, Trace
from regrade_tools.secrets.redaction import Redaction

FOUND, INVENTED = "https://a.example/found", "https://a.example/invented"
ASKED, CALLED = Message("user", "Where?"), Message("assistant", "", (ToolCall("search", "x", "1"),))
TOLD, ANSWERED = Message("tool", f"See {FOUND}."), Message("assistant", f"At {FOUND}")
SEARCH = Span("s", "search", "tool", output={"hits": [{"url": FOUND}]})
DOCUMENTS = Span("r", "retrieve", "retrieval", output=[{"page_content": f"It is at {FOUND}"}])
MODEL = Span("m", "chat", "llm", output=f"At {INVENTED}")


def trace(**more: Any) -> Trace:
    return Trace("tr_aaaaaaaaaaaaa", "x", "chat", **more)


def grounded(one: Trace, step: int | None = None) -> Verdict:
    return check(parse({"type": "grounded-urls"}), subject_of(one, step))


AGAIN = (ASKED, CALLED, Message("tool", "Nothing."), Message("assistant", f"Still at {FOUND}"))
SOUND: dict[str, Trace] = {
    "a message of a tool": trace(messages=(ASKED, CALLED, TOLD, ANSWERED)),
    "one of a turn before, which is of the input": trace(
        messages=(ASKED, CALLED, TOLD, ANSWERED, *AGAIN)),
    "one without a call": trace(messages=(ASKED, TOLD, ANSWERED)),
    "one of the older role": trace(
        messages=(ASKED, CALLED, Message("function", FOUND), ANSWERED)),
    "a span of a tool": trace(messages=(ASKED, ANSWERED), spans=(SEARCH, MODEL)),
    "one inside an agent, beside a message of another tool": trace(
        messages=(ASKED, CALLED, Message("tool", "Nothing."), ANSWERED), spans=(SEARCH,)),
    "documents that were retrieved": trace(
        input="Where?", output=f"At {FOUND}", spans=(DOCUMENTS,)),
    "of a program": trace(input="Where?", output=f"At {FOUND}", program=True, spans=(DOCUMENTS,),
                          messages=(ASKED, Message("assistant", "There."))),
    "what a tool failed with": trace(
        input="Where?", output=FOUND,
        spans=(Span("s", "f", "tool", status="error", error=f"{FOUND}: 404"),)),
}  # fmt: skip


@pytest.mark.parametrize("one", SOUND.values(), ids=SOUND)
def test_an_answer_may_name_what_its_tools_returned(one: Trace) -> None:
    assert grounded(one) == Passed()


def test_what_nobody_returned_is_invented_whatever_else_was() -> None:
    lying = trace(messages=(ASKED, CALLED, TOLD, Message("assistant", INVENTED)), spans=(MODEL,))
    assert grounded(lying) == Failed(
        "the output must name only URLs that it was given, but neither the input nor what tools "
        f"and retrieval returned has ['{INVENTED}']"
    )
    # What came later is no source of an earlier answer.
    early = trace(messages=(ASKED, ANSWERED, ASKED, CALLED, TOLD, ANSWERED), spans=(SEARCH,))
    assert [type(grounded(early, step)) for step in (2, 6)] == [Failed, Passed]


@given(st.lists(st.sampled_from([ASKED, CALLED, TOLD, ANSWERED, Message("x")]), max_size=7),
       st.lists(st.sampled_from([SEARCH, DOCUMENTS, MODEL]), max_size=3))  # fmt: skip
def test_it_is_what_the_messages_and_the_spans_hold(said: list[Message], spans: list[Span]) -> None:
    one = trace(messages=tuple(said), spans=tuple(spans))
    held: list[JsonValue] = [TOLD.content, SEARCH.output, DOCUMENTS.output]
    answers = [n for n, message in enumerate(said, 1) if message in (CALLED, ANSWERED)]
    for step in (None, *answers):
        assert all(item in held for item in one.returned(step))
    if answers:
        assert one.returned() == one.returned(answers[-1])
    # None is lost where nothing was asked in between.
    if said.count(ASKED) == 1 and said[0] == ASKED and answers:
        assert one.returned().count(TOLD.content) == said[: answers[-1]].count(TOLD)


RECORDS: list[dict[str, JsonValue]] = [
    {"input": "Where?", "contexts": [f"It is at {FOUND}"]},
    {"question": "Where?", "answer": FOUND, "retrieved_contexts": json.dumps([FOUND])},
    {"input": "Where?", "context": FOUND},
    {"input": "Where?", "tool_calls": [{"name": "search", "arguments": {}, "result": FOUND}]},
    {"messages": [{"role": "user", "content": "Where?"}], "documents": [{"text": FOUND}]},
]


@pytest.mark.parametrize(
    "record",
    RECORDS,
    ids=["a list", "a text of JSON", "a text", "the result of a call", "beside messages"],
)
def test_a_record_tells_what_was_retrieved_for_it(record: dict[str, JsonValue]) -> None:
    told = {"output": f"At {FOUND}", **record}
    (one,) = formats.traces([formats.Record("x:1", told)], Reading(Redaction()))
    assert isinstance(one, Trace)
    assert grounded(one) == Passed()


BOT = f"""
def answer(question):
    told = {{"output": "At {FOUND}"}}
    if question == "context":
        return told | {{"context": [{{"text": "{FOUND}"}}]}}
    if question == "call":
        return told | {{"tool_calls": [{{"name": "search", "result": "{FOUND}"}}]}}
    if question == "silent":
        return told | {{"tool_calls": [{{"name": "search"}}]}}
    return told | {{"context": "{FOUND}"}}
"""


def test_a_program_tells_what_it_drew_on_and_its_recording_keeps_that(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(BOT)
    questions = ["context", "call", "silent", "wrong"]
    suite(tmp_path, {"python": "bot:answer"}, questions)
    (tmp_path / "evals" / "scorers.py").write_text(
        "def cited(output, context):\n    return output[3:] in str(context)\n"
    )
    wanted: list[Any] = [
        {"type": "grounded-urls"}, {"type": "expr", "value": "len(context) == 1"},
        {"type": "python", "ref": "evals/scorers.py:cited"},
    ]  # fmt: skip
    for number, asked in enumerate(questions):
        case = {"id": f"c{number}", "input": asked, "assertions": wanted}
        (tmp_path / "evals" / "cases" / "s" / f"c{number}.yaml").write_text(json.dumps(case))
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    _, live = answered("--root", str(tmp_path), "run", "s", "--record")
    told = {card["case_id"]: card["reasons"] for card in live["cards"]}
    assert live["summary"]["passed"] == 2
    assert "what its tools returned was not told (context)" in told["c2"][0]
    assert "context is a list of what tools returned" in told["c3"][0]
    kept = (tmp_path / "evals" / "recordings" / "s.jsonl").read_text().splitlines()
    assert [json.loads(line).get("context") for line in kept] == [[{"text": FOUND}], [FOUND], None]
    _, replayed = answered("--root", str(tmp_path), "run", "s", "--mode", "replay")
    assert (replayed["summary"]["passed"], replayed["summary"]["failed"]) == (2, 1)


@pytest.mark.anyio
async def test_a_case_keeps_it_only_where_an_assertion_looks_at_it(tmp_path: Path) -> None:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("target: recorded\n")
    leak = "sk-proj-" + "a1B2c3D4" * 4
    said: list[Any] = [
        {"role": "user", "content": "Where?"},
        {"role": "tool", "content": f"{FOUND} with {leak}"},
        {"role": "assistant", "content": f"At {FOUND} and {INVENTED}"},
    ]
    (tmp_path / "log.jsonl").write_text(json.dumps({"messages": said}))
    async with client_of(tmp_path) as client:
        await replied(client, "import_traces", path="log.jsonl")
        (row,) = (await replied(client, "search_traces"))["traces"]
        paths: list[str] = []
        for asked in ({"type": "grounded-urls"}, {"type": "not-contains", "value": "invented"}):
            filed = await replied(
                client, "file_case", suite="s", trace_id=row["id"], reason=asked["type"],
                assertions=[asked],
            )  # fmt: skip
            paths.append(filed["path"])
        run = await replied(client, "run_suite", suite="s", wait_s=20)
    first, second = (load((tmp_path / path).read_text()) for path in paths)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    recorded: Any = first["recorded"]
    assert recorded["context"][0].startswith(f"{FOUND} with [")
    assert "context" not in json.dumps(second)
    assert run["summary"]["failed"] == 2


@pytest.mark.parametrize("source", ["nurtureboss/nurtureboss_traces_labeled.json"])
def test_of_real_chats_those_that_say_what_a_tool_said_pass_and_an_invention_fails(
    source: str, data: Path
) -> None:
    file = data / source
    records = formats.records(file, file.name, None)
    read = formats.traces(records, Reading(Redaction()))
    told: list[tuple[str, bool, bool]] = []
    for one in (item for item in read if isinstance(item, Trace)):
        for step in (n for n, m in enumerate(one.messages, 1) if m.role == "assistant"):
            if one.messages[step - 1].content:
                subject = subject_of(one, step)
                asked = parse({"type": "grounded-urls"})
                bare = subject_of(Trace(one.id, "x", "chat", messages=one.messages[:step]), step)
                assert check(asked, bare) == check(asked, subject)
                told.append((one.source, isinstance(check(asked, subject), Passed),
                             bool(subject.context)))  # fmt: skip
    assert [source.split("#")[1] for source, passed, _ in told if not passed] == ["13"]
    assert sum(drawn for _, _, drawn in told) > 100


RETRIEVED: dict[str, tuple[dict[str, str | int], JsonValue]] = {
    "one by one": (
        {"retrieval.documents.10.document.id": "d10",
         "retrieval.documents.2.document.content": f"See {FOUND}",
         "retrieval.documents.2.document.id": "d2", "retrieval.documents.2.document.score": 1,
         "retrieval.documents.2.document.metadata": '{"page": 4}',
         "retrieval.documents.x.document.id": "none", "retrieval.documents.3.other": "none"},
        [{"content": f"See {FOUND}", "id": "d2", "score": 1, "metadata": {"page": 4}},
         {"id": "d10"}]),
    "by a reranker": (
        {"reranker.input_documents.0.document.id": "a",
         "reranker.output_documents.0.document.id": "b"}, [{"id": "b"}]),
    "beside an output": (
        {"output.value": FOUND, "retrieval.documents.0.document.id": "a"}, FOUND),
    "as OpenTelemetry has it": (
        {"gen_ai.retrieval.documents": '[{"id": "d2", "score": 0.5}]'},
        [{"id": "d2", "score": 0.5}]),
    "nothing": ({"retrieval.documents.0.document.content": ""}, None),
}  # fmt: skip


@pytest.mark.parametrize(("attributes", "output"), RETRIEVED.values(), ids=RETRIEVED)
def test_what_was_retrieved_is_the_output_of_its_span(
    attributes: dict[str, str | int], output: JsonValue
) -> None:
    kind: dict[str, str | int] = {"openinference.span.kind": "RETRIEVER"}
    (one,) = read(json.dumps(exported(logged({**kind, **attributes}))))
    assert isinstance(one, Trace)
    assert [(span.kind, span.output) for span in one.spans] == [("retrieval", output)]


def test_an_answer_may_draw_on_documents_that_are_told_one_by_one() -> None:
    (one,) = read(json.dumps(exported(
        logged({"input.value": "Where?", "output.value": f"At {FOUND}"}, spanId=ROOT_ID),
        logged({**RETRIEVED["one by one"][0], "openinference.span.kind": "RETRIEVER"},
               parentSpanId=ROOT_ID))))  # fmt: skip
    assert isinstance(one, Trace)
    assert grounded(one) == Passed()
    ranked = check(parse({"type": "recall-at-k", "at": "[*].id", "relevant": ["d2"]}),
                   Subject(one.spans[-1].output))  # fmt: skip
    assert ranked == Passed()
