"""A search as an agent makes it: orders, and what it is told where it finds nothing or too much."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from test_store import store

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.models import Message, Trace
from regrade_tools.ports import Store
from regrade_tools.traces.query import NO_MATCH, Query

__all__ = ["store"]
pytestmark = pytest.mark.anyio
LOG: list[dict[str, Any]] = [
    {"input": "one", "output": "a", "ts": 1_790_812_800, "latency_ms": 50, "tags": ["prod"]},
    {"input": "two", "output": "b", "ts": 1_790_812_801, "latency_ms": 900, "tags": ["staging"]},
    {"input": "three", "output": "c", "latency_ms": 300, "model": "gpt-4o"},
    {"input": "four", "output": "d"},
]


@asynccontextmanager
async def searching(root: Path) -> AsyncGenerator[Client, None]:
    (root / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)))
    async with Client(build_server(House(Workspace(root)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl"})
        yield client


async def found(client: Client, **arguments: Any) -> dict[str, Any]:
    reply = await client.call_tool("search_traces", arguments)
    assert not reply.is_error, reply.content
    assert reply.structured_content is not None
    return reply.structured_content


async def test_the_slowest_come_first_and_those_of_unknown_latency_not_at_all(
    tmp_path: Path,
) -> None:
    async with searching(tmp_path) as client:
        first = await found(client, sort="slowest", limit=2, fields=["preview", "duration_ms"])
        rest = await found(client, sort="slowest", cursor=first["next_cursor"])
        costly = await found(client, sort="costliest")
    assert [row["preview"] for row in first["traces"]] == ["two", "three"]
    assert (first["total"], first["hint"]) == (
        3, "summarize_traces counts all of them, by model, tag, tool and more.",
    )  # fmt: skip
    assert [row["preview"] for row in rest["traces"]] == ["one"]
    assert costly == {
        "total": 0,
        "traces": [],
        "hint": "The cost of no trace that matches is known: sort otherwise.",
    }


async def test_a_cursor_leads_on_in_its_own_query_and_order_alone(tmp_path: Path) -> None:
    log = [
        {"input": f"new {n}", "output": "a", "timestamp": time.time() - 60} for n in range(3)
    ]  # fmt: skip
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, log)))
    recent = {"query": "since:7d new", "limit": 2, "fields": ["preview"]}
    async with searching(tmp_path) as client:
        await client.call_tool("import_traces", {"path": "new.jsonl"})
        first = await found(client, **recent)
        same = recent | {"query": " since:7d  New", "cursor": first["next_cursor"]}
        rest = await found(client, **same)
        others = [
            await client.call_tool("search_traces", {**asked, "cursor": first["next_cursor"]})
            for asked in ({}, {"query": "since:8d new"}, {**recent, "sort": "oldest"})
        ]
    assert sorted(row["preview"] for row in first["traces"] + rest["traces"]) == [
        "new 0", "new 1", "new 2",
    ]  # fmt: skip
    told = [getattr(other.content[0], "text", "") for other in others]
    assert all("gave: its query or its sort is another. Pass next_cursor" in one for one in told)


async def test_a_row_says_where_its_time_is_that_of_the_import(tmp_path: Path) -> None:
    async with searching(tmp_path) as client:
        page = await found(client, fields=["preview", "when"])
        bare = await found(client, fields=["preview"])
    assert {row["preview"]: row.get("when_of") for row in page["traces"]} == {
        "one": None, "two": None, "three": "import", "four": "import",
    }  # fmt: skip
    assert all("when_of" not in row for row in bare["traces"])


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("tag:prd", "No trace has tag:prd (did you mean 'prod'?); there is: prod, staging."),
        ("one model:gpt-5", "No trace has model:gpt-5 (did you mean 'gpt-4o'?); there is: gpt-4o."),
        ("session:x", "No trace has any session."),
        ("session:*", "No trace has any session."),
        ("meta.plan:*", "No trace has any meta.plan."),
        ("feedback:*", "No trace has any feedback."),
        ("meta.plan:g*", NO_MATCH),
        ("one tag:staging", NO_MATCH),
        ("nowhere", NO_MATCH),
    ],
)
async def test_a_search_that_finds_nothing_says_what_there_is_instead(
    query: str, hint: str, tmp_path: Path
) -> None:
    async with searching(tmp_path) as client:
        assert await found(client, query=query) == {"total": 0, "traces": [], "hint": hint}


async def test_of_many_values_the_one_that_was_meant_is_found(tmp_path: Path) -> None:
    tags = [{"input": "x", "output": "y", "tags": [f"tag{n:02}"]} for n in range(50)]
    (tmp_path / "tags.jsonl").write_text("\n".join(map(json.dumps, tags)))
    async with searching(tmp_path) as client:
        await client.call_tool("import_traces", {"path": "tags.jsonl"})
        page = await found(client, query="tag:tag94")
    assert "did you mean 'tag49'?" in page["hint"]
    assert page["hint"].endswith("more.")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["-one"], 3),
        (["tag:*", "-tag:staging", "one"], 1),
        (["-h1"], 4),
        (["-tag:prod", "-two"], 2),
    ],
)
def test_what_is_not_wanted_needs_no_quotes_on_the_command_line(
    words: list[str], number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)))
    root = ("--root", str(tmp_path))
    main(["import", str(tmp_path / "log.jsonl"), *root])
    capsys.readouterr()
    assert main(["search", *words, "--json", *root]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == number
    assert main(["summarize", *words, "--baseline", "-nowhere", "--json", *root]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert (counted["total"]["traces"], counted["baseline"]["traces"]) == (number, 4)
    assert main(["export", *words, "--out", "-", *root]) == 0
    assert len(capsys.readouterr().out.splitlines()) == number


async def test_what_was_asked_and_answered_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    long = {"input": {"q": ["five"]}, "output": "e" * 5_000}
    async with searching(tmp_path) as client:
        (tmp_path / "more.jsonl").write_text(json.dumps(long))
        await client.call_tool("import_traces", {"path": "more.jsonl"})
        page = await found(client, query="-source:log.jsonl", fields=["input", "output"])
        short = await found(client, query="one", fields=["output"])
        wrong = await client.call_tool("search_traces", {"fields": ["answer"]})
    (row,) = page["traces"]
    assert (row["input"], row["output"][:5]) == ({"q": ["five"]}, "eeeee")
    assert "characters" in row["output"]
    assert len(row["output"]) <= 800
    assert [set(row) for row in short["traces"]] == [{"id", "output"}]
    assert short["traces"][0]["output"] == "a"
    assert "There is no field 'answer'" in str(wrong.content)


def test_the_command_tells_them_below_each_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)))
    (tmp_path / "evals").mkdir()
    root = ("--root", str(tmp_path))
    main(["import", str(tmp_path / "log.jsonl"), *root])
    capsys.readouterr()
    assert main(["search", "one", "--fields", "preview,output", *root]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1][-3:], lines[2]) == ("1 trace", "one", "    output: a")


def test_the_command_tells_every_field_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {
        **LOG[1], "name": "chat", "tags": ["prod", "eu"], "cost": 0.25, "input_tokens": 2_000,
        "output_tokens": 1, "feedback": {"helpful": 0, "tone": "rude"}, "model": "m-1",
    }  # fmt: skip
    (tmp_path / "log.jsonl").write_text(json.dumps(record))
    (tmp_path / "evals").mkdir()
    root = ("--root", str(tmp_path))
    main(["import", str(tmp_path / "log.jsonl"), *root])
    capsys.readouterr()

    def told(*arguments: str) -> list[str]:
        assert main(["search", *arguments, *root]) == 0
        return capsys.readouterr().out.split("  ", 1)[1].splitlines()

    assert told("--fields", "name,tags,source,tokens,duration_ms,cost_usd") == [
        "name: chat  tags: prod, eu  source: log.jsonl  2,001 tokens  900 ms  $0.25"
    ]
    assert told("--fields", "feedback,status") == ["ok", "    feedback: helpful=0; tone=rude"]
    assert told("two", "--fields", "excerpt,preview") == [
        "input: **two**",
        "    preview: two",
    ]
    assert told("--fields", "model", "--sort", "slowest") == ["m-1  900 ms"]
    assert told("--fields", "model", "--sort", "costliest") == ["m-1  $0.25"]
    assert told("--sort", "slowest")[0].endswith("ok  m-1  900 ms  two")


def test_the_command_sorts_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)))
    main(["import", str(tmp_path / "log.jsonl"), "--root", str(tmp_path)])
    capsys.readouterr()
    assert main(["search", "--sort", "slowest", "--json", "--root", str(tmp_path)]) == 0
    page = json.loads(capsys.readouterr().out)
    assert [row["preview"] for row in page["traces"]] == ["two", "three", "one"]


def talk(*asked: str, after: tuple[Message, ...] = ()) -> Trace:
    """A conversation in which each is answered."""
    said = [one for text in asked for one in (Message("user", text), Message("assistant", "Yes."))]
    return Trace("tr_aaaaaaaaaaaaa", "x", "chat", messages=(Message("system", "s"), *said, *after))


LONG = "word " * 50
PREVIEWS: dict[str, tuple[Trace, str]] = {
    "one turn": (talk("Flats in\nUlm?"), "Flats in Ulm?"),
    "several": (talk("Flats in Ulm?", "Near a lake?", "A balcony?"),
                "A balcony? (turn 3; first: Flats in Ulm?)"),
    "the same again": (talk("Flats?", "Flats?"), "Flats?"),
    "one that is not answered yet": (
        talk("Flats?", "A balcony?", after=(Message("user", "Hello?"),)),
        "A balcony? (turn 2; first: Flats?)"),
    "none that is answered": (
        Trace("tr_aaaaaaaaaaaaa", "x", "chat",
              messages=(Message("user", "Flats?"), Message("user", "Hello?"))),
        "Hello? (turn 2; first: Flats?)"),
    "a long one": (
        talk("Flats?", LONG), f"{LONG[:133]}... (turn 2; first: Flats?)"),
    "a long beginning": (talk(LONG, "Flats?"), f"Flats? (turn 2; first: {LONG[:133]}...)"),
    "both long": (talk(LONG, f"so {LONG}"),
                  f"{f'so {LONG}'[:89]}... (turn 2; first: {LONG[:47]}...)"),
    "no words": (Trace("tr_aaaaaaaaaaaaa", "x", "chat", input={"q": "Flats?"}), "Flats?"),
}  # fmt: skip


@pytest.mark.parametrize(("trace", "line"), PREVIEWS.values(), ids=PREVIEWS)
def test_the_line_of_a_trace_is_what_was_asked_last(trace: Trace, line: str) -> None:
    assert trace.preview == line
    assert len(line) <= 160


async def test_a_search_shows_what_was_asked_last(store: Store) -> None:
    await store.append([talk("Flats in Ulm?", "A balcony?")])
    page = await store.search(Query(), limit=1)
    assert [row.preview for row in page.rows] == ["A balcony? (turn 2; first: Flats in Ulm?)"]
