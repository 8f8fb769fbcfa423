"""What leaves as a file that a spreadsheet opens."""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO

import xlsxwriter
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from crm.distribution.columns import Cell, Column, cells_of, fields_of
from crm.distribution.formulas import neutral

MOST_XLSX_ROWS = 100_000
"""A workbook is written before it is sent, which takes some seconds for so many; a CSV file has no such end."""

MOST_CELL_CHARACTERS = 32_767
"""Excel opens no longer cell."""

ROWS_AT_ONCE = 2000


def read_cells(rows: QuerySet, columns: Sequence[Column]) -> Iterator[list[Cell]]:
    """The cells of all rows, as they are at one moment: one query, read through a cursor of the server."""
    with transaction.atomic():  # without one the server would put all rows aside first
        values = rows.values_list(*fields_of(columns)).iterator(chunk_size=ROWS_AT_ONCE)
        yield from cells_of(columns, values)


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The lines of a CSV file, the mark of UTF-8 at the start, so that Excel reads it as such.

    Every cell is quoted: a reader that splits at semicolons takes -1 and the cell after it for one, -1,"…", and what is
    in quotation marks computes nothing.
    """

    class Echo:
        def write(self, line: str) -> str:
            return line

    writer = csv.writer(Echo(), quoting=csv.QUOTE_ALL)
    yield "\ufeff" + writer.writerow(map(neutral, header))
    for row in rows:
        yield writer.writerow([neutral(_text(cell)) for cell in row])


def _text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return timezone.localtime(cell).strftime("%Y-%m-%d %H:%M")
    return "" if cell is None else str(cell)


def xlsx_file(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> IO[bytes]:
    """A workbook as an open temporary file. Text is written as text whatever it looks like: no formulas, no links."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    formats = {kind: book.add_format({"num_format": shown}) for kind, shown in _DATE_FORMATS.items()}
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    bold = book.add_format({"bold": True})
    for column, title in enumerate(header):
        sheet.write_string(0, column, title[:MOST_CELL_CHARACTERS], bold)
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, datetime):
                sheet.write_datetime(number, column, timezone.make_naive(cell), formats[datetime])
            elif isinstance(cell, date):
                sheet.write_datetime(number, column, datetime.combine(cell, datetime.min.time()), formats[date])
            elif isinstance(cell, int):
                sheet.write_number(number, column, cell)
            elif cell:
                sheet.write_string(number, column, cell[:MOST_CELL_CHARACTERS])
    book.close()
    file.seek(0)
    return file


_DATE_FORMATS = {datetime: "yyyy-mm-dd hh:mm", date: "yyyy-mm-dd"}
