"""What an agent reads: every view of every trace, within what it can afford."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import JsonValue

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio
SPAN_ID = "00f067aa0ba902b7"


@asynccontextmanager
async def reading(root: Path, *records: Any) -> AsyncGenerator[tuple[Client, list[str]], None]:
    """A client of a store that holds ``records``, and their ids, the last one first."""
    (root / "log.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    async with Client(build_server(House(Workspace(root)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl"})
        found = await client.call_tool("search_traces", {"fields": ["id"]})
        yield client, [row["id"] for row in content(found)["traces"]]


def content(reply: Any) -> dict[str, Any]:
    assert not reply.is_error, reply.content
    return reply.structured_content


async def viewed(client: Client, trace_id: str, **arguments: Any) -> dict[str, Any]:
    reply = await client.call_tool("get_trace", {"trace_id": trace_id, **arguments})
    assert len(json.dumps(content(reply))) / 4 < 8_000
    return content(reply)


def span(number: int, **more: JsonValue) -> dict[str, JsonValue]:
    parent = f"{number // 2:016x}" if number > 1 else ""
    begin = 1_700_000_000_000_000_000 + number
    return {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": f"{number:016x}",
        "parentSpanId": parent,
        "name": f"step {number}",
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + 5_000_000),
        **more,
    }


def otlp(*spans: dict[str, JsonValue]) -> JsonValue:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [*spans]}]}]}


async def test_a_digest_tells_the_exchange_the_steps_and_what_first_went_wrong(
    tmp_path: Path,
) -> None:
    call = {"id": "c1", "function": {"name": "look_up", "arguments": '{"city": "Ulm"}'}}
    chat: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": "Any flats in Ulm?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "Error: no such city", "tool_call_id": "c1"},
            {"role": "assistant", "content": "I found three."},
        ],
        "score": 0.5,
    }
    async with reading(tmp_path, chat) as (client, ids):
        digest = await viewed(client, ids[0])
        whole = await viewed(client, ids[0], view="conversation")
        raw = await viewed(client, ids[0], view="raw")
    assert digest["content"] == {
        "status": "ok",
        "source": "log.jsonl:1",
        "input": "Any flats in Ulm?",
        "output": "I found three.",
        "first_wrong": {
            "kind": "tool_error",
            "what": "look_up failed: Error: no such city",
            "where": "step 3",
        },
        "steps": [
            "1 user: Any flats in Ulm?",
            '2 assistant: -> look_up({"city":"Ulm"})',
            "3 tool: Error: no such city",
            "4 assistant: I found three.",
        ],
        "metadata": {"score": 0.5},
    }
    assert [message["step"] for message in whole["content"]["messages"]] == [1, 2, 3, 4]
    assert json.loads(raw["content"]["text"]) == chat


async def test_spans_are_shown_as_a_tree_with_the_failing_one_first_wrong(tmp_path: Path) -> None:
    failed: dict[str, JsonValue] = {"status": {"code": 2, "message": "timed out"}}
    async with reading(tmp_path, otlp(span(1), span(2), span(4, **failed))) as (client, ids):
        digest = await viewed(client, ids[0])
        one = await viewed(client, ids[0], view="spans", span_id=f"{4:016x}")
    assert digest["content"]["steps"] == [
        f"{1:016x} step 1 5 ms",
        f"  {2:016x} step 2 5 ms",
        f"    {4:016x} step 4 5 ms ERROR timed out",
    ]
    assert digest["content"]["first_wrong"] == {
        "kind": "error",
        "what": "step 4: timed out",
        "where": f"span {4:016x}",
    }
    assert one["content"]["error"] == "timed out"


async def test_ten_thousand_spans_stay_within_the_cap_and_paging_shows_each_once(
    tmp_path: Path,
) -> None:
    spans = [span(number) for number in range(1, 10_001)]
    async with reading(tmp_path, otlp(*spans)) as (client, ids):
        digest = await viewed(client, ids[0])
        assert digest["content"]["steps"][0] == f"{1:016x} step 1 5 ms"
        assert any(line.startswith("... 9,") for line in digest["content"]["steps"])
        assert len(json.dumps(digest)) / 4 < 1_000
        seen: list[str] = []
        cursor: str | None = None
        while len(seen) < 1_000:
            page = await viewed(client, ids[0], view="spans", cursor=cursor)
            seen.extend(item["id"] for item in page["content"]["spans"])
            cursor = page["next_cursor"]
    assert seen == [f"{number:016x}" for number in range(1, len(seen) + 1)]


@pytest.mark.parametrize(
    ("record", "view"),
    [({"input": "a", "output": "b"}, "digest"),
     ({"messages": [{"role": "user", "content": "a"}]}, "conversation")],
)  # fmt: skip
async def test_a_trace_without_spans_says_so_and_which_view_has_it(
    record: dict[str, JsonValue], view: str, tmp_path: Path
) -> None:
    async with reading(tmp_path, record) as (client, [trace]):
        reply = await client.call_tool("get_trace", {"trace_id": trace, "view": "spans"})
    assert reply.is_error
    assert getattr(reply.content[0], "text", "") == (
        f'{trace} was logged without spans. Use view "{view}" or "raw".'
    )


async def test_spans_that_are_each_others_parents_are_shown_and_do_not_hang(tmp_path: Path) -> None:
    first, second = span(1), span(2)
    first["parentSpanId"], second["parentSpanId"] = second["spanId"], first["spanId"]
    async with reading(tmp_path, otlp(first, second)) as (client, ids):
        digest = await viewed(client, ids[0])
    assert len(digest["content"]["steps"]) == 2


async def test_a_message_of_ten_megabytes_stays_within_the_cap_in_every_view(
    tmp_path: Path,
) -> None:
    long = "needle " + "hay " * 2_500_000
    chat: dict[str, Any] = {
        "messages": [{"role": "user", "content": long}, {"role": "assistant", "content": long}]
    }
    async with reading(tmp_path, chat, {"input": long, "output": long}) as (client, ids):
        assert len(ids) == 2
        for trace_id in ids:
            for view in ("digest", "raw"):
                await viewed(client, trace_id, view=view)
        whole = await viewed(client, ids[1], view="conversation")
        found = await client.call_tool("search_traces", {"query": "needle"})
    assert "characters cut" in whole["content"]["messages"][0]["content"]
    assert content(found)["total"] == 2


async def test_raw_pages_put_together_are_the_record(tmp_path: Path) -> None:
    record: dict[str, Any] = {"input": "a", "output": ["x" * 100] * 600}
    async with reading(tmp_path, record) as (client, ids):
        text, cursor = "", "0"
        while cursor:
            page = await viewed(client, ids[0], view="raw", cursor=cursor)
            text += page["content"]["text"]
            cursor = page.get("next_cursor", "")
    assert json.loads(text) == record


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"trace_id": "tr_nope"}, "There is no trace 'tr_nope'. Ids look like"),
        ({"view": "conversation"}, "holds no conversation, only an input and an output."),
        ({"view": "raw", "cursor": "x"}, "The cursor 'x' is not one that get_trace gave."),
        (
            {"view": "raw", "cursor": "99999999"},
            "The cursor '99999999' is past the end: there are ",
        ),
        ({"span_id": SPAN_ID}, f"There is no span '{SPAN_ID}'; valid: none yet."),
        ({"view": "all"}, "Input should be 'digest', 'conversation', 'spans' or 'raw'"),
    ],
)
async def test_what_cannot_be_shown_is_refused_with_what_can(
    arguments: dict[str, Any], told: str, tmp_path: Path
) -> None:
    async with reading(tmp_path, {"input": "a", "output": "b"}) as (client, ids):
        reply = await client.call_tool("get_trace", {"trace_id": ids[0], **arguments})
    assert reply.is_error
    assert told in getattr(reply.content[0], "text", "")


@pytest.mark.parametrize("view", ["conversation", "spans"])
async def test_a_page_past_the_end_is_refused_and_no_empty_one(view: str, tmp_path: Path) -> None:
    spoken = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    record = spoken if view == "conversation" else otlp(span(1), span(2))
    async with reading(tmp_path, record) as (client, ids):
        last = await viewed(client, ids[0], view=view, cursor="1")
        asked = {"trace_id": ids[0], "view": view, "cursor": "2"}
        reply = await client.call_tool("get_trace", asked)
    assert len(last["content"]["messages" if view == "conversation" else "spans"]) == 1
    assert reply.is_error
    told = "The cursor '2' is past the end: there are 2. Pass next_cursor as it is, or leave"
    assert told in getattr(reply.content[0], "text", "")


SUITE = """\
assertions: [{type: contains, value: Dear}]
features:
  mail:
    scenarios:
      late: {description: It is late., assertions: [{type: count, of: words, max: 3}]}
      early: {}
"""


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "mail.yaml").write_text(SUITE)
    (tmp_path / "evals" / "cases" / "mail").mkdir(parents=True)
    (tmp_path / "evals" / "cases" / "mail" / "c1.yaml").write_text(
        "{id: c1, feature: mail, scenario: late, input: hi}"
    )
    return tmp_path


async def test_the_overview_of_a_suite_shows_its_scenarios_and_the_holes(mail: Path) -> None:
    async with Client(build_server(House(Workspace(mail)))) as client:
        whole = content(await client.call_tool("overview", {}))
        suite = content(await client.call_tool("overview", {"name": "mail"}))
        kinds = content(await client.call_tool("overview", {"name": "assertions"}))
    assert whole["suites"][0]["scenarios_without_a_case"] == ["mail / early"]
    assert suite["details"] == [
        {"feature": "mail", "scenario": "mail / late", "cases": 1, "description": "It is late."},
        {"feature": "mail", "scenario": "mail / early", "cases": 0},
    ]
    examples = [kind["example"] for kind in kinds["details"]]
    assert {"type": "cost", "threshold": 0.01} in examples


async def test_an_output_is_checked_as_a_guardrail_with_a_message_for_a_retry(mail: Path) -> None:
    async with Client(build_server(House(Workspace(mail)))) as client:

        async def checked(**arguments: Any) -> dict[str, Any]:
            return content(await client.call_tool("check_output", arguments))

        of_all = await checked(output="Dear you, how are you?", suite="mail")
        of_one = await checked(output="How are you today?", suite="mail", case_id="c1")
    assert of_all == {"passed": True, "failed": [], "errored": [], "checks": 1}
    assert (of_one["passed"], of_one["checks"]) == (False, 2)
    assert of_one["retry"] == (
        "Your previous answer did not pass 2 of 2 checks:\n"
        "- the output must contain 'Dear', but it says 'How are you today?'\n"
        "- the output must have at most 3 words, but it has 4\n"
        "Answer the same request again. Change only what is needed for every check above to pass."
    )


async def test_trials_that_fail_alike_share_a_card_and_one_case_shows_each_of_them(
    mail: Path,
) -> None:
    (mail / "bot.py").write_text(
        "asked = []\n"
        "def answer(question):\n"
        "    asked.append(question)\n"
        "    if question == 'broken': raise OSError('no network')\n"
        "    return 'Dear you' if len(asked) == 1 else question * 2_000\n"
    )
    (mail / "evals" / "regrade.yaml").write_text("targets: {app: {python: 'bot:answer'}}\n")
    suite = mail / "evals" / "suites" / "mail.yaml"
    suite.write_text(f"concurrency: 1\ntarget: app\n{SUITE}")
    (mail / "evals" / "cases" / "mail" / "c2.yaml").write_text(
        "{id: c2, feature: mail, scenario: late, input: broken}"
    )
    async with Client(build_server(House(Workspace(mail)))) as client:
        arguments: dict[str, Any] = {"suite": "mail", "trials": 3, "wait_s": 60}
        report = content(await client.call_tool("run_suite", arguments))
        run_id = report["summary"]["run_id"]
        arguments = {"run_id": run_id, "case_id": "c1"}
        one = content(await client.call_tool("get_run", arguments))
    cards = report["cards"]
    assert [(card["case_id"], card["trial"], card["trials"]) for card in cards] == [
        ("c1", 2, "2 of 3 trials failed"),
        ("c2", 1, "3 of 3 trials errored"),
    ]
    assert report["summary"]["by_scenario"] == {
        "mail / late": {"passed": 0, "failed": 1, "errored": 1}
    }
    assert "characters cut" in cards[0]["output"]
    assert report["hint"] == (
        f'get_run("{run_id}", case_id=...) shows more of one case, each trial of it.'
    )
    assert [(card["trial"], card["outcome"]) for card in one["cards"]] == [
        (2, "failed"), (3, "failed"), (1, "passed"),
    ]  # fmt: skip
    assert one["cards"][0]["output"] == "hi" * 2_000
