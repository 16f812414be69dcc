"""What judges said, and the work that was handed out to agents."""

import sqlite3
from collections.abc import Collection, Sequence
from functools import cache

from pydantic import TypeAdapter

from regrade_server.sqlite.transaction import transaction
from regrade_tools.models import Judged, Packet

# Below what SQLite allows in one statement, in every version.
_VARIABLES = 500


@cache
def _judged() -> TypeAdapter[Judged]:
    return TypeAdapter(Judged)


@cache
def _packets() -> TypeAdapter[Packet]:
    return TypeAdapter(Packet)


def add(connection: sqlite3.Connection, judged: Sequence[Judged]) -> None:
    """Keep judgements, all of them or none."""
    dump = _judged().dump_json
    rows = [
        (one.fingerprint, one.item, dump(one, exclude_defaults=True).decode()) for one in judged
    ]
    with transaction(connection):
        connection.executemany("INSERT INTO judgement(fingerprint, item, body) VALUES(?,?,?)", rows)


def find(
    connection: sqlite3.Connection, fingerprint: str, items: Collection[str]
) -> dict[str, Judged]:
    """What a judge said of ``items``; of several judgements the latest."""
    found: dict[str, Judged] = {}
    wanted = list(items)
    for start in range(0, len(wanted), _VARIABLES):
        part = wanted[start : start + _VARIABLES]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT item, body FROM judgement WHERE fingerprint = ? AND item IN ({marks})"  # noqa: S608 - question marks
            " ORDER BY id",
            (fingerprint, *part),
        )
        found |= {item: _judged().validate_json(body) for item, body in rows}
    return found


def add_packet(connection: sqlite3.Connection, packet: Packet) -> None:
    """Keep work that is handed out."""
    body = _packets().dump_json(packet).decode()
    connection.execute("INSERT INTO packet(id, body) VALUES(?,?)", (packet.id, body))


def packet(connection: sqlite3.Connection, packet_id: str) -> Packet | None:
    """Work that was handed out."""
    row = connection.execute("SELECT body FROM packet WHERE id = ?", (packet_id,)).fetchone()
    return None if row is None else _packets().validate_json(row[0])


def add_submission(connection: sqlite3.Connection, packet_id: str, answers: int) -> None:
    """Keep how many answers came back at once for a packet."""
    connection.execute(
        "INSERT INTO submission(packet_id, answers) VALUES(?,?)", (packet_id, answers)
    )


def submitted(connection: sqlite3.Connection, packet_id: str) -> int:
    """How many answers came back for a packet in all."""
    (total,) = connection.execute(
        "SELECT coalesce(sum(answers), 0) FROM submission WHERE packet_id = ?", (packet_id,)
    ).fetchone()
    return int(total)
