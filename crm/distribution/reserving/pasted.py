"""The lines of a bulk entry: pasted text, or a file."""

import csv
import threading
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from crm.distribution.formulas import original
from crm.distribution.imports.contract import SAMPLE_ROWS
from crm.distribution.imports.delimited import find_delimiter
from crm.distribution.imports.mapping import suggest_mapping
from crm.distribution.imports.nameless import nameless_file
from crm.distribution.imports.reading import Inspection, Limits, Row, UnreadableFile, inspect_file, read_rows
from crm.distribution.imports.vocabulary import count_known
from crm.errors import Refused
from crm.reservations.entries import MOST_ENTRIES, Entry

MOST_BYTES = 10_000_000
"""Of a file: as many customers as are read are far fewer."""

LIMITS = Limits(
    memory_bytes=512 * 1024**2, cpu_seconds=20, wall_seconds=30.0, max_rows=MOST_ENTRIES, max_cells=2_000_000
)
"""Of the process that reads it, while a person waits for it."""

ALONE = threading.Lock()
"""One such process for each process of the web server at a time."""

_SEPARATORS = "\t;,"


def entries_of_text(text: str) -> list[Entry]:
    """One for each line that is not blank. A first line that names the columns is none of them: it says where the
    customer id and the phone stand, which else are the first and the second.
    """
    found, _wrapped = find_delimiter(text)
    best = found if found in _SEPARATORS else ""
    lines = enumerate(text.splitlines(), start=1)
    rows = [Row(number, _cells_of(line, best + _SEPARATORS), None) for number, line in lines if line.strip()]
    columns: tuple[int | None, int | None] = (0, 1)
    if rows and names_columns(rows):
        header, *rows = rows
        mapping = suggest_mapping(header.cells, rows[:SAMPLE_ROWS], settings.PHONE_REGION)
        if (mapping.customer_id, mapping.phone) != (None, None):
            columns = mapping.customer_id, mapping.phone
    return [Entry(row.row_number, *(_cell(row.cells, column) for column in columns)) for row in rows]


def _cells_of(line: str, separators: str) -> list[str]:
    """Split at the first of the separators that is in it, outside of quotation marks."""
    for separator in separators:
        [cells] = csv.reader([line], delimiter=separator)
        if len(cells) > 1:
            break
    return [original(cell) for cell in cells]


def names_columns(rows: list[Row]) -> bool:
    """Whether the first row is a header, by its words alone: the names of customers are anything."""
    widest = max(sum(bool(cell.strip()) for cell in row.cells) for row in rows)
    return count_known(rows[0].cells) >= min(2, widest)


def entries_of_file(content: Iterable[bytes], name: str) -> list[Entry]:
    """One for each row that is not blank. Raises Refused, with what is wrong, for a file that cannot be read, has too
    many rows, or does not say which column is the customer.
    """
    if not ALONE.acquire(timeout=1):
        raise Refused(_("Another file is being read at this moment. Try again in a minute."))
    try:
        with nameless_file(content) as path:
            return _read(path, name)
    except UnreadableFile as error:
        raise Refused(str(error)) from error
    finally:
        ALONE.release()


def _read(path: Path, name: str) -> list[Entry]:
    inspection = inspect_file(path, name=name, limits=LIMITS)
    columns = _columns(inspection)
    if columns is None and len(inspection.headers) == 1:  # a plain list, whose first line is a customer too
        inspection, columns = inspect_file(path, name=name, layout_override={"header_row": 0}, limits=LIMITS), (0, None)
    if columns is None:
        raise Refused(_("Which column is the customer? Call it “customer id” in the first row, and the phone “phone”."))
    rows = read_rows(path, inspection.layout, region=settings.PHONE_REGION, limits=LIMITS)
    return [Entry(row.row_number, *(_cell(row.cells, column) for column in columns)) for row in rows]


def _columns(inspection: Inspection) -> tuple[int | None, int | None] | None:
    """Those of the customer id and of the phone; None where that cannot be known."""
    mapping = suggest_mapping(inspection.headers, inspection.sample_rows, settings.PHONE_REGION)
    if mapping.customer_id is not None or (mapping.phone is not None and inspection.layout.header_row):
        return mapping.customer_id, mapping.phone
    if inspection.layout.header_row or len(inspection.headers) > 2:
        return None
    return (None, 0) if mapping.phone == 0 else (0, mapping.phone)


def _cell(cells: list[str], column: int | None) -> str:
    return cells[column].strip() if column is not None and column < len(cells) else ""
