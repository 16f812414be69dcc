"""SQLite and FTS5, and nothing else: the least that could keep traces and find them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

_FAST = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
_TABLES = """
CREATE TABLE traces(id INTEGER PRIMARY KEY, trace_id TEXT UNIQUE, start REAL, model TEXT);
CREATE INDEX t_start ON traces(start);
CREATE TABLE spans(id INTEGER PRIMARY KEY, trace INT, span_id TEXT UNIQUE, parent TEXT, name TEXT,
  start INT, ended INT, input TEXT, output TEXT, attributes TEXT);
CREATE INDEX s_trace ON spans(trace);
CREATE VIRTUAL TABLE fts USING fts5(input, output, content='spans', content_rowid='id');
"""


class Floor:
    """Spans and texts as columns; no redaction, no conversation, no second look at an id."""

    def __init__(self, path: Path) -> None:
        """Open the file; a new one is given its tables."""
        new = not path.exists()
        self._db = sqlite3.connect(path)
        self._db.executescript(_FAST + (_TABLES if new else ""))
        self._traces: dict[str, int] = {}
        self._spans = 0

    def add(self, body: str) -> None:
        """Decode an export and insert it in one transaction."""
        traces: list[tuple[Any, ...]] = []
        spans: list[tuple[Any, ...]] = []
        texts: list[tuple[Any, ...]] = []
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found = {
                        item["key"]: next(iter(item["value"].values()))
                        for item in span["attributes"]
                    }
                    given, said = found.pop("input.value"), found.pop("output.value")
                    name, began = span["traceId"], int(span["startTimeUnixNano"])
                    if name not in self._traces:
                        self._traces[name] = len(self._traces)
                        model = found.get("gen_ai.request.model")
                        traces.append((self._traces[name], name, began / 1e9, model))
                    self._spans += 1
                    ended = int(span["endTimeUnixNano"])
                    spans.append(
                        (self._spans, self._traces[name], span["spanId"], span["parentSpanId"],
                         span["name"], began, ended, given, said, json.dumps(found))
                    )  # fmt: skip
                    texts.append((self._spans, given, said))
        with self._db:
            self._db.executemany("INSERT INTO traces VALUES(?,?,?,?)", traces)
            self._db.executemany("INSERT INTO spans VALUES(?,?,?,?,?,?,?,?,?,?)", spans)
            self._db.executemany("INSERT INTO fts(rowid,input,output) VALUES(?,?,?)", texts)

    def newest(self, number: int) -> list[Any]:
        """The newest traces, by their index."""
        asked = "SELECT trace_id FROM traces ORDER BY start DESC LIMIT ?"
        return self._db.execute(asked, (number,)).fetchall()

    def word(self, word: str, number: int) -> list[Any]:
        """The newest spans that hold a word."""
        asked = "SELECT rowid FROM fts WHERE fts MATCH ? ORDER BY rowid DESC LIMIT ?"
        return self._db.execute(asked, (f'"{word}"', number)).fetchall()

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
