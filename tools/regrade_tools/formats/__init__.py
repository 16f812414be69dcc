"""A log in some format -> ``Trace``s. No bytes make a reader raise anything but a ``Refusal``."""

from regrade_tools.formats.files import files
from regrade_tools.formats.reader import FIELDS, FORMATS, Reading, former_id, traces
from regrade_tools.formats.record import Note, Record, Skipped, Unused
from regrade_tools.formats.source import TABLES, records, stream_records

__all__ = [
    "FIELDS",
    "FORMATS",
    "TABLES",
    "Note",
    "Reading",
    "Record",
    "Skipped",
    "Unused",
    "files",
    "former_id",
    "records",
    "stream_records",
    "traces",
]
