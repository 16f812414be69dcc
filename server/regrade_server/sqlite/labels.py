"""Labels, and the marks by which a search finds what they say."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from pydantic import TypeAdapter

from regrade_server.sqlite import index
from regrade_server.sqlite.transaction import transaction
from regrade_tools.fingerprint import id_number
from regrade_tools.models import Label

_AT_ONCE = 500
_UNLABELLED = index.label_marks(())


@cache
def _adapter() -> TypeAdapter[Label]:
    return TypeAdapter(Label)


def add(connection: sqlite3.Connection, found: Sequence[Label]) -> int:
    """Keep the labels whose ids are not known yet, all of them or none; how many there were."""
    rows = [(label.id, _key(label.trace_id), label.criterion, _body(label)) for label in found]
    about = list(dict.fromkeys(label.trace_id for label in found))
    with transaction(connection):
        before = marks(connection, about)
        changes = connection.total_changes
        connection.executemany("INSERT OR IGNORE INTO label VALUES(?,?,?,?)", rows)
        stored = connection.total_changes - changes
        after = marks(connection, about)
        for trace, row in _rows(connection, about):
            index.exchange(connection, row, before[trace], after[trace])
    return stored


def kept(
    connection: sqlite3.Connection, criterion: str | None, trace_ids: Iterable[str] | None
) -> tuple[Label, ...]:
    """The labels of a criterion or of all, on some traces or on all, in the order they came."""
    if trace_ids is None:
        rows = connection.execute(
            "SELECT rowid, body FROM label WHERE ?1 IS NULL OR criterion = ?1", (criterion,)
        )
        found = [(row, _adapter().validate_json(body)) for row, body in rows]
    else:
        found = [
            (row, label)
            for row, label in _of(connection, list(dict.fromkeys(trace_ids)))
            if criterion in (None, label.criterion)
        ]
    return tuple(label for _, label in sorted(found, key=lambda item: item[0]))


def marks(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """What the index holds of the labels of each of these traces."""
    about: defaultdict[str, list[tuple[int, Label]]] = defaultdict(list)
    for row, label in _of(connection, trace_ids):
        about[label.trace_id].append((row, label))
    found = {
        trace: index.label_marks(label for _, label in sorted(said, key=lambda item: item[0]))
        for trace, said in about.items()
    }
    # Most traces have no label.
    return {trace: found.get(trace, _UNLABELLED) for trace in trace_ids}


def _of(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> Iterator[tuple[int, Label]]:
    for keys in _chunks(trace_ids):
        rows = connection.execute(
            f"SELECT rowid, body FROM label WHERE trace IN ({','.join('?' * len(keys))})",  # noqa: S608 - only question marks
            keys,
        )
        for row, body in rows.fetchall():
            yield row, _adapter().validate_json(body)


def _rows(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> Iterator[tuple[str, int]]:
    for trace in trace_ids:
        found = connection.execute("SELECT id FROM trace WHERE key = ?", (_key(trace),)).fetchone()
        if found is not None:
            yield trace, found[0]


def _chunks(trace_ids: Sequence[str]) -> Iterator[list[int]]:
    for start in range(0, len(trace_ids), _AT_ONCE):
        yield [_key(trace) for trace in trace_ids[start : start + _AT_ONCE]]


def _key(trace_id: str) -> int:
    key = id_number(trace_id)
    if key is None:
        raise ValueError(f"{trace_id!r} is not a trace id")
    return key


def _body(label: Label) -> str:
    return _adapter().dump_json(label, exclude_defaults=True).decode()
