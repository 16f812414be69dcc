"""An application that exports into a running server, and then somebody who searches what it sent.

OTLP over HTTP, in protobuf, 510 spans a request, four connections, as a batch processor of
OpenTelemetry would send them. A server is done when its own file holds every span; searches go the
way its users go: a tool call, a client, a query over HTTP.
"""

import http.client
import json
import queue
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from corpus import NEEDLES, Corpus
from measuring import HERE, Options, Table, end, environment, processor, python, read, resident
from protobuf import encoded

_BATCH, _CONNECTIONS = 170, 4
_SPANS = 3  # of a trace
_PATIENCE_S = 600
_BUSY = frozenset((http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE))
_SEARCHES = ("newest", "rare word", "tail word", "word + model + time")


@dataclass(frozen=True, slots=True)
class Server:
    """How a contender is started and asked; ``{port}`` and ``{folder}`` are filled in."""

    name: str
    serve: str
    # Where it keeps what it was sent, in its folder.
    file: str
    # How many spans the file holds.
    counted: str
    search: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """What a server did: seconds, and milliseconds of its searches."""

    name: str
    spans: int
    wall: float
    answered: float
    cpu: float
    rss_mb: float
    size: int
    found: dict[str, tuple[int, float]]


_OURS = Server(
    "Regrade",
    f"{python()} -m regrade_server --root {{folder}} serve --otlp 127.0.0.1:{{port}}",
    ".regrade/store.db",
    # Every trace of the corpus has three spans.
    "SELECT 3 * count(*) FROM trace",
    f"{python()} {HERE / 'live_search.py'} {{folder}} {{asked}} {{out}}",
)


def _peer(name: str, search: str) -> Server:
    """A peer, by the command that its searching script is started with."""
    programs = Path(search.split(maxsplit=1)[0]).parent
    if name == "MLflow":
        return Server(
            name,
            f"{programs}/mlflow server --backend-store-uri sqlite:///{{folder}}/mlflow.db "
            "--artifacts-destination {folder}/art --host 127.0.0.1 --port {port} --workers 1",
            "mlflow.db",
            "SELECT count(*) FROM spans",
            f"{search} {{folder}} {{asked}} {{out}}",
            (("x-mlflow-experiment-id", "0"),),
        )
    return Server(
        name,
        "env PHOENIX_WORKING_DIR={folder} PHOENIX_HOST=127.0.0.1 PHOENIX_PORT={port} "
        f"PHOENIX_GRPC_PORT={{second_port}} {programs}/phoenix serve",
        "phoenix.db",
        "SELECT count(*) FROM spans",
        f"{search} {{port}} {{asked}} {{out}}",
    )


def exported(options: Options) -> Table:
    """Every server in turn takes the same bodies, and answers the same searches."""
    number = 340 if options.quick else (options.sizes or (4_080,))[0]
    corpus = Corpus()
    bodies = [encoded(body) for body in corpus.bodies(0, number, number, _BATCH)]
    words = {"tail": corpus.words[2_000], "middling": corpus.words[300]}
    served = [
        _measured(server, options.folder / f"live-{place}", bodies, _SPANS * number, words)
        for place, server in enumerate((_OURS, *(_peer(*peer) for peer in options.peers.items())))
    ]
    return Table(
        "live",
        f"{_SPANS * number:,} spans exported over HTTP until they are durable and can be found",
        ("server", "spans / s", "spans / CPU-s", "answered after s", "all there after s",
         "memory MB", "bytes a trace", *(f"{name}, p50 ms" for name in _SEARCHES)),
        tuple(
            (
                one.name,
                round(one.spans / one.wall),
                round(one.spans / one.cpu),
                one.answered,
                one.wall,
                one.rss_mb,
                round(one.size * _SPANS / one.spans),
                *(one.found[name][1] if name in one.found else "" for name in _SEARCHES),
            )
            for one in served
        ),
        note="CPU is of the server and its children. A search is asked as a user of each asks it: "
        "a tool call over stdio, a client in process, GraphQL over HTTP.",
        raw={one.name: {"found": one.found, "spans": one.spans} for one in served},
    )  # fmt: skip


def _measured(
    server: Server, folder: Path, bodies: list[bytes], spans: int, words: dict[str, str]
) -> Served:
    folder.mkdir()
    filled = {"folder": str(folder), "port": str(_free_port()), "second_port": str(_free_port())}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - contenders are started on purpose
            server.serve.format(**filled).split(), cwd=folder, stdout=log,
            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            env=environment(HOME=str(folder)),
        )  # fmt: skip
    try:
        _wait_for(int(filled["port"]), process)
        before, began = processor(process.pid), time.perf_counter()
        _send(int(filled["port"]), dict(server.headers), bodies)
        answered = time.perf_counter() - began
        while (held := _count(folder / server.file, server.counted)) < spans:
            if time.perf_counter() - began > _PATIENCE_S:
                break
            time.sleep(0.1)
        wall = time.perf_counter() - began
        cpu, rss = processor(process.pid) - before, resident(process.pid)
        size = sum(path.stat().st_size for path in folder.glob(f"{server.file}*"))
        found = _searched(server, folder, filled, words)
    finally:
        end(process.pid)
        process.wait()
    return Served(server.name, held, wall, answered, cpu, rss, size, found)


def _searched(
    server: Server, folder: Path, filled: dict[str, str], words: dict[str, str]
) -> dict[str, tuple[int, float]]:
    """What a script of the contender tells: for each search how many it found, and p50 in ms."""
    asked, out = folder / "asked.json", folder / "found.json"
    asked.write_text(json.dumps(words))
    command = server.search.format(**filled, asked=asked, out=out).split()
    subprocess.run(command, env=environment(HOME=str(folder)), check=True, timeout=_PATIENCE_S)  # noqa: S603 - as above
    found: dict[str, tuple[int, float]] = {name: tuple(told) for name, told in read(out).items()}
    if found["rare word"][0] != NEEDLES or not all(number for number, _ in found.values()):
        raise RuntimeError(f"{server.name} found {found}")
    return found


def _send(port: int, headers: dict[str, str], bodies: list[bytes]) -> None:
    """Send every body over one of the connections; a server that is busy is asked again."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        waiting.put(body)
    wrong: list[str] = []

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        while (body := _next(waiting)) is not None:
            while (told := _posted(connection, headers, body)) in _BUSY:
                time.sleep(0.1)
            if told != http.HTTPStatus.OK:
                wrong.append(f"a request was answered {told}")

    senders = [threading.Thread(target=send) for _ in range(_CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if wrong:
        raise RuntimeError(wrong[0])


def _next(waiting: "queue.SimpleQueue[bytes]") -> bytes | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def _posted(connection: http.client.HTTPConnection, headers: dict[str, str], body: bytes) -> int:
    kind = {"content-type": "application/x-protobuf"}
    connection.request("POST", "/v1/traces", body, {**kind, **headers})
    reply = connection.getresponse()
    reply.read()
    return reply.status


def _count(path: Path, sql: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            return int(db.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:
        # Not there yet.
        return 0


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args} does not listen")
