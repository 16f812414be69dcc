"""People who label in a browser: what the page is told, and who else asks for it."""

import json
import os
import pty
import re
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from console import answered
from labelled import FAILS, PASSES, judge_file, ways
from terminal import here

from regrade_server.cli import main
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.labelbook import LabelBook

HOSTILE = "</script><b>bold</b>\u202eevil \x1b[2J\x00"
LONG = "\n".join(f"line {n} " + "x" * 60 for n in range(5_000))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a judge, three traces, a suggestion of each, and one person, ada."""
    monkeypatch.setenv("REGRADE_KEYS", str(tmp_path / "keys"))
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    judge_file(folder, "diet", "")
    lines = [json.dumps({"input": f"question {n}", "output": f"answer {n}"}) for n in range(3)]
    imported(folder, *lines)
    assert main(("labeller", "ada", "--root", str(folder))) == 0
    return folder


def imported(root: Path, *lines: str) -> None:
    log = root / f"log{len(lines)}.jsonl"
    log.write_text("\n".join(lines) + "\n")
    assert main(("import", str(log), "--root", str(root))) == 0


@dataclass
class Browser:
    """One that was given an address: the page's own requests, as its script makes them."""

    opened: str
    client: httpx2.Client
    shown: Callable[[], str]
    key: str = ""

    @property
    def address(self) -> str:
        return self.opened.partition("/#")[0]

    def ask(self, path: str, body: Any = None, **headers: Any) -> httpx2.Response:
        key = f"Bearer {self.key}" if self.key else ""
        told = {"Authorization": key, "Origin": self.address}
        told = {name: value for name, value in {**told, **headers}.items() if value}
        if body is None:
            return self.client.get(self.address + path, headers=told)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(self.address + path, content=content, headers=told)

    def enter(self) -> Any:
        secret = self.opened.partition("#")[2]
        self.key = self.ask("/enter", {"secret": secret}).json()["pass"]
        return self.ask("/item").json()

    def move(self, does: str, place: int, **more: str) -> httpx2.Response:
        return self.ask("/move", {"does": does, "place": place, **more})

    def leave(self) -> None:
        assert self.ask("/leave", {}).status_code == 200


@dataclass
class Screen:
    """A terminal, and all that it has shown so far."""

    text: str = ""

    def read(self, terminal: int, address: "Future[str]") -> None:
        while True:
            try:
                self.text += os.read(terminal, 65_536).decode()
            except OSError:
                # Linux says so when the last program of a terminal has ended.
                break
            found = re.search(r"(http://127\S+)\r\n", self.text)
            if found and not address.done():
                address.set_result(found[1])
        os.close(terminal)
        if not address.done():
            address.set_result("")


def at_a_page(root: Path, person: Callable[[Browser], None], *arguments: str) -> tuple[int, str]:
    """The exit code of `regrade label diet --page` and what it shows while ``person`` labels."""
    ours, theirs = pty.openpty()
    screen, address = Screen(), Future[str]()

    def browse() -> None:
        opened = address.result(60)
        try:
            if opened:
                with httpx2.Client(timeout=20) as client:
                    person(Browser(opened, client, lambda: screen.text))
        except BaseException:
            os.kill(os.getpid(), signal.SIGINT)
            raise

    with ThreadPoolExecutor(2) as beside:
        read, browsed = beside.submit(screen.read, ours, address), beside.submit(browse)
        try:
            code = here(theirs, ["label", "diet", *arguments, "--page", "--root", str(root)])
        finally:
            os.close(theirs)
        browsed.result()
        read.result()
    return code, screen.text


def book(root: Path) -> LabelBook:
    labelling = House(Workspace(root)).labelling
    return labelling.book(labelling.criterion("diet"))


def said(root: Path) -> set[tuple[str, str, str]]:
    return {(one.verdict, one.row.label.critique, one.row.label.mode) for one in book(root).truths}


def test_a_person_labels_goes_back_skips_and_leaves_and_every_answer_is_signed(root: Path) -> None:
    def person(browser: Browser) -> None:
        first = browser.enter()
        assert (first["passes"], first["fails"], first["labeller"]) == (PASSES, FAILS, "ada")
        assert (first["place"], first["count"], first["given"]) == (0, 3, None)
        shown = [(part["kind"], part["text"]) for part in first["parts"]]
        number = shown[0][1][-1]
        assert shown == [("input", f"question {number}"), ("output", f"answer {number}")]
        assert browser.move("answer", 0, verdict="pass", critique=" It keeps to it.\nWholly. ",
                            mode="of a pass it is none").status_code == 200  # fmt: skip
        # It is durable before the next is shown.
        assert said(root) == {("pass", "It keeps to it.\nWholly.", "")}
        again = browser.move("back", 1).json()
        assert (again["place"], again["given"]["verdict"]) == (0, "pass")
        second = browser.move("answer", 0, verdict="fail", critique="Butter.", mode="too  fat")
        assert (second.json()["place"], second.json()["modes"]) == (1, ["too fat"])
        assert browser.move("skip", 1).json()["labelled"] == 1
        end = browser.move("answer", 2, verdict="fail", critique="Eggs.", mode="1").json()
        assert (end["place"], end["labelled"], end["parts"]) == (3, 2, [])
        assert browser.ask("/about").json() == {}
        assert browser.move("back", 3).json()["given"]["critique"] == "Eggs."
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, "2 labelled by diet, signed as ada." in shown) == (0, True), shown
    assert said(root) == {("fail", "Butter.", "too fat"), ("fail", "Eggs.", "too fat")}
    found = book(root)
    assert (found.untrusted, ways(found)) == ((), {"random"})
    # What was labelled is not asked again.
    code, shown = at_a_page(root, lambda browser: (browser.enter(), browser.leave())[1])
    assert "0 labelled by diet" in shown


def test_a_suggestion_is_told_after_the_answer_and_never_before(root: Path) -> None:
    _, found = answered("search", "question", "--root", str(root))
    said = {"verdict": "fail", "critique": "SUGGESTED"}
    labels = [{"trace_id": trace["id"], **said} for trace in found["traces"]]
    given = json.dumps({"criterion": "diet", "labels": labels})
    assert main(("call", "label_traces", given, "--root", str(root))) == 0

    def person(browser: Browser) -> None:
        assert "SUGGESTED" not in json.dumps([browser.enter(), browser.ask("/about").json()])
        after = browser.move("answer", 0, verdict="pass", critique="No fat.").json()
        assert after["before"] == {
            "labeller": "agent:mcp", "verdict": "fail", "critique": "SUGGESTED", "mode": "",
            "given": "pass",
        }  # fmt: skip
        assert after["suggested"] is None
        assert browser.move("back", 1).json()["suggested"]["critique"] == "SUGGESTED"
        assert browser.move("skip", 0).json()["suggested"] is None
        browser.leave()

    code, shown = at_a_page(root, person, "--sample", "suggestions")
    assert code == 0, shown


def test_a_key_that_is_pressed_twice_answers_one_item(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        answer = {"verdict": "pass", "critique": "It keeps to it."}
        with ThreadPoolExecutor(4) as fingers:
            pressed = [fingers.submit(browser.move, "answer", 0, **answer) for _ in range(4)]
        replies = [press.result() for press in pressed]
        assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]
        late = next(reply for reply in replies if reply.status_code == 409).json()
        assert late["error"] == "This was answered already, here or in another tab."
        assert late["seen"]["place"] == 1
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, len(book(root).rows)) == (0, 1), shown


def test_what_is_no_answer_is_not_kept_and_the_item_stays(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        told = {
            " \n": "A label without a reason teaches nobody. Say why.",
            "x" * 4_001: "The reason is longer than 4,000 characters.",
        }
        for critique, why in told.items():
            reply = browser.move("answer", 0, verdict="pass", critique=critique)
            assert (reply.status_code, reply.json()["error"]) == (409, why)
        assert browser.move("answer", 0, verdict="perhaps", critique="x").status_code == 400
        assert browser.ask("/move", {"does": "answer", "place": 0, "labeller": "bob"}).is_error
        assert browser.ask("/move", b"{").status_code == 400
        assert browser.ask("/move", b" " * 65_537).status_code == 413
        for where in ("place=1&part=0&at=0", "place=0&part=9&at=0", "place=0&part=0&at=-1", ""):
            assert browser.ask(f"/rest?{where}").status_code == 400
        # Nobody can sign any more: it is told where the person looks.
        shutil.rmtree(os.environ["REGRADE_KEYS"])
        reply = browser.move("answer", 0, verdict="pass", critique="x")
        assert (reply.status_code, reply.json()["seen"]["place"]) == (409, 0)
        assert "There is no key of 'ada'" in reply.json()["error"]
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, "0 labelled" in shown, book(root).rows) == (0, True, ()), shown


def test_a_number_of_very_many_digits_is_the_name_of_a_failure_like_any_other(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        told = browser.move("answer", 0, verdict="fail", critique="x", mode="9" * 5_000)
        assert (told.status_code, told.json()["place"]) == (200, 1)
        browser.leave()

    assert at_a_page(root, person)[0] == 0
    assert said(root) == {("fail", "x", "9" * 80)}


def test_the_address_opens_once_and_a_second_time_is_told_at_the_terminal(root: Path) -> None:
    def person(browser: Browser) -> None:
        secret = browser.opened.partition("#")[2]
        assert len(secret) >= 43
        assert browser.ask("/enter", {"secret": secret[:-1]}).status_code == 403
        browser.enter()
        assert "a second time" not in browser.shown()
        assert browser.ask("/enter", {"secret": secret}).status_code == 403
        # The first is not turned out by it.
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, "the address was opened a second time" in shown) == (0, True), shown


def test_who_has_no_pass_is_told_nothing_and_does_nothing(root: Path) -> None:
    def person(browser: Browser) -> None:
        answer = {"does": "answer", "place": 0, "verdict": "pass", "critique": "x"}
        secret = browser.opened.partition("#")[2]

        def tried(**headers: Any) -> set[int]:
            looks = ("/item", "/about", "/rest?place=0&part=0&at=0", "/item/", "/elsewhere")
            replies = [browser.ask(path, None, **headers) for path in looks]
            replies += [browser.ask(path, answer, **headers) for path in ("/move", "/leave")]
            return {reply.status_code for reply in replies}

        # Before anybody came in an empty pass is none.
        for told in ("", "Bearer", "Bearer None", f"Bearer {secret}", "Basic eDp5", "bearer"):
            assert tried(Authorization=told) == {403}
        browser.enter()
        assert tried(Authorization="", Cookie=f"pass={browser.key}") == {403}
        assert tried(Authorization=f"Bearer {browser.key[:-1]}") == {403}
        assert tried(Authorization=b"Bearer \xfc") == {403}
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, book(root).rows) == (0, ()), shown


def test_another_page_and_another_name_are_not_answered(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        port = int(browser.address.rpartition(":")[2])
        skip = {"does": "skip", "place": 0}
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}",
                     f"127.0.0.1.evil.example:{port}", f"[::1]:{port}"):  # fmt: skip
            for path in ("/", "/item"):
                assert browser.ask(path, Host=host).status_code == 421
            assert browser.ask("/move", skip, Host=host).status_code == 421
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}",
                       f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}"):  # fmt: skip
            for path in ("/", "/item"):
                assert browser.ask(path, Origin=origin).status_code == 403
            assert browser.ask("/move", skip, Origin=origin).status_code == 403
        assert browser.ask("/move", skip, Origin="").status_code == 403
        # No other page may ask with the header of the pass.
        asked = httpx2.options(browser.address + "/move", headers={"Origin": "http://evil.example"})
        assert not [name for name in asked.headers if name.startswith("access-control")]
        local = f"localhost:{port}"
        assert browser.ask("/item", Host=local, Origin=f"http://{local}").json()["place"] == 0
        browser.leave()

    code, shown = at_a_page(root, person)
    assert code == 0, shown


def test_hostile_text_comes_as_data_beside_a_page_that_runs_nothing_else(root: Path) -> None:
    talk = [{"role": "user\u202e", "content": HOSTILE}, {"role": "assistant", "content": HOSTILE}]
    imported(root, json.dumps({"messages": talk, "metadata": {"note": HOSTILE}}))

    def person(browser: Browser) -> None:
        replies = [browser.ask(path) for path in ("/", "/page.css", "/page.js", "/nowhere")]
        seen = browser.enter()
        replies += [browser.ask("/item"), browser.ask("/about"), browser.move("skip", 7)]
        for reply in replies:
            policy = reply.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"] == "no-store"
            assert "set-cookie" not in reply.headers
        html, style, script = (reply.text for reply in replies[:3])
        kinds = [reply.headers["content-type"].partition(";")[0] for reply in replies[:5]]
        assert kinds == ["text/html", "text/css", "text/javascript", *["application/json"] * 2]
        assert not re.search(r"<script(?! src=\"/page\.js\")|style=|\son\w+=|//", html)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)
        assert "url(" not in style
        escaped = "</script><b>bold</b>\\u202eevil \\u001b[2J\\u0000"
        assert [part["name"] for part in seen["parts"]] == ["user\\u202e", ""]
        assert [part["text"] for part in seen["parts"]] == [escaped, escaped]
        steps = [f"1 user\\u202e: {escaped}", f"2 assistant: {escaped}"]
        assert replies[5].json()["steps"] == "\n".join(steps)
        browser.leave()

    code, shown = at_a_page(root, person, "bold")
    assert code == 0, shown


def test_a_conversation_comes_in_turns_and_what_is_long_piece_by_piece(root: Path) -> None:
    call = {"id": "c", "function": {"name": "find", "arguments": '{"city": "San Jose"}'}}
    turns = [{"role": "system", "content": LONG}]
    turns += [{"role": "user", "content": f"why {n}?"} for n in range(6)]
    replies = [{"role": "assistant", "content": "", "tool_calls": [call]},
               {"role": "tool", "tool_call_id": "c", "content": "none"},
               {"role": "assistant", "content": LONG}]  # fmt: skip
    imported(root, json.dumps({"messages": [*turns, *replies]}))

    def whole(browser: Browser, number: int, part: Any) -> str:
        text, start = part["text"], part["next"]
        while start is not None:
            piece = browser.ask(f"/rest?place=0&part={number}&at={start}").json()
            text, start = text + piece["text"], piece["next"]
        return text

    def person(browser: Browser) -> None:
        seen = browser.enter()
        assert len(json.dumps(seen)) < 30_000
        parts = seen["parts"]
        assert [(part["kind"], part["name"], part["folded"]) for part in parts] == [
            ("input", "system", True), ("input", "user", True),
            *[("input", "user", False)] * 5, ("call", "find", False), ("output", "", False),
        ]  # fmt: skip
        assert (parts[0]["text"], parts[0]["opening"][:7], parts[0]["left"]) == (
            "", "line 0 ", len(LONG),
        )  # fmt: skip
        assert parts[7]["text"] == '{\n  "city": "San Jose"\n}'
        assert parts[8]["text"].endswith("\n")
        assert whole(browser, 0, parts[0]) == whole(browser, 8, parts[8]) == LONG
        browser.leave()

    code, shown = at_a_page(root, person, "why")
    assert code == 0, shown


def test_of_a_trace_that_failed_the_page_says_so(root: Path) -> None:
    imported(root, json.dumps({"input": "Why?", "output": None, "error": "upstream timed out"}))

    def person(browser: Browser) -> None:
        parts = browser.enter()["parts"]
        assert [(part["kind"], part["text"]) for part in parts] == [
            ("input", "Why?"), ("failure", "this trace failed: upstream timed out"),
        ]  # fmt: skip
        browser.leave()

    code, shown = at_a_page(root, person, "why")
    assert code == 0, shown


def test_it_ends_by_itself_when_nobody_goes_back_to_the_last(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrade_server.labelling_page.serving.SECONDS_AT_THE_END", 0.01)

    def person(browser: Browser) -> None:
        browser.enter()
        for place in range(3):
            browser.move("answer", place, verdict="pass", critique="It keeps to it.")

    code, shown = at_a_page(root, person)
    assert (code, "3 labelled by diet, signed as ada." in shown) == (0, True), shown


def test_half_an_answer_is_none_and_keeps_nobody_waiting(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        place = urlsplit(browser.address)
        head = (
            f"POST /move HTTP/1.1\r\nHost: {place.netloc}\r\nOrigin: {browser.address}\r\n"
            f"Authorization: Bearer {browser.key}\r\nContent-Length: 500\r\n\r\n"
        )
        half = '{"does": "answer", "place": 0, "verdict": "pass", "critique": "x'
        with socket.create_connection(("127.0.0.1", place.port or 0)) as slow:
            slow.sendall((head + half).encode())
            assert browser.move("skip", 0).json()["place"] == 1
        browser.leave()

    code, shown = at_a_page(root, person)
    assert (code, book(root).rows) == (0, ()), shown


def test_ctrl_c_ends_it_and_what_was_answered_is_told_and_kept(root: Path) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        browser.move("answer", 0, verdict="pass", critique="It keeps to it.")
        os.kill(os.getpid(), signal.SIGINT)

    code, shown = at_a_page(root, person)
    assert (code, "1 labelled by diet, signed as ada." in shown) == (0, True), shown
    assert len(book(root).truths) == 1


@pytest.fixture
def browser_of_a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a browser notes the addresses that it is started with."""
    noted, program = tmp_path / "opened", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" >> {noted}.part\nmv {noted}.part {noted}\n')
    program.chmod(0o755)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setenv("BROWSER", str(program))
    return noted


def test_where_there_is_a_desktop_the_page_opens_by_itself(
    root: Path, browser_of_a_desktop: Path
) -> None:
    def person(browser: Browser) -> None:
        browser.enter()
        while not browser_of_a_desktop.exists():
            browser.ask("/item")
        assert browser_of_a_desktop.read_text() == f"{browser.opened}\n"
        browser.leave()

    code, shown = at_a_page(root, person)
    assert code == 0, shown


def test_a_port_that_is_taken_is_told(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, shown = at_a_page(root, lambda browser: browser.leave(), "--port", port)
    assert (code, f"127.0.0.1:{port} cannot be listened on" in shown) == (2, True), shown


@pytest.mark.parametrize("arguments", [("--page",), ("--page", "--sample", "suggestions")])
def test_the_page_is_a_persons_at_a_terminal_only(
    root: Path, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("label", "diet", *arguments, "--root", str(root))
    for more in ((), ("--json",)):
        assert main((*words, *more)) == 2
        assert "signed by a person at a terminal, and this is none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main((*words, "--to", "diet.xlsx"))
    assert "not allowed with argument" in capsys.readouterr().err
