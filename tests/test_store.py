import io
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_server.memory import MemoryStore
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import fingerprint, trace_id
from regrade_tools.formats import Reading, stream_records, traces
from regrade_tools.models.feedback import Feedback
from regrade_tools.models.label import Label
from regrade_tools.models.packet import Packet
from regrade_tools.models.run import (
    CaseResult,
    CheckResult,
    Run,
    RunEnd,
    Scheduled,
    StoredRun,
    Trial,
)
from regrade_tools.models.trace import Message, Span, ToolCall, Trace
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import redaction
from regrade_tools.traces.grouping import GROUPINGS, grouped
from regrade_tools.traces.matching import matches
from regrade_tools.traces.query import parse
from regrade_tools.traces.store import Appended, Page, TraceRow

# One contract for every store.
pytestmark = pytest.mark.anyio
# 2026-10-01T00:00:00Z
START = 1_790_812_800.0
DAY = 86_400.0


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    kept = SqliteStore(tmp_path / ".regrade" / "store.db")
    yield kept
    kept.close()


def made(number: int, **changes: object) -> Trace:
    """A trace that began ``number`` days after the start."""
    when = START + number * DAY
    plain = Trace(trace_id(number, 0, when), f"logs/a.jsonl:{number}", "exchange", started_at=when)
    return replace(plain, **{"input": f"question {number}", "output": "answer", **changes})


async def found(store: Store, query: str, *, oldest: bool = False) -> list[str]:
    page = await store.search(parse(query, now=START + 40 * DAY), limit=100, oldest=oldest)
    assert (page.total, page.exact, page.next_cursor) == (len(page.rows), True, None)
    return [row.id for row in page.rows]


CALL = ToolCall("search_listings", {"city": "San José", "pages": 3}, "c1")
NFD = unicodedata.normalize("NFD", "한글 が Århus") + " οδοσήμανση 5\u00b5m x\u19b0y"
TRACES = [
    made(0, input="The refund is not available.", model="gpt-4o-mini", tags=("prod", "v 14")),
    made(1, messages=(Message("user", "Flats?"), Message("assistant", "", (CALL,))), format="chat"),
    made(2, status="error", error="Timeout: e-mail", name="support", session="S-1", tags=("café",)),
    made(3, output={"東京": ["タワー", "don't"]}, duration_ms=2_500.0, cost_usd=0.02),
    made(4, input="Thanks🤔great", input_tokens=10, output_tokens=5, tags=("Cafe", "v—")),
    made(5, input="\uf0b7item foo\ue002bar", model="gpt-4o", tags=("a✅",)),
    made(6, input=NFD, source="run:1.jsonl:7"),
    made(7, spans=(Span("s", "fetch", "tool", input="zebra"), Span("t", "x", "llm", input="yak"))),
]
QUERIES: list[tuple[str, list[int]]] = [
    ("", [7, 6, 5, 4, 3, 2, 1, 0]), ("REFUND", [0]), ("refund available", [0]), ("refund yak", []),
    ('"not available"', [0]), ('"available not"', []), ("-refund", [7, 6, 5, 4, 3, 2, 1]),
    ('-"not available" -zebra', [6, 5, 4, 3, 2, 1]), ("avail*", [0]), ("avail", []),
    ("san jose", [1]), ("JOSÉ", [1]), ("pages", [1]), ("3", [3, 1]), ("timeout", [2]),
    ('"e mail"', [2]), ("e-mail", [2]), ("don't", [3]), ("東京", [3]), ("タワ*", [3]),
    ("zebra", [7]), ("yak", []), ("arhus", [6]), ("한글", [6]), ("が", [6]), ("ΟΔΟΣ*", [6]),
    ("5\u03bcm", [6]), ("x\u19b0y", [6]), ("great", [4]), ("item", [5]), ("bar", [5]),
    ("status:error", [2]), ("-status:error refund", [0]), ("model:gpt-4o", [5]),
    ("model:GPT-4o*", [5, 0]), ("-model:*", [7, 6, 4, 3, 2, 1]), ("name:support", [2]),
    ("session:s-1", [2]), ("session:s1", []), ("tag:prod", [0]), ("tag:pro", []),
    ("tag:café", [2]), ("tag:cafe", [4]), ('tag:"v 14"', [0]), ("tag:v—", [4]), ("tag:a'*", []),
    ("tag:a*", [5]), ("tool:search_listings", [1]), ("tool:fetch", [7]), ("tool:search", []),
    ("source:logs/a.jsonl", [7, 5, 4, 3, 2, 1, 0]), ("source:run:1.jsonl", [6]),
    ("format:chat", [1]), ("latency:>2s", [3]), ("latency:<2500ms", []), ("latency:<=2.5s", [3]),
    ("cost:>=0.02", [3]), ("cost:>$0.02", []), ("tokens:>14 tokens:<16", [4]),
    ("wrong:error", [2]), ("wrong:*", [2]), ("-wrong:none refund", []), ("wrong:ref*", []),
    ("since:2026-10-07", [7, 6]), ("until:2026-10-02", [0]), ("since:2026-10-02 until:38d", [1]),
    ("since:34d", [7, 6]), (f"since:{'9' * 303}d model:gpt-4o", [5]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUERIES)
async def test_a_query_finds_what_it_says(query: str, expected: list[int], store: Store) -> None:
    await store.append(TRACES)
    ids = [TRACES[number].id for number in expected]
    assert await found(store, query) == ids
    assert await found(store, query, oldest=True) == ids[::-1]


async def test_several_traces_are_read_at_once(store: Store) -> None:
    await store.append(TRACES)
    ids = [TRACES[3].id, "tr_aaaaaaaaaaaaa", TRACES[0].id, "no id"]
    assert await store.traces(ids) == {TRACES[3].id: TRACES[3], TRACES[0].id: TRACES[0]}


LONG = "word " * 60_000
STATING = [
    made(0, metadata={"customer": "ACME", "plan": "gold tier", "user": "u7"}),
    made(1, input="acme customer", metadata={"customer": "acme-eu", "flags": {"New Search": True}}),
    made(2, metadata={"flags": {"new search": False}, "labels": ["a", "b"], "user_id": 7}),
    made(3, input=LONG, metadata={"customer": "acme", "rating": 4.5}, tags=("long",)),
    made(4, metadata={"customer": "", "日本": "はい", "Cost: total": 0}),
    made(5, input="acme"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("meta.customer:acme", [3, 0]), ("META.Customer:Acme", [3, 0]),
        ("meta.customer:acme*", [3, 1, 0]), ("meta.customer:*", [3, 1, 0]),
        ("-meta.customer:acme", [5, 4, 2, 1]), ('meta.plan:"gold tier"', [0]),
        ("meta.plan:gold", []), ("meta.plan:gold*", [0]), ("meta.customer:acme-e*", [1]),
        ("meta.flags.new:true", []), ("meta.flags:true", []), ("meta.labels:b", [2]),
        ('meta."cost: Total":0', [4]), ('-meta."new":1 meta."cost: total":*', [4]),
        ('meta."flags.new search":true', [1]), ("meta.rating:4.5", [3]),
        ("meta.rating:4*", [3]), ("meta.日本:はい", [4]),
        ("user:u7", [0]), ("user:7", [2]), ("-user:* meta.customer:*", [3, 1]),
        ("meta.customer:acme tag:long", [3]), ("meta.customer:acme* acme", [1, 0]),
        ('meta.customer:acme* "acme customer"', [1]), ("word meta.customer:acme", [3]),
        ("meta.customer:other", []), ("meta.nothing:acme", []), ("customer:x meta.x", None),
    ],
)  # fmt: skip
async def test_traces_are_found_by_what_their_metadata_says(
    query: str, expected: list[int] | None, store: Store
) -> None:
    await store.append(STATING)
    if expected is None:
        with pytest.raises(Refusal, match=r"There is no qualifier 'customer'.*meta\.<key>"):
            parse(query, now=START)
        return
    assert await found(store, query) == [STATING[number].id for number in expected]


async def test_traces_are_counted_by_what_their_metadata_says(store: Store) -> None:
    await store.append(STATING)

    async def counted(by: str, query: str = "") -> list[tuple[str, int]]:
        groups = (await store.summary(parse(query, now=START), by, limit=9)).groups
        return [(group.value, group.traces) for group in groups]

    assert await counted("meta.customer") == [("", 3), ("acme", 2), ("acme-eu", 1)]
    assert await counted("meta.labels", "user:7") == [("a", 1), ("b", 1)]
    assert await counted("user") == [("", 4), ("7", 1), ("u7", 1)]


async def test_what_is_removed_or_completed_is_found_no_more_by_its_metadata(store: Store) -> None:
    await store.append(STATING)
    assert await store.remove([STATING[3].id]) == 1
    assert await found(store, "meta.customer:acme") == [STATING[0].id]
    assert await store.remove([trace.id for trace in STATING]) == 5
    assert await found(store, "meta.customer:*") == []


WRONG = [
    made(0, output="Error is a word like any other, tool_error another."),
    made(1, spans=(Span("s", "fetch", "tool", output={"error": "no such city"}),)),
    made(2, output="", spans=(Span("s", "fetch", "tool", status="error", error="timed out"),)),
    made(3, output="I'm sorry, but I can't help with that."),
    made(4, raw={"choices": [{"finish_reason": "length"}]}),
    made(5, calls=(CALL, CALL, CALL)),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("wrong:tool_error", [2, 1]), ("wrong:TOOL_ERROR -wrong:empty", [1]), ("wrong:empty", [2]),
        ("wrong:refusal", [3]), ("wrong:truncated", [4]), ("wrong:repeated_call", [5]),
        ("wrong:*", [5, 4, 3, 2, 1]), ("-wrong:*", [0]), ("wrong:none", [0]), ("wrong:error", []),
        ("-wrong:none", [5, 4, 3, 2, 1]), ("wrong:t*", [4, 2, 1]), ("tool_error", [0]),
        ("wrong:* -wrong:none 3", [3]),
    ],
)  # fmt: skip
async def test_traces_are_found_by_what_went_wrong(
    query: str, expected: list[int], store: Store
) -> None:
    await store.append(WRONG)
    assert await found(store, query) == [WRONG[number].id for number in expected]


def spoken(name: str, **more: JsonValue) -> dict[str, JsonValue]:
    """A span as OpenTelemetry logs it, of one and the same trace."""
    begin = f"{int(START) + 9 * 86_400}000000000"
    own: dict[str, JsonValue] = {
        "traceId": "a" * 32, "spanId": name * 16, "name": name, "startTimeUnixNano": begin,
        "endTimeUnixNano": begin, **more,
    }  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": [own]}]}]}


async def test_a_trace_that_is_removed_or_grows_is_found_by_what_is_wrong_now(
    store: Store,
) -> None:
    await store.append(WRONG)
    assert await store.remove([WRONG[2].id, WRONG[3].id]) == 2
    assert await found(store, "wrong:*") == [WRONG[number].id for number in (5, 4, 1)]
    for span, kinds in ((spoken("b"), ["empty"]), (spoken("c", status={"code": 2}), ["error"])):
        stream = io.BytesIO(json.dumps(span).encode())
        records = stream_records(stream, "log.json", None)
        grown = [item for item in traces(records, Reading(redaction())) if isinstance(item, Trace)]
        await store.append(grown)
        for kind in kinds:
            assert await found(store, f"wrong:{kind}") == [grown[0].id]


async def test_a_row_tells_the_trace_and_the_excerpt_why_it_was_found(store: Store) -> None:
    await store.append(TRACES)
    page = await store.search(parse("status:error mail", now=START), limit=5)
    row = TraceRow(
        TRACES[2].id, START + 2 * DAY, "support", "", "error", None, None, None, ("café",),
        "logs/a.jsonl", "question 2", "error: Timeout: e-**mail**",
    )  # fmt: skip
    assert page == Page((row,), total=1)
    silent = await store.search(parse("status:error", now=START), limit=5)
    assert silent == Page((replace(row, excerpt=""),), total=1)


async def test_an_excerpt_shows_the_word_in_a_text_of_decomposed_letters(store: Store) -> None:
    await store.append([made(1, input="e\u0301 " * 500 + "refund")])
    page = await store.search(parse("refund", now=START), limit=1)
    assert "refund" in page.rows[0].excerpt


async def test_a_trace_is_kept_once_and_the_first_one_stands(store: Store) -> None:
    first, second, third = made(1), made(2), made(3)
    assert await store.append([]) == Appended(0, 0)
    assert await store.append([first, replace(first, name="later")]) == Appended(1, 1)
    assert await store.append([replace(first, name="later"), second]) == Appended(1, 1)
    assert await store.append([first, second, third]) == Appended(1, 2)
    assert [await store.trace(trace.id) for trace in (first, second, third)] == [
        first,
        second,
        third,
    ]
    assert await store.count() == 3


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.id)
async def test_a_trace_comes_back_whole(trace: Trace, store: Store) -> None:
    raw: JsonValue = {"n": [2**70, -0.5, 1e300, None, True, "\0"]}
    whole = replace(trace, raw=raw, metadata={"k": "v"}, external_id="root")
    await store.append([whole])
    assert await store.trace(whole.id) == whole


LOGGED = {
    "nested 220 deep": '{"input": ' + "[" * 220 + "]" * 220 + ', "output": 1}',
    "nested 300 deep": '{"input": ' + "[" * 300 + "]" * 300 + ', "output": 1}',
    "4,000 digits": f'{{"input": {"9" * 4_000}, "output": 1}}',
    "beyond any float": '{"input": "a", "output": 1e999}',
    "half a pair": r'{"input": "{\"a\": \"\\ud83d\"}", "output": 1}',
    "no character": r'{"input": "a\u0000b", "output": 1}',
}


@pytest.mark.parametrize("line", LOGGED.values(), ids=LOGGED)
async def test_what_a_log_may_hold_is_skipped_or_comes_back_whole(line: str, store: Store) -> None:
    (read,) = traces(stream_records(io.BytesIO(line.encode()), "a.jsonl"), Reading(redaction()))
    kept = [read] if isinstance(read, Trace) else []
    assert await store.append(kept) == Appended(len(kept), 0)
    assert [await store.trace(trace.id) for trace in kept] == kept


@pytest.mark.parametrize(
    "name", ["", "tr_", "tr_7777777777776", "tr_" + "b" * 21, "tr_é", "x" * 99]
)
async def test_a_name_that_is_no_id_finds_no_trace(name: str, store: Store) -> None:
    await store.append(TRACES)
    assert await store.trace(name) is None


async def test_the_latest_trace_of_an_input_is_found_by_its_fingerprint(store: Store) -> None:
    chat = made(5, input=None, messages=(Message("user", "Same?"), Message("assistant", "Yes.")))
    other = made(6, input="Other?")
    await store.append([made(3, input="Same?"), chat, made(4, input="Same?"), other])
    assert await store.latest(fingerprint("Same?")) == chat
    assert await store.latest(fingerprint("Other?")) == other
    assert await store.latest(fingerprint("Unknown?")) is None


async def test_a_program_is_found_by_what_it_was_given_and_what_its_model_was(store: Store) -> None:
    said = Message("user", "Customer: late?"), Message("assistant", "No.")
    inner = made(5, input="late?", messages=said, program=True)
    await store.append([inner, made(6, input="late?", messages=said)])
    assert await store.latest(fingerprint("late?")) == inner
    assert await store.remove([inner.id]) == 1
    assert await store.latest(fingerprint("late?")) is None
    assert await store.latest(fingerprint("Customer: late?")) is not None


@pytest.mark.parametrize(
    "query",
    ["", "question", '"question here"', "-nowhere format:exchange", "quest*", "-label:fail name:*"],
)
@pytest.mark.parametrize("oldest", [False, True])
async def test_paging_shows_each_trace_once_while_others_arrive(
    *, query: str, oldest: bool, store: Store
) -> None:
    first = [made(number, input="question here", name="n") for number in range(100)]
    await store.append(first)
    seen: list[str] = []
    cursor = None
    for arrival in range(15):
        page = await store.search(parse(query, now=START), limit=7, cursor=cursor, oldest=oldest)
        assert page.total == 100 + arrival if page.exact else 7 < page.total < 100 + arrival
        seen += [row.id for row in page.rows]
        cursor = page.next_cursor
        # What arrives lies on the side that the pages have left behind.
        await store.append(
            [made(-1 - arrival if oldest else 100 + arrival, input="question here", name="n")]
        )
    assert cursor is None
    assert seen == [trace.id for trace in (first if oldest else first[::-1])]


@pytest.mark.parametrize("query", ["", "question", "label:none", "name:n tokens:>=0"])
async def test_a_total_is_exact_up_to_a_thousand(query: str, store: Store) -> None:
    many = [
        made(number, input="question", name="n", input_tokens=0, started_at=START + number)
        for number in range(1_001)
    ]
    totals: list[tuple[int, bool]] = []
    for batch in (many[:1_000], many[1_000:]):
        await store.append(batch)
        page = await store.search(parse(query, now=START), limit=20)
        totals.append((page.total, page.exact))
    assert totals == [(1_000, True), (1_000, False)]


@pytest.mark.parametrize("query", ["z_note", '"z note"', "zeb*", "session:*", "-session:x*"])
async def test_what_must_be_read_to_be_found_is_counted_exactly_as_well(
    query: str, store: Store
) -> None:
    await store.append([made(n, input="zebra z_note", session=f"s{n}") for n in range(134)])
    page = await store.search(parse(query, now=START), limit=20)
    assert (page.total, page.exact, len(page.rows)) == (134, True, 20)


@pytest.mark.parametrize("cursor", ["", "nonsense", "é", "AAAAAAAAAAA=", "f_________8", "A" * 999])
async def test_a_cursor_that_no_page_gave_is_refused(cursor: str, store: Store) -> None:
    await store.append(TRACES)
    with pytest.raises(Refusal, match="is not one that a search gave"):
        await store.search(parse("", now=START), limit=2, cursor=cursor, oldest=True)


async def test_time_begins_in_1970_and_goes_before_it(store: Store) -> None:
    days = {-100.0 * DAY: 1, 0.0: 2, 9_000.0 * DAY: 3, 9_500.0 * DAY: 4, START: 5}
    old = {number: made(number, started_at=when) for when, number in days.items()}
    for number in (5, 3, 1, 4, 2):
        await store.append([old[number]])
    page = await store.search(parse("", now=START), limit=9)
    assert [(row.id, row.when) for row in page.rows] == [
        (old[number].id, when) for when, number in reversed(days.items())
    ]
    assert await found(store, "until:1999-01-01") == [old[4].id, old[3].id, old[2].id, old[1].id]
    assert await found(store, "since:1994-01-01 until:1995-01-01") == [old[3].id]


async def test_runs_and_results_come_back_whole(store: Store) -> None:
    cases = (Scheduled("c1", "dates", "past", ("slow",), "f1", ("k1", "k2")), Scheduled("c2"))
    run = Run("run_a", "bot", "py", "nightly", START, 3, cases, "host:1", "tag:slow", "abc+")
    older = Run("run_b", "bot", "py", "nightly", START - 1, 1, ())
    other = Run("run_c", "other", "py", "nightly", START + 1, 1, ())
    failed = CheckResult({"type": "contains", "value": "é"}, "failed", "no é")
    results = [
        CaseResult("c1", 0, "failed", (failed,), {"text": ["日本"]}, (CALL,), "", 12.5, 0.25),
        CaseResult("c1", 1, "errored", error="timeout"),
        CaseResult("c2", 0, "passed", replayed=True, tokens=7),
    ]
    for item in (run, older, other):
        await store.start_run(item)
    assert await store.run("run_a") == StoredRun(run)
    await store.add_results("run_a", results[:2])
    await store.add_results("run_a", results[2:])
    await store.end_run("run_a", RunEnd("broken", START + 9, "disk full"))
    await store.end_run("run_a", RunEnd("done", START + 99))
    ended = StoredRun(
        run, RunEnd("broken", START + 9, "disk full"), 3, {"failed": 1, "errored": 1, "passed": 1}
    )
    assert await store.run("run_a") == ended
    assert await store.results("run_a") == tuple(results)
    assert await store.results("run_a", case_id="c1") == tuple(results[:2])
    assert await store.results("run_a", outcomes=("passed", "failed")) == (results[0], results[2])
    assert await store.results("run_a", case_id="c2", outcomes=("failed",)) == ()
    assert await store.trials("run_a") == (
        Trial("c1", 0, "failed", latency_ms=12.5, cost_usd=0.25),
        Trial("c1", 1, "errored"),
        Trial("c2", 0, "passed", replayed=True, tokens=7),
    )
    assert await store.runs(None, 2) == (StoredRun(other), ended)
    assert await store.runs("bot", 9) == (ended, StoredRun(older))
    assert (await store.run("run_x"), await store.results("run_x")) == (None, ())
    assert await store.trials("run_x") == ()


async def test_how_a_case_passed_last_is_of_an_earlier_run_on_the_same_target(
    store: Store,
) -> None:
    told = (
        ("run_a", "bot", "py", 1, "passed"), ("run_b", "bot", "py", 2, "passed"),
        ("run_c", "bot", "py", 3, "failed"), ("run_d", "bot", "js", 4, "passed"),
        ("run_e", "other", "py", 5, "passed"), ("run_f", "bot", "py", 6, "passed"),
    )  # fmt: skip
    for run_id, suite, target, when, outcome in told:
        await store.start_run(Run(run_id, suite, target, "n", START + when, 1, ()))
        # An outcome is one of three; the type checker reads a tuple of texts.
        result = CaseResult("c1", 1, outcome, output=run_id)  # type: ignore[arg-type]
        await store.add_results(run_id, [result, CaseResult("c2", 1, "passed")])
    assert await store.last_passed("run_c", {"c1", "c9"}) == {
        "c1": CaseResult("c1", 1, "passed", output="run_b")
    }
    assert await store.last_passed("run_a", {"c1"}) == {}


async def test_a_run_is_taken_over_once_from_the_one_who_measured_it(store: Store) -> None:
    run = Run("run_a", "bot", "py", "nightly", START, 1, (), "host:1")
    await store.start_run(run)
    assert not await store.take_over("run_a", "host:9", "host:2")
    assert not await store.take_over("run_x", "", "host:2")
    assert await store.take_over("run_a", "host:1", "host:2")
    assert not await store.take_over("run_a", "host:1", "host:3")
    assert await store.run("run_a") == StoredRun(run, resumed_by="host:2")
    assert await store.take_over("run_a", "host:2", "host:1")
    await store.end_run("run_a", RunEnd("interrupted", START + 1, "nobody is there"))
    gone = await store.run("run_a")
    assert gone == StoredRun(
        run, RunEnd("interrupted", START + 1, "nobody is there"), resumed_by="host:1"
    )
    assert await store.take_over("run_a", "host:1", "host:1")
    assert await store.run("run_a") == StoredRun(run, resumed_by="host:1")
    await store.end_run("run_a", RunEnd("done", START + 1))
    assert not await store.take_over("run_a", "host:1", "host:4")
    ended = await store.run("run_a")
    assert ended == StoredRun(run, RunEnd("done", START + 1), resumed_by="host:1")


def said(number: int, name: str, **changes: object) -> Label:
    """A label of trace ``number``, made ``number`` seconds after the start."""
    plain = Label(name, "", "dates", "fail", "agent", "agent", START, trace_id=made(number).id)
    return replace(plain, **changes)


async def test_labels_come_back_whole_and_once_in_the_order_they_came(store: Store) -> None:
    first = said(
        1, "lb_a", critique="It says “today”.", mode="wrong date", source="human", labeller="kim",
        version="v2", signature="s=", sampled="random", item="3",
    )  # fmt: skip
    second, third = (
        said(2, "lb_b", verdict="pass"),
        said(1, "lb_c", criterion="tone", labeller="other"),
    )
    assert await store.add_labels([]) == 0
    assert await store.add_labels([first, second]) == 2
    assert await store.add_labels([replace(first, verdict="pass"), third, third]) == 1
    assert await store.labels() == (first, second, third)
    assert await store.labels(criterion="dates") == (first, second)
    assert await store.labels(trace_ids=[made(1).id]) == (first, third)
    assert await store.labels(criterion="tone", trace_ids=[made(2).id, made(1).id]) == (third,)
    assert await store.labels(trace_ids=[]) == await store.labels(criterion="none") == ()


LABELS = [
    said(0, "a", mode="Wrong date"),
    said(1, "b", verdict="pass"),
    said(2, "c", mode="rude"), said(2, "d", verdict="pass", labelled_at=START + 1),
    said(3, "e", verdict="pass", labelled_at=START + 1), said(3, "f", mode="rude"),
    said(4, "g", verdict="pass", source="human"), said(4, "h", labelled_at=START + 9, mode="rude"),
    said(5, "i", mode="rude", item="1"), said(5, "j", verdict="pass", item="2"),
    said(6, "k", criterion="tone", mode="wrong tone"), said(6, "l", verdict="pass"),
]  # fmt: skip
LABELLED: list[tuple[str, list[int]]] = [
    ("label:fail", [6, 5, 0]), ("label:pass", [6, 5, 4, 3, 2, 1]), ("label:none", [7]),
    ("-label:none", [6, 5, 4, 3, 2, 1, 0]), ("label:*", [6, 5, 4, 3, 2, 1, 0]),
    ("-label:fail", [7, 4, 3, 2, 1]), ("label:fail -label:pass", [0]), ("label:f*", [6, 5, 0]),
    ('mode:"wrong date"', [0]), ("mode:rude", [5]), ("mode:wrong*", [6, 0]),
    ("-mode:*", [7, 4, 3, 2, 1]),
    ("label:fail refund", [0]), ("label:none zebra", [7]), ("label:none refund", []),
    ('label:fail "not available" tag:prod since:2026-09-30', [0]), ("label:pass ques*", [3, 2, 1]),
]  # fmt: skip


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(("query", "expected"), LABELLED)
async def test_a_query_finds_what_the_standing_labels_say(
    *, query: str, expected: list[int], early: bool, store: Store
) -> None:
    if not early:
        await store.append(TRACES)
    for label in LABELS:
        await store.add_labels([label])
    if early:
        await store.append(TRACES)
    assert await found(store, query) == [TRACES[number].id for number in expected]


def exported(*spans: str, began: int = 10, trace: str = "a" * 32) -> list[Trace]:
    """Spans of one trace, as imported: the first letter is the id, ``r`` the root."""
    logged = [
        {"traceId": trace, "spanId": span[0] * 16, "name": span,
         "parentSpanId": "" if span[0] == "r" else "r" * 16,
         "startTimeUnixNano": str((began + place) * 10**9),
         "endTimeUnixNano": str((began + place + 5) * 10**9),
         "attributes": [{"key": "input.value", "value": {"stringValue": f"said in {span}"}},
                        {"key": "openinference.span.kind", "value": {"stringValue": "TOOL"}}]}
        for place, span in enumerate(spans)
    ]  # fmt: skip
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": logged}]}]})
    read = traces(stream_records(io.BytesIO(text.encode()), "spans.jsonl"), Reading(redaction()))
    return [item for item in read if isinstance(item, Trace)]


async def test_a_tag_that_comes_later_is_added_and_nothing_else_changes(store: Store) -> None:
    first, second = made(1, tags=("old",)), made(2)
    await store.append([first, second])
    await store.add_labels([said(1, "l")])
    tagged = replace(first, tags=("new", "old"), name="later")
    assert await store.append([tagged, second]) == Appended(0, 1, completed=1)
    assert await store.append([tagged, first]) == Appended(0, 2)
    assert await store.trace(first.id) == replace(first, tags=("old", "new"))
    for query in ("tag:old tag:new", "tag:new label:fail"):
        page = await store.search(parse(query, now=START), limit=9)
        assert [row.id for row in page.rows] == [first.id]
    assert await store.count() == 2


async def test_spans_that_come_later_complete_their_trace(store: Store) -> None:
    (first,), (later,), (root,) = (
        exported("b1"),
        exported("c2", began=20),
        exported("root", began=9),
    )
    assert first.id == later.id == root.id
    assert await store.append([first]) == Appended(1, 0)
    assert await found(store, '"in c2"') == []
    await store.add_labels([replace(said(0, "l"), trace_id=first.id, mode="slow")])
    assert await store.append([later]) == Appended(0, 0, completed=1)
    assert await store.append([first, made(1), root]) == Appended(1, 1, completed=1)
    assert await store.append([root, later, first]) == Appended(0, 3)
    (whole,) = exported("root", "b1")
    kept = await store.trace(first.id)
    assert kept is not None
    assert [span.name for span in kept.spans] == ["root", "b1", "c2"]
    assert (kept.name, kept.started_at, kept.duration_ms) == ("root", 9.0, 16_000.0)
    assert kept.exchange.input == whole.exchange.input == "said in root"
    assert await store.latest(fingerprint("said in root")) == kept
    assert await store.latest(fingerprint("said in b1")) is None
    page = await store.search(parse("said", now=START), limit=9)
    assert [(row.id, row.when, row.preview) for row in page.rows] == [
        (first.id, 9.0, "said in root")
    ]
    assert await found(store, '"in b1 said"') == []
    for query in (
        "b1 c2 root", "label:fail", "mode:slow root", "tool:c2", "until:1971-01-01",
        '"said in root" "in c2" -"c2 said"',
    ):  # fmt: skip
        assert await found(store, query) == [first.id]
    assert await store.count() == 2


async def test_spans_of_one_trace_in_one_batch_are_one_trace(store: Store) -> None:
    parts = [*exported("b1"), *exported("root"), *exported("b1"), *exported("root", trace="b" * 32)]
    assert await store.append(parts) == Appended(2, 2)
    kept = await store.trace(parts[0].id)
    assert kept is not None
    assert {span.name for span in kept.spans} == {"b1", "root"}


async def test_spans_without_a_trace_id_are_never_joined(store: Store) -> None:
    parts = [*exported("b1", trace=""), *exported("c2", trace="")]
    assert await store.append(parts) == Appended(2, 0)


WORDS = [
    "refund",
    "Café",
    "CAFE",
    "naïve",
    "東京",
    "東",
    "タワー",
    "don't",
    "e-mail",
    "a_b",
    "x",
    "42",
]
TEXTS = st.lists(st.sampled_from([*WORDS, "...", "—", "(", "\n"]), max_size=6).map(" ".join)
TAGS = st.sampled_from(["prod", "prod-eu", "a b", "v1.0", "東京", "PROD"])
MODELS = st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt 4"])
COUNTS = st.none() | st.integers(0, 3)
KEYS = st.sampled_from(["plan", "Plan", "user_id", "user", "a.b", "a", "é x"])
LEAVES = st.sampled_from(["pro", "Pro eu", "v1.0", "", "東京", "—", 42, 4.0, True, None])
FACTS = st.one_of(
    LEAVES, st.lists(LEAVES, max_size=2), st.dictionaries(st.sampled_from(["b", "c"]), LEAVES)
)
STATED = st.builds(
    "{}:{}".format,
    st.sampled_from(["meta.plan", "META.plan", "user", "meta.a.b", "meta.é", "meta.a"]),
    st.sampled_from(
        [
            "pro",
            "PRO",
            '"pro eu"',
            "p*",
            "*",
            "v1.0",
            "v1*",
            "東京",
            "—",
            "42",
            "4.0",
            "true",
            '"pro*"',
        ]
    ),
)
FEEDBACK = st.builds(
    Feedback, st.sampled_from(["Stars", "stars", "a b"]), st.sampled_from([None, -1, 0, 0.5, 1]),
    st.sampled_from(["", "Rude", "stars"]), st.sampled_from(["", "refund"]),
)  # fmt: skip
RATED = st.sampled_from(
    ["feedback:*", "feedback:none", "feedback:stars", "feedback:st*", "feedback:rude",
     'feedback:"a b"', "feedback:stars=rude", "feedback:stars=0", "feedback:stars=0.5",
     "feedback:stars<0.5", 'feedback:"a b">=0', "feedback:stars>9"]
)  # fmt: skip
DRAWN = st.fixed_dictionaries(
    {"input": TEXTS, "tags": st.lists(TAGS, max_size=2).map(tuple), "model": MODELS | st.just(""),
     "status": st.sampled_from(["ok", "error"]), "input_tokens": COUNTS, "duration_ms": COUNTS,
     "metadata": st.dictionaries(KEYS, FACTS, max_size=2),
     "feedback": st.lists(FEEDBACK, max_size=2).map(tuple)}
)  # fmt: skip
# Of a phrase without a letter or a digit nothing can be searched, and it is refused.
SAYS = re.compile(r"[^\W_]").search
TERMS = st.one_of(
    st.sampled_from(WORDS), TEXTS.filter(SAYS).map('"{}"'.format),
    st.sampled_from(WORDS).map("{:.2}*".format),
    TAGS.map('tag:"{}"'.format), MODELS.map('model:"{}"'.format),
    st.sampled_from(["model:gpt-4*", "tag:*", "tag:prod*", "status:error", "label:none"]),
    st.sampled_from(["label:fail", "label:pass", "label:*", "mode:rude", "mode:r*"]),
    STATED, RATED,
)  # fmt: skip
BOUNDS = st.sampled_from(["tokens:>1", "latency:<=2ms", "since:2026-10-03", "until:2026-10-04"])
ASKED = st.lists(TERMS | TERMS.map("-{}".format) | BOUNDS, max_size=3).map(" ".join)


VERDICTS = st.tuples(
    st.integers(0, 7),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["", "rude"]),
    st.sampled_from(["human", "agent"]),
)


@given(
    drawn=st.lists(DRAWN, max_size=8),
    verdicts=st.lists(VERDICTS, max_size=6),
    query=ASKED,
    oldest=st.booleans(),
)
@settings(max_examples=60)
def test_both_stores_answer_alike(
    *,
    drawn: list[dict[str, object]],
    verdicts: list[tuple[int, str, str, str]],
    query: str,
    oldest: bool,
) -> None:
    kept = [made(number, **changes) for number, changes in enumerate(drawn)]
    judged = [
        said(number, f"lb_{place}", verdict=verdict, mode=mode, source=source)
        for place, (number, verdict, mode, source) in enumerate(verdicts)
    ]

    async def answer(store: Store) -> Page:
        await store.add_labels(judged)
        await store.append(kept)
        return await store.search(parse(query, now=START), limit=50, oldest=oldest)

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db")
        page = anyio.run(answer, store)
        store.close()
    assert page == anyio.run(answer, MemoryStore())


SAID = [
    Label("l1", "it_1", "dates", "fail", "human", "kim", 1.0, mode="Wrong date",
          trace_id=TRACES[0].id),
    Label("l2", "it_2", "dates", "pass", "agent", "bot", 2.0, trace_id=TRACES[1].id),
    Label("l3", "it_3", "tone", "fail", "human", "kim", 3.0, trace_id=TRACES[1].id),
]  # fmt: skip


@pytest.mark.parametrize("query", ["", "-status:error", '"not available"', "fo*", "zebra", "none"])
async def test_a_summary_counts_as_the_reference_counts(query: str, store: Store) -> None:
    await store.append(TRACES)
    await store.add_labels(SAID)
    asked = parse(query, now=START + 40 * DAY)
    items = [
        (trace.started_at or 0, trace, [one for one in SAID if one.trace_id == trace.id])
        for trace in TRACES
    ]
    matching = [item for item in items if matches(asked, item[1], item[0], item[2])]
    for by in (None, *GROUPINGS, "meta.plan", "meta.none", "meta.—"):
        for limit in (1, 50):
            counted = await store.summary(asked, by, limit=limit)
            assert counted == grouped(matching, by, limit), by


async def test_a_sample_is_all_there_is_or_some_of_it_the_same_each_time(store: Store) -> None:
    await store.append(TRACES)
    asked = parse("-status:error", now=START + 40 * DAY)
    whole = await store.sample(asked, 50, lambda trace: trace.id)
    some = await store.sample(asked, 3, lambda trace: trace.id)
    assert (sorted(whole.told), whole.of) == (
        sorted(trace.id for trace in TRACES if trace.status == "ok"), 7,
    )  # fmt: skip
    assert (len(set(some.told)), some.of) == (3, 7)
    assert some == await store.sample(asked, 3, lambda trace: trace.id)


async def test_a_scan_gives_every_trace_once_whole_and_in_order(store: Store) -> None:
    await store.append(TRACES)
    for query, step in (("", 3), ("", 100), ('"not available"', 1), ("none", 5)):
        asked = parse(query, now=START + 40 * DAY)
        seen: list[Trace] = []
        cursor: str | None = None
        while True:
            batch = await store.scan(asked, limit=step, cursor=cursor)
            seen.extend(batch.traces)
            cursor = batch.next_cursor
            if cursor is None:
                break
            # What arrives meanwhile with a later time comes at its place, and nothing twice.
            await store.append([made(30)])
        expected = {"": TRACES, '"not available"': TRACES[:1], "none": []}[query]
        assert [trace for trace in seen if trace != made(30)] == expected


async def test_what_is_removed_is_found_by_nothing_and_comes_back_with_its_labels(
    store: Store,
) -> None:
    await store.append(TRACES)
    await store.add_labels(SAID)
    gone = [TRACES[0], TRACES[1], TRACES[7]]
    page = await store.search(parse("", now=START), limit=1, oldest=True)
    assert await store.remove([trace.id for trace in [*gone, gone[0], made(33)]]) == 3
    left = [TRACES[number].id for number in (6, 5, 4, 3, 2)]
    for query in ("", "-zebra", "-label:fail", "until:2026-12-01"):
        assert await found(store, query) == left
    for query in ("refund", "zebra", "label:fail", "mode:*", "tool:fetch", "tag:prod", "avail*"):
        assert await found(store, query) == []
    assert await store.count() == 5
    assert [await store.trace(trace.id) for trace in gone] == [None] * 3
    assert await store.latest(fingerprint(gone[0].exchange.input)) is None
    by_tool = await store.summary(parse("", now=START), "tool", limit=9)
    assert [(group.value, group.traces) for group in by_tool.groups] == [("", 5)]
    following = await store.search(
        parse("", now=START), limit=9, oldest=True, cursor=page.next_cursor
    )
    assert [row.id for row in following.rows] == left[::-1]
    assert await store.labels() == tuple(SAID)
    await store.shrink()
    assert await store.append(TRACES) == Appended(3, 5)
    assert await found(store, "label:fail") == [TRACES[1].id, TRACES[0].id]
    assert await found(store, "zebra") == [TRACES[7].id]


async def test_a_row_says_that_its_time_is_that_of_the_import(store: Store) -> None:
    await store.append([made(1), replace(made(2), started_at=None)])
    page = await store.search(parse("", now=START), limit=2)
    assert {row.id: row.untimed for row in page.rows} == {made(1).id: False, made(2).id: True}


@pytest.mark.parametrize("step", [1, 2, 50])
async def test_the_largest_of_a_measure_come_first_page_by_page(step: int, store: Store) -> None:
    times = [3.0, None, 1.0, 3.0, 2.5, 3.0, None, 0.0]
    traces = [made(n, duration_ms=took, cost_usd=0.5) for n, took in enumerate(times)]
    await store.append(traces)
    asked = parse("-status:error", now=START)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.ranked(asked, "latency", limit=step, cursor=cursor)
        assert (page.total, page.exact) == (6, True)
        seen.extend(row.id for row in page.rows)
        cursor = page.next_cursor
        if cursor is None:
            break
        # What arrives meanwhile before the place of the page moves nothing.
        await store.append([made(20, duration_ms=99.0, status="error")])
    assert seen == [traces[n].id for n in (5, 3, 0, 4, 2, 7)]
    phrase = await store.ranked(parse('"question 4"', now=START), "cost", limit=9)
    assert [row.excerpt for row in phrase.rows] == ["input: **question 4**"]
    for cursor in ("", "x", "AAAA", "0x1.8p+1_0x1.8p+1_x", "f_gAAAAAAAAAAAAAAAAAAA"):
        with pytest.raises(Refusal, match=r"is not one that a search"):
            await store.ranked(asked, "latency", limit=1, cursor=cursor)


async def test_how_many_answers_came_back_for_a_packet_is_counted_over_all_of_them(
    store: Store,
) -> None:
    packet = Packet("pk_a", "inputs", 1.0, {}, "Write.", ({"values": {}},), {"type": "object"})
    await store.add_packet(packet)
    assert (await store.packet("pk_a"), await store.submitted("pk_a")) == (packet, 0)
    for answers in (20, 0, 3):
        await store.add_submission("pk_a", answers)
    await store.add_submission("pk_b", 5)
    assert (await store.submitted("pk_a"), await store.packet("pk_b")) == (23, None)
