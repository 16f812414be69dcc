"""The tables, made by numbered migrations, and how a connection to them is opened."""

# sqlite-utils is loosely typed.
# pyright: reportUnknownMemberType=false

import sqlite3
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from regrade_server.sqlite.transaction import transaction
from regrade_tools.repository import own_folder

migrations = Migrations("regrade")

# How long a writer waits for another process to finish: some fifty batches. Readers wait for
# nobody, except where the file is opened for the first time.
LOCK_WAIT_MS = 15_000
# WAL with NORMAL loses nothing that was committed when a process dies; only a power cut could
# take the last commits. The cache is an upper bound, no reservation. No map: a file that is cut
# short under one kills the process with a signal, where a read gives an error.
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=0",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=268435456",
)

_TRACES = (
    # id is the time, so that the order of ids is the order of time and newest-first stops at
    # LIMIT; key is the number in the public id. name, model, source and status are ids in sym.
    """CREATE TABLE trace(
        id INTEGER PRIMARY KEY, key INTEGER NOT NULL, at REAL NOT NULL,
        duration_ms REAL, tokens INTEGER, cost_usd REAL,
        name INTEGER NOT NULL, model INTEGER NOT NULL, source INTEGER NOT NULL,
        status INTEGER NOT NULL, tags TEXT NOT NULL, preview TEXT NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX trace_key ON trace(key)",
    """CREATE TABLE payload(
        id INTEGER PRIMARY KEY, dictionary INTEGER NOT NULL, body BLOB NOT NULL) STRICT""",
    "CREATE TABLE dictionary(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE sym(id INTEGER PRIMARY KEY, value TEXT UNIQUE NOT NULL) STRICT",
    # Contentless and without positions: words and facets only say which rows to look at. The
    # words are found by our own rule (see index.py), so the plainest tokenizer will do.
    """CREATE VIRTUAL TABLE trace_fts USING fts5(
        body, content='', detail=none, columnsize=0, tokenize='ascii')""",
    "INSERT INTO trace_fts(trace_fts, rank) VALUES('hashsize', 33554432)",
    "INSERT INTO trace_fts(trace_fts, rank) VALUES('automerge', 8)",
    "INSERT INTO trace_fts(trace_fts, rank) VALUES('crisismerge', 32)",
    "INSERT INTO trace_fts(trace_fts, rank) VALUES('pgsz', 8000)",
)


@migrations(name="001_traces")
def _traces(db: Database) -> None:
    for statement in _TRACES:
        db.execute(statement)


@migrations(name="002_runs")
def _runs(db: Database) -> None:
    db.table("run").create(
        {"id": str, "suite": str, "started_at": float, "body": str}, pk="id", not_null={"body"}
    )
    db.table("run").create_index(["suite", "started_at"])
    db.table("run_end").create(
        {"run_id": str, "state": str, "finished_at": float, "problem": str}, pk="run_id"
    )
    db.table("result").create(
        {"id": int, "run_id": str, "outcome": str, "body": str}, pk="id", not_null={"body"}
    )
    db.table("result").create_index(["run_id", "outcome"])


_LABELS = (
    # trace is the number in the id of the trace, which may come later than its labels.
    """CREATE TABLE label(
        id TEXT PRIMARY KEY, trace INTEGER NOT NULL, criterion TEXT NOT NULL,
        body TEXT NOT NULL) STRICT""",
    "CREATE INDEX label_trace ON label(trace)",
    "CREATE INDEX label_criterion ON label(criterion)",
    # Which spans a trace holds, so that one that is imported again need not be read.
    "ALTER TABLE trace ADD COLUMN content INTEGER NOT NULL DEFAULT 0",
    # Runs of ids that are all taken; see slots.py.
    "CREATE TABLE crowd(first INTEGER PRIMARY KEY, following INTEGER NOT NULL) STRICT",
)


@migrations(name="003_labels")
def _labels(db: Database) -> None:
    for statement in _LABELS:
        db.execute(statement)


@migrations(name="004_judgements")
def _judgements(db: Database) -> None:
    db.table("judgement").create(
        {"id": int, "fingerprint": str, "item": str, "body": str}, pk="id", not_null={"body"}
    )
    db.table("judgement").create_index(["fingerprint", "item"])
    db.table("packet").create({"id": str, "body": str}, pk="id", not_null={"body"})


@migrations(name="005_untimed")
def _untimed(db: Database) -> None:
    # Whether a log had no time, and ``at`` is that of the import. Of older rows nobody knows.
    db.execute("ALTER TABLE trace ADD COLUMN untimed INTEGER NOT NULL DEFAULT 0")


@migrations(name="006_resumed_runs")
def _resumed_runs(db: Database) -> None:
    # Who measures a run on: the latest turn; before the first the one who began it.
    db.execute(
        """CREATE TABLE run_owner(
            run_id TEXT NOT NULL, turn INTEGER NOT NULL, owner TEXT NOT NULL,
            PRIMARY KEY(run_id, turn)) STRICT, WITHOUT ROWID"""
    )


@migrations(name="007_results_by_case")
def _results_by_case(db: Database) -> None:
    db.execute("ALTER TABLE result ADD COLUMN case_id TEXT NOT NULL DEFAULT ''")
    # Of a damaged row nobody knows whose it was.
    db.execute(
        "UPDATE result SET case_id = json_extract(body, '$.case_id') WHERE json_valid(body)"
        " AND json_extract(body, '$.case_id') IS NOT NULL"
    )
    db.execute("CREATE INDEX result_case ON result(case_id) WHERE outcome = 'passed'")


@migrations(name="008_submissions")
def _submissions(db: Database) -> None:
    db.table("submission").create({"id": int, "packet_id": str, "answers": int}, pk="id")
    db.table("submission").create_index(["packet_id"])


_WRONG = (
    # The kinds of what went wrong, with blanks between; NULL where nobody looked (examination.py).
    "ALTER TABLE trace ADD COLUMN wrong TEXT",
    "CREATE INDEX trace_unexamined ON trace(id) WHERE wrong IS NULL",
)


@migrations(name="009_wrong")
def _wrong(db: Database) -> None:
    for statement in _WRONG:
        db.execute(statement)


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the store at ``path``, which is made and migrated where that is due.

    Several processes may do this at once: whoever comes second waits and finds it done.
    """
    own_folder(path.parent)
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute(f"PRAGMA busy_timeout={LOCK_WAIT_MS}")
        connection.execute("PRAGMA page_size=8192")
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    db = Database(connection, execute_plugins=False)
    if not migrations.pending(db):
        return
    with transaction(connection):
        migrations.apply(db)
