import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from regrade_server.memory import MemoryStore
from regrade_server.sqlite import SqliteStore, examination, index, schema, search, walk
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import CaseResult, Run, Trace, Trial
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import Query, parse
from regrade_tools.traces.store import Appended

pytestmark = pytest.mark.anyio
NOON = 1_790_856_000.0
# A program that appends batches and tells each only when it is kept: path, name, batches, size.
WRITER = """
import sys
from pathlib import Path
import anyio
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Trace

async def main(path, name, batches, size):
    store = SqliteStore(Path(path))
    for batch in range(int(batches)):
        numbers = [f"{name}-{batch}-{n}" for n in range(int(size))]
        await store.append([
            Trace(trace_id(number, 0, None), "pipe", "exchange", input=number, output="x" * 2_000)
            for number in numbers
        ])
        print(*[trace_id(number, 0, None) for number in numbers], flush=True)

anyio.run(main, *sys.argv[1:])
"""


def made(number: int, when: float | None = NOON, **changes: object) -> Trace:
    plain = Trace(trace_id(number, 0, when), f"a.jsonl:{number}", "exchange", started_at=when)
    return replace(plain, **{"input": f"question {number}", "output": "answer", **changes})


def writer(path: Path, name: str, batches: int, size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(batches), str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ran(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


async def found(store: SqliteStore, query: str) -> list[str]:
    page = await store.search(parse(query, now=NOON), limit=100)
    return [row.id for row in page.rows]


@pytest.mark.parametrize("mark", ["\ue000tag\ue001prod", "\ue000tag\ue001", "\ue000any"])
async def test_no_text_can_pretend_to_be_a_facet(mark: str, store: SqliteStore) -> None:
    liar = made(1, input=f"{mark} prod", error=mark, name=mark, session=mark, tags=(mark, "x"))
    honest = made(2, tags=("prod",))
    await store.append([liar, honest])
    assert await found(store, "tag:prod") == [honest.id]
    assert await found(store, "-tag:prod") == [liar.id]
    assert await found(store, "tag:pro*") == [honest.id]
    assert await found(store, f'tag:"{mark}"') == [liar.id]
    assert await found(store, f'name:"{mark}"') == [liar.id]


async def test_a_trace_of_any_time_is_stored_and_found(store: SqliteStore) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    times = [-5e9, 0.0, 1.0, 9e8, 946_684_800.0, NOON, last]
    timed = [made(number, when) for number, when in enumerate(times)]
    untimed = made(99, None)
    before = time.time()
    assert await store.append([*timed, untimed]) == Appended(8, 0)
    after = time.time()
    page = await store.search(Query(), limit=10)
    whens = {row.id: row.when for row in page.rows}
    assert before <= whens.pop(untimed.id) <= after
    assert whens == {trace.id: trace.started_at for trace in timed}
    assert [await store.trace(trace.id) for trace in (*timed, untimed)] == [*timed, untimed]
    assert await found(store, "until:1999-01-01") == [trace.id for trace in timed[3::-1]]
    assert await found(store, "since:9999-01-01") == [timed[-1].id]


async def test_ten_thousand_traces_of_one_millisecond_are_ten_thousand_rows(
    store: SqliteStore, path: Path
) -> None:
    many = [made(number) for number in range(10_000)]
    assert await store.append(many[:5_000]) == Appended(5_000, 0)
    assert await store.append(many) == Appended(5_000, 5_000)
    counts = "SELECT count(*), count(DISTINCT key), min(at) FROM trace"
    assert asked(path, counts) == [(10_000, 10_000, NOON)]
    later = made(10_000, NOON + 60)
    await store.append([later])
    page = await store.search(parse("since:2026-10-01T12:00", now=NOON), limit=2)
    assert [row.id for row in page.rows] == [later.id, many[-1].id]


@pytest.mark.parametrize("size", [1_200, 999, 90])
async def test_a_store_of_over_five_hundred_traces_is_compressed_with_a_dictionary(
    size: int, path: Path
) -> None:
    # 999: an import hands over a thousand records at a time, less those that it skipped.
    many = [made(number, metadata={"common": "words " * 20}) for number in range(2_700)]
    store = SqliteStore(path)
    for start in range(0, len(many), size):
        await store.append(many[start : start + size])
    store.close()
    assert asked(path, "SELECT count(*) FROM dictionary") == [(1,)]
    assert asked(path, "SELECT max(dictionary) FROM payload") == [(1,)]
    again = SqliteStore(path)
    assert [await again.trace(trace.id) for trace in many] == many
    again.close()


async def test_two_stores_on_one_file_see_what_the_other_writes(
    store: SqliteStore, path: Path
) -> None:
    other = SqliteStore(path)
    assert (await store.count(), await other.count()) == (0, 0)
    mine = [made(number, NOON + number, name=f"n{number}") for number in range(1_100)]
    theirs = made(5_000, NOON + 5_000, name="n7", model="m")
    await store.append(mine)
    assert await other.append([theirs, mine[7]]) == Appended(1, 1)
    assert await found(store, "name:n7") == await found(other, "name:n7") == [theirs.id, mine[7].id]
    assert (await other.trace(mine[9].id), await store.trace(theirs.id)) == (mine[9], theirs)
    run, result = Run("r", "s", "t", "n", NOON, 1, ()), CaseResult("c", 0, "passed")
    await store.start_run(run)
    await other.add_results("r", [result])
    assert await store.results("r") == (result,)
    assert await other.run("r") == await store.run("r")
    other.close()


async def test_four_processes_that_write_at_once_lose_nothing(
    store: SqliteStore, path: Path
) -> None:
    writers = [writer(path, f"w{number}", batches=12, size=25) for number in range(4)]
    outputs = [process.communicate()[0].split() for process in writers]
    assert [process.returncode for process in writers] == [0, 0, 0, 0]
    assert [len(output) for output in outputs] == [300] * 4
    for identifier in {identifier for output in outputs for identifier in output}:
        assert await store.trace(identifier) is not None
    assert await store.count() == 1_200
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("acknowledged", [1, 4, 9])
async def test_what_was_acknowledged_outlives_a_kill(
    acknowledged: int, store: SqliteStore, path: Path
) -> None:
    with writer(path, "w", batches=100_000, size=40) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        lines.extend(process.stdout)
    kept = " ".join(lines).split()
    assert len(kept) >= 40 * acknowledged
    assert None not in [await store.trace(identifier) for identifier in kept]
    assert await store.count() % 40 == 0
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]
    assert await store.append([made(1)]) == Appended(1, 0)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"These are notes of mine.\n" * 400)
    store = SqliteStore(path)
    for work in (store.append([made(1)]), store.search(Query(), limit=1)):
        with pytest.raises(Refusal, match=r"not a store.*Move it away together with store.db-wal"):
            await work
    store.close()
    assert path.read_bytes() == b"These are notes of mine.\n" * 400


# A program that stores traces, cuts the file to a part of its size, and uses the store again.
CUT = """
import os, sqlite3, sys
from pathlib import Path
import anyio
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Trace
from regrade_tools.traces.query import Query, parse
from regrade_tools.refusal import Refusal

async def main(path, part):
    store = SqliteStore(Path(path))
    kept = [
        Trace(trace_id(n, 0, None), "a", "exchange", input=os.urandom(1500).hex(" ", 2))
        for n in range(800)
    ]
    for start in range(0, 800, 100):
        await store.append(kept[start : start + 100])
    await store.search(Query(), limit=20)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    os.truncate(path, int(os.path.getsize(path) * float(part)))
    for trace in kept:
        try:
            await store.trace(trace.id)
            await store.search(parse(trace.input[:4], now=0), limit=20)
        except Refusal as refusal:
            print(refusal)
            break

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize("table", ["payload", "trace", "sym"])
async def test_a_row_that_another_one_names_and_that_is_gone_is_refused(
    table: str, store: SqliteStore, path: Path
) -> None:
    kept = Trace(trace_id("a", 0, None), "a", "exchange", input="hello", output="there")
    await store.append([kept])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of the three above
    # What another connection has read already is read anew.
    again = SqliteStore(path)
    with pytest.raises(Refusal, match="is damaged, cut short or not a store: a row is missing"):
        await again.search(parse("hello", now=0), limit=20)
    again.close()


@pytest.mark.parametrize("part", ["0.1", "0.5", "0.9"])
def test_a_store_that_is_cut_short_under_a_server_is_refused(part: str, path: Path) -> None:
    done = ran(CUT, path, part)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is damaged, cut short or not a store" in done.stdout
    assert "import the logs again" in done.stdout


@pytest.mark.parametrize("link", [".regrade", ".regrade/store.db", ".regrade/store.db-wal"])
@pytest.mark.parametrize("dangling", [False, True])
async def test_a_store_that_a_link_leads_out_of_the_workspace_is_refused(
    *, link: str, dangling: bool, tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    if not dangling:
        outside.mkdir()
    store = SqliteStore(root / ".regrade" / "store.db", within=root)
    with pytest.raises(Refusal, match="leads out of the workspace by a link"):
        await store.append([made(1)])
    with pytest.raises(Refusal, match="leads out of the workspace by a link"):
        await store.count()
    store.close()
    assert list(outside.iterdir() if outside.exists() else ()) == []


async def test_reading_waits_for_nobody_who_writes(store: SqliteStore, path: Path) -> None:
    await store.append([made(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM trace")
        fresh = SqliteStore(path)
        with anyio.fail_after(5):
            assert (await store.count(), await fresh.count()) == (1, 1)
            assert await found(fresh, "question") == [made(1).id]
        fresh.close()


async def test_a_store_that_another_process_locks_says_so(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_WAIT_MS", 50)
    await store.append([made(1)])
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refusal, match=r"locked by another process.*Try again.*fuser store.db"):
            await store.append([made(2)])
    assert await store.append([made(2)]) == Appended(1, 0)


# A program whose files may not grow beyond a size: the store must refuse and stay whole.
FULL = """
import os, resource, signal, sys
from pathlib import Path
import anyio
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Trace
from regrade_tools.refusal import Refusal

def made(n):
    return Trace(trace_id(n, 0, None), "a", "exchange", input=os.urandom(3000).hex())

async def main(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteStore(Path(path))
    await store.append([made(n) for n in range(20)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    for start in range(20, 2_000, 20):
        try:
            await store.append([made(n) for n in range(start, start + 20)])
        except Refusal as refusal:
            print(start, refusal, sep="|")
            break

anyio.run(main, *sys.argv[1:])
"""


async def test_a_disk_that_is_full_is_refused_and_leaves_the_store_whole(
    store: SqliteStore, path: Path
) -> None:
    done = ran(FULL, path)
    assert (done.returncode, done.stderr) == (0, "")
    stored, told = done.stdout.split("|")
    assert "Nothing of this call was stored" in told
    assert await store.count() == int(stored)
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]
    assert await store.append([made(1)]) == Appended(1, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write what is read-only")
async def test_a_store_that_is_read_only_is_refused(store: SqliteStore, path: Path) -> None:
    await store.append([made(1)])
    store.close()
    os.chmod(path, 0o444)  # noqa: PTH101 - a Path's own method blocks in a coroutine by the linter
    with pytest.raises(Refusal, match="Make the folder and its files writable"):
        await store.append([made(2)])
    os.chmod(path, 0o644)  # noqa: PTH101 - as above
    assert await store.append([made(2)]) == Appended(1, 0)


async def test_equal_times_cost_no_more_than_others(store: SqliteStore, path: Path) -> None:
    times = [NOON, NOON + 3_600.0, NOON, NOON + 0.1, NOON]
    batches = [[made(1_000 * n + k, when) for k in range(1_000)] for n, when in enumerate(times)]
    for batch in batches:
        assert await store.append(batch) == Appended(1_000, 0)
    assert asked(path, "SELECT count(*), count(DISTINCT at) FROM trace") == [(5_000, 3)]
    runs = asked(path, "SELECT first, following - first FROM crowd ORDER BY first")
    assert [length for _, length in runs] == [4_000 + 0, 1_000]


async def test_a_phrase_that_few_candidates_hold_is_answered_in_parts(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [made(number, NOON + number, input="late refund") for number in (0, 300)]
    other = [made(number, NOON + number, input="refund late") for number in range(1, 300)]
    await store.append([*held, *other])
    monkeypatch.setattr(search, "SECONDS", 0.0)
    cursor, pages = None, 0
    ids: list[str] = []
    while True:
        page = await store.search(parse('"late refund"', now=NOON), limit=5, cursor=cursor)
        assert page.partial == (page.next_cursor is not None)
        assert not (page.partial and page.exact)
        ids += [row.id for row in page.rows]
        pages, cursor = pages + 1, page.next_cursor
        if cursor is None:
            break
    assert ids == [held[1].id, held[0].id]
    assert pages > 2


async def test_a_search_that_takes_too_long_says_how_to_narrow_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append([made(number, NOON + number, duration_ms=1.0) for number in range(3_000)])
    monkeypatch.setattr(walk, "SECONDS", 0.0)
    monkeypatch.setattr(walk, "STEPS", 100)
    with pytest.raises(Refusal, match=r"took longer.*Narrow it"):
        await store.search(parse("latency:>2s", now=NOON), limit=5)
    monkeypatch.undo()
    assert await found(store, "latency:>2s") == []


@pytest.mark.parametrize("query", ["ques*", "nam*", "name:n*", "-name:x*", "name:x*", "nowh*"])
async def test_a_beginning_finds_the_same_whether_it_is_frequent_or_rare(
    query: str, store: SqliteStore
) -> None:
    many = [made(n, NOON + n, name=f"n{n % 3}" if n != 7 else "x7") for n in range(700)]
    plain = MemoryStore()
    for each in (store, plain):
        await each.append(many)
    for oldest in (False, True):
        asked_for = parse(query, now=NOON)
        ours = await store.search(asked_for, limit=20, oldest=oldest)
        theirs = await plain.search(asked_for, limit=20, oldest=oldest)
        assert ours.rows == theirs.rows
        assert ours.total == theirs.total if ours.exact else ours.total <= theirs.total


@pytest.mark.parametrize("place", ["folder", "file/store.db", "file/deep/store.db"])
async def test_a_place_where_no_file_can_be_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / place)
    with pytest.raises(Refusal):
        await store.count()
    store.close()


async def test_a_damaged_payload_is_refused(store: SqliteStore, path: Path) -> None:
    await store.append([made(1)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE payload SET body = x'00'")
    with pytest.raises(Refusal):
        await store.trace(made(1).id)


async def test_the_folder_of_a_new_store_is_kept_out_of_git(store: SqliteStore, path: Path) -> None:
    await store.append([made(1)])
    assert (path.parent / ".gitignore").read_text("utf-8") == "*\n"


async def test_a_folder_that_was_there_is_left_as_it_was(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.append([made(1)])
    store.close()
    assert not (tmp_path / ".gitignore").exists()


async def test_a_store_that_is_removed_under_a_server_begins_anew_and_loses_no_later_write(
    path: Path,
) -> None:
    store = SqliteStore(path)
    await store.append([made(1)])
    shutil.rmtree(path.parent)
    assert await store.append([made(1), made(2)]) == Appended(stored=2, known=0)
    other = SqliteStore(path)
    assert await other.count() == 2
    other.close()
    store.close()


def before_it_was_looked_for(path: Path) -> None:
    """Make of a store what it was when nobody looked for what went wrong in a trace."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT id, wrong FROM trace WHERE wrong != ''").fetchall()
        for row, wrong in rows:
            index.add(connection, row, "padding")
            index.remove(connection, row, *index.wrong_marks(wrong))
        connection.execute("DROP INDEX trace_unexamined")
        connection.execute("ALTER TABLE trace DROP COLUMN wrong")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = '009_wrong'")


async def test_a_store_of_before_finds_what_went_wrong_a_part_at_a_time_and_says_what_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [made(n, NOON + n, output="" if n % 3 else "fine") for n in range(30)]
    store = SqliteStore(path)
    await store.append(many)
    store.close()
    before_it_was_looked_for(path)
    store = SqliteStore(path)
    monkeypatch.setattr(examination, "SECONDS", 0.0)
    monkeypatch.setattr(examination, "_AT_ONCE", 10)
    asked_for = parse("wrong:empty", now=NOON)
    seen = [await store.search(asked_for, limit=50) for _ in range(3)]
    assert [(page.total, page.unexamined) for page in seen] == [(7, 20), (14, 10), (20, 0)]
    # Whoever is stopped goes on: another process, or one that asks for figures.
    store.close()
    before_it_was_looked_for(path)
    other = SqliteStore(path)
    counted = await other.summary(parse("", now=NOON), "wrong", limit=5)
    assert [(group.value, group.traces) for group in counted.groups] == [("none", 23), ("empty", 7)]
    assert counted.unexamined == 20
    # Who takes all that match is given all.
    assert len((await other.scan(asked_for, limit=50)).traces) == 20
    assert (await other.search(asked_for, limit=1)).unexamined == 0
    assert await other.remove([trace.id for trace in many]) == 30
    assert await found(other, "wrong:*") == await found(other, "wrong:none") == []
    other.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO trace_fts(trace_fts) VALUES('integrity-check')")


async def test_what_is_removed_before_it_was_looked_at_leaves_the_index_whole(path: Path) -> None:
    store = SqliteStore(path)
    await store.append([made(n, NOON + n, output="") for n in range(3)])
    store.close()
    before_it_was_looked_for(path)
    store = SqliteStore(path)
    assert await store.remove([made(1, NOON + 1).id]) == 1
    assert await found(store, "wrong:empty") == [made(2, NOON + 2).id, made(0, NOON).id]
    store.close()


@pytest.mark.slow
def test_writers_and_readers_of_one_file_are_never_refused_and_lose_nothing() -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "processes.py"
    if not script.exists():
        pytest.skip("the benchmarks are not here")
    done = subprocess.run(
        [sys.executable, str(script), "4"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "failed 0, lost 0, integrity ok" in done.stdout


@pytest.mark.parametrize(
    "body",
    ['{"case_id":"c","trial":1,"outcome":"great"}', '{"case_id":"c","trial":', ""],
)
async def test_a_result_that_cannot_be_read_is_errored_and_hides_no_other(
    body: str, store: SqliteStore, path: Path
) -> None:
    run, result = Run("r", "s", "t", "n", NOON, 1, ()), CaseResult("good", 1, "passed")
    await store.start_run(run)
    await store.add_results("r", [result])
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO result(run_id, outcome, case_id, body) VALUES('r','passed','c',?)",
            [body],
        )
    connection.close()
    good, bad = await store.results("r")
    assert good == result
    assert (bad.case_id, bad.outcome) == ("c", "errored")
    assert bad.error.startswith("unreadable in the store: ")
    assert await store.trials("r") == (
        Trial("good", 1, "passed"),
        Trial("c", 1, "errored"),
    )
    assert await store.results("r", outcomes=("passed",)) == (good,)
    assert await store.results("r", outcomes=("errored",)) == (bad,)
