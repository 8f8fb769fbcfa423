"""XLSX, XLS and ODS: the sheets, the one to read, and its cells as text."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from crm.distribution.imports.contract import Limits, UnreadableFile
from crm.distribution.imports.shown import Seen, letters_of, may_hide_rows, seen_in
from crm.distribution.imports.sniffing import DAMAGED, PROTECTED, unpacked_bytes

# The first sheet with this many rows and two columns is a list; a smaller one may be a cover page.
_LIST_ROWS = 50

NO_DATA = "No sheet of the workbook has data. Choose a file with a header row and at least one row of data."
TOO_MANY_CELLS = (
    "The sheet “{}” spans {:,} rows × {:,} columns, more than can be read. "
    "Usually a stray cell lies far away from the table: copy the table into a new workbook, or save it as CSV."
)


TOO_REPETITIVE = (
    "The workbook says the same over and over: it would become far more rows, or far longer texts, than it holds. "
    "Copy the table into a new workbook, or save it as CSV."
)
ERRORS = "Cells that hold an error, such as #N/A, are kept as that text: {:,}."
FORMATS_ARE_UNKNOWN = (
    "How this workbook shows its numbers could not be read: zeros at the beginning of a number may be missing, and "
    "hidden rows are not told apart. If that matters, save it as XLSX and upload that."
)
UNFINISHED = (
    "Formulas in column {1} whose result is not stored: {0:,}. They are read as empty. Open the workbook in Excel or "
    "LibreOffice, save it there, and upload it again."
)
VALUES = (
    "Cells in column {1} that are dates, percentages, fractions or TRUE and FALSE: {0:,}. They are read by their "
    "value, such as 2026-11-30, 0.5 or TRUE, and may look different in the sheet. If they are customer ids or phones, "
    "save the sheet as CSV, which has what one sees, and upload that."
)
LONG_NUMBERS = (
    "Numbers of more than 15 digits: {:,}. A spreadsheet keeps the first 15 and writes zeros for the others: if they "
    "are customer ids, they are damaged."
)
LONG_NUMBER = 1e15
CELL_BYTES = 4
"""Of a workbook, at least, for each cell that is not empty; what says that a cell is repeated has fewer."""
CHARACTERS_A_BYTE = 40
"""At most: a text that stands in many cells is there once."""
SPARE_CELLS, SPARE_CHARACTERS = 10_000, 1_000_000


class Workbook:
    """An open workbook. Every method raises UnreadableFile for a damaged one."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        try:
            with path.open("rb") as file:
                self._workbook = CalamineWorkbook.from_filelike(file)
        except CalamineError as error:
            raise _unreadable(error) from error
        self._path = path
        self._unpacked = unpacked_bytes(path)
        sheets = [sheet for sheet in self._workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        self.sheets = [sheet.name for sheet in sheets]
        self._visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
        self.hidden_sheets = [name for name in self.sheets if name not in self._visible]

    def open_sheet(self, name: str) -> "SheetRows":
        if name not in self.sheets:
            raise UnreadableFile(f"The workbook has no sheet “{name}”. Its sheets: {', '.join(self.sheets)}.")
        try:
            sheet = self._workbook.get_sheet_by_name(name)
        except CalamineError as error:
            raise _unreadable(error) from error
        rows = SheetRows(sheet, self._path, self._unpacked)
        if rows.width * rows.height > self._limits.max_cells:
            raise UnreadableFile(TOO_MANY_CELLS.format(name, rows.height, rows.width))
        return rows

    def open_best_sheet(self) -> "SheetRows":
        """The first visible sheet that is long enough for a list, else the one with the most cells."""
        best: SheetRows | None = None
        for name in self._visible or self.sheets:
            sheet = self.open_sheet(name)
            if sheet.height >= _LIST_ROWS and sheet.width > 1:
                return sheet
            if best is None or sheet.height * sheet.width > best.height * best.width:
                best = sheet
        if best is None or not best.height:
            raise UnreadableFile(NO_DATA)
        return best


def _unreadable(error: CalamineError) -> UnreadableFile:
    print(repr(error), file=sys.stderr)
    return UnreadableFile(PROTECTED if isinstance(error, PasswordError) else DAMAGED, repr(error))


class SheetRows:
    """The rows of a sheet, as (row number from 1, cells as a person sees them), blank ones included.

    `row_is_hidden` is about the row that was given last. `notes` are complete after the last row. `naming` are the
    indexes of the columns by which customers are known: what is no text and no whole number there is said.
    """

    def __init__(self, sheet: CalamineSheet, path: Path, unpacked: int) -> None:
        self._sheet = sheet
        self._path = path
        self._most_cells = SPARE_CELLS + unpacked // CELL_BYTES
        self._most_characters = SPARE_CHARACTERS + unpacked * CHARACTERS_A_BYTE
        self.name = sheet.name
        self.height = sheet.end[0] + 1 if sheet.end else 0  # from row 1, also where the data starts lower
        self.width = sheet.width
        self._first_column = sheet.start[1] if sheet.start else 0
        self._rows_read = 0
        self._seen = Seen()
        self._long_numbers = 0
        self._values: Counter[int] = Counter()
        self.naming: Sequence[int] = ()
        self.row_is_hidden = False

    @property
    def notes(self) -> list[str]:
        notes = []
        if self._seen.counts.errors:
            notes.append(ERRORS.format(self._seen.counts.errors))
        if self._seen.counts.formats_are_unknown:
            notes.append(FORMATS_ARE_UNKNOWN)
        for column, count in sorted(self._seen.counts.unfinished.items()):
            notes.append(UNFINISHED.format(count, column))
        for index, count in sorted(self._values.items()):
            notes.append(VALUES.format(count, letters_of(self._first_column + index)))
        if self._long_numbers:
            notes.append(LONG_NUMBERS.format(self._long_numbers))
        return notes

    def count_hidden(self, above: int) -> int:
        """The rows under that one that are hidden and not blank."""
        if not may_hide_rows(self._path, self.name):
            return 0
        hidden = (cells for number, cells in self if self.row_is_hidden and number > above)
        return sum(any(map(str.strip, cells)) for cells in hidden)

    def fraction_read(self) -> float:
        return min(self._rows_read / max(self.height, 1), 1.0)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        cells = characters = self._long_numbers = 0
        self._seen = seen_in(self._path, self.name)
        self._values.clear()
        for number, row in enumerate(self._sheet.iter_rows(), 1):
            self._rows_read = number
            texts = [cell if type(cell) is str and "\0" not in cell else cell_text(cell) for cell in row]
            self._long_numbers += sum(type(cell) is float and abs(cell) >= LONG_NUMBER for cell in row)
            for index in self.naming:
                if index < len(row) and _looks_otherwise(row[index]):
                    self._values[index] += 1
            seen = self._seen.of(number)
            self.row_is_hidden = seen is not None and seen.is_hidden
            if seen:
                for column, text in seen.texts.items():
                    if 0 <= column - self._first_column < len(texts):
                        texts[column - self._first_column] = text
            cells += len(texts) - texts.count("")
            characters += len("".join(texts))
            if cells > self._most_cells or characters > self._most_characters:
                raise UnreadableFile(TOO_REPETITIVE, f"row {number}: {cells} cells, {characters} characters")
            yield number, texts


def _looks_otherwise(value: object) -> bool:
    return type(value) not in (str, int) and not (isinstance(value, float) and value.is_integer())


def cell_text(value: object) -> str:
    """A cell as its text: 81244129545.0 is "81244129545", midnight is left out of a date, never an exponent."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration_text(value)
    return str(value)


def _number_text(value: float) -> str:
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _duration_text(value: timedelta) -> str:
    """Hours:minutes:seconds, as a spreadsheet shows a duration: 26:30:00."""
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
