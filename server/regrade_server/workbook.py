"""Sheets of labels as Excel workbooks.

``openpyxl`` is an extra, imported when a workbook is written or read. What stands in a cell is
text and is never evaluated: neither by us, nor, as it is written here, by a spreadsheet.
"""

import importlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from regrade_tools.files.temporary import appearing
from regrade_tools.labels.sheets import ABOUT, ANSWERS, CELL, SUGGESTED, Cells, Table
from regrade_tools.refusal import Refusal, why

_LABELS, _SUGGESTIONS, _ABOUT = "labels", "suggestions", "about"
_WIDTHS = {"response": 80, "input": 50, "tool calls": 40, "critique": 50}
_NARROW = 18
# A workbook is a zip, and a small one may claim to hold anything.
_LARGEST = 64_000_000
_ROWS, _COLUMNS = 5_000, 100
# Whatever the parts of such a zip lack, openpyxl stumbles over it in a way of its own.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
               RuntimeError, MemoryError, EOFError, SyntaxError, zlib.error,
               zipfile.BadZipFile)  # fmt: skip


def write(path: Path, table: Table) -> None:
    """Write ``table`` to a new file, whole or not at all.

    Raises:
        Refusal: The file is there, cannot be written, or openpyxl is not installed.
    """
    book = _openpyxl().Workbook()
    sheet = book.active
    sheet.title = _LABELS
    _fill(sheet, [[*table.heading], *table.rows])
    _choices(sheet, table)
    _fill(book.create_sheet(_SUGGESTIONS), [list(SUGGESTED), *table.suggestions])
    _fill(book.create_sheet(_ABOUT), [[name, told] for name, told in table.about.items()])
    try:
        with appearing(path) as file:
            book.save(file.buffer)
    except FileExistsError:
        raise Refusal(
            f"{path} is there already, and may hold somebody's answers.",
            next_step="Give another name.",
        ) from None
    except OSError as problem:
        raise Refusal(f"{path} cannot be written: {why(problem)}.") from None


def read(path: Path) -> Table:
    """What stands in a workbook; a cell that is a formula is ``None``.

    Raises:
        Refusal: It is no workbook that ``write`` wrote, or openpyxl is not installed.
    """
    library = _openpyxl()
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > _LARGEST:
                raise Refusal(f"{path} holds more than {_LARGEST // 1_000_000} MB.")
        book = library.load_workbook(path, read_only=True, data_only=False)
        sheets = {name: _cells(book[name]) for name in (_LABELS, _ABOUT) if name in book.sheetnames}
        book.close()
    except _UNREADABLE as problem:
        raise Refusal(f"{path} cannot be read as a workbook: {problem}.") from None
    about = {row[0]: row[1] or "" for row in sheets.get(_ABOUT, []) if len(row) > 1 and row[0]}
    if set(ABOUT) - set(about) or not sheets.get(_LABELS):
        raise Refusal(
            f"{path} is no sheet of labels.",
            next_step="`regrade label CRITERION --to FILE.xlsx` writes one.",
        )
    heading, *rows = sheets[_LABELS]
    return Table([cell or "" for cell in heading], rows, [], about)


def _fill(sheet: Any, rows: list[Cells]) -> None:  # noqa: ANN401 - a worksheet
    styles = _openpyxl().styles
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows, 1):
        for place, text in enumerate(row, 1):
            cell = sheet.cell(row=number, column=place)
            # Text, whatever it begins with; the quote keeps it so when somebody edits the cell.
            cell.value = text or None
            if text:
                cell.data_type = "s"
                cell.quotePrefix = True
            cell.alignment = styles.Alignment(wrap_text=True, vertical="top")
            if number == 1:
                cell.font = styles.Font(bold=True)
    for place, name in enumerate(rows[0], 1):
        letter = sheet.cell(row=1, column=place).column_letter
        sheet.column_dimensions[letter].width = _WIDTHS.get(name or "", _NARROW)


def _choices(sheet: Any, table: Table) -> None:  # noqa: ANN401 - as above
    """Offer pass and fail where the outcome is to be written."""
    validation = importlib.import_module("openpyxl.worksheet.datavalidation")
    offered = validation.DataValidation(type="list", formula1='"pass,fail"', allow_blank=True)
    sheet.add_data_validation(offered)
    letter = sheet.cell(row=1, column=table.heading.index(ANSWERS[0]) + 1).column_letter
    offered.add(f"{letter}2:{letter}{len(table.rows) + 1}")


def _cells(sheet: Any) -> list[Cells]:  # noqa: ANN401 - as above
    return [
        [_text(cell) for cell in row] for row in sheet.iter_rows(max_row=_ROWS, max_col=_COLUMNS)
    ]


def _text(cell: Any) -> str | None:  # noqa: ANN401 - as above
    if cell.data_type == "f":
        return None
    return "" if cell.value is None else str(cell.value)[:CELL]


def _openpyxl() -> Any:  # noqa: ANN401 - its types are partly unknown
    try:
        importlib.import_module("openpyxl.styles")
        return importlib.import_module("openpyxl")
    except ImportError:
        raise Refusal(
            "Labels in a spreadsheet need openpyxl, which is not installed.",
            next_step="In the clone of Regrade `pip install '.[excel]'`, or label at the terminal.",
        ) from None
