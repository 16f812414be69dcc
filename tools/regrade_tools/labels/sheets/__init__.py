"""Labels in a spreadsheet: what a person fills in, and what of it can be signed as theirs."""

from regrade_tools.labels.sheets.filled import Filled, Sheets
from regrade_tools.labels.sheets.table import ABOUT, ANSWERS, CELL, SUGGESTED, Cells, Table, table

__all__ = [
    "ABOUT",
    "ANSWERS",
    "CELL",
    "SUGGESTED",
    "Cells",
    "Filled",
    "Sheets",
    "Table",
    "table",
]
