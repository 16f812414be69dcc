"""The embedded store: one SQLite file, raw SQL where speed counts."""

from regrade_server.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
