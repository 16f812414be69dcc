"""The tables, made by numbered migrations, and how a connection to them is opened."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from regrade_server.sqlite.transaction import transaction
from regrade_tools.files.repository import own_folder

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

_RUNS = (
    """CREATE TABLE run(
        id TEXT PRIMARY KEY, suite TEXT, started_at REAL, body TEXT NOT NULL)""",
    "CREATE INDEX run_suite ON run(suite, started_at)",
    """CREATE TABLE run_end(
        run_id TEXT PRIMARY KEY, state TEXT, finished_at REAL, problem TEXT)""",
    """CREATE TABLE result(
        id INTEGER PRIMARY KEY, run_id TEXT, outcome TEXT, body TEXT NOT NULL)""",
    "CREATE INDEX result_run ON result(run_id, outcome)",
)

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

_JUDGEMENTS = (
    """CREATE TABLE judgement(
        id INTEGER PRIMARY KEY, fingerprint TEXT, item TEXT, body TEXT NOT NULL)""",
    "CREATE INDEX judgement_item ON judgement(fingerprint, item)",
    "CREATE TABLE packet(id TEXT PRIMARY KEY, body TEXT NOT NULL)",
)

_UNTIMED = (
    # Whether a log had no time, and ``at`` is that of the import. Of older rows nobody knows.
    "ALTER TABLE trace ADD COLUMN untimed INTEGER NOT NULL DEFAULT 0",
)

_RESUMED_RUNS = (
    # Who measures a run on: the latest turn; before the first the one who began it.
    """CREATE TABLE run_owner(
        run_id TEXT NOT NULL, turn INTEGER NOT NULL, owner TEXT NOT NULL,
        PRIMARY KEY(run_id, turn)) STRICT, WITHOUT ROWID""",
)

_RESULTS_BY_CASE = (
    "ALTER TABLE result ADD COLUMN case_id TEXT NOT NULL DEFAULT ''",
    # Of a damaged row nobody knows whose it was.
    """UPDATE result SET case_id = json_extract(body, '$.case_id')
        WHERE json_valid(body) AND json_extract(body, '$.case_id') IS NOT NULL""",
    "CREATE INDEX result_case ON result(case_id) WHERE outcome = 'passed'",
)

_SUBMISSIONS = (
    "CREATE TABLE submission(id INTEGER PRIMARY KEY, packet_id TEXT, answers INTEGER)",
    "CREATE INDEX submission_packet ON submission(packet_id)",
)

_WRONG = (
    # The kinds of what went wrong, with blanks between; NULL where nobody looked (examination.py).
    "ALTER TABLE trace ADD COLUMN wrong TEXT",
    "CREATE INDEX trace_unexamined ON trace(id) WHERE wrong IS NULL",
)

_WORDING = (
    # The words in their order, which the index does not know; see wording.py. Of older rows nobody
    # knows it: they have none.
    "CREATE TABLE wording(id INTEGER PRIMARY KEY, codes BLOB NOT NULL) STRICT",
    # So that a program that knows nothing of it leaves none behind for a later trace in that row.
    """CREATE TRIGGER wording_gone AFTER DELETE ON payload BEGIN
        DELETE FROM wording WHERE id = old.id; END""",
)

_FIRST_TOKEN = (
    # Milliseconds. Of what was stored before nobody knows it.
    "ALTER TABLE trace ADD COLUMN ttft_ms REAL",
)

_FEEDBACK = (
    # What was said of a trace in numbers, by the folded name; see walk.py. Of most traces nothing.
    """CREATE TABLE rating(
        id INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL,
        PRIMARY KEY(id, name, value)) STRICT, WITHOUT ROWID""",
    # As of wording.
    """CREATE TRIGGER rating_gone AFTER DELETE ON payload BEGIN
        DELETE FROM rating WHERE id = old.id; END""",
)

_RUNS_BY_TARGET = (
    # A body is as long as the suite that was run: it is not read where its target is asked for.
    """CREATE INDEX run_target ON run(
        suite, CASE WHEN json_valid(body) THEN json_extract(body, '$.target') END,
        started_at, id)""",
)

# In their order, by the names under which a store keeps which of them it has been through.
_MIGRATIONS = {
    "001_traces": _TRACES,
    "002_runs": _RUNS,
    "003_labels": _LABELS,
    "004_judgements": _JUDGEMENTS,
    "005_untimed": _UNTIMED,
    "006_resumed_runs": _RESUMED_RUNS,
    "007_results_by_case": _RESULTS_BY_CASE,
    "008_submissions": _SUBMISSIONS,
    "009_wrong": _WRONG,
    "010_wording": _WORDING,
    "011_first_token": _FIRST_TOKEN,
    "012_feedback": _FEEDBACK,
    "013_runs_by_target": _RUNS_BY_TARGET,
}
# As sqlite-utils keeps it, so that its commands read a store, too. It does not run them: its
# import would take longer than a small suite.
_KEPT = (
    """CREATE TABLE IF NOT EXISTS _sqlite_migrations(
        id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)""",
    """CREATE UNIQUE INDEX IF NOT EXISTS idx__sqlite_migrations_migration_set_name
        ON _sqlite_migrations(migration_set, name)""",
)


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
    if not _pending(connection):
        return
    with transaction(connection):
        for statement in _KEPT:
            connection.execute(statement)
        # Another process may have been quicker.
        for name in _pending(connection):
            for statement in _MIGRATIONS[name]:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO _sqlite_migrations(migration_set, name, applied_at)"
                " VALUES('regrade', ?, ?)",
                (name, datetime.now(UTC).isoformat(sep=" ")),
            )


def _pending(connection: sqlite3.Connection) -> list[str]:
    """The migrations that the file has not been through, in their order."""
    kept = "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
    if connection.execute(kept).fetchone() is None:
        return list(_MIGRATIONS)
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'regrade'")
    done = {name for (name,) in rows}
    return [name for name in _MIGRATIONS if name not in done]
