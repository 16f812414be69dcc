"""A log in some format -> ``Trace``s. No bytes make a reader raise anything but a ``Refusal``."""

from regrade_tools.formats.reader import FORMATS, Reading, traces
from regrade_tools.formats.source import Record, Skipped, files, records, stream_records

__all__ = [
    "FORMATS",
    "Reading",
    "Record",
    "Skipped",
    "files",
    "records",
    "stream_records",
    "traces",
]
