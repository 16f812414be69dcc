"""A log in some format -> ``Trace``s. No bytes make a reader raise anything but a ``Refusal``."""

from regrade_tools.formats.files import files
from regrade_tools.formats.reader import (
    FIELDS,
    FORMATS,
    Item,
    Reading,
    former_id,
    sized,
    traces,
)
from regrade_tools.formats.record import Note, Record, Skipped, Unused
from regrade_tools.formats.source import TABLES, records, stream_records

__all__ = [
    "FIELDS",
    "FORMATS",
    "TABLES",
    "Item",
    "Note",
    "Reading",
    "Record",
    "Skipped",
    "Unused",
    "files",
    "former_id",
    "records",
    "sized",
    "stream_records",
    "traces",
]
