"""Programs that answer over HTTP: well, late, never, out of form, or busy at first."""

import json
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from mcp import Client

from regrade_server.cli import main
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace

pytestmark = pytest.mark.anyio

KEY = "sk-0123456789abcdef"
LEAK = "sk-proj-" + "a1B2" * 8
Answer = tuple[int, dict[str, str], str]
NO_HEADERS: dict[str, str] = {}


class Service:
    """A server on loopback that answers as it is told, and remembers what it was asked."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.answer: Callable[[Any], Answer] = lambda body: ok(body["input"])
        self.released = Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.asked.append((headers, body))
                status, headers, text = service.answer(body)
                raw = text.encode()
                # Whoever waits no longer has hung up.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(status)
                    for name, value in {**headers, "content-length": str(len(raw))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/ask"


def ok(output: Any, **more: Any) -> Answer:
    return 200, NO_HEADERS, json.dumps({"output": output, **more})


@contextmanager
def listening(port: int = 0) -> Generator[Service]:
    """A service that answers, on any port or on this one."""
    made = Service(port)
    serving = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield made
    made.released.set()
    made.server.shutdown()
    serving.join()
    made.server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    with listening() as made:
        yield made


def suite(root: Path, target: dict[str, Any], inputs: tuple[Any, ...] = ("a",)) -> None:
    """A suite in which each answer must be the input."""
    evals = root / "evals"
    (evals / "suites").mkdir(parents=True)
    (evals / "cases" / "s").mkdir(parents=True)
    (evals / "regrade.yaml").write_text(json.dumps({"targets": {"app": target}}))
    (evals / "suites" / "s.yaml").write_text(json.dumps({"target": "app", "concurrency": 2}))
    for number, given in enumerate(inputs):
        asked = {"input": given, "assertions": [{"type": "equals", "value": given}]}
        text = json.dumps({"id": f"c{number}", **asked})
        (evals / "cases" / "s" / f"c{number}.yaml").write_text(text)


async def ran(root: Path, target: dict[str, Any], inputs: tuple[Any, ...] = ("a",)) -> Any:
    """The reply to a run of it."""
    suite(root, target, inputs)
    return await measured(root)


async def measured(root: Path, **more: Any) -> Any:
    async with Client(build_server(House(Workspace(root)))) as client:
        reply = await client.call_tool("run_suite", {"suite": "s", "wait_s": 60, **more})
    assert reply.structured_content is not None, reply.content
    return reply.structured_content


def kept(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


async def errored(root: Path, target: dict[str, Any]) -> str:
    """Why the one case of a run is errored."""
    report = await ran(root, target)
    assert report["summary"]["errored"] == 1
    return report["cards"][0]["reasons"][0]


async def test_an_endpoint_is_sent_the_input_and_its_answer_is_checked(
    service: Service, tmp_path: Path
) -> None:
    report = await ran(tmp_path, {"http": {"url": service.url}}, ("a", {"b": [1, None, "ü"]}))
    assert report["summary"]["passed"] == 2
    asked = sorted((body for _, body in service.asked), key=lambda body: body["id"])
    assert asked == [{"id": "c0", "input": "a"}, {"id": "c1", "input": {"b": [1, None, "ü"]}}]


CHAT = {
    "body": {
        "model": "m-1",
        "temperature": 0,
        "messages": [{"role": "user", "content": "In {{ lang }}: {{ text }}"}],
        "given": "{{ input }}",
    },
    "output": "choices.0.message.content",
    "tokens": "usage.total_tokens",
    "cost_usd": "usage.cost",
    "tool_calls": "choices[0].message.tool_calls",
}


def chat(content: Any, **more: Any) -> Answer:
    message = {"role": "assistant", "content": content, **more}
    told = {"choices": [{"message": message}], "usage": {"total_tokens": 12, "cost": None}}
    return 200, NO_HEADERS, json.dumps(told)


async def test_an_endpoint_with_a_form_of_its_own_is_asked_in_it_and_its_answer_found(
    service: Service, tmp_path: Path
) -> None:
    call = {"function": {"name": "look_up", "arguments": '{"word": "cat"}'}, "type": "function"}
    service.answer = lambda _: chat("le chat", tool_calls=[call])
    given = {"lang": "French", "text": "the cat"}
    suite(tmp_path, {"http": {"url": service.url, **CHAT}})
    asked = [
        {"type": "equals", "value": "le chat"},
        {"type": "tool-called", "name": "look_up", "arguments": {"word": "cat"}},
        {"type": "tokens", "threshold": 12},
    ]
    text = json.dumps({"id": "c0", "input": given, "assertions": asked})
    (tmp_path / "evals" / "cases" / "s" / "c0.yaml").write_text(text)
    report = await measured(tmp_path)
    assert report["summary"]["passed"] == 1, report
    (_, body), = service.asked  # fmt: skip
    content = "In French: the cat"
    assert body == {
        "model": "m-1",
        "temperature": 0,
        "messages": [{"role": "user", "content": content}],
        "given": given,
    }


@pytest.mark.parametrize(
    ("answer", "told", "why"),
    [
        (chat("a"), {"body": {"x": "{{ absent }}"}}, "the body cannot be filled in: 'absent' is"),
        ((200, NO_HEADERS, '{"error": "no"}'), {}, "output has no 'choices' (its keys: error)"),
        ((200, NO_HEADERS, "hello"), {}, "the target answered 'hello', which is no JSON"),
        (chat("a"), {"tokens": "choices"}, "the answer's tokens is [{"),
        (chat(float("nan")), {}, "the answer holds NaN or infinity, which JSON cannot say"),
    ],
)
async def test_an_answer_without_what_a_target_looks_for_is_errored(
    answer: Answer, told: dict[str, Any], why: str, service: Service, tmp_path: Path
) -> None:
    service.answer = lambda _: answer
    form = {**CHAT, "body": {"q": "{{ input }}"}, **told}
    assert why in await errored(tmp_path, {"http": {"url": service.url, **form}})


async def test_all_of_an_answer_may_be_the_output_also_where_it_is_text(
    service: Service, tmp_path: Path
) -> None:
    service.answer = lambda body: (200, NO_HEADERS, body["input"])
    report = await ran(tmp_path, {"http": {"url": service.url, "output": ""}}, ("a", "b c", "NaN"))
    assert report["summary"]["passed"] == 3


async def test_preprocess_touches_only_what_an_endpoint_is_given(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "bot.py").write_text("def shout(q): return q.upper()\n")
    service.answer = lambda body: ok(body["input"].lower())
    target = {"http": {"url": service.url}, "preprocess": "bot:shout"}
    assert (await ran(tmp_path, target))["summary"]["passed"] == 1
    assert service.asked[0][1]["input"] == "A"


async def test_a_header_is_filled_from_the_environment_and_its_value_is_kept_nowhere(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_TEST_KEY", KEY)
    headers = {"Authorization": "Bearer ${REGRADE_TEST_KEY}", "X-Plain": "$HOME {x}"}
    report = await ran(tmp_path, {"http": {"url": service.url, "headers": headers}})
    assert report["summary"]["passed"] == 1
    sent = service.asked[0][0]
    assert (sent["authorization"], sent["x-plain"]) == (f"Bearer {KEY}", "$HOME {x}")
    assert KEY.encode() not in kept(tmp_path)
    assert KEY not in json.dumps(report)


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_tells_the_key_of_a_header_is_errored_without_it(
    status: int, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_TEST_KEY", KEY)
    service.answer = lambda _: (status, {}, json.dumps({"output": f"you sent {KEY}"}))
    target = {"http": {"url": service.url, "headers": {"X-Key": "${REGRADE_TEST_KEY}"}}}
    why = await errored(tmp_path, target)
    assert KEY not in why
    assert ("nothing of it is kept" in why) == (status == 200)
    assert KEY.encode() not in kept(tmp_path)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, NO_HEADERS, "out of cheese"), "answered 500: out of cheese"),
        ((400, NO_HEADERS, '{"output": "a"}'), "answered 400"),
        ((302, {"location": "/elsewhere"}, ""), "answered 302"),
        (
            (200, NO_HEADERS, "hello"),
            "printed 'hello' instead of an answer; answer with JSON such as",
        ),
        ((200, NO_HEADERS, '["a"]'), "instead of an answer"),
        ((200, NO_HEADERS, '{"error": "no model"}'), "the target said: no model"),
        (ok("", error={"code": 7}), 'the target said: {"code":7}'),
        (ok("a", id="c9"), 'the id "c9" when'),
        (ok("a", cost_usd=-1), "cost_usd is -1"),
        ((200, NO_HEADERS, " " * 17_000_000), "over 16 MB"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_answer_that_is_none_is_errored_and_asked_for_once(
    answer: Answer, why: str, service: Service, tmp_path: Path
) -> None:
    service.answer = lambda _: answer
    assert why in await errored(tmp_path, {"http": {"url": service.url}})
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (500, NO_HEADERS, f"{'x' * 210} {LEAK} {'x' * 900}"),
        (200, NO_HEADERS, f"{'x' * 210} {LEAK} {'x' * 900}"),
        (200, NO_HEADERS, json.dumps({"error": f"{'x' * 440} {LEAK} {'x' * 900}"})),
        (200, NO_HEADERS, json.dumps({f"{'x' * 210} {LEAK} {'x' * 900}": 1})),
        ok("a", id=f"{'x' * 210} {LEAK} {'x' * 900}"),
        ok("a", cost_usd=f"{'x' * 20} {LEAK}"),
    ],
)
async def test_no_secret_and_no_part_of_one_is_in_what_is_told_of_a_wrong_answer(
    answer: Answer, service: Service, tmp_path: Path
) -> None:
    service.answer = lambda _: answer
    why = await errored(tmp_path, {"http": {"url": service.url}})
    assert LEAK[:12] not in why
    assert LEAK[-12:] not in why


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_endpoint_is_asked_again(
    status: int, service: Service, tmp_path: Path
) -> None:
    busy = [(status, {"retry-after": "0"}, ""), (status, {"retry-after": "tomorrow"}, "")]
    service.answer = lambda body: busy.pop() if busy else ok(body["input"])
    report = await ran(tmp_path, {"http": {"url": service.url}})
    assert report["summary"]["passed"] == 1
    assert len(service.asked) == 3


async def test_an_endpoint_that_stays_busy_is_errored_when_its_time_is_over(
    service: Service, tmp_path: Path
) -> None:
    service.answer = lambda _: (503, {"retry-after": "9" * 500}, "")
    why = await errored(tmp_path, {"http": {"url": f"{service.url}?key=1", "timeout_s": 0.5}})
    assert why == (
        f"{service.url} gave no answer within 0.5 s: it answered 503; "
        "see that it runs, or raise timeout_s of the target"
    )


async def test_a_run_whose_endpoint_is_not_there_waits_for_it_once_and_goes_on_when_it_is(
    tmp_path: Path,
) -> None:
    service = Service()
    service.server.server_close()
    target = {"http": {"url": service.url, "timeout_s": 0.5}}
    suite(tmp_path, target, ("a", "b", "c", "d", "e"))
    report = await measured(tmp_path)
    told, run_id = report["summary"], report["summary"]["run_id"]
    assert (told["state"], told["errored"], told["not_asked"]) == ("interrupted", 0, 5)
    assert told["problem"] == (
        f"{service.url} cannot be reached (All connection attempts failed), tried again and again "
        "for 0.5 s. Start the program, or mend the url of the target."
    )
    assert report["hint"].endswith(f'run_suite("s", resume="{run_id}") asks the rest.')
    again = (await measured(tmp_path, resume=run_id))["summary"]
    assert (again["state"], again["problem"]) == ("interrupted", told["problem"])
    with listening(service.port) as there:
        whole = (await measured(tmp_path, resume=run_id))["summary"]
        assert (whole["run_id"], whole["state"], whole["passed"]) == (run_id, "done", 5)
        assert len(there.asked) == 5


async def test_an_endpoint_that_goes_away_keeps_what_it_has_answered(tmp_path: Path) -> None:
    with listening() as there:

        def last(body: Any) -> Answer:
            # Nobody is let in any more, and this is still answered.
            if body["input"] == "b":
                there.server.shutdown()
                there.server.socket.close()
            return 200, {"connection": "close"}, json.dumps({"output": body["input"]})

        there.answer = last
        suite(tmp_path, {"http": {"url": there.url, "timeout_s": 0.5}}, ("a", "b", "c"))
        (tmp_path / "evals" / "suites" / "s.yaml").write_text('{"target": "app", "concurrency": 1}')
        told = (await measured(tmp_path))["summary"]
    assert (told["state"], told["passed"], told["errored"], told["not_asked"]) == (
        "interrupted", 2, 0, 1,
    )  # fmt: skip


def test_a_person_is_told_how_a_run_goes_on_whose_endpoint_was_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    suite(tmp_path, {"http": {"url": url, "timeout_s": 0.2}})
    assert main(["run", "s", "--root", str(tmp_path)]) == 3
    run_id, *_, problem, kept, how = capsys.readouterr().out.splitlines()
    assert problem.startswith(f"  {url} cannot be reached")
    assert (kept, how) == (
        "  0 answers kept. It goes on with:", f"    regrade run --resume {run_id.split()[0]}",
    )  # fmt: skip
    assert main(["gate", "s", "--root", str(tmp_path)]) == 3
    assert "because the run is interrupted: " + url in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://a..b", "http://%", f"http://{'a' * 99}"])
async def test_an_address_that_is_none_is_told(url: str, tmp_path: Path) -> None:
    told = (await ran(tmp_path, {"http": {"url": url, "timeout_s": 0.5}}))["summary"]
    assert (told["state"], url in told["problem"]) == ("interrupted", True)


async def test_an_endpoint_that_hangs_is_errored_and_asked_once(
    service: Service, tmp_path: Path
) -> None:
    def hang(_: Any) -> Answer:
        service.released.wait()
        return ok("a")

    service.answer = hang
    why = await errored(tmp_path, {"http": {"url": service.url, "timeout_s": 0.5}})
    assert why.startswith(f"{service.url} gave no answer within 0.5 s; see that it runs")
    assert len(service.asked) == 1
