"""The server over streamable HTTP, asked by real clients on loopback."""

import json
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from served import Served, served

from regrade_server.cli import main
from regrade_server.http import Address, read_tokens
from regrade_server.http.rate import Rate
from regrade_tools.refusal import Refusal

pytestmark = pytest.mark.anyio
Era = Literal["legacy", "2026-07-28"]
BOTH = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])

EVERYTHING, WRITES, READS = "everything-0123456789", "writes-0123456789abc", "reads-0123456789abcd"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served, None, None]:
    root = tmp_path_factory.mktemp("local")
    (root / "evals").mkdir()
    with served(root) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served, None, None]:
    """On every address, as off loopback."""
    root = tmp_path_factory.mktemp("guarded")
    (root / "log.jsonl").write_text('{"input": "hi", "output": "hello"}\n')
    tokens = root / "tokens"
    tokens.write_text(f"# of the team\n{WRITES} write\n{READS} read # a dashboard\n")
    options = ("--http", "0.0.0.0:0", "--allow-host", "evals.example.com")
    with served(root, *options, "--token-file", str(tokens), REGRADE_TOKEN=EVERYTHING) as server:
        yield Served(server.process, server.address.replace("//0.0.0.0:", "//127.0.0.1:"))


def asked(server: Served, body: bytes | None = None, /, **headers: str) -> httpx2.Response:
    content = json.dumps(HELLO).encode() if body is None else body
    told = {**ACCEPT, "Content-Type": "application/json", **headers}
    return httpx2.post(server.url, content=content, headers=told, timeout=20)


@asynccontextmanager
async def bearing(server: Served, token: str, era: Era) -> AsyncGenerator[Client, None]:
    told = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=told, timeout=30) as http,
        Client(streamable_http_client(server.url, http_client=http), mode=era) as client,
    ):
        yield client


async def text_of(client: Client, tool: str, **arguments: Any) -> str:
    reply = await client.call_tool(tool, arguments)
    return " ".join(getattr(part, "text", "") for part in reply.content)


@BOTH
async def test_a_client_of_either_era_calls_a_tool_over_http(local: Served, era: Era) -> None:
    async with Client(local.url, mode=era) as client:
        tools = (await client.list_tools()).tools
        reply = await client.call_tool("overview", {})
    assert tools[0].name == "overview"
    assert reply.structured_content is not None
    assert reply.structured_content["targets"] == ["recorded", "corrected", "latest"]


def test_it_says_that_it_lives_without_a_token(guarded: Served) -> None:
    reply = httpx2.get(f"{guarded.address}/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/mcp", "/healthz"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example"])
def test_a_name_that_was_made_to_point_here_is_not_answered(
    local: Served, guarded: Served, host: str, path: str
) -> None:
    for server in (local, guarded):
        reply = httpx2.get(server.address + path, headers={"Host": host})
        assert (reply.status_code, reply.text) == (421, "Invalid Host header")


def test_what_is_said_of_the_host_is_no_way_around_the_token(guarded: Served) -> None:
    """A URL that is made of it would have the path of what needs no token."""
    for host in ("127.0.0.1:1/healthz?", "127.0.0.1:1/healthz#"):
        assert asked(guarded, Host=host).status_code == 401


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"]
)
def test_a_page_of_elsewhere_is_not_answered(local: Served, guarded: Served, origin: str) -> None:
    for server in (local, guarded):
        reply = asked(server, Origin=origin, Authorization=f"Bearer {EVERYTHING}")
        assert (reply.status_code, reply.text) == (403, "Invalid Origin header")


def test_a_page_and_a_name_of_its_own_are_answered(local: Served, guarded: Served) -> None:
    assert asked(local, Origin=local.address).status_code == 200
    told = {"Host": "evals.example.com", "Origin": "https://evals.example.com"}
    assert asked(guarded, Authorization=f"Bearer {EVERYTHING}", **told).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer wrong-0123456789abcd", f"Basic {READS}", "Bearer"])
def test_without_a_token_that_was_given_out_nothing_is_answered(
    guarded: Served, header: str
) -> None:
    reply = asked(guarded, **({"Authorization": header} if header else {}))
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert reply.json() == {"error": "This server needs a token: Authorization: Bearer TOKEN."}


@BOTH
async def test_a_token_opens_what_its_scopes_are_for(guarded: Served, era: Era) -> None:
    async with bearing(guarded, READS, era) as client:
        reading = {tool.name for tool in (await client.list_tools()).tools}
        looked = await text_of(client, "search_traces")
        refused = await text_of(client, "import_traces", path="log.jsonl")
        stopped = await text_of(client, "get_run", run_id="run_x", cancel=True)
    async with bearing(guarded, WRITES, era) as client:
        writing = {tool.name for tool in (await client.list_tools()).tools}
        imported = await text_of(client, "import_traces", path="log.jsonl")
        started = await text_of(client, "run_suite", suite="main")
    async with bearing(guarded, EVERYTHING, era) as client:
        every = {tool.name for tool in (await client.list_tools()).tools}
        tried = await text_of(client, "run_suite", suite="main")
    assert {"overview", "search_traces", "get_run"} <= reading < writing < every
    assert (writing - reading) >= {"import_traces", "file_case"}
    assert (every - writing) >= {"run_suite", "run_judge"}
    assert '"traces":' in looked
    assert '"stored":' in imported
    assert "needs the scope 'write'; this token has read." in refused
    assert "needs the scope 'write'; this token has read." in stopped
    assert "needs the scope 'spend'; this token has read, write." in started
    assert "There is no suite 'main'" in tried


def test_a_session_belongs_to_the_token_that_began_it(guarded: Served) -> None:
    begun = asked(guarded, Authorization=f"Bearer {EVERYTHING}")
    session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
    body = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "ping"}).encode()
    other = asked(guarded, body, Authorization=f"Bearer {READS}", **session)
    same = asked(guarded, body, Authorization=f"Bearer {EVERYTHING}", **session)
    assert (other.status_code, same.status_code) == (404, 200)


@BOTH
def test_a_body_that_is_too_large_is_not_read(local: Served, era: Era) -> None:
    version = {} if era == "legacy" else {"MCP-Protocol-Version": era}
    assert asked(local, b" " * (4 * 1024 * 1024 + 1), **version).status_code == 413
    assert asked(local).status_code == 200


@BOTH
def test_a_client_that_breaks_off_in_its_request_is_told_of_in_a_line(
    era: Era, tmp_path: Path
) -> None:
    version = "" if era == "legacy" else f"MCP-Protocol-Version: {era}\r\n"
    with served(tmp_path) as server:
        place = urlsplit(server.address)
        assert place.hostname is not None
        head = f"POST /mcp HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        head += f"Accept: {ACCEPT['Accept']}\r\n{version}Content-Length: 500\r\n\r\n"
        with socket.create_connection((place.hostname, place.port or 0)) as broken:
            broken.sendall(head.encode() + b'{"jsonrpc"')
            assert asked(server).status_code == 200
        assert asked(server).status_code == 200
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert server.process.stderr is not None
        told = server.process.stderr.read()
    assert told == "regrade: a client broke off before its request was whole.\n"


def test_who_asks_too_often_is_told_to_wait_and_the_health_is_still_told(tmp_path: Path) -> None:
    with served(tmp_path, "--rate", "3") as server:
        replies = [asked(server) for _ in range(5)]
        health = httpx2.get(f"{server.address}/healthz")
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 20
    assert health.status_code == 200


def test_each_caller_has_an_allowance_that_comes_back() -> None:
    rate = Rate(per_minute=60)
    assert [rate.wait("a", 0.0) for _ in range(61)] == [0] * 60 + [1]
    assert (rate.wait("b", 0.0), rate.wait("a", 1.5), rate.wait("a", 1.5)) == (0, 0, 1)
    for number in range(10_000):
        rate.wait(f"other {number}", 2.0)
    assert rate.wait("a", 2.0) == 0


async def test_it_ends_well_on_a_signal_while_a_client_is_connected(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        async with httpx2.AsyncClient(timeout=30) as http:
            begun = await http.post(server.url, json=HELLO, headers=ACCEPT)
            session = {"Mcp-Session-Id": begun.headers["mcp-session-id"], **ACCEPT}
            async with http.stream("GET", server.url, headers=session) as events:
                assert events.status_code == 200
                server.process.terminate()
                with pytest.raises(httpx2.RemoteProtocolError, match="peer closed connection"):
                    await events.aread()
        assert server.process.wait(20) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


async def test_a_server_that_only_reads_has_no_tool_that_writes(tmp_path: Path) -> None:
    with served(tmp_path, "--read-only", "--tools", "get_run,overview,file_case") as server:
        async with Client(server.url) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            stopped = await text_of(client, "get_run", run_id="run_x", cancel="true")
            absent = await text_of(client, "file_case")
    assert names == ["overview", "get_run"]
    assert stopped == "This server is read-only: get_run would not only read."
    assert absent == "There is no tool 'file_case'; valid: get_run, overview."


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--http", "0.0.0.0:0"], "0.0.0.0 is every address of this machine"),
        (["--http", "[::]:0", "--allow-host", "a.example"], "there is no token"),
        (["--http", "192.0.2.1:0"], "192.0.2.1 can be asked from elsewhere, and there is no token"),
        (["--http", "8765"], "'8765' is no HOST:PORT"),
        (["--http", "localhost:99999"], "'localhost:99999' is no HOST:PORT"),
        (["--http", "--rate", "0"], "--rate is 0"),
        (["--http", "127.0.0.1:0", "--token-file", "absent"], "cannot be read from absent"),
        (["--otlp", "0.0.0.0:0", "--allow-host", "a.example"], "there is no token"),
        (["--otlp", "4318"], "'4318' is no HOST:PORT"),
        (["--otlp", "--otlp-sample", "nan"], "--otlp-sample is nan; it is 0 to 1"),
        (["--otlp-sample", "0.5"], "--otlp-sample says how much --otlp keeps"),
        (["--tools", "overvew"], "no tool 'overvew' (did you mean 'overview'?)"),
        (["--tools", ","], "--tools names no tool"),
        (["--tools", "file_case", "--read-only"], "No tool is left"),
    ],
)
def test_what_would_not_be_safe_or_not_work_is_refused_before_anything_listens(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REGRADE_TOKEN", raising=False)
    assert main(["--root", str(tmp_path), "serve", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_port_that_is_taken_is_refused(local: Served) -> None:
    with pytest.raises(Refusal, match="cannot be listened on: Address already in use"):
        Address.read(local.address.removeprefix("http://")).socket()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("short read", "tokens:1 is too easy to guess: it has 5 characters"),
        (READS, "tokens:1 gives a token no scope"),
        (f"{READS} raed", "no scope 'raed' \\(did you mean 'read'\\?\\)"),
        ("# nothing", "holds no token"),
    ],
)
def test_a_file_of_tokens_that_is_wrong_is_refused_without_quoting_it(
    line: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text(line)
    with pytest.raises(Refusal, match=told) as refused:
        read_tokens({}, path)
    assert READS not in str(refused.value)
