"""No reply costs an agent more than 8,000 tokens, whatever the store and the files hold."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from labelled import judge_file, know, label_row, write_labels
from mcp import Client
from pydantic import JsonValue

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.texts.clipping import beginning, clip, clip_list, shrink, size
from regrade_tools.traces.grouping import GROUPINGS

pytestmark = pytest.mark.anyio
CAP = 8_000 * 4
CASES = 120
CJK, EMOJI, LONG = "听不懂", "🙂", 100_000


def weight(text: str) -> int:
    return len(text.encode())


def spans() -> list[dict[str, Any]]:
    """A chain of ten thousand steps, some with names and ids of a hundred kilobytes."""
    names = {1: CJK * (LONG // 9), 2: "\x01" * LONG, 3: EMOJI * (LONG // 4)}
    ids = {number: f"{number:016x}" for number in range(10_001)} | {5: "e" * LONG, 6: CJK * 9_999}
    return [
        {
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": ids[number],
            "parentSpanId": ids[number - 1],
            "name": names.get(number, CJK),
            "startTimeUnixNano": str(1_700_000_000_000_000_000 + number),
            "status": {"code": 2, "message": CJK * 100},
        }
        for number in range(1, 10_001)
    ]


RECORDS: list[Any] = [
    {
        "input": CJK,
        "output": EMOJI,
        "name": "n" * LONG,
        "model": CJK * 9_999,
        "session": EMOJI * 9_999,
        "tags": [f"{number}{CJK * 1_100}" for number in range(300)],
        "metadata": {CJK * LONG: 1, **{f"{CJK}{number}": number for number in range(9_999)}},
    },
    {
        "messages": [
            {"role": "user", "content": CJK * LONG},
            {"role": CJK * LONG, "name": "n" * LONG, "content": "\x02" * LONG},
            *({"role": "user", "content": EMOJI * 999} for _ in range(200)),
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "i" * LONG,
                 "function": {"name": "f" * LONG, "arguments": {"a": CJK * 99_999}}}
            ] * 3},
        ]
    },
    {"resourceSpans": [{"scopeSpans": [{"spans": spans()}]}]},
    *({"input": f"{EMOJI * 999} {n}", "output": CJK, "tags": [CJK * 99] * 9} for n in range(120)),
]  # fmt: skip


OUTPUTS: list[dict[str, Any]] = [
    {"input": f"{number} {CJK * 300}", "output": EMOJI * 300} for number in range(60)
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator["Caller", None]:
    root = tmp_path_factory.mktemp("hostile")
    lines = (json.dumps(record, ensure_ascii=False) for record in RECORDS)
    (root / "log.jsonl").write_text("\n".join(lines))
    suites, cases = root / "evals" / "suites", root / "evals" / "cases" / "big"
    suites.mkdir(parents=True)
    cases.mkdir(parents=True)
    scenarios = {f"s{number}": {"description": CJK * 500} for number in range(CASES)}
    big = {"description": EMOJI * 9_999, "features": {"f": {"scenarios": scenarios}}}
    (suites / "big.yaml").write_text(json.dumps(big, ensure_ascii=False))
    for number in range(100):
        (suites / f"suite-{number}-{'x' * 60}.yaml").write_text(f"description: {CJK * 90}\n")
        (suites / f"bad-{number}.yaml").write_text(f"{EMOJI * 999}: 1\n")
    for number in range(CASES):
        case_id = f"c{number}-{'y' * 60}"
        case: dict[str, Any] = {
            "id": case_id, "feature": "f", "scenario": f"s{number}", "input": CJK * 500,
            "tags": [EMOJI * 99] * 30, "assertions": [
                {"type": "contains", "value": f"{number}{EMOJI * 500}"},
                *({"type": "contains", "value": f"{CJK}{n}"} for n in range(20)),
            ], "recorded": {"output": EMOJI * 1_500},
        }  # fmt: skip
        (cases / f"{case_id}.yaml").write_text(json.dumps(case, ensure_ascii=False))
    judges(root)
    async with Client(build_server(House(Workspace(root)))) as client:
        yield Caller(client)


def judges(root: Path) -> None:
    """A judge that an agent is, and one that was recorded and that people contradict at length."""
    said = [{**output, "verdict": "FAIL", "reasoning": CJK * 999} for output in OUTPUTS]
    (root / "evals" / "said.jsonl").write_text("\n".join(map(json.dumps, said)))
    judge_file(root, "recorded", "recorded: evals/said.jsonl")
    judge_file(root, "agent", "")
    know(root, "ada")
    labels = (
        label_row(it["input"], it["output"], "pass", split="dev", critique=EMOJI * 999)
        for it in OUTPUTS
    )
    write_labels(root, labels)


class Caller:
    """Calls tools and weighs what comes back."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.called: set[str] = set()

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        reply = await self.client.call_tool(tool, arguments)
        text = getattr(reply.content[0], "text", "")
        assert weight(text) <= CAP
        self.called.add(tool)
        if reply.is_error:
            return {"refused": text}
        assert json.loads(text) == reply.structured_content
        return json.loads(text)


async def judged(hostile: Caller) -> None:
    """What judges say of long answers, and what agents are handed and hand in."""
    said = await hostile("run_judge", judge="recorded", outputs=OUTPUTS)
    assert (said["failed"], "truncated" in said) == (len(OUTPUTS), False)
    rest = await hostile("run_judge", judge="recorded", outputs=OUTPUTS, cursor=said["next_cursor"])
    assert not {card["item"] for card in rest["verdicts"]} & {
        card["item"] for card in said["verdicts"]
    }
    aligned = await hostile("align_judge", judge="recorded", split="dev")
    assert (aligned["comparable"], "truncated" in aligned) == (len(OUTPUTS), False)
    assert 0 < len(aligned["disagreements"]) == int(aligned["next_cursor"])
    work = (await hostile("run_judge", judge="agent", outputs=OUTPUTS))["work"]
    assert all(CJK * 300 in it["data"] and EMOJI * 300 in it["data"] for it in work["items"])
    answers: list[dict[str, Any]] = [
        {"n": EMOJI * 999, "reasoning": EMOJI * LONG, CJK * 999: CJK * LONG}
    ] * 99
    answers.append({"n": 1, "reasoning": EMOJI * LONG, "verdict": "FAIL"})
    taken = await hostile("submit_answers", packet_id=work["packet_id"], answers=answers)
    assert (taken["accepted"], "truncated" in taken) == (1, False)


async def counted(hostile: Caller) -> None:
    """What labels and figures say where names and values are long, and what is asked of agents."""
    rows = (await hostile("search_traces", limit=100, fields=["id"]))["traces"]
    labels: list[JsonValue] = [
        {"trace_id": row["id"], "verdict": "fail", "critique": CJK * 300, "mode": EMOJI * 20}
        for row in rows[:50]
    ]
    wrong: list[JsonValue] = [{"trace_id": CJK * 999, EMOJI * 999: CJK * 999}] * 50
    told = await hostile("label_traces", labels=[*labels, *wrong], criterion="diet")
    assert told.get("suggested", "refused" in told)
    for by in GROUPINGS:
        assert await hostile("summarize_traces", by=by, limit=100)
    await hostile("summarize_traces", query="status:error", baseline="status:ok", by="tag")
    people: JsonValue = {CJK * 20: [f"{EMOJI * 50}{number}" for number in range(50)], "who": ["a"]}
    assert await hostile("generate_inputs", suite="big", n=100, dimensions=people)


@pytest.mark.slow
async def test_no_reply_of_any_tool_is_above_the_cap_over_a_hostile_store(hostile: Caller) -> None:
    done = await hostile("import_traces", path="log.jsonl")
    assert done["stored"] == len(RECORDS)
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(rows) < len(RECORDS):
        page = await hostile("search_traces", limit=100, cursor=cursor)
        assert "truncated" not in page
        rows.extend(page["traces"])
        cursor = page.get("next_cursor")
    assert (len({row["id"] for row in rows}), cursor) == (len(RECORDS), None)
    for row in [row for row in rows if EMOJI * 9 not in row.get("preview", "")]:
        for view in ("digest", "conversation", "spans", "raw"):
            await hostile("get_trace", trace_id=row["id"], view=view)
    chain = next(row for row in rows if row.get("name", "").startswith(CJK))
    for span_id in ("e" * LONG, CJK * 9_999, "none such"):
        await hostile("get_trace", trace_id=chain["id"], span_id=span_id)
    await hostile("overview")
    await hostile("overview", name="big")
    ran = await hostile("run_suite", suite="big", target="recorded", wait_s=300)
    assert ran["summary"]["failed"] == CASES
    places = ran["summary"]["by_scenario"]
    assert sum(counted["failed"] for counted in places.values()) == CASES
    assert list(places)[-1] == f"... {CASES - len(places) + 1} more, none worse"
    run_id = ran["summary"]["run_id"]
    seen: list[str] = []
    following: str | None = "0"
    while len(seen) < 30:
        page = await hostile("get_run", run_id=run_id, cursor=following, compare_to=run_id)
        assert "truncated" not in page
        seen.extend(card["case_id"] for card in page["cards"])
        following = page.get("next_cursor")
    assert len(set(seen)) == len(seen)
    one = await hostile("get_run", run_id=run_id, case_id=seen[0])
    assert weight(one["cards"][0]["output"]) > 4_000
    many: list[JsonValue] = [{"type": "contains", "value": f"{CJK * 99}{n}"} for n in range(400)]
    checked = await hostile("check_output", output=EMOJI * LONG, assertions=many)
    assert checked["failed"][-1].endswith("more checks like these")
    filed = await hostile(
        "file_case", suite="big", input=CJK * 9_999, output={CJK * 9_999: EMOJI * 9_999},
        assertions=[{"type": "path", "at": "a", "equals": EMOJI * 9_999}, *many[:200]],
        reason=CJK * 99, tags=[CJK * 99] * 99,
    )  # fmt: skip
    assert filed["created"]
    await judged(hostile)
    await counted(hostile)
    assert hostile.called == {tool.name for tool in (await hostile.client.list_tools()).tools}


HUGE = "x" * 1_000_000
ECHOES: list[tuple[str, dict[str, Any]]] = [
    ("overview", {"name": HUGE}),
    (HUGE, {}),
    ("overview", {HUGE: 1}),
    ("search_traces", {"query": HUGE}),
    ("search_traces", {"cursor": HUGE}),
    ("search_traces", {"fields": [HUGE]}),
    ("search_traces", {"query": f"status:{HUGE[:1_900]}"}),
    ("get_trace", {"trace_id": HUGE}),
    ("import_traces", {"path": HUGE}),
    ("import_traces", {"path": f"../{HUGE}"}),
    ("import_traces", {"path": "log.jsonl", "format": HUGE}),
    ("import_traces", {"path": "log.jsonl", "mapping": {HUGE: "a"}}),
    ("run_suite", {"suite": HUGE}),
    ("run_suite", {"suite": "big", "select": HUGE}),
    ("run_suite", {"suite": "big", "select": f"{HUGE}:1"}),
    ("run_suite", {"suite": "big", "target": HUGE}),
    ("run_suite", {"suite": "big", "baseline": HUGE}),
    ("run_suite", {"suite": "big", "baseline": f"run_{HUGE}"}),
    ("get_run", {"run_id": HUGE}),
    ("check_output", {"output": "a", "suite": HUGE}),
    ("check_output", {"output": "a", "suite": "big", "case_id": HUGE}),
    ("check_output", {"output": "a", "assertions": [{"type": HUGE}]}),
    ("check_output", {"output": "a", "assertions": [{"type": "contains", HUGE: 1}]}),
    ("run_judge", {"judge": HUGE, "outputs": [{"output": "a"}]}),
    ("run_judge", {"judge": "agent", "outputs": [{HUGE: "a"}]}),
    ("run_judge", {"judge": "agent", "run_id": HUGE}),
    ("run_judge", {"judge": "agent", "traces": HUGE}),
    ("align_judge", {"judge": "agent", "cursor": HUGE}),
    ("align_judge", {"judge": "agent", "split": HUGE}),
    ("submit_answers", {"packet_id": HUGE, "answers": []}),
    ("summarize_traces", {"query": HUGE}),
    ("summarize_traces", {"by": HUGE}),
    ("summarize_traces", {"baseline": f"status:{HUGE[:1_900]}"}),
    ("label_traces", {"labels": [{"trace_id": HUGE}], "criterion": HUGE}),
    ("label_traces", {"labels": HUGE, "criterion": "a"}),
    ("generate_inputs", {"suite": HUGE}),
    ("generate_inputs", {"suite": "big", "dimensions": {HUGE: HUGE}}),
    ("run_suite", {"suite": "big", "mode": HUGE}),
    ("run_suite", {"suite": "big", "resume": HUGE}),
    ("align_judge", {"judge": "recorded", "versus": HUGE}),
    ("file_case", {"suite": HUGE, "reason": HUGE, "assertions": []}),
    ("file_case", {"suite": "big", "reason": "a", "trace_id": HUGE,
                   "assertions": [{"type": "contains", "value": HUGE}]}),
]  # fmt: skip


@pytest.mark.slow
async def test_a_refusal_clips_what_it_echoes(hostile: Caller) -> None:
    for tool, arguments in ECHOES:
        reply = await hostile.client.call_tool(tool, arguments)
        text = getattr(reply.content[0], "text", "")
        told = f"{tool[:40]} {str(arguments)[:60]}: {text[:200]}"
        assert reply.is_error, told
        assert weight(text) < 4_500, told
        assert "bug of Regrade" not in text, told


def test_what_is_clipped_is_measured_in_bytes_of_json_and_keeps_its_beginning_and_end() -> None:
    for sign in ("a", CJK, EMOJI, "\x01", '"'):
        for room in (20, 300, 5_000):
            cut = clip(f"<{sign * 9_999}>", room)
            assert size(cut) <= room + 2
            assert cut.startswith(f"<{sign[0]}")
            assert room < 300 or cut.endswith(">")
    assert clip(CJK, 9) == CJK
    assert beginning(EMOJI * 3, 9) == EMOJI * 2


def test_a_list_that_is_clipped_counts_what_it_leaves_out() -> None:
    assert clip_list(["a", "b"], 100) == ["a", "b"]
    cut = clip_list([CJK] * 1_500, 100)
    assert cut == [*([CJK] * 8), "... 1,492 more"]
    assert clip_list(["x" * 99, "y"], 40) == [f"{'x' * 7}...", "y"]


def test_a_value_that_is_cut_keeps_its_shape_and_all_that_is_small() -> None:
    whole: dict[str, Any] = {
        "hint": "go on",
        "texts": ["x" * 100] * 1_000,
        "rows": [{"id": number, "text": EMOJI * 50} for number in range(1_000)],
        "named": {f"{CJK}{number}": CJK for number in range(9_999)},
        "long": EMOJI * LONG,
    }
    cut: Any = shrink(whole, 10_000)
    assert size(cut) <= 10_000
    assert [type(value) for value in cut.values()] == [type(value) for value in whole.values()]
    assert cut["hint"] == "go on"
    assert cut["rows"] == whole["rows"][: len(cut["rows"])]
    assert cut["texts"][-1].endswith("more")
    assert shrink(cut, 10_000) is cut
